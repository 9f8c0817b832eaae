"""Functions that cannot be recorded, and what to write instead."""

from collections.abc import Callable
from typing import Any

import numpy as np

COMPLEX = "its results may be complex numbers; clearprop differentiates real numbers"
SYMMETRIC = COMPLEX + "; for a symmetric matrix use np.linalg.eigh"
TEXT = "it works on text; use v.data for the numbers"
DATES = "it works on dates; use plain arrays for them"
RECORDS = "it works on structured arrays; keep each field in an array of its own"
FILES = "it writes a file; write the value, v.data"
LIKE = "like= asks for another array type; leave it out, the result is a constant of the graph"
LOOP = "it calls a Python function for each slice; use axis= or np.stack over a loop"
UNIQUE = "how many values are left depends on them; use x[np.unique(x.data, return_index=True)[1]]"
BINS = "counts in bins jump and have no derivative; use v.data, or np.bincount with weights"
MINIMUM = "it fits by least squares; use np.vander and np.linalg.lstsq or np.linalg.solve"
ENDS = "how many elements are left depends on the values; slice with the indices of v.data"


def in_place(instead: str) -> str:
    """The remedy for a function that writes into its argument."""
    return f"it writes into an array that the backward pass may need; {instead}"


_BY_NAME: dict[str, str] = {
    "copyto": in_place("choose elements with np.where"),
    "fill_diagonal": in_place("use np.where(np.eye(n, dtype=bool), new, x)"),
    "apply_along_axis": LOOP,
    "apply_over_axes": "it calls a Python function for each axis; call it with axis= yourself",
    "piecewise": "it hands parts of x to each function; use np.where or np.select",
    "sort_complex": COMPLEX + "; use np.sort",
    "roots": COMPLEX,
    "poly": "it takes roots or a matrix; multiply the factors with np.convolve",
    "polyfit": MINIMUM,
    "polydiv": ENDS + "; or divide the values, np.polyval(u, x) / np.polyval(v, x)",
    "polymul": "leading zeros are cut off, which depends on the values; use np.convolve",
    "geomspace": "use np.exp(np.linspace(np.log(start), np.log(stop), n))",
    "frexp": "its mantissa jumps between powers of 2; use np.log2",
    "nextafter": "it steps to the next number in memory; add np.spacing(v.data) instead",
    "i0": "NumPy lacks its derivative; average np.exp(x[..., None] * np.cos(t)) over t in 0 … π",
    "nanmedian": "use np.median(x[~np.isnan(x)])",
    "nanpercentile": "use np.percentile(x[~np.isnan(x)], q)",
    "nanquantile": "use np.quantile(x[~np.isnan(x)], q)",
    "trim_zeros": ENDS,
    **dict.fromkeys(
        ("place", "put", "put_along_axis", "putmask"), in_place("use np.where(mask, new, x)")
    ),
    **dict.fromkeys(
        (
            *("unique", "unique_all", "unique_counts", "unique_inverse", "unique_values"),
            *("intersect1d", "setdiff1d", "setxor1d", "union1d"),
        ),
        UNIQUE,
    ),
    **dict.fromkeys(("histogram", "histogram2d", "histogram_bin_edges", "histogramdd"), BINS),
    **dict.fromkeys(
        ("isnat", "busday_count", "busday_offset", "datetime_as_string", "is_busday"), DATES
    ),
    **dict.fromkeys(("save", "savetxt", "savez", "savez_compressed"), FILES),
    **dict.fromkeys(
        (
            *("arange", "array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray"),
            *("empty", "eye", "frombuffer", "fromfile", "fromfunction", "fromiter", "fromstring"),
            *("full", "genfromtxt", "identity", "loadtxt", "ones", "require", "tri", "zeros"),
        ),
        LIKE,
    ),
}


def _known(module: Any, names: dict[str, str]) -> dict[Callable[..., Any], str]:
    """Look functions up; what this version of NumPy does not have is passed over."""
    return {getattr(module, n): remedy for n, remedy in names.items() if hasattr(module, n)}


UNSUPPORTED: dict[Callable[..., Any], str] = {
    **_known(np, _BY_NAME),
    **_known(np.linalg, dict.fromkeys(("eig", "eigvals"), SYMMETRIC)),
    **_known(
        np.emath,
        dict.fromkeys(np.emath.__all__, COMPLEX + "; use the function of that name in np itself"),
    ),
}
"""Function → what to do instead; ends the sentence 'np.copyto cannot be recorded on a graph: …'."""

UNSUPPORTED_MODULES: dict[str, str] = {
    "numpy.fft": COMPLEX + "; fftshift is np.roll",
    "numpy.strings": TEXT,
    "numpy.char": TEXT,
    "numpy.polynomial.polynomial": "it takes tables of coefficients; sum c[i, j] * x**i * y**j",
    "numpy.lib.recfunctions": RECORDS,
}
"""The same for all functions of a module, which need not be imported for it."""

ELSEWHERE: dict[str, str] = {
    "logsumexp": "use np.logaddexp.reduce(x, axis=None)",
    "log_softmax": "use x - np.logaddexp.reduce(x, axis=-1, keepdims=True)",
    "softmax": "use np.exp(x - np.logaddexp.reduce(x, axis=-1, keepdims=True))",
}
"""Functions of scipy.special that make plain arrays of their arguments, and ask no Variable."""


def remedy(function: Callable[..., Any]) -> str | None:
    """What to do instead of a function that cannot be recorded; None where nothing is known.

    >>> remedy(np.copyto)
    'it writes into an array that the backward pass may need; choose elements with np.where'
    """
    module = getattr(function, "__module__", None) or ""
    return UNSUPPORTED.get(function) or UNSUPPORTED_MODULES.get(module)
