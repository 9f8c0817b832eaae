"""Values in prose: numbers short, small arrays in full, others by what they are like."""

from typing import Any

import numpy as np

from clearprop.explaining.documents import Line, fill
from clearprop.explaining.expressions import Expression, Number
from clearprop.explaining.in_text import in_text
from clearprop.explaining.language import Words
from clearprop.explaining.numbers import equation, number, shorten
from clearprop.graph.rounding import rest_of_mean, up

IN_FULL = 6
"""An array of so many elements is shown in full."""


def described(value: Any, words: Words) -> Line:
    """Say what an array is like; a number alone is that number.

    >>> from clearprop.explaining.words.en import WORDS
    >>> described(np.array([[0.5, -1.0]]), WORDS)
    ('[[0.5, −1]]',)
    >>> line = described(np.arange(4.0).repeat(25), WORDS)
    >>> "".join(piece if isinstance(piece, str) else in_text(piece) for piece in line)
    'shape (100,), from 0 to 3, mean 1.5, 25 % zeros'
    """
    array = np.asarray(value)
    if not array.ndim:
        return (number(value),)
    if array.size <= IN_FULL:
        return (in_full(array),)
    template, facts = summary(array)
    said = {k: _number(v) if isinstance(v, float) else v for k, v in facts.items()}
    line = fill(words[template], **said)
    return line + fill(words["zeros"], share=facts["share"]) if "share" in facts else line


def valued(name: Expression, value: Any, words: Words) -> Line:
    """A name with its value: an equation for a number, words for an array."""
    if np.ndim(value) == 0:
        return (equation(name, number(value)),)
    return fill(words["value"], name=name, value=described(value, words))


def summary(array: np.ndarray) -> tuple[str, dict[str, Any]]:
    """What many numbers are like: the name of a sentence, and what to put into it."""
    finite = np.isfinite(array)
    if not finite.all():
        return "not_finite", {"shape": shape(array), "n": int(array.size - finite.sum())}
    exact = array.astype(np.float64)
    low, high, mean = float(exact.min()), float(exact.max()), float(exact.mean())
    if low == high:
        return "all_equal", {"shape": shape(array), "value": low}
    if abs(mean) < rest_of_mean(array) * max(-low, high):
        mean = 0.0  # what is left is a rounding error
    facts = {"shape": shape(array), "low": low, "high": high, "mean": mean}
    zeros = 100 * float(np.mean(exact == 0))
    return "digest", facts | ({"share": f"{min(max(zeros, 0.1), 99.9):.3g}"} if zeros else {})


def in_full(array: np.ndarray) -> str:
    """Write all elements of an array.

    >>> in_full(np.array([[1.0, 0.1 + 0.2]]))
    '[[1, 0.3]]'
    """
    if not array.ndim:
        n = number(array)
        return in_text(n if shorten(n)[2] else _number(n.value))
    return f"[{', '.join(in_full(np.asarray(row)) for row in array)}]"


def shape(array: Any) -> str:
    """Write a shape as tuples are written in prose.

    >>> shape(np.ones((2, 3)))
    '(2, 3)'
    """
    return str(tuple(map(int, np.shape(array))))


def _number(value: Any) -> Expression:
    return Number(float(f"{up(value):.4g}"))
