"""Pieces of JavaScript: numbers, arrays, loops."""

import base64
import re
from typing import Any

import numpy as np

from clearprop.errors import UnsupportedError

_TYPED = {
    "float32": "Float32Array",
    "float64": "Float64Array",
    "bool": "Uint8Array",
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint16", "uint32"), "Int32Array"),
    "uint8": "Uint8Array",
}
SHORT = 16
"""A constant of so many elements is written out."""


def typed(dtype: Any) -> str:
    """The kind of array that holds numbers of a dtype.

    Errors: `UnsupportedError` for one that JavaScript has no arrays for.

    >>> typed(np.float32), typed(np.int64)
    ('Float32Array', 'Int32Array')
    """
    name = np.dtype(dtype).name
    if name not in _TYPED:
        raise UnsupportedError(f"there are no arrays of {name} in JavaScript; use float32")
    return _TYPED[name]


def literal(value: Any) -> str:
    """A number as source; a negative one in brackets, to stand anywhere.

    >>> literal(0.1), literal(np.float32(-0.1)), literal(True), literal(-np.inf)
    ('0.1', '(-0.10000000149011612)', '1', '(-Infinity)')
    """
    x = value.item() if hasattr(value, "item") else value
    if isinstance(x, bool):
        return str(int(x))
    if not isinstance(x, int | float):
        raise UnsupportedError(f"{x!r} is not a number")
    if x != x:
        return "NaN"
    text = "Infinity" if abs(x) == float("inf") else repr(abs(x)).removesuffix(".0")
    return f"(-{text})" if str(x).startswith("-") else text


def table(array: np.ndarray) -> str:
    """A constant array as an expression that makes it."""
    kind, flat = typed(array.dtype), array.ravel()
    if flat.size and (flat == flat[0]).all():
        return f"new {kind}({flat.size}).fill({literal(flat[0])})"
    if array.dtype.kind in "iu" and np.array_equal(flat, np.arange(flat.size)):
        return f"{kind}.from({{ length: {flat.size} }}, (_, i) => i)"
    if flat.size <= SHORT:
        return f"{kind}.of({', '.join(map(literal, flat))})"
    stored = {"Int32Array": np.int32, "Uint8Array": np.uint8}.get(kind, array.dtype)
    data = base64.b64encode(flat.astype(stored).tobytes()).decode()
    return f'decoded({kind}, "{data}")'


def spread(sizes: dict[str, int], lines: list[str], block: bool = False) -> list[str]:
    """Lines within loops, each name counting up to its size; `block` keeps their names inside.

    >>> print("\\n".join(spread({"i": 2, "j": 3}, ["a[j] += x[i];"])))
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 3; j++) a[j] += x[i];
    }
    """
    loops = [(i, n) for i, n in sizes.items() if n != 1]
    fixed = [f"const {i} = 0;" for i, n in sizes.items() if n == 1]
    lines = [*[f for f in fixed if any(_names(f[6], line) for line in lines)], *lines]
    if not loops:
        block = block or len(lines) > len([line for line in lines if not line.startswith("const")])
        return ["{", *(f"  {line}" for line in lines), "}"] if block else lines
    heads = [f"for (let {i} = 0; {i} < {n}; {i}++)" for i, n in loops]
    if len(lines) == 1:
        made = [f"{heads[-1]} {lines[0]}"]
    else:
        made = [f"{heads[-1]} {{", *(f"  {line}" for line in lines), "}"]
    for head in reversed(heads[:-1]):
        made = [f"{head} {{", *(f"  {line}" for line in made), "}"]
    return made


def _names(name: str, line: str) -> bool:
    return bool(re.search(rf"\b{name}\b", line))
