"""Values in prose: numbers short, small arrays in full, others by what they are like."""

from typing import Any

import numpy as np

from clearprop.explaining.documents import Line, Words, fill
from clearprop.explaining.expressions import Expression, Number
from clearprop.explaining.in_text import in_text
from clearprop.explaining.numbers import number, shorten

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
    dims = shape(array)
    finite = np.isfinite(array)
    if not finite.all():
        return fill(words["not_finite"], shape=dims, n=int(array.size - finite.sum()))
    array = array.astype(np.float64)
    low, high, mean = array.min(), array.max(), array.mean()
    if low == high:
        return fill(words["all_equal"], shape=dims, value=_number(low))
    if abs(mean) < 1e-12 * max(-low, high):
        mean = 0.0  # what is left is a rounding error
    line = fill(
        words["digest"], shape=dims, low=_number(low), high=_number(high), mean=_number(mean)
    )
    zeros = float(np.mean(array == 0))
    return line + fill(words["zeros"], share=_percent(zeros)) if zeros else line


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
    return Number(float(f"{value:.4g}"))


def _percent(share: float) -> str:
    return f"{min(max(share * 100, 0.1), 99.9 if share < 1 else 100):.3g}"
