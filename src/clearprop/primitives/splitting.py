"""Taking an array apart: split and its kin, written as slices."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from clearprop.errors import ShapeError


def _splitter(split: Callable[..., list[np.ndarray]]) -> Callable[..., Any]:
    """Let NumPy split the numbers 0, 1, 2 … of the places, and slice the array at those."""

    def composed(ary, indices_or_sections, axis=0):
        axis = normalize_axis_index(axis, np.ndim(ary))
        pieces = split(np.arange(np.shape(ary)[axis]), indices_or_sections)
        parts = [slice(p[0], p[-1] + 1) if p.size else slice(0, 0) for p in pieces]
        return [ary[(*(slice(None),) * axis, part)] for part in parts]

    return composed


_split = _splitter(np.split)


def _split_along(axis: int, name: str, axes: int) -> Callable[..., Any]:
    def composed(ary, indices_or_sections):
        if np.ndim(ary) < axes:
            raise ShapeError(
                f"{name}: the array has shape {np.shape(ary)}; it needs at least {axes} axes"
            )
        return _split(ary, indices_or_sections, axis)

    return composed


def _hsplit(ary, indices_or_sections):
    if np.ndim(ary) == 0:
        raise ShapeError("np.hsplit: the array is a single number; it needs an axis to split")
    return _split(ary, indices_or_sections, min(np.ndim(ary) - 1, 1))


COMPOSITIONS = {
    np.split: _split,
    np.array_split: _splitter(np.array_split),
    np.hsplit: _hsplit,
    np.vsplit: _split_along(0, "np.vsplit", axes=2),
    np.dsplit: _split_along(2, "np.dsplit", axes=3),
}
