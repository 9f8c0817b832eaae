"""Functions that move elements about and compute nothing."""

import inspect
from typing import Any

import numpy as np

from clearprop.errors import UnsupportedError
from clearprop.primitives.broadcasting import sum_to
from clearprop.primitives.indexing import Place, put_at
from clearprop.primitives.table import Binder, Call, primitive


def _reshape(dout, out, a, *, shape=None, order: Any = "C", copy=None, newshape=None):
    return np.reshape(dout, np.shape(a), order=order)


def _ravel(dout, out, a, *, order: Any = "C"):
    return np.reshape(dout, np.shape(a), order=order)


def _into_shape(dout, out, a, *, axis=None):
    return np.reshape(dout, np.shape(a))


def _broadcast_to(dout, out, array, *, shape, subok=False):
    return sum_to(dout, np.shape(array))


def _transpose(dout, out, a, *, axes=None):
    if axes is None:
        return np.transpose(dout)
    n = np.ndim(a)
    return np.transpose(dout, sorted(range(n), key=[axis % n for axis in axes].__getitem__))


def _matrix_transpose(dout, out, x):
    return np.swapaxes(dout, -1, -2)


def _swapaxes(dout, out, a, *, axis1, axis2):
    return np.swapaxes(dout, axis1, axis2)


def _moveaxis(dout, out, a, *, source, destination):
    return np.moveaxis(dout, destination, source)


def _flip(dout, out, m, *, axis=None):
    return np.flip(dout, axis)


def _roll(dout, out, a, *, shift, axis=None):
    back = -shift if np.ndim(shift) == 0 else tuple(-s for s in shift)
    return np.roll(dout, back, axis)


def _rot90(dout, out, m, *, k=1, axes=(0, 1)):
    return np.rot90(dout, -k, axes)


def _tile(dout, out, A, *, reps):
    reps = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    n = max(len(reps), np.ndim(A))
    reps = (1,) * (n - len(reps)) + reps
    shape = (1,) * (n - np.ndim(A)) + np.shape(A)
    apart = [length for pair in zip(reps, shape, strict=True) for length in pair]
    return np.reshape(np.sum(np.reshape(dout, apart), axis=tuple(range(0, 2 * n, 2))), np.shape(A))


def _repeat(dout, out, a, *, repeats, axis=None):
    shape = (np.size(a),) if axis is None else np.shape(a)
    axis = 0 if axis is None else axis % len(shape)
    if np.size(repeats) == 1:
        times = np.shape(out)[axis] // max(shape[axis], 1)
        apart = (*shape[: axis + 1], times, *shape[axis + 1 :])
        summed = np.sum(np.reshape(dout, apart), axis=axis + 1)
    else:
        origin = np.repeat(np.arange(shape[axis]), repeats)
        form = (slice(None),) * axis + (Place(0),)
        summed = put_at(dout, origin, form=form, shape=shape)
    return np.reshape(summed, np.shape(a))


def _copy(dout, out, a, *, order="K", subok=False):
    return dout


def _astype(dout, out, x, *, dtype, copy=True, device=None):
    return None if rounded(x, dtype) else dout  # the engine casts it back


def rounded(x: Any, dtype: Any) -> bool:
    """Whether real numbers are made integers: a step function, whose derivative is 0."""
    return dtype is not None and np.dtype(dtype).kind != "f" and np.result_type(x).kind == "f"


def _compute_astype(x: Any, *, dtype: Any, copy: bool = True, device: Any = None) -> Any:
    return np.astype(np.asarray(x), dtype, copy=copy, device=device)


def _bind_astype(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    operands, parameters = Binder(np.astype, "np.astype", ("x",))(args, kwargs)
    return operands, {**parameters, "dtype": np.dtype(parameters["dtype"]).type}


def _bind_with_order(function: Any, name: str) -> Any:
    """Bind a function whose `order` may mean 'as it lies in memory': say C or F instead.

    A graph is evaluated again with other arrays, which may lie otherwise, so that the order of
    the first call must be put down.
    """
    sort_arguments = Binder(function, name, ("a",), inspect.signature(function))

    def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        if function is np.reshape and len(args) == 2 and not kwargs:  # as nearly always
            return args[:1], {"shape": args[1]}
        operands, parameters = sort_arguments(args, kwargs)
        if parameters.get("order", "C") in ("A", "K"):
            a = operands[0]
            flags = np.asarray(a if isinstance(a, np.ndarray) else getattr(a, "data", a)).flags
            if parameters["order"] == "K" and not flags.c_contiguous and not flags.f_contiguous:
                raise UnsupportedError(
                    f"{name}: order='K' follows the array's place in memory, and this one lies in "
                    "neither C nor Fortran order; write order='C' or order='F'"
                )
            parameters = {**parameters, "order": "F" if flags.fnc else "C"}
        return operands, parameters

    return bind


def _reshape_samples(rng):
    x = rng.standard_normal((3, 4))
    yield (x, (2, 6)), {}
    yield (x, -1), {}
    yield (x, (4, -1)), {"order": "F"}
    yield (x.T, (2, 6)), {"order": "A"}
    yield (rng.standard_normal(1), ()), {}


def _ravel_samples(rng):
    x = rng.standard_normal((3, 4))
    yield (x,), {}
    yield (x, "F"), {}
    yield (x.T,), {"order": "K"}


def _transpose_samples(rng):
    x = rng.standard_normal((2, 3, 4))
    yield (x,), {}
    yield (x, (2, 0, 1)), {}
    yield (x,), {"axes": (-2, 0, -1)}


def _roll_samples(rng):
    x = rng.standard_normal((3, 4))
    yield (x, 2), {}
    yield (x, -1, 1), {}
    yield (x, (1, -2)), {"axis": (0, 1)}
    yield (x, 1), {"axis": (0, 1)}


def _tile_samples(rng):
    x = rng.standard_normal((2, 3))
    yield (x, 2), {}
    yield (x, (3, 1, 2)), {}
    yield (rng.standard_normal(()), (2, 2)), {}
    yield (x, (0, 1)), {}


def _repeat_samples(rng):
    x = rng.standard_normal((2, 3))
    yield (x, 2), {}
    yield (x, 2), {"axis": -1}
    yield (x, [1, 0, 3]), {"axis": 1}
    yield (x, [2], 0), {}
    yield (x, [1, 2, 0, 1, 3, 1]), {}


ROWS = (
    primitive(
        np.reshape,
        "x in another shape",
        ("dout in the shape of x", _reshape),
        bind=_bind_with_order(np.reshape, "np.reshape"),
        view="view",
        keeps=True,
        samples=_reshape_samples,
    ),
    primitive(
        np.ravel,
        "x in a row",
        ("dout in the shape of x", _ravel),
        bind=_bind_with_order(np.ravel, "np.ravel"),
        view="view",
        keeps=True,
        samples=_ravel_samples,
    ),
    primitive(
        np.expand_dims,
        "x with new axes of length 1",
        ("dout in the shape of x", _into_shape),
        view="column",
        keeps=True,
        samples=lambda rng: [
            ((rng.standard_normal((3, 4)), (0, 2)), {}),
            ((rng.standard_normal(3), -1), {}),
        ],
    ),
    primitive(
        np.squeeze,
        "x without axes of length 1",
        ("dout in the shape of x", _into_shape),
        view="view",
        keeps=True,
        samples=lambda rng: [
            ((rng.standard_normal((1, 3, 1)),), {}),
            ((rng.standard_normal((1, 3, 1)), -1), {}),
            ((rng.standard_normal((1, 1)),), {"axis": (0, 1)}),
        ],
    ),
    primitive(
        np.broadcast_to,
        "copies of x",
        ("Σ dout over the copies", _broadcast_to),
        view="view",
        keeps=True,
        samples=lambda rng: [
            ((rng.standard_normal((1, 4)), (2, 3, 4)), {}),
            ((rng.standard_normal(()), 3), {}),
            ((rng.standard_normal((3, 1)), (3, 0)), {}),
        ],
    ),
    primitive(
        np.transpose,
        "xᵀ",
        ("doutᵀ, the axes in their old order", _transpose),
        symbol="T",
        view="T",
        samples=_transpose_samples,
    ),
    primitive(
        np.matrix_transpose,
        "xᵀ of each matrix",
        ("doutᵀ of each matrix", _matrix_transpose),
        symbol="T",
        view="view",
        samples=lambda rng: [((rng.standard_normal((2, 3, 4)),), {})],
    ),
    primitive(
        np.swapaxes,
        "x with two axes exchanged",
        ("dout with the axes exchanged back", _swapaxes),
        view="view",
        samples=lambda rng: [((rng.standard_normal((3, 4, 2)), 0, -1), {})],
    ),
    primitive(
        np.moveaxis,
        "x with axes in other places",
        ("dout with the axes moved back", _moveaxis),
        view="view",
        samples=lambda rng: [
            ((rng.standard_normal((3, 4, 2)), 0, -1), {}),
            ((rng.standard_normal((3, 4, 2)), (0, -1), (1, 0)), {}),
        ],
    ),
    primitive(
        np.flip,
        "x backwards",
        ("dout backwards", _flip),
        view="view",
        samples=lambda rng: [
            ((rng.standard_normal((3, 4)),), {}),
            ((rng.standard_normal((3, 4)), -1), {}),
            ((rng.standard_normal((3, 4, 2)),), {"axis": (0, 2)}),
        ],
    ),
    primitive(
        np.roll,
        "x shifted round",
        ("dout shifted back", _roll),
        samples=_roll_samples,
    ),
    primitive(
        np.rot90,
        "x turned by k right angles",
        ("dout turned back", _rot90),
        view="view",
        samples=lambda rng: [
            ((rng.standard_normal((3, 4)),), {}),
            ((rng.standard_normal((3, 4, 2)), 3, (1, -1)), {}),
        ],
    ),
    primitive(
        np.tile,
        "x laid out many times",
        ("Σ dout over the tiles", _tile),
        samples=_tile_samples,
    ),
    primitive(
        np.repeat,
        "each element of x many times",
        ("Σ dout over the repeats", _repeat),
        samples=_repeat_samples,
    ),
    primitive(
        np.copy,
        "x",
        ("dout", _copy),
        keeps=True,
        samples=lambda rng: [((rng.standard_normal((3, 4)),), {"order": "F"})],
    ),
    primitive(
        np.astype,
        "x in another dtype",
        ("dout in the dtype of x; 0 where rounded to integers", _astype),
        evaluate=_compute_astype,
        bind=_bind_astype,
        keeps=True,
        samples=lambda rng: [((rng.standard_normal((3, 4)), np.float64), {"copy": False})],
    ),
)
