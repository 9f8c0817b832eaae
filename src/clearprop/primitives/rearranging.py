"""Shape functions in terms of those that have a row: atleast_2d, unstack, meshgrid …"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from clearprop.errors import ShapeError
from clearprop.primitives.table import composed


def _rollaxis(a, axis, start=0):
    n = np.ndim(a)
    axis = normalize_axis_index(axis, n)
    start = start + n if start < 0 else start
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


def _atleast(shape_of: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Callable[..., Any]:
    def atleast(*arys):
        arrays = tuple(np.reshape(a, shape_of(np.shape(a))) for a in arys)
        return arrays[0] if len(arrays) == 1 else arrays

    return atleast


def _two(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (2 - len(shape)) + shape


def _three(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape if len(shape) > 2 else (*_two(shape), 1)


atleast_1d = _atleast(lambda shape: shape or (1,))
atleast_2d = _atleast(_two)
atleast_3d = _atleast(_three)


def _broadcast_arrays(*args, subok=False):
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(a, shape) for a in args)


def _fliplr(m):
    if np.ndim(m) < 2:
        raise ShapeError(f"np.fliplr: the array has shape {np.shape(m)}; it needs two axes")
    return np.flip(m, 1)


def _flipud(m):
    if np.ndim(m) < 1:
        raise ShapeError("np.flipud: the array is a single number; it needs an axis")
    return np.flip(m, 0)


def _resize(a, new_shape):
    new_shape = (new_shape,) if np.ndim(new_shape) == 0 else tuple(new_shape)
    size = np.size(a)
    if not size:
        return np.broadcast_to(np.sum(a), new_shape)  # NumPy fills up with zeros
    return np.reshape(np.ravel(a)[np.arange(prod(new_shape)) % size], new_shape)


def _unstack(x, /, *, axis=0):
    if np.ndim(x) == 0:
        raise ShapeError("np.unstack: x is a single number; it needs an axis to be taken apart")
    return tuple(np.moveaxis(x, axis, 0))


def _meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    order = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        order[:2] = 1, 0
    axes = [
        np.reshape(x, [-1 if axis == place else 1 for axis in order]) for place, x in enumerate(xi)
    ]
    return tuple(axes) if sparse else _broadcast_arrays(*axes)


def _ix_(*args):
    axes = []
    for place, x in enumerate(args):
        if np.ndim(x) != 1:
            raise ShapeError(f"np.ix_: an index has shape {np.shape(x)}; each must have one axis")
        x = np.asarray(x) if isinstance(x, list | tuple) else x
        if x.dtype == bool:
            x = np.nonzero(x)[0]
        axes.append(np.reshape(x, [-1 if k == place else 1 for k in range(len(args))]))
    return tuple(axes)


COMPOSITIONS = {
    np.atleast_1d: atleast_1d,
    np.atleast_2d: atleast_2d,
    np.atleast_3d: atleast_3d,
    **composed(
        np, _rollaxis, _broadcast_arrays, _fliplr, _flipud, _resize, _unstack, _meshgrid, _ix_
    ),
    np.linalg.diagonal: lambda x, /, *, offset=0: np.diagonal(x, offset, axis1=-2, axis2=-1),
    np.linalg.matrix_transpose: lambda x, /: np.matrix_transpose(x),
}
