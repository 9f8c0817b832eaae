"""How wide a text will be, without a font at hand; and names made fit to be drawn."""

import re
import unicodedata
from functools import lru_cache

# Advance widths in units of the font size, rounded up: those of DejaVu Sans, which is as wide as
# any of the sans-serif fonts in common use, so that a text is never wider than it was measured.
_WIDTHS = {
    0.3: "'IJijl",
    0.35: " ,./:;\\f|·",
    0.4: "!()-[]t⁰¹²³⁴⁵⁶⁷⁸⁹",
    0.45: '"r',
    0.5: "*_`",
    0.55: "?Lcsz⁻∂",
    0.6: "FPkvxy",
    0.65: "$0123456789EKSTYabdeghnopqu{}",
    0.7: "ABCRVXZ",
    0.75: "HNU",
    0.8: "&DGOQ",
    0.85: "#+<=>^w~×−→←≤≥∞",
    0.9: "M",
    0.95: "%",
    1.0: "@Wm…",
}
_WIDTH = {c: width for width, characters in _WIDTHS.items() for c in characters}
_BOLD = 1.13
"""Bold type is so much wider; for single letters up to a quarter, over a word less."""

_INVISIBLE = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
    "\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Make a name fit for one line of a picture.

    White space becomes single spaces, as newlines would break the line. What no reader could see
    (control characters, marks that turn the direction of the text around) and what an SVG may not
    contain (lone surrogates) becomes `�`.

    >>> clean("two\\nlines")
    'two lines'
    >>> clean("price\\x00 \\u202eevil")
    'price� �evil'
    """
    return _INVISIBLE.sub("�", " ".join(text.split()))


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Measure a text of that font size, in pixels; a little more rather than less.

    Chinese, Japanese and Korean characters and emoji are as wide as the font is high.

    >>> text_width("ab", 10.0), text_width("苹果", 10.0)
    (13.0, 20.0)
    """
    width = sum(_WIDTH.get(c) or _other(c) for c in text)
    return round(width * size * (_BOLD if bold else 1), 3)


def _other(c: str) -> float:
    if unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0.0
    kind = unicodedata.east_asian_width(c)
    if kind in "WF":
        return 1.0 if c < "\U0001f000" else 1.4
    if c == "\ufdfd":  # one character, a whole sentence
        return 5.0
    if kind == "A" and c > "\u2100":
        return 1.1
    return 0.85 if c < "\u0250" and c.islower() else 1.2


def wrapped(text: str, size: float, limit: float, lines: int = 3) -> list[str]:
    """Break a name into at most so many lines of at most `limit` pixels.

    It is broken after spaces, `_`, `.`, `/` and `-`, and between Chinese and Japanese characters,
    and inside a word only if the word alone is too long. What is left over in the end is taken out
    of the middle, since names differ most at their two ends.

    >>> wrapped("apple", 10.0, 100.0)
    ['apple']
    >>> wrapped("encoder_layer_1_attention_weight", 10.0, 100.0)
    ['encoder_layer_1_', 'attention_weight']
    >>> wrapped("x" * 1000, 10.0, 40.0, lines=1)
    ['xxx…xx']
    """
    for share in (1.0, 0.8, 0.6, 0.4):  # breaks waste room: try again with less
        found = _broken(_shortened(text, size, share * limit * lines), size, limit)
        if len(found) <= lines:
            return found
    return [_shortened(text, size, limit)]


def _broken(text: str, size: float, limit: float) -> list[str]:
    found: list[str] = []
    line = ""
    for piece in re.findall(r"[^\s_./\-\u2e80-\uffff]+|.", text):
        if line and text_width(line + piece, size) > limit:
            found.append(line.strip())
            line = ""
        while text_width(piece, size) > limit and len(piece) > 1:
            cut = 1
            while text_width(piece[: cut + 1], size) <= limit:
                cut += 1
            found.append(piece[:cut])
            piece = piece[cut:]
        line += piece
    found.append(line.strip())
    return [ln for ln in found if ln] or [text]


def _shortened(text: str, size: float, room: float) -> str:
    if text_width(text, size) <= room:
        return text
    keep = min(len(text), int(room / size / 0.3))
    head, tail = text[: (keep + 1) // 2], text[len(text) - keep // 2 :]
    while len(head) > 1 and text_width(f"{head}…{tail}", size) > room:
        head, tail = (head[:-1], tail) if len(head) > len(tail) else (head, tail[1:])
    return f"{head}…{tail}"
