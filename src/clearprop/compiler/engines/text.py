"""Pieces of Python source: numbers, arguments, indices, shapes."""

import base64
import keyword
import re
import unicodedata
from typing import Any

import numpy as np

from clearprop.errors import UnsupportedError
from clearprop.primitives.indexing import Place


def literal(value: Any) -> str:
    """A plain value as source. NumPy's numbers become Python's, which adapt to the array."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.ndim):
        value = value.item()
    if type(value) is np.longdouble:  # which is no number of Python
        exact = float(value) == value or not np.isfinite(value)
        return literal(float(value)) if exact else f"np.longdouble({str(value)!r})"
    if isinstance(value, float) and not np.isfinite(value):
        return {"inf": "np.inf", "-inf": "-np.inf"}.get(str(value), "np.nan")
    if isinstance(value, tuple):
        inner = ", ".join(map(literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, list | range):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, np.dtype | type):
        return f"np.{np.dtype(value).name}"
    plain = bool | int | float | str | slice
    if value is None or value is Ellipsis or isinstance(value, plain):
        return repr(value)
    raise UnsupportedError(f"the argument {value!r} cannot be written down")


def index(form: Any, arrays: tuple[str, ...]) -> str:
    """An index as it stands between brackets."""
    entries = form if isinstance(form, tuple) else (form,)
    return ", ".join(_entry(e, arrays) for e in entries) or "()"


def _entry(entry: Any, arrays: tuple[str, ...]) -> str:
    if isinstance(entry, Place):
        return arrays[entry.number]
    if isinstance(entry, slice):
        parts = ["" if p is None else str(p) for p in (entry.start, entry.stop)]
        step = "" if entry.step is None else f":{entry.step}"
        return f"{parts[0]}:{parts[1]}{step}"
    return "..." if entry is Ellipsis else literal(entry)


def keywords(params: dict[str, Any]) -> str:
    """Arguments by keyword, each led by a comma."""
    return "".join(f", {k}={literal(v)}" for k, v in params.items())


def empty(shape: Any, dtype: Any) -> str:
    """An array to be filled."""
    return f"np.empty({literal(shape)}, {literal(dtype)})"


def array(value: np.ndarray) -> str:
    """A constant array as an expression that makes it."""
    flat = value.ravel()
    dtype = f"np.{value.dtype.name}"
    if not value.ndim:
        return f"{dtype}({literal(value)})"
    shape = "" if value.ndim == 1 else f".reshape({literal(value.shape)})"
    if not flat.size:
        return empty(value.shape, value.dtype)
    if (flat == flat[0]).all():
        return f"np.full({literal(value.shape)}, {literal(flat[0])}, {dtype})"
    if value.dtype.kind in "iu" and np.array_equal(flat, np.arange(flat.size)):
        return f"np.arange({flat.size}, dtype={dtype}){shape}"
    if flat.size <= 16:
        return f"np.array({literal(value.tolist())}, {dtype})"
    data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
    return f'np.frombuffer(b64decode("{data}"), {dtype}).reshape({literal(value.shape)})'


def identifier(text: str) -> str:
    """A name that Python accepts and that resembles the text.

    >>> identifier("Affine 1"), identifier("2x"), identifier("class")
    ('Affine_1', '_2x', 'class_')
    """
    # As Python reads it: ﬁ and fi are one name.
    name = "".join(
        c if f"_{c}".isidentifier() else "_" for c in unicodedata.normalize("NFKC", text)
    )
    if not name.isidentifier():
        name = f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def harmless(text: str) -> str:
    """A text for a comment, a title or a docstring, which it cannot end in any language.

    Names of layers and parameters may be anything: a line break would end the comment, and what
    follows it would run; so would quotes, a backslash, and what ends an element of a page.

    >>> harmless("a\\n</script>"), harmless("Affine1.forward: (2, 3) → (2, 4)")
    ('a < /script>', 'Affine1.forward: (2, 3) → (2, 4)')
    """
    shown = "".join(c if c.isprintable() else " " for c in text)
    shown = re.sub(r" +", " ", shown.replace('"', "'").replace("\\", "/"))
    return re.sub(r"(?<=[<*?])(?=[/!?])", " ", shown)


def not_spelled(engine: str, node: Any, label: str, said: object) -> UnsupportedError:
    """The error of an engine for a node, with the place of that if it has one."""
    where = f" in {label}" if label else ""
    return UnsupportedError(
        f"compile: the engine {engine} has no spelling for {node.operation.name}{where}: {said}"
    )
