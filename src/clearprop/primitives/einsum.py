"""The Einstein sum: any product of arrays summed over any of their axes."""

from typing import Any

import numpy as np

from clearprop.errors import UnsupportedError
from clearprop.primitives.shapes import rounded
from clearprop.primitives.table import Call, primitive

_LOWER, _UPPER = ("".join(map(chr, range(ord(first), ord(first) + 26))) for first in "aA")
_BY_NUMBER = _UPPER + _LOWER
"""Letters for the numbers of the list form, in the order in which NumPy sorts them."""


def _bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Bring both ways of calling into one: the subscripts as text, then the operands."""
    if isinstance(args[0], str):
        return args[1:], {"subscripts": args[0], **kwargs}
    pairs, rest = len(args) // 2, args[2 * (len(args) // 2) :]
    text = ",".join(map(_letters, args[1 : 2 * pairs : 2]))
    if rest:
        text += "->" + _letters(rest[0])
    return args[: 2 * pairs : 2], {"subscripts": text, **kwargs}


def _letters(numbers: Any) -> str:
    return "".join("..." if n is Ellipsis else _BY_NUMBER[n] for n in numbers)


def spelt_out(subscripts: str, shapes: list[tuple[int, ...]]) -> tuple[list[str], str, str]:
    """Name every axis: give letters to ellipses, and write down an output that was left out.

    The last result is the letters that are still free.
    """
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    free = "".join(letter for letter in _LOWER + _UPPER if letter not in subscripts)
    covered = [
        len(shape) - len(term.replace("...", "")) if "..." in term else 0
        for term, shape in zip(terms, shapes, strict=True)
    ]
    names, free = free[: max(covered)], free[max(covered) :]
    spelt = [
        term.replace("...", names[len(names) - n :]) for term, n in zip(terms, covered, strict=True)
    ]
    if not arrow:
        letters = inputs.replace("...", "").replace(",", "")
        output = "..." + "".join(sorted(x for x in letters if letters.count(x) == 1))
    return spelt, output.replace("...", names), free


def _einsum(index, dout, out, *operands, subscripts, dtype=None, optimize: Any = False, **kwargs):
    """The derivative is an Einstein sum too: of dout with the other operands, to this one's axes.

    Axes that only this operand has were summed, so that dout is copied along them (a factor of
    ones); an axis named twice reads the diagonal, so that dout lands there (a factor of the
    identity); an axis of length 1 that was broadcast is summed.
    """
    if rounded(operands[index], dtype):
        return None
    shapes = [np.shape(x) for x in operands]
    terms, output, free = spelt_out(subscripts, shapes)
    factors = [(output, dout)]
    factors += [(terms[j], x) for j, x in enumerate(operands) if j != index]
    known = {
        (letter, n) for term, x in factors for letter, n in zip(term, np.shape(x), strict=True)
    }
    target = ""
    for letter, n in zip(terms[index], shapes[index], strict=True):
        if n == 1:
            continue
        if letter in target:
            if not free:
                raise UnsupportedError(
                    f"np.einsum: {subscripts!r} leaves no letter for the derivative of a repeated "
                    "axis; take the diagonal first with np.diagonal"
                )
            twin, free = free[0], free[1:]
            factors.append((letter + twin, np.eye(n, dtype=bool)))
            letter = twin
        elif (letter, n) not in known:
            factors.append((letter, np.ones(n, dtype=bool)))
        target += letter
    left, arrays = zip(*factors, strict=True)
    by = optimize if isinstance(optimize, bool | str) else True
    grad = np.einsum(f"{','.join(left)}->{target}", *arrays, optimize=by)
    return np.reshape(grad, shapes[index])


ROWS = (
    primitive(
        np.einsum,
        "Σ of products, over the axes that the subscripts leave out",
        ("Einstein sum of dout and the other operands", _einsum),
        bind=_bind,
        evaluate=lambda *operands, subscripts, **kwargs: np.einsum(subscripts, *operands, **kwargs),
        variadic=True,
    ),
)
