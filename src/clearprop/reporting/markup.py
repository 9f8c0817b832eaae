"""HTML and SVG elements, safe by default: text is escaped, and only elements are not."""

from html import escape
from typing import Any


class Markup(str):
    """Text that is markup already, made by `element`."""

    __slots__ = ()


def element(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """Make an element. Children that are not `Markup` are text and are escaped.

    An attribute `class_` is `class`, `view_box` is `viewBox` and `aria_label` is `aria-label`; one
    that is `None` is left out.

    >>> element("p", "1 < 2", element("b", "!"), class_="note", hidden=None)
    '<p class="note">1 &lt; 2<b>!</b></p>'
    """
    parts = [name]
    for key, value in attributes.items():
        if value is not None:
            parts.append(f'{_ATTRIBUTES.get(key, key.replace("_", "-"))}="{escape(_text(value))}"')
    head = " ".join(parts)
    if name in _VOID:
        return Markup(f"<{head}>")
    inside = (c if isinstance(c, Markup) else escape(_text(c)) for c in children if c is not None)
    return Markup(f"<{head}>{''.join(inside)}</{name}>")


_VOID = {"img", "meta", "br"}
_ATTRIBUTES = {"class_": "class", "view_box": "viewBox"}


def _text(value: Any) -> str:
    """Numbers of a drawing need no more than a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
