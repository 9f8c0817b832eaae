"""Hold a row of the table against numerical differentiation, without the engine."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from row_samples import SAMPLES, drawn

from clearprop.primitives.broadcasting import sum_to
from clearprop.primitives.registry import OPTIONAL, PRIMITIVES, read_optional
from clearprop.primitives.table import Call, Primitive

for package in OPTIONAL:
    with suppress(ImportError):
        import_module(package)
read_optional()
ROWS = tuple(PRIMITIVES.values())
"""Every row that is differentiable, those for optional packages among them if these are there."""

SYMMETRIC = frozenset({np.linalg.cholesky, np.linalg.eigh, np.linalg.eigvalsh})
"""The functions of a symmetric matrix, which is changed symmetrically."""

RANGES = {
    "real": lambda rng, shape: rng.standard_normal(shape),
    "positive": lambda rng, shape: rng.uniform(0.3, 2, shape),
    "nonzero": lambda rng, shape: rng.uniform(0.3, 2, shape) * rng.choice([-1, 1], shape),
    "unit": lambda rng, shape: rng.uniform(-0.9, 0.9, shape),
    "above one": lambda rng, shape: rng.uniform(1.2, 3, shape),
}


@dataclass(frozen=True)
class Case:
    """A row, and a call on which it is tried."""

    row: Primitive
    number: int
    operands: tuple[Any, ...]
    params: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.row.name}-{self.number}"


def samples(row: Primitive, rng: np.random.Generator) -> list[Call]:
    """The calls noted for the row; otherwise, if it is elementwise, shapes from its domain."""
    if row.name in SAMPLES or not row.elementwise:
        return [row.bind(drawn(args, rng), kwargs) for args, kwargs in SAMPLES[row.name]]
    draw = [RANGES[d] for d in row.domain]
    if len(draw) == 1:
        shapes: list[tuple[tuple[int, ...], ...]] = [((),), ((3, 4),), ((0, 2),)]
    else:
        shapes = [((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2, 3)), ((2, 1, 3), (4, 1)), ((0,), ())]
    return [(tuple(d(rng, s) for d, s in zip(draw, each, strict=True)), {}) for each in shapes]


def cases(rows: Any, seed: int = 5) -> Iterator[Case]:
    for row in rows:
        found = samples(row, np.random.default_rng(seed))
        assert found, f"{row.name} has no samples"
        for i, (operands, params) in enumerate(found):
            yield Case(row, i, operands, params)


def on_all_samples(check: Callable[[Case], None]) -> Callable[[Primitive], None]:
    """A test of each row on all its samples: as tests of their own, these take longer to start."""

    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
    def test(row: Primitive) -> None:
        for case in cases([row]):
            try:
                check(case)
            except Exception as error:
                error.add_note(f"with the sample {case}")
                raise

    test.__doc__ = check.__doc__
    return test


def derivative(row: Primitive, i: int, dout: Any, *operands: Any, **params: Any) -> Any:
    """The derivative by one operand, as the engine works it out; None where it is zero."""
    out = row.evaluate(*operands, **params)
    if not row.elementwise:
        dx = row.vjp((i,), dout, out, operands, params)[0]
    else:
        rule = row.rules[i]
        if rule is None:
            return None
        local = rule(out, *(_as_float(x) for x in operands))
        dx = sum_to(np.broadcast_to(dout * local, np.shape(out)), np.shape(operands[i]))
    return dx


def numerical(row: Primitive, i: int, dout: Any, *operands: Any, **params: Any) -> Any:
    """The same by central differences."""
    x = np.array(operands[i], dtype=np.float64)
    dx = np.zeros(x.shape)

    def weighted(value: Any) -> float:
        if row.function in SYMMETRIC:
            value = (value + np.swapaxes(value, -1, -2)) / 2
        out = row.evaluate(*operands[:i], value, *operands[i + 1 :], **params)
        if isinstance(out, tuple | list):
            return sum(float(np.sum(d * o)) for d, o in zip(dout, out, strict=True))
        return float(np.sum(dout * out))

    for index in np.ndindex(x.shape):
        h = 1e-6 * max(1.0, abs(x[index]))
        above, below = x.copy(), x.copy()
        above[index] += h
        below[index] -= h
        dx[index] = (weighted(above) - weighted(below)) / (above[index] - below[index])
    return dx


def random_dout(out: Any, rng: np.random.Generator) -> Any:
    if isinstance(out, tuple | list):
        return tuple(random_dout(o, rng) for o in out)
    # A scalar of NumPy has its own type, as in the engine.
    return rng.uniform(0.5, 1.5, np.shape(out)).astype(np.result_type(out, np.float32))[()]


def differentiable(case: Case) -> list[int]:
    """The operands by which there is a derivative: real numbers with a rule."""
    rules = case.row.rules
    return [
        i
        for i, x in enumerate(case.operands)
        if x is not None and np.result_type(x).kind == "f" and (case.row.variadic or i < len(rules))
    ]


def check(case: Case, rtol: float = 2e-7) -> None:
    """Fail where a rule and central differences disagree."""
    rng = np.random.default_rng(11)
    dout = random_dout(case.row.evaluate(*case.operands, **case.params), rng)
    for i in differentiable(case):
        found = derivative(case.row, i, dout, *case.operands, **case.params)
        expected = numerical(case.row, i, dout, *case.operands, **case.params)
        if found is None:
            found = np.zeros_like(expected)
        assert np.shape(found) == np.shape(case.operands[i]), f"shape by operand {i}"
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=2e-8, err_msg=f"operand {i}")


def _as_float(x: Any) -> Any:
    if isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "iub":
        return x.astype(np.float64)
    return x
