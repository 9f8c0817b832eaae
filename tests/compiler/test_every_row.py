"""Every row, with each of its optional arguments, between scalars, views and sums, is compiled.

A longer run, of all pairs of arguments: `python tests/compiler/test_every_row.py [ENGINE] [ROW]`.
"""

import inspect
import sys
import warnings
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "primitives"))
from harness import ROWS, samples

from clearprop.compiler import compile
from clearprop.compiler.engines import engine
from clearprop.errors import UnsupportedError
from clearprop.primitives.table import Primitive

COMPUTED = "computed"
"""In place of a mask: it is computed of the first operand."""

OPTIONS: dict[str, tuple[Any, ...]] = {
    "axis": (0, -1, (1, 0), (0, -1), None),
    "keepdims": (True,),
    "initial": (3.0,),
    "where": (True, False, COMPUTED),
    "dtype": (np.float32, np.float64, np.int64),
    "ddof": (1,),
}
"""Optional arguments by name, and what is tried; of `where`, whether the mask is a constant."""

BETWEEN = (
    (lambda x: 2.25 * x, lambda y: 1.5 * y),
    (lambda x: -x / 4, lambda y: np.transpose(y) / 3),
    (lambda x: 1.25 * x, lambda y: np.sum(0.75 * y, axis=0 if np.ndim(y) else None)),
    (lambda x: np.broadcast_to(1.75 * x, (2, *np.shape(x)))[1], lambda y: 7 * np.reshape(y, -1)),
)
"""What is done before the function, and what is done with its result."""

DTYPES = (np.float64, np.float32, np.float16, np.int8)

TOLERANCE = {2: 5e-3, 4: 3e-5, 8: 1e-10}
"""Of what is computed with numbers of so many bytes, relative to the largest."""


def chosen(row: Primitive, x: Any, most: int) -> Iterator[dict[str, Any]]:
    """Up to so many of the function's optional arguments at once, where none is given yet."""
    yield {}
    if row.elementwise or not np.ndim(x):
        return
    try:
        known = OPTIONS.keys() & inspect.signature(row.function).parameters
    except ValueError:
        return
    for count in range(1, most + 1):
        for names in combinations(sorted(known), count):
            for values in product(*(OPTIONS[name] for name in names)):
                yield dict(zip(names, values, strict=True))


def calls(row: Primitive, most: int, dtype: Any) -> Iterator[tuple[Any, dict[str, Any], Any]]:
    """A function of the operands, its name as a user would write it, and the operands."""
    for operands, params in samples(row, np.random.default_rng(5)):
        arrays = [given(x, dtype) for x in operands]
        for more in chosen(row, arrays[0], 0 if params else most):
            yield program(row, params, more), {**params, **more}, arrays


def program(row: Primitive, params: dict[str, Any], more: dict[str, Any]) -> Any:
    """A function of the operands: the row's, each time between others."""

    def f(x, *others):
        found, given = [], {**params, **more}
        for before, after in BETWEEN:
            inner = before(x)
            if "where" in more:
                mask = np.random.default_rng(1).random(np.shape(x)) > 0.3
                masks = {True: mask, False: mask[..., :1], COMPUTED: inner > 0}
                given["where"] = masks[more["where"]]
            y = row.evaluate(inner, *others, **given)
            found += [after(part) for part in (y if isinstance(y, tuple) else (y,))]
        return tuple(found)

    return f


def given(x: Any, dtype: Any) -> Any:
    """An operand in another dtype, if it is made of floats; whole numbers are larger."""
    if x is None or (x := np.asarray(x)[()]).dtype.kind != "f":
        return x
    return (x * 30 if np.dtype(dtype).kind == "i" else x).astype(dtype)


def differences(row: Primitive, name: str, most: int, dtype: Any) -> Iterator[str]:
    """What differs of a row where it is compiled, in words."""
    for f, params, arrays in calls(row, most, dtype):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)
            try:
                expected = f(*arrays)
            except (TypeError, ValueError, IndexError, np.linalg.LinAlgError):
                continue  # NumPy does not know it
            warnings.filterwarnings("error", "the kernel|the C compiler")
            try:
                found = compile(f, engine=name)(*arrays)
            except UnsupportedError:
                continue
        for i, (one, other) in enumerate(zip(found, expected, strict=True)):
            dtypes = [np.asarray(x).dtype for x in (other, *arrays) if x is not None]
            size = min((d.itemsize for d in dtypes if d.kind == "f"), default=8)
            if not same(np.asarray(one), np.asarray(other), TOLERANCE[size]):
                yield f"{row.name} {params} of {[np.shape(x) for x in arrays]}, number {i}"


def same(found: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        return False
    if expected.dtype.kind != "f":
        return bool((found == expected).all())
    largest = np.max(np.abs(expected[np.isfinite(expected)]), initial=1)
    with np.errstate(all="ignore"):
        return np.allclose(found, expected, tolerance, tolerance * largest, equal_nan=True)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_program_computes_what_the_function_does(row):
    assert not [*differences(row, "numpy", 2 if row.reduces else 1, np.float64)]


@pytest.mark.parametrize("dtype", DTYPES[1:])
@pytest.mark.parametrize("name", ["numpy", "c"])
def test_so_it_does_in_other_dtypes(name, dtype):
    if name == "c" and (why := engine("c").why_not()) is not None:
        pytest.skip(why)
    assert not [what for row in ROWS for what in differences(row, name, 0, dtype)]


if __name__ == "__main__":
    how, which = [*sys.argv[1:], *["numpy", ""][len(sys.argv) - 1 :]]
    for each in ROWS:
        if which in each.name:
            for kind in DTYPES:
                for difference in differences(each, how, 2, kind):
                    print(np.dtype(kind).name, difference)
