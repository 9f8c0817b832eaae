"""What JAX says otherwise than NumPy: the words of its engine."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compiler.at_labels import pick_at, subtract_at
from clearprop.compiler.engines import text
from clearprop.compiler.engines.spelling import EXPRESSIONS
from clearprop.compiler.rewriting import function_of, is_recorded, maker
from clearprop.compiler.tensor_products import contract, laid_out
from clearprop.graph.node import Node
from clearprop.primitives.cumulative import running_argmax
from clearprop.primitives.indexing import getitem, put_at
from clearprop.primitives.labels import read_labels, read_numbers
from clearprop.primitives.windows import add_windows, sliding_window_view


def _index(node: Node, names: list[str]) -> str:
    """An index; in place of a mask that is known the places where it is true."""
    arrays = [*names[1:]]
    for i, x in enumerate(node.inputs[1:]):
        if np.ndim(x) and not is_recorded(x) and x.dtype == bool:
            arrays[i] = ", ".join(map(text.array, np.nonzero(x)))
    return text.index(node.params["form"], tuple(arrays))


def _getitem(node: Node, names: list[str]) -> str:
    index = _index(node, names)
    known = (not is_recorded(i) or maker(i, read_labels) for i in node.inputs[1:])
    if all(known) or node.out.dtype.kind != "f":
        return f"{names[0]}[{index}]"
    return f'{names[0]}.at[{index}].get(mode="fill")'  # NaN where there is no such element


def _put_at(node: Node, names: list[str]) -> str:
    zeros = f"np.zeros({text.literal(node.params['shape'])}, {text.literal(node.out.dtype)})"
    return f"{zeros}.at[{_index(node, names)}].add({names[0]})"


def _read(node: Node, names: list[str]) -> str:
    """Targets are checked beside the program; see `OnDevices`."""
    x, out = node.inputs[0], node.out
    shaped = names[0] if np.shape(x) == out.shape else f"{names[0]}.reshape({out.shape})"
    return shaped if x.dtype == out.dtype else f"{shaped}.astype({text.literal(out.dtype)})"


def _pick(node: Node, names: list[str]) -> str:
    return f"np.take_along_axis({names[0]}, {names[1]}[:, None], axis=1)[:, 0]"


def _subtract(node: Node, names: list[str]) -> str:
    """By a scatter, as JAX itself reverses a choice: on processors this is sooner done than a
    `where` over all classes, by a tenth of the step of a small network."""
    x, t, c = names
    return f"{x}.at[np.arange({node.out.shape[0]}), {t}].add(-{c})"


def _windows(node: Node, names: list[str]) -> str:
    """All windows side by side, one slice for each place in a window."""
    shape, axes = np.shape(node.inputs[0]), node.params.get("axis")
    axes = range(len(shape)) if axes is None else axes if isinstance(axes, tuple) else (axes,)
    axes = [a % len(shape) for a in axes]
    sizes, index, loops = node.out.shape[len(shape) :], [":"] * len(shape), []
    for axis, size, i in zip(axes, sizes, "ijkl", strict=False):
        n = node.out.shape[axis]
        index[axis] = f"{i} : {i} + {n}"
        loops.append(f"for {i} in range({size})")
    parts = f"[{names[0]}[{', '.join(index)}] {' '.join(loops)}]"
    return f"np.stack({parts}, axis=-1).reshape({text.literal(node.out.shape)})"


def _add_windows(node: Node, names: list[str]) -> str:
    """The reverse: each place of a window, spread out and with zeros around, and all added."""
    shape, axes = node.out.shape, node.params["axes"]
    steps = dict(zip(axes, node.params.get("steps") or (1,) * len(axes), strict=True))
    windows = np.shape(node.inputs[0])
    around, loops, at = ["(0, 0, 0)"] * len(shape), [], []
    for axis, size, i in zip(axes, windows[len(shape) :], "ijkl", strict=False):
        right = shape[axis] - 1 - steps[axis] * (windows[axis] - 1)
        around[axis] = f"({i}, {right} - {i}, {steps[axis] - 1})"
        loops.append(f"for {i} in range({size})")
        at.append(i)
    zero = f"np.zeros((), {text.literal(node.out.dtype)})"
    part = f"jax.lax.pad({names[0]}[..., {', '.join(at)}], {zero}, [{', '.join(around)}])"
    return f"sum({part} {' '.join(loops)})"


def _running_argmax(node: Node, names: list[str]) -> str:
    x, shape = names[0], node.out.shape
    axis = node.params.get("axis", 0) % len(shape)
    column = [-1 if i == axis else 1 for i in range(len(shape))]
    places = f"np.arange({shape[axis]}).reshape({column})"
    wins = f"({x} == jax.lax.cummax({x}, {axis})) | np.isnan({x})"
    return f"jax.lax.cummax(np.where({wins}, {places}, 0), {axis})"


def _repeat(node: Node, names: list[str]) -> str | None:
    """As often as a list says: elements by their places."""
    repeats, axis = np.asarray(node.params.get("repeats", 0)), node.params.get("axis")
    if not repeats.ndim:
        return None
    x, shape = node.inputs[0], np.shape(node.inputs[0])
    length = np.size(x) if axis is None else shape[axis]
    places = text.array(np.repeat(np.arange(length), repeats))
    return f"np.take({names[0]}{'.ravel()' * (axis is None)}, {places}, axis={axis or 0})"


def _digitize(node: Node, names: list[str]) -> str | None:
    params = dict(node.params)
    if (bins := params.pop("bins", None)) is None:
        return None
    return f"np.digitize({names[0]}, {text.array(np.asarray(bins))}{text.keywords(params)})"


def _bincount(node: Node, names: list[str]) -> str:
    return f"np.bincount({', '.join(names)}, length={node.out.shape[0]})"


def _lstsq(node: Node, names: list[str]) -> str | None:
    """NumPy gives no residuals where there are as many unknowns as equations."""
    if node.out[1].size:
        return None
    call = f"np.linalg.lstsq({', '.join(names)}{text.keywords(node.params)})"
    none = f"np.empty(0, {text.literal(node.out[1].dtype)})"
    return f"(lambda x, _, *rest: (x, {none}, *rest))(*{call})"


def _argpartition(node: Node, names: list[str]) -> str:
    """A sorted order is one by parts, too."""
    return f"np.argsort({names[0]}{text.keywords({'axis': node.params.get('axis', -1)})})"


def _without(**said: str | None) -> Callable[[Node, list[str]], str]:
    """The function by its own name, without an argument that JAX has not, where it says nothing:
    if it is the default, or anything at all where `None` stands."""

    def spelling(node: Node, names: list[str]) -> str:
        given = {k: v for k, v in node.params.items() if k not in said or said[k] not in (None, v)}
        several = f"[{', '.join(names)}]" if function_of(node) is np.concatenate else names[0]
        return f"{node.operation.name}({several}{text.keywords(given)})"

    return spelling


SPELLING: dict[Callable[..., Any], Callable[[Node, list[str]], str | None]] = {
    **EXPRESSIONS,
    getitem: _getitem,
    put_at: _put_at,
    read_labels: _read,
    read_numbers: _read,
    pick_at: _pick,
    subtract_at: _subtract,
    sliding_window_view: _windows,
    add_windows: _add_windows,
    running_argmax: _running_argmax,
    contract: EXPRESSIONS[np.einsum],
    laid_out: lambda node, names: names[0],  # where it lies is for JAX to choose
    np.fix: lambda node, names: f"np.trunc({names[0]})",
    np.sort: _without(kind=None),  # it is always stable
    np.argsort: _without(kind=None),
    np.argpartition: _argpartition,
    np.concatenate: _without(casting=None),  # NumPy has seen to it
    np.repeat: _repeat,
    np.digitize: _digitize,
    np.bincount: _bincount,
    np.linalg.lstsq: _lstsq,
}
"""What JAX says otherwise than by the same name in `jax.numpy`."""

_NAMES = {
    r"\bnp\.": "jnp.",
    r"\bscipy\.special\.psi\b": "jax.scipy.special.digamma",
    r"\bscipy\.special\.log_expit\b": "jax.nn.log_sigmoid",
    r"(?<!jax\.)\bscipy\.special\b": "jax.scipy.special",
}


def translated(statement: str) -> str:
    """A statement in the names that JAX has."""
    for pattern, name in _NAMES.items():
        statement = re.sub(pattern, name, statement)
    return statement
