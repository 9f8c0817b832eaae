"""Targets: class numbers, one-hot or soft labels, or numbers; what is none is refused by name."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import LabelError
from clearprop.primitives.decorators import dispatched
from clearprop.primitives.masked import refuse_masked


@dispatched
def read_labels(t: Any, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> np.ndarray:
    """Check labels against scores of shape (…, C) and bring them into one of two forms.

    - Class numbers: integers from 0 to C − 1, of shape (…) or (…, 1); returned with shape (…).
    - One-hot or soft labels: non-negative numbers of shape (…, C) that sum to 1 over the classes;
      returned with `dtype`, the dtype of the scores.

    Errors: `LabelError` names what is out of range, ambiguous or of the wrong shape or dtype.

    >>> read_labels([2, 0], (2, 3))
    array([2, 0])
    >>> read_labels([[0, 0, 1], [1, 0, 0]], (2, 3))
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    refuse_masked(t, "the array of labels t")
    array = np.asarray(t)
    if array.dtype.kind not in "uibf":
        raise LabelError(
            f"labels t have dtype {array.dtype}; use class numbers (integers) or probabilities"
        )
    classes = shape[-1]
    if array.shape == shape:
        if classes == 1:
            raise LabelError(
                f"labels t {array.shape} for scores {shape} are ambiguous: with one class they "
                "could be class numbers or one-hot; for two classes give scores of shape (N, 2)"
            )
        return _distribution(array, np.dtype(dtype))
    if array.shape in (shape[:-1], (*shape[:-1], 1)):
        return _class_numbers(array, classes).reshape(shape[:-1])
    raise LabelError(
        f"labels t {array.shape} do not fit scores {shape}: expected class numbers "
        f"{shape[:-1]} or one-hot {shape}"
    )


@dispatched
def read_numbers(t: Any, name: str, low: float, high: float) -> np.ndarray:
    """Let numbers pass that are finite and from `low` to `high`; `name` is how errors call them.

    Errors: `LabelError` names the first that is not, and its place.

    >>> read_numbers(np.array([0.0, 0.5]), "t", 0, 1)
    array([0. , 0.5])
    """
    refuse_masked(t, name)
    array = np.asarray(t)
    fits = np.isfinite(array) & (array >= low) & (array <= high)
    if not fits.all():
        place = tuple(int(i) for i in np.argwhere(~fits)[0])
        where = f"[{', '.join(map(str, place))}]" if place else ""
        bounds = "" if np.isinf([low, high]).all() else f" from {low:g} to {high:g}"
        raise LabelError(f"{name}{where} is {array[place]}; it must be a finite number{bounds}")
    return array[...]  # a view, for a graph protects what it is given


def _class_numbers(t: np.ndarray, classes: int) -> np.ndarray:
    if t.dtype.kind not in "ui":
        raise LabelError(
            f"labels t of shape {t.shape} have dtype {t.dtype}, but class numbers are integers; "
            "convert them with t.astype(int)"
        )
    # Taken without their sign, negative numbers are the largest: one look finds both.
    unsigned = t.view(f"{t.dtype.byteorder}u{t.itemsize}")
    if t.size and np.maximum.reduce(unsigned, axis=None) >= classes:
        wrong = t.min() if t.min() < 0 else t.max()
        raise LabelError(
            f"label {wrong} is out of range: there are {classes} classes, "
            f"so class numbers go from 0 to {classes - 1}"
        )
    return t


def _distribution(t: np.ndarray, dtype: np.dtype) -> np.ndarray:
    t = t.astype(dtype)
    if not np.isfinite(t).all() or (t < 0).any():
        raise LabelError("one-hot or soft labels t must be finite and not negative")
    sums = t.sum(axis=-1)
    # A sum of C roundings of relative size eps.
    off = abs(sums - 1) > max(1e-6, 8 * t.shape[-1] * float(np.finfo(dtype).eps))
    if off.any():
        row = tuple(int(i) for i in np.argwhere(off)[0])
        raise LabelError(
            f"one-hot or soft labels t must sum to 1 over the {t.shape[-1]} classes; "
            f"sample {row[0] if len(row) == 1 else row} sums to {sums[row]:.6g}"
        )
    return t
