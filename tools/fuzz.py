"""Random programs in every mode: what is recorded, opened and compiled must compute the same.

python tools/fuzz.py [PROGRAMS] [SEED] [ENGINE…]    100,000, from 0, by every engine that runs here

Each program is run on arrays, on Variables, as a layer, opened, recorded at other values and
evaluated again, and compiled by each engine; its derivatives are held against differences as well.
A refusal is no difference: it is said. The smallest program on which two modes differ without a
word is printed, and the exit status is 1.
"""

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from fuzz_programs import Program, random_program

from clearprop import Layer, Variable, graph, value_and_grad
from clearprop.compiler import compile, engines
from clearprop.compiler.engines import usable
from clearprop.errors import ClearpropError, MissingPackageError

Results = tuple[np.ndarray, ...]
Function = Callable[[Any, Any], Any]

LIMITS = {"f": 1e-3, "d": 1e-7}
"""How far apart results may be, relative to the largest, whatever they are computed from."""

SPOKEN = (ClearpropError, np.linalg.LinAlgError)
"""How something is refused, in words."""


def runs_here() -> list[str]:
    """The engines that there are, without those that miss something on this machine."""
    found = []
    for name in engines():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                compile(np.tanh, engine=name)(np.ones(2))
        except MissingPackageError:
            continue
        if usable(name)[0] == name:
            found.append(name)
    return found


class Composed(Layer):
    """A program as a layer, whose backward is that of its graph."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def forward(self, x: Any, y: Any) -> Any:
        return self.function(x, y)


def loss_of(program: Program) -> Function:
    """The program as a function of two arrays that gives one number."""
    exact = program.stimulus == "quarters"
    weights = 1 + np.arange(np.prod(program.shape)).reshape(program.shape) % 7 / 8

    def loss(x: Any, y: Any) -> Any:
        out = program.function(x, y)
        return np.sum((out if exact else np.tanh(out)) * weights.astype(x.dtype))

    return loss


def modes(
    program: Program, arrays: list[np.ndarray], by: Iterable[str]
) -> Iterator[tuple[str, Callable[[], Results]]]:
    """The ways to run a program, by name; each gives a value, and derivatives if it is finite."""
    x, y, other, _ = arrays
    values_alone = program.stimulus == "special"
    f = program.function if values_alone else loss_of(program)

    def found(out: Any, *of: Any) -> Results:
        if values_alone:
            return (np.asarray(out.data),)
        out.backward()
        return (out.data, *(np.zeros_like(v.data) if v.grad is None else v.grad for v in of))

    def on(f: Function, opened: bool = False, again: bool = False) -> Results:
        v, w = Variable(other if again else x, "x"), Variable(y, "y")
        out = f(v, w)
        if again:
            here, there = Variable(x, "x"), Variable(y, "y")
            recorded = graph(out)
            others = {a: {v: here, w: there}[a] for a in recorded.leaves}
            return found(recorded.evaluate(others), here, there)
        return found(graph(out).opened().outputs[0] if opened else out, v, w)

    def compiled(engine: str) -> Results:
        both = compile(f if values_alone else value_and_grad(f, (0, 1)), engine=engine)
        both(other, y)
        results = both(x, y)
        return (results,) if values_alone else (results[0], *results[1])

    yield "on Variables", lambda: on(f)
    yield "as a layer", lambda: on(Composed(f))
    yield "as a layer, opened", lambda: on(Composed(f), opened=True)
    yield "recorded at other values", lambda: on(f, again=True)
    for engine in by:
        yield f"compiled by {engine}", lambda engine=engine: compiled(engine)


def differs(found: Results, wanted: Results, program: Program, room: Results | None = None) -> str:
    """How results are not what they should be, in words; nothing if they are."""
    exact = program.stimulus == "quarters"
    for k, (a, b) in enumerate(zip(found, wanted, strict=True)):
        what = ("a value", "a derivative by x", "a derivative by y")[k]
        a, b = np.asarray(a), np.asarray(b)
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return f"{what} of {a.dtype} {a.shape} in place of {b.dtype} {b.shape}"
        largest = np.abs(b[np.isfinite(b)]).max(initial=1)
        near = 0 if exact and not k else LIMITS[b.dtype.char] * min(largest, 1e290)
        near = near + (0 if room is None else room[k])
        same = (np.abs(a - b) <= near) | (a == b) | (np.isnan(a) & np.isnan(b)) | np.isinf(near)
        if program.stimulus == "special" and not room:
            same |= np.abs(a - b) <= 1e-7 * np.abs(b)
        if not same.all():
            at = tuple(int(i) for i in np.argwhere(~same)[0])
            return f"{what} of {a[at]!r} at {at} in place of {b[at]!r}"
    return ""


def shaken(program: Program, arrays: list[np.ndarray], first: Results) -> Results:
    """How far results move with the last bits of what they are made from, and with more bits."""
    rng = np.random.default_rng(0)
    moved = [np.zeros(np.shape(r)) for r in first]
    for k in range(9):
        bits = 4 * np.finfo(arrays[0].dtype).eps
        near = [(a * (1 + bits * rng.uniform(-1, 1, a.shape))).astype(a.dtype) for a in arrays]
        if k == 8:  # what cancels always in the same way shows here
            near = [a.astype(np.longdouble) for a in arrays]
        try:
            again = next(iter(modes(program, near, ())))[1]()
        except (TypeError, *SPOKEN):
            continue
        for m, a, b in zip(moved, again, first, strict=True):
            same = (a == b) | (np.isnan(a) & np.isnan(b))
            apart = np.where(same, 0, np.abs(np.asarray(a, float) - np.asarray(b, float)))
            np.maximum(m, np.where(np.isnan(apart), np.inf, apart), out=m)
    return tuple(np.asarray(100 * m.max()) for m in moved)


def difference(
    program: Program, seed: int, by: Iterable[str] = ("numpy",), said: Any = None
) -> str:
    """The first mode that differs from the others, or from differences, in words; or nothing.

    `said` counts the modes that were compared.
    """
    arrays = program.arrays(np.random.default_rng(seed))
    said = Counter() if said is None else said
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", "the kernel in C", RuntimeWarning)
        f = program.function if program.stimulus == "special" else loss_of(program)
        try:
            value = f(*arrays[:2])
        except SPOKEN:
            return ""
        if program.stimulus != "special" and not np.isfinite(value):
            return ""
        first: Results | None = None
        overflows = program.stimulus == "special" and _overflows(program, arrays)
        for name, run in modes(program, arrays, by):
            try:
                found = run()
            except SPOKEN:
                continue  # it is refused, and not silent
            except Exception as error:
                return f"{name}: {type(error).__name__}: {error}"
            if overflows and name == "compiled by c":
                continue  # a product that is added at once has no room to overflow there
            said[name] += 1
            wanted = first or (value, *found[1:])
            wrong = differs(found, wanted, program)
            if wrong and program.stimulus != "quarters":
                wrong = differs(found, wanted, program, shaken(program, arrays, first or found))
            if not wrong and first is None and program.stimulus == "usual":
                wrong = _slope_differs(program, arrays, found)
            if wrong:
                return f"{name}: {wrong}"
            first = first or found
    return ""


def _overflows(program: Program, arrays: list[np.ndarray]) -> bool:
    """Whether a number becomes infinite on the way."""
    try:
        with np.errstate(over="raise"):
            program.function(*arrays[:2])
    except FloatingPointError:
        return True
    return False


def _slope_differs(program: Program, arrays: list[np.ndarray], found: Results) -> str:
    """Whether derivatives are not those of differences, where these agree among themselves."""
    loss, (x, y, u, v) = loss_of(program), arrays
    by_differences = [
        (float(loss(x + h * u, y + h * v)) - float(loss(x - h * u, y - h * v))) / (2 * h)
        for h in (1e-5, 1e-6)
    ]
    slope = float(np.sum(found[1] * u) + np.sum(found[2] * v))
    smooth = abs(by_differences[0] - by_differences[1]) < 1e-5 * (1 + abs(by_differences[1]))
    if smooth and abs(slope - by_differences[1]) > 1e-3 * (1 + abs(slope)):
        return f"a slope of {slope!r}, and by differences {by_differences[1]!r}"
    return ""


def smallest(program: Program, seed: int, by: Iterable[str] = ("numpy",)) -> Program:
    """The program without the steps that are not needed to see the difference."""
    k = 0
    while k < len(program.steps):
        rest = program.without(k)
        if rest.steps and difference(rest, seed, by):
            program = rest
        else:
            k += 1
    return program


def fuzz(programs: int, seed: int = 0, by: Iterable[str] = ("numpy",), said: Any = None) -> str:
    """Try so many programs; the smallest on which modes differ, in words, or nothing."""
    for number in range(seed, seed + programs):
        program = random_program(np.random.default_rng(number))
        if difference(program, number, by, said):
            program = smallest(program, number, by)
            return f"{program}\n{difference(program, number, by)} (seed {number})"
    return ""


def main() -> int:
    """Run from the command line."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    programs, seed = (*numbers, *(100_000, 0)[len(numbers) :])
    by = [word for word in sys.argv[1:] if not word.isdigit()] or runs_here()
    said: Counter[str] = Counter()
    found = fuzz(programs, seed, by, said)
    if found:
        print(found)
        return 1
    print(f"{programs} programs, the same in every mode:")
    for name, times in said.items():
        print(f"{times:>9} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
