"""Random programs in every mode: what is recorded, opened and compiled must compute the same.

python tools/fuzz.py [PROGRAMS] [SEED]    100,000 programs are tried unless told otherwise

Each program is run on arrays, on Variables, as a layer, opened, recorded at other values and
evaluated again, and compiled; its derivatives are held against differences as well. A refusal is
no difference: it is said. The smallest program on which two modes differ without a word is
printed, and the exit status is 1.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from clearprop import Layer, Variable, graph, value_and_grad
from clearprop.compiler import compile
from clearprop.errors import ClearpropError

SHAPE = (3, 4)
"""Every value has this shape, so that any operation fits anywhere."""

ORDER = np.argsort(np.sin(np.arange(12.0)).reshape(SHAPE), axis=1)
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "a + b": lambda a, b: a + b,
    "a - 2 * b": lambda a, b: a - 2 * b,
    "a * b": lambda a, b: a * b,
    "a / (1 + b * b)": lambda a, b: a / (1 + b * b),
    "np.tanh(a)": lambda a, b: np.tanh(a),
    "np.exp(-a * a)": lambda a, b: np.exp(-a * a),
    "np.log1p(np.exp(a))": lambda a, b: np.log1p(np.exp(a)),
    "np.sqrt(1 + a**2)": lambda a, b: np.sqrt(1 + a**2),
    "np.arctan2(a, 1 + b * b)": lambda a, b: np.arctan2(a, 1 + b * b),
    "np.maximum(a, b)": lambda a, b: np.maximum(a, b),
    "np.clip(a, -1, 1)": lambda a, b: np.clip(a, -1, 1),
    "np.where(a > 0, a, 0.1 * b)": lambda a, b: np.where(a > 0, a, 0.1 * b),
    "np.abs(a)": lambda a, b: np.abs(a),
    "a @ b.T @ a / 4": lambda a, b: a @ b.T @ a / 4,
    "np.einsum('ij,kj->ik', a, b) @ b / 4": lambda a, b: np.einsum("ij,kj->ik", a, b) @ b / 4,
    "a - a.max(axis=1, keepdims=True)": lambda a, b: a - a.max(axis=1, keepdims=True),
    "a / np.exp(b).sum(axis=0)": lambda a, b: a / np.exp(b).sum(axis=0),
    "a - a.mean() + b.std(axis=0)": lambda a, b: a - a.mean() + b.std(axis=0),
    "np.cumsum(a, axis=1) / 4": lambda a, b: np.cumsum(a, axis=1) / 4,
    "np.sort(a, axis=0)": lambda a, b: np.sort(a, axis=0),
    "a[[2, 0, 2]] + b[::-1]": lambda a, b: a[[2, 0, 2]] + b[::-1],
    "np.roll(a, 1, axis=0)": lambda a, b: np.roll(a, 1, axis=0),
    "a.T.reshape(3, 4)": lambda a, b: a.T.reshape(3, 4),
    "np.concatenate([a[1:], b[:1]])": lambda a, b: np.concatenate([a[1:], b[:1]]),
    "np.stack([a, b], axis=1)[:, 1] * a": lambda a, b: np.stack([a, b], axis=1)[:, 1] * a,
    "np.pad(a, 1)[:-2, 1:-1]": lambda a, b: np.pad(a, 1)[:-2, 1:-1],
    "np.broadcast_to(a.mean(axis=0), a.shape)": lambda a, b: np.broadcast_to(a.mean(0), a.shape),
    "1 / (1 + np.exp(-a))": lambda a, b: 1 / (1 + np.exp(-a)),
    "np.logaddexp(a, b)": lambda a, b: np.logaddexp(a, b),
    "a - np.var(b, axis=1, keepdims=True)": lambda a, b: a - np.var(b, axis=1, keepdims=True),
    "a / (1 + np.linalg.norm(b, axis=0))": lambda a, b: a / (1 + np.linalg.norm(b, axis=0)),
    "np.diff(a, axis=1, prepend=0)": lambda a, b: np.diff(a, axis=1, prepend=0),
    "np.flip(a, 1) - np.minimum(a, b)": lambda a, b: np.flip(a, 1) - np.minimum(a, b),
    "np.split(a, 2, axis=1)[0] @ b[:2] / 2": lambda a, b: np.split(a, 2, axis=1)[0] @ b[:2] / 2,
    "np.tensordot(a, b, ([1], [1])) @ a / 4": lambda a, b: np.tensordot(a, b, ([1], [1])) @ a / 4,
    "np.repeat(a[:, :2], 2, axis=1)": lambda a, b: np.repeat(a[:, :2], 2, axis=1),
    "np.tril(a) + np.triu(b, 1)": lambda a, b: np.tril(a) + np.triu(b, 1),
    "np.take_along_axis(a, ORDER, 1)": lambda a, b: np.take_along_axis(a, ORDER, 1),
    "np.prod(1 + a / 9, axis=0) * b": lambda a, b: np.prod(1 + a / 9, axis=0) * b,
}
Step = tuple[str, int, int]
Program = tuple[Step, ...]


def random_program(rng: np.random.Generator) -> Program:
    """Up to eight steps, each on values that are there by then."""
    names = list(OPERATIONS)
    return tuple(
        (names[rng.integers(len(names))], int(rng.integers(k + 2)), int(rng.integers(k + 2)))
        for k in range(rng.integers(1, 9))
    )


def loss_of(program: Program) -> Callable[[Any, Any], Any]:
    """The program as a function of two arrays that gives one number."""

    def loss(x: Any, y: Any) -> Any:
        values = [x, y]
        for name, i, j in program:
            values.append(OPERATIONS[name](values[i], values[j]))
        return np.sum(np.tanh(values[-1]) * np.linspace(0.5, 1.5, 12).reshape(SHAPE))

    return loss


class Composed(Layer):
    """A program as a layer, whose backward is that of its graph."""

    def __init__(self, loss: Callable[[Any, Any], Any]) -> None:
        self.loss = loss

    def forward(self, x: Any, y: Any) -> Any:
        return self.loss(x, y)


Result = tuple[float, np.ndarray, np.ndarray]


def _from(out: Any, x: Any, y: Any) -> Result:
    out.backward()
    dx, dy = (np.zeros(SHAPE) if v.grad is None else np.asarray(v.grad) for v in (x, y))
    return float(out.data), dx, dy


def modes(
    program: Program, x: Any, y: Any, other: Any
) -> Iterator[tuple[str, Callable[[], Result]]]:
    """The ways to run a program, by name, each giving its value and derivatives at x and y."""
    loss = loss_of(program)

    def on(f: Callable[[Any, Any], Any], opened: bool = False, again: bool = False) -> Result:
        v, w = Variable(other if again else x, "x"), Variable(y, "y")
        out = f(v, w)
        if again:
            here, there = Variable(x, "x"), Variable(y, "y")
            return _from(graph(out).evaluate({v: here, w: there}), here, there)
        return _from(graph(out).opened().outputs[0] if opened else out, v, w)

    def compiled() -> Result:
        both = compile(value_and_grad(loss, (0, 1)))
        both(other, y)
        value, (dx, dy) = both(x, y)
        return float(value), np.asarray(dx), np.asarray(dy)

    yield "on Variables", lambda: on(loss)
    yield "as a layer", lambda: on(Composed(loss))
    yield "as a layer, opened", lambda: on(Composed(loss), opened=True)
    yield "recorded at other values", lambda: on(loss, again=True)
    yield "compiled", compiled


def difference(program: Program, seed: int) -> str:
    """The first mode that differs from the others, or from differences, in words; or nothing."""
    rng = np.random.default_rng(seed)
    x, y, other, u, v = (rng.standard_normal(SHAPE) for _ in range(5))
    loss = loss_of(program)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        value = float(loss(x, y))
        if not np.isfinite(value):
            return ""
        slopes = [
            (float(loss(x + h * u, y + h * v)) - float(loss(x - h * u, y - h * v))) / (2 * h)
            for h in (1e-5, 1e-6)
        ]
        first: Result | None = None
        for name, run in modes(program, x, y, other):
            try:
                found = run()
            except ClearpropError:
                continue  # it is refused, and not silent
            first = first or found
            slope = float(np.sum(found[1] * u) + np.sum(found[2] * v))
            smooth = abs(slopes[0] - slopes[1]) < 1e-5 * (1 + abs(slope))
            if abs(found[0] - value) > 1e-9 * (1 + abs(value)):
                return f"{name}: {found[0]!r} in place of {value!r}"
            if smooth and abs(slope - slopes[1]) > 1e-3 * (1 + abs(slope)):
                return f"{name}: a slope of {slope!r}, and by differences {slopes[1]!r}"
            for a, b in zip(found[1:], first[1:], strict=True):
                if not np.allclose(a, b, rtol=1e-7, atol=1e-9, equal_nan=True):
                    return f"{name}: another derivative than on Variables"
    return ""


def smallest(program: Program, seed: int) -> Program:
    """The program without the steps that are not needed to see the difference."""
    k = 0
    while k < len(program):
        rest = _without(program, k)
        if rest and difference(rest, seed):
            program = rest
        else:
            k += 1
    return program


def _without(program: Program, k: int) -> Program:
    """The program without a step; what used its result uses what went into it."""

    def place(n: int) -> int:
        return program[k][1] if n == k + 2 else n - (n > k + 2)

    rest = (*program[:k], *program[k + 1 :])
    return tuple((name, place(i), place(j)) for name, i, j in rest)


def told(program: Program) -> str:
    """A program as lines of Python."""
    names = ["x", "y", *(f"v{k}" for k in range(len(program)))]
    lines = []
    for k, (name, i, j) in enumerate(program):
        lines.append(f"v{k} = {name}, where a is {names[i]} and b is {names[j]}")
    return "\n".join(lines)


def fuzz(programs: int, seed: int = 0) -> str:
    """Try so many programs; the smallest on which modes differ, in words, or nothing."""
    for number in range(seed, seed + programs):
        program = random_program(np.random.default_rng(number))
        if difference(program, number):
            program = smallest(program, number)
            return f"{told(program)}\n{difference(program, number)} (seed {number})"
    return ""


def main() -> int:
    """Run from the command line."""
    given = [int(word) for word in sys.argv[1:]]
    programs, seed = (*given, *(100_000, 0)[len(given) :])
    found = fuzz(programs, seed)
    print(found or f"{programs} programs, the same in every mode")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
