"""Functions that move elements about and compute nothing."""

import inspect
from typing import Any

import numpy as np

from clearprop.errors import UnsupportedError
from clearprop.primitives.broadcasting import sum_to
from clearprop.primitives.indexing import Place, put_at
from clearprop.primitives.table import Call, by_signature, primitive


def _in_order(dout, out, a, *, order: Any = "C", **shape):
    return np.reshape(dout, np.shape(a), order=order)


def _into_shape(dout, out, a, *, axis=None):
    return np.reshape(dout, np.shape(a))


def _transpose(dout, out, a, *, axes=None):
    if axes is None:
        return np.transpose(dout)
    n = np.ndim(a)
    return np.transpose(dout, sorted(range(n), key=[axis % n for axis in axes].__getitem__))


def _roll(dout, out, a, *, shift, axis=None):
    back = -shift if np.ndim(shift) == 0 else tuple(-s for s in shift)
    return np.roll(dout, back, axis)


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


def rounded(x: Any, dtype: Any) -> bool:
    """Whether real numbers are made integers: a step function, whose derivative is 0."""
    return dtype is not None and np.dtype(dtype).kind != "f" and np.result_type(x).kind == "f"


def _bind_astype(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    operands, parameters = by_signature(np.astype, "np.astype", ("x",))(args, kwargs)
    return operands, {**parameters, "dtype": np.dtype(parameters["dtype"]).type}


def _bind_with_order(function: Any, name: str) -> Any:
    """Bind a function whose `order` may mean 'as it lies in memory': say C or F instead.

    A graph is evaluated again with other arrays, which may lie otherwise, so that the order of
    the first call must be put down.
    """
    sort_arguments = by_signature(function, name, ("a",), inspect.signature(function))

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


ROWS = (
    primitive(
        np.reshape,
        "x in another shape",
        ("dout in the shape of x", _in_order),
        bind=_bind_with_order(np.reshape, "np.reshape"),
        view="view",
        keeps=True,
    ),
    primitive(
        np.ravel,
        "x in a row",
        ("dout in the shape of x", _in_order),
        bind=_bind_with_order(np.ravel, "np.ravel"),
        view="view",
        keeps=True,
    ),
    primitive(
        np.expand_dims,
        "x with new axes of length 1",
        ("dout in the shape of x", _into_shape),
        view="column",
        keeps=True,
    ),
    primitive(
        np.squeeze,
        "x without axes of length 1",
        ("dout in the shape of x", _into_shape),
        view="view",
        keeps=True,
    ),
    primitive(
        np.broadcast_to,
        "copies of x",
        (
            "Σ dout over the copies",
            lambda dout, out, array, *, shape, subok=False: sum_to(dout, np.shape(array)),
        ),
        view="view",
        keeps=True,
    ),
    primitive(
        np.transpose, "xᵀ", ("doutᵀ, the axes in their old order", _transpose), symbol="T", view="T"
    ),
    primitive(
        np.matrix_transpose,
        "xᵀ of each matrix",
        ("doutᵀ of each matrix", lambda dout, out, x: np.swapaxes(dout, -1, -2)),
        symbol="T",
        view="view",
    ),
    primitive(
        np.swapaxes,
        "x with two axes exchanged",
        (
            "dout with the axes exchanged back",
            lambda dout, out, a, **axes: np.swapaxes(dout, **axes),
        ),
        view="view",
    ),
    primitive(
        np.moveaxis,
        "x with axes in other places",
        (
            "dout with the axes moved back",
            lambda dout, out, a, *, source, destination: np.moveaxis(dout, destination, source),
        ),
        view="view",
    ),
    primitive(
        np.flip,
        "x backwards",
        ("dout backwards", lambda dout, out, m, *, axis=None: np.flip(dout, axis)),
        view="view",
    ),
    primitive(np.roll, "x shifted round", ("dout shifted back", _roll)),
    primitive(
        np.rot90,
        "x turned by k right angles",
        ("dout turned back", lambda dout, out, m, *, k=1, axes=(0, 1): np.rot90(dout, -k, axes)),
        view="view",
    ),
    primitive(np.tile, "x laid out many times", ("Σ dout over the tiles", _tile)),
    primitive(np.repeat, "each element of x many times", ("Σ dout over the repeats", _repeat)),
    primitive(np.copy, "x", ("dout", lambda dout, out, a, **params: dout), keeps=True),
    primitive(
        np.astype,
        "x in another dtype",
        (
            "dout in the dtype of x; 0 where rounded to integers",
            # The engine casts it back.
            lambda dout, out, x, *, dtype, **more: None if rounded(x, dtype) else dout,
        ),
        evaluate=lambda x, *, dtype, copy=True, device=None: np.astype(
            np.asarray(x), dtype, copy=copy, device=device
        ),
        bind=_bind_astype,
        keeps=True,
    ),
)
