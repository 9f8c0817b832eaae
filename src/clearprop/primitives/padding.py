"""Padding: a border around an array, constant or mirrored from it."""

from typing import Any

import numpy as np

from clearprop.errors import UnsupportedError
from clearprop.primitives.indexing import Place, put_at
from clearprop.primitives.table import Call, by_signature, primitive

_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")
_sort_arguments = by_signature(np.pad, "np.pad", ("array",))


def _bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    operands, parameters = _sort_arguments(args, kwargs)
    mode = parameters.get("mode", "constant")
    if mode not in _MODES:
        raise UnsupportedError(
            f"np.pad: mode {mode!r} cannot be recorded on a graph "
            f"(these can: {', '.join(_MODES)}); make the border yourself "
            "and join it with np.concatenate"
        )
    if parameters.get("reflect_type", "even") != "even":
        raise UnsupportedError(
            "np.pad: reflect_type='odd' cannot be recorded on a graph; write it as "
            "2 * np.pad(x, w, mode='edge') - np.pad(x, w, mode='reflect')"
        )
    if hasattr(type(parameters.get("constant_values")), "__array_ufunc__") and not isinstance(
        parameters["constant_values"], np.ndarray | np.generic
    ):
        raise UnsupportedError(
            "np.pad has no derivative by constant_values; for a constant c that is a Variable "
            "write np.pad(x, w) + c * np.pad(np.zeros(x.shape), w, constant_values=1)"
        )
    width = parameters["pad_width"]
    if isinstance(width, dict):
        parameters = {**parameters, "pad_width": _pairs_by_axis(width, np.ndim(operands[0]))}
    return operands, parameters


def _pairs_by_axis(width: dict[int, Any], ndim: int) -> tuple[tuple[int, int], ...]:
    pairs = [(0, 0)] * ndim
    for axis, entry in width.items():
        pairs[axis] = (entry, entry) if np.ndim(entry) == 0 else tuple(entry)
    return tuple(pairs)


def _pad(dout, out, array, *, pad_width, mode: Any = "constant", **kwargs):
    pairs = np.broadcast_to(pad_width, (np.ndim(array), 2))
    shape = np.shape(array)
    if mode == "constant":
        return dout[tuple(slice(b, b + n) for (b, _), n in zip(pairs, shape, strict=True))]
    for axis, (pair, n) in enumerate(zip(pairs, shape, strict=True)):
        if pair.any():  # each place of the border goes back to the place it was copied from
            origin = np.pad(np.arange(n), pair, mode=mode)
            unpadded = (*shape[: axis + 1], *np.shape(dout)[axis + 1 :])
            dout = put_at(dout, origin, form=(slice(None),) * axis + (Place(0),), shape=unpadded)
    return dout


ROWS = (
    primitive(
        np.pad,
        "x with a border",
        ("dout without the border; what was copied into it is added", _pad),
        bind=_bind,
    ),
)
