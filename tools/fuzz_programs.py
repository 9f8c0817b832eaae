"""Random programs for `tools/fuzz.py`: of matrices and of images, on numbers of several kinds.

All values of a program have one shape, so that any operation fits anywhere.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Operation = Callable[[Any, Any], Any]

EXACT: list[Operation] = [
    lambda a, b: a + b,
    lambda a, b: a - 2 * b,
    lambda a, b: a * b,
    lambda a, b: -a / 4,
    lambda a, b: np.maximum(a, b),
    lambda a, b: np.minimum(a, 0.5),
    lambda a, b: np.fmax(a, b) - np.fmin(a, 0.25),
    lambda a, b: np.clip(a, -1, 1),
    lambda a, b: np.clip(a, b - 1, b),
    lambda a, b: np.where(a > 0, a, 0.5 * b),
    lambda a, b: np.where(a == b, a, 2 * b),
    lambda a, b: np.where(np.signbit(np.nan_to_num(a)) & (b <= 0), b, a),
    lambda a, b: np.sign(a) * b + np.rint(b),
    lambda a, b: np.abs(a),
    lambda a, b: np.copysign(a, np.where(b == b, b, 1.0)),  # the sign of NaN is anything
    lambda a, b: np.heaviside(a, 0.5) * b + np.floor(a) - np.trunc(b),
    lambda a, b: a - a.max(axis=1, keepdims=True),
    lambda a, b: a - a.min(axis=0) + a.max(),
    lambda a, b: np.max(a, axis=0) - np.min(b, axis=1, keepdims=True),
    lambda a, b: a + np.ptp(b, axis=1, keepdims=True),
    lambda a, b: a * np.argmax(b, axis=1, keepdims=True) + np.argmin(b, axis=0),
    lambda a, b: np.take_along_axis(a, np.argsort(b, axis=1, kind="stable"), axis=1),
    lambda a, b: a[np.argmax(b, axis=1) % len(a)] + a[:, :1],
    lambda a, b: np.sort(a, axis=1),
    lambda a, b: np.sort(a, axis=0)[::-1],
    lambda a, b: np.cumsum(a, axis=1) / 4,
    lambda a, b: np.cumsum(a, axis=0)[::-1],
    lambda a, b: np.maximum.accumulate(a, axis=1),
    lambda a, b: a @ b.T @ a / 4,
    lambda a, b: np.einsum("ij,kj->ik", a, b) @ b / 4,
    lambda a, b: np.einsum("ij,ij->j", a, b) * a / 4,
    lambda a, b: np.tensordot(a, b, ([1], [1])) @ a / 4,
    lambda a, b: np.dot(a, np.dot(b.T, a)) / 4,
    lambda a, b: np.outer(a[:, 0], b[0]),
    lambda a, b: np.inner(a, b) @ a / 4,
    lambda a, b: np.vdot(a, b) * b / 4,
    lambda a, b: (a[:, None] * b[None]).sum(axis=1),
    lambda a, b: a[np.arange(len(a)) // 2] + b[::-1],
    lambda a, b: a[:, [-1] * a.shape[1]] + b[..., ::-1],
    lambda a, b: np.roll(a, 1, axis=0) - np.roll(b, (1, -1), axis=(0, 1)),
    lambda a, b: a.T.reshape(a.shape) + np.reshape(b, a.shape, order="F"),
    lambda a, b: np.rot90(a, 2) + np.flip(b, 1),
    lambda a, b: np.ravel(a)[::-1].reshape(a.shape),
    lambda a, b: np.concatenate([a[1:], b[:1]]),
    lambda a, b: np.concatenate([np.ravel(a.T), b[0]])[: a.size].reshape(a.shape),
    lambda a, b: np.stack([a, b], axis=1)[:, 1] * a,
    lambda a, b: np.stack([a, b, a], axis=-1).sum(axis=-1),
    lambda a, b: np.hstack([a, b])[:, 1 : 1 + a.shape[1]] + np.vstack([a, b])[1 : 1 + len(a)],
    lambda a, b: np.pad(a, 1)[:-2, 1:-1],
    lambda a, b: np.pad(a, ((1, 2), (0, 1)), constant_values=2)[1:-2, 1:],
    lambda a, b: np.pad(a, ((0, 1), (1, 0)), mode="edge")[1:, :-1],
    lambda a, b: np.diff(a, axis=1, prepend=0),
    lambda a, b: np.flip(a, 1) - np.minimum(a, b),
    lambda a, b: np.repeat(a[:, :1], a.shape[1], axis=1) + np.tile(b[:1], (len(a), 1)),
    lambda a, b: np.tril(a) + np.triu(b, 1),
    lambda a, b: a + np.diagonal(a)[0] + np.trace(b),
    lambda a, b: np.broadcast_to(a.sum(axis=0), a.shape),
    lambda a, b: np.swapaxes(np.expand_dims(a, 1), 0, 1)[0] - np.squeeze(b[None], axis=0),
    lambda a, b: sliding_window_view(np.pad(a, 1), (3, 3)).max(axis=(2, 3)),
    lambda a, b: sliding_window_view(np.pad(a, ((0, 0), (1, 1))), 3, axis=1)[..., 0] + b,
    lambda a, b: np.nan_to_num(a) * (np.count_nonzero(b) + np.any(a) + np.all(b)),
    lambda a, b: np.square(a) + np.positive(b) - np.float64(3),
    lambda a, b: a * (b.shape[0] > 1) + (a > b) - np.where(a >= b, b, 0),
    lambda a, b: np.multiply(a, 2.0) + np.add.reduce(b, axis=0),
]
"""On quarters, nothing here is rounded: results must have the same bits in every mode."""

ROUNDED: list[Operation] = [
    lambda a, b: a / (1 + b * b),
    lambda a, b: np.tanh(a),
    lambda a, b: np.exp(-a * a),
    lambda a, b: np.log1p(np.exp(a)),
    lambda a, b: np.log(1 + a * a) + np.log2(2 + b * b) - np.log10(1 + np.abs(b)),
    lambda a, b: np.expm1(-np.abs(a)) + np.exp2(b / 4),
    lambda a, b: np.sqrt(1 + a**2),
    lambda a, b: (1 + np.abs(a)) ** b.mean() + a**3 / 4,
    lambda a, b: np.power(1 + np.abs(a), np.tanh(b)) + np.cbrt(1 + np.abs(b)),
    lambda a, b: np.arctan2(a, 1 + b * b),
    lambda a, b: np.sin(a) * np.cos(b) + np.sinc(a),
    lambda a, b: np.arctan(a) - np.arcsinh(b) + np.arctanh(np.tanh(a) / 2),
    lambda a, b: np.sinh(np.tanh(a)) + np.cosh(np.tanh(b)) + np.arcsin(np.tanh(a) / 2),
    lambda a, b: np.hypot(a, b) + np.reciprocal(1 + a * a),
    lambda a, b: np.remainder(a, 1 + b * b) + np.fmod(b, 0.7),
    lambda a, b: 1 / (1 + np.exp(-a)),
    lambda a, b: np.logaddexp(a, b) - np.logaddexp2(a, 0),
    lambda a, b: a / np.exp(b).sum(axis=0),
    lambda a, b: np.exp(a - np.log(np.exp(a).sum(axis=1, keepdims=True))),
    lambda a, b: a - a.mean() + b.std(axis=0),
    lambda a, b: a - np.var(b, axis=1, keepdims=True),
    lambda a, b: a * np.std(b, ddof=1) - np.average(b, axis=0),
    lambda a, b: (a - a.mean(axis=0)) / np.sqrt(a.var(axis=0) + 1e-5),
    lambda a, b: a / (1 + np.linalg.norm(b, axis=0)),
    lambda a, b: a / (1 + np.linalg.norm(b)),
    lambda a, b: np.prod(1 + a / 9, axis=0) * b,
    lambda a, b: np.cumprod(1 + a / 9, axis=1) - b,
    lambda a, b: np.logaddexp.reduce(a, axis=1, keepdims=True) - b,
    lambda a, b: np.median(a, axis=0) + b,
    lambda a, b: np.linalg.solve(a @ a.T + np.eye(len(a)), b),
    lambda a, b: np.linalg.inv(b @ b.T + 2 * np.eye(len(a))) @ a,
    lambda a, b: a + np.linalg.det(b.T @ b / (4 * len(b)) + np.eye(a.shape[1])) / 9,
    lambda a, b: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
    lambda a, b: 0.5 * a * (1 + np.tanh(0.8 * (a + 0.04 * a**3))),
    lambda a, b: np.interp(a, [-1.0, 0.0, 2.0], [0.5, -0.5, 1.5]) + b,
]

MATRICES = [*EXACT, *ROUNDED]


def _filters(b: Any, size: int) -> Any:
    """Filters (C, C, size, size) that depend on b (N, C, H, W)."""
    c = b.shape[1]
    table = np.sin(np.arange(1.0, c * c * size * size + 1)).reshape(c, c, size, size)
    return (table / (c * size)).astype(b.dtype) * (1 + b.mean(axis=(0, 2, 3))[:, None, None, None])


def _padded(a: Any) -> Any:
    return np.pad(a, ((0, 0), (0, 0), (1, 1), (1, 1)))


def _seen(a: Any, size: int) -> Any:
    return sliding_window_view(a, (size, size), axis=(2, 3))


def _blocks(a: Any) -> Any:
    n, c, h, w = a.shape
    return a.reshape(n, c, h // 2, 2, w // 2, 2)


def _doubled(a: Any) -> Any:
    return np.repeat(np.repeat(a, 2, axis=2), 2, axis=3)


def _dense(a: Any) -> Any:
    """A product of images as rows with a matrix."""
    rows = a.reshape(len(a), -1)
    m = rows.shape[1]
    W = np.cos(np.arange(float(m * m))).reshape(m, m) / m
    return (rows @ W.astype(a.dtype)).reshape(a.shape)


IMAGES: list[Operation] = [
    lambda a, b: a + b,
    lambda a, b: a * b / 2,
    lambda a, b: np.maximum(a, 0),
    lambda a, b: np.where(a > 0, a, 0.1 * a),
    lambda a, b: np.maximum(a, b) - np.minimum(a, 0.3),
    lambda a, b: np.tanh(a),
    lambda a, b: 1 / (1 + np.exp(-a)),
    lambda a, b: np.clip(a, -1, 1) + np.abs(b),
    lambda a, b: a + b.mean(axis=(0, 2, 3)).reshape(1, -1, 1, 1),
    lambda a, b: a - a.mean(axis=(2, 3), keepdims=True),
    lambda a, b: (a - a.mean((0, 2, 3), keepdims=True)) / (1 + a.std((0, 2, 3), keepdims=True)),
    lambda a, b: np.einsum("nchwij,mcij->nmhw", _seen(_padded(a), 3), _filters(b, 3)),
    lambda a, b: np.tensordot(
        _seen(_padded(a), 3), _filters(b, 3), axes=((1, 4, 5), (1, 2, 3))
    ).transpose(0, 3, 1, 2),
    lambda a, b: np.einsum("nchw,mcij->nmhw", a, _filters(b, 1)),
    lambda a, b: np.einsum("nchwij,mcij->nmhw", _seen(_padded(a)[:, :, 1:, 1:], 2), _filters(b, 2)),
    lambda a, b: _doubled(
        np.einsum("nchwij,mcij->nmhw", _seen(_padded(a), 3)[:, :, ::2, ::2], _filters(b, 3))
    ),
    lambda a, b: _doubled(_blocks(a).max(axis=(3, 5))),
    lambda a, b: _doubled(_seen(a, 2)[:, :, ::2, ::2].max(axis=(4, 5))),
    lambda a, b: _seen(_padded(a), 3).max(axis=(4, 5)),
    lambda a, b: _seen(_padded(a), 3).mean(axis=(4, 5)),
    lambda a, b: _doubled(_blocks(a).mean(axis=(3, 5))),
    lambda a, b: a[:, ::-1] + b[:, :, ::-1],
    lambda a, b: np.swapaxes(a.swapaxes(1, 3), 1, 3) * 2,
    lambda a, b: np.concatenate([a[:, 1:], b[:, :1]], axis=1),
    lambda a, b: _dense(a),
    lambda a, b: np.exp(a - a.max(axis=1, keepdims=True)) / (1 + np.exp(b).sum(axis=1)[:, None]),
]

SHAPES = ((3, 4), (3, 4), (5, 2), (1, 4), (7, 1), (67, 32))
IMAGE_SHAPES = ((2, 3, 6, 4), (1, 1, 4, 6), (3, 17, 4, 4), (17, 2, 6, 6))
STIMULI = ("usual", "usual", "single", "wide", "quarters", "special")
"""`single` is float32; `wide` are magnitudes from 1e-2 to 1e2; `special` holds NaN and infinity.

XLA, which compiles for JAX, takes numbers below 1e-308 for 0, and 0 for a mask of 0 times infinity:
there is nothing of that among the programs.
"""


class Program(NamedTuple):
    """Steps, each an operation of the table and the numbers of its two operands."""

    shape: tuple[int, ...]
    stimulus: str
    steps: tuple[tuple[int, int, int], ...]

    @property
    def operations(self) -> list[Operation]:
        """The table."""
        return IMAGES if len(self.shape) == 4 else MATRICES

    def function(self, x: Any, y: Any) -> Any:
        """What the last step gives."""
        values = [x, y]
        for operation, i, j in self.steps:
            values.append(self.operations[operation](values[i], values[j]))
        return values[-1]

    def arrays(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Two operands, and two others."""
        made = [rng.standard_normal(self.shape) for _ in range(4)]
        if self.stimulus == "single":
            return [a.astype(np.float32) for a in made]
        if self.stimulus == "wide":
            return [a * 10 ** rng.uniform(-2, 2, self.shape) for a in made]
        if self.stimulus == "quarters":
            return [np.round(2 * a) / 4 for a in made]
        if self.stimulus == "special":
            words = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e50, -1e-50, 1.0])
            return [
                np.where(rng.random(self.shape) < 0.2, rng.choice(words, a.shape), a) for a in made
            ]
        return made

    def without(self, k: int) -> "Program":
        """The program without a step; what used its result uses what went into it."""

        def place(n: int) -> int:
            return self.steps[k][1] if n == k + 2 else n - (n > k + 2)

        rest = (*self.steps[:k], *self.steps[k + 1 :])
        return self._replace(steps=tuple((f, place(i), place(j)) for f, i, j in rest))

    def __str__(self) -> str:
        names = ["x", "y", *(f"v{k}" for k in range(len(self.steps)))]
        lines = [f"x and y are {self.stimulus} numbers of shape {self.shape}"]
        for k, (f, i, j) in enumerate(self.steps):
            source = " ".join(inspect.getsource(self.operations[f]).split()).rstrip(",")
            lines.append(f"v{k} = ({source})({names[i]}, {names[j]})")
        return "\n".join(lines)


def random_program(rng: np.random.Generator) -> Program:
    """Up to eight steps, each on values that are there by then; few and small ones if exact."""
    stimulus = str(rng.choice(STIMULI))
    exact = stimulus == "quarters"
    shapes = SHAPES[:-1] if exact else SHAPES if rng.random() < 0.9 else IMAGE_SHAPES
    shape = shapes[rng.integers(len(shapes))]
    table = EXACT if exact else MATRICES if len(shape) == 2 else IMAGES
    steps = tuple(
        (int(rng.integers(len(table))), int(rng.integers(k + 2)), int(rng.integers(k + 2)))
        for k in range(rng.integers(1, 3 if exact else 9))
    )
    return Program(shape, stimulus, steps)
