"""What a layer's docstring says of its formulas: the one place where people write them."""

import inspect
import re
from dataclasses import dataclass
from typing import Any

from clearprop.explaining.expressions import Expression
from clearprop.explaining.reading import read

_SECTION = re.compile(r"\*\*(Forward|Backward|Shapes)\*\*:\s*(.*?)(?=\n\s*\n|\Z)", re.DOTALL)
_SHAPES = re.compile(r"`(\w+)`([^`]*)")
_EQUATION = re.compile(
    r"``?([^`]*?\w)\s*=\s*([^`]+?)``?((?:\s+where\s+`[^`]+`|,?\s+else\s+`[^`]+`)*)"
)


@dataclass(frozen=True)
class Formula:
    """`left = right` as it is written, and read, where it can be."""

    left: str
    right: str

    @property
    def expression(self) -> Expression | None:
        return read(self.right)


@dataclass(frozen=True)
class LayerDocs:
    """The formulas of a layer and the words that follow those of its backward pass."""

    forward: tuple[Formula, ...]
    backward: tuple[Formula, ...]
    remark: str
    shapes: tuple[tuple[str, tuple[str, ...]], ...]
    """Names of values, each with the letters of its axes: `("x", ("N", "C"))`."""


def layer_docs(layer: Any) -> LayerDocs:
    """Read the sections **Forward**, **Backward** and **Shapes** of a layer's docstring.

    >>> from clearprop.layers import Affine
    >>> docs = layer_docs(Affine)
    >>> [f"{f.left} = {f.right}" for f in (*docs.forward, *docs.backward)]
    ['out = x W + b', 'dx = dout Wᵀ', 'dW = xᵀ dout', 'db = Σ_n dout_n']
    >>> docs.remark[:44]
    'Forward, a weight leads from an input to an '
    """
    cls = layer if isinstance(layer, type) else type(layer)
    # Only the class's own words: those of a base class belong to other formulas.
    text = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
    sections = dict(_SECTION.findall(text))
    backward = " ".join(sections.get("Backward", "").split())
    forward = " ".join(sections.get("Forward", "").split())
    shapes = tuple(
        (name, tuple(axes.rstrip(",").split(", ")))
        for name, said in _SHAPES.findall(sections.get("Shapes", ""))
        for axes in re.findall(r"\(([^()]*)\)", said)
    )
    return LayerDocs(_formulas(forward), _formulas(backward), _remark(backward), shapes)


def _formulas(text: str) -> tuple[Formula, ...]:
    found = _EQUATION.findall(text)
    return tuple(Formula(left, right + rest.replace("`", "")) for left, right, rest in found)


def _remark(text: str) -> str:
    """What follows the last formula; the formulas' own punctuation is not part of it."""
    end = 0
    for found in _EQUATION.finditer(text):
        if "." in text[end : found.start()]:
            break  # a formula within the remark
        end = found.end()
    remark = text[end:].lstrip(" .,:;")
    return remark[:1].upper() + remark[1:]
