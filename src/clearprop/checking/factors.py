"""A constant factor, and where it comes from: a size or setting is named only if it is that.

A factor of 2 may be √4, 4/2 or 2, whatever happens to be 4 long. So the size or the setting is
changed, and the factor must follow it; what cannot be changed gives no name to a plain number.
"""

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from clearprop.checking.automatic import open_forward
from clearprop.checking.case import Case, axes_of, in_words
from clearprop.checking.constants import without
from clearprop.checking.run import LayerRaised


def ratio_of(t: np.ndarray, a: np.ndarray, case: Case | None = None) -> float | None:
    """The factor between two arrays, if it is one and the same everywhere."""
    if t.shape != a.shape:
        return None
    known = np.isfinite(t) & np.isfinite(a) if case is None else case.known
    x, y = t[known], a[known]
    square = float(x @ x)
    if not square:
        return None
    ratio = float(x @ y) / square
    if case is not None:
        fits = case.explains(ratio * t)
    else:
        fits = np.allclose(ratio * x, y, rtol=1e-6, atol=1e-9 * abs(y).max())
    return ratio if ratio and fits else None


def plain(ratio: float) -> str:
    """A factor as a fraction, if it is one, or in digits."""
    return _fraction(ratio) or f"{ratio:.6g}"


def name_factor(case: Case, ratio: float) -> str:
    """A factor by the size or setting it comes from, such as `1/N`, with its value."""
    fraction = _fraction(ratio)
    for n, form, text, changed in _meanings(case):
        for sign, mark in ((1.0, ""), (-1.0, "−")):
            if not _close(sign * form(n), ratio):
                continue
            other = changed()
            if other is None and fraction is not None:
                continue
            if other is None or _close(sign * form(other[0]), other[1]):
                return f"{mark}{text} = {plain(ratio)}"
    return plain(ratio)


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6)


def _fraction(ratio: float) -> str | None:
    for below in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10):
        for sign in (1, -1):
            above = sign * ratio * below
            if 0 < above < 1000 and _close(above, round(above)):
                top = sign * round(above)
                return f"{top}" if below == 1 else f"{top}/{below}"
    return None


Form = Callable[[float], float]
FORMS: tuple[tuple[Form, str], ...] = (
    (lambda n: 1 / n, "1/{}"),
    (lambda n: n, "{}"),
    (lambda n: (n - 1) / n, "({0} − 1)/{0}"),
    (lambda n: n / (n - 1), "{0}/({0} − 1)"),
    (lambda n: 1 / math.sqrt(n), "1/√{}"),
    (lambda n: math.sqrt(n), "√{}"),
    (lambda n: n * n, "{}²"),
    (lambda n: 1 / (n * n), "1/{}²"),
)
SETTINGS: tuple[tuple[Form, str], ...] = (
    *FORMS[:2],
    (lambda s: 1 - s, "(1 − {})"),
    (lambda s: 1 / (1 - s), "1/(1 − {})"),
    *FORMS[4:],
)


def _meanings(case: Case) -> Iterator[tuple[float, Form, str, Callable[[], Any]]]:
    """Numbers that a layer has at hand, what is made of them, in words, and what if they change."""
    trial = case.e.trial
    for n, words, axes in _sizes(case):
        found: list[Any] = []

        def other(axes: Any = axes, found: Any = found) -> Any:
            if not found:
                found.append(axes and _with_other(case, *axes))
            return found[0]

        for form, text in FORMS if n > 1 else ():
            yield n, form, f"{text.format('N' if 'batch' in words else n)} ({words})", other
    for name, value in getattr(trial.layer, "__dict__", {}).items():
        number = isinstance(value, int | float | np.floating) and not isinstance(value, bool)
        for form, text in SETTINGS if number and value > 0 and value != 1 else ():
            s = float(value)
            yield (
                s,
                form,
                text.format(f"self.{name}"),
                lambda n=name, s=s: _with_setting(case, n, s),
            )


def _sizes(case: Case) -> Iterator[tuple[int, str, Any]]:
    """The lengths of axes, and their products, with their place."""
    trial = case.e.trial
    named = [
        (i, n, x) for i, (n, x) in enumerate(zip(trial.input_names, trial.inputs, strict=True))
    ]
    others = [("out", out) for out in case.e.run.outputs]
    others += ((n, a.value) for n, a in trial.arguments.items() if a.slot)
    for place, name, x in (*named, *((None, n, x) for n, x in others)):
        for axes in axes_of(x.ndim) if isinstance(x, np.ndarray) else ():
            n = math.prod(x.shape[i] for i in axes)
            batch = place == 0 and axes == (0,)
            words = (
                f"N = {n}, the batch"
                if batch
                else f"the size of {name} along {in_words(axes, x.ndim)}"
            )
            yield n, words, (place, axes[0], n) if place is not None else None


def _with_other(case: Case, place: int, axis: int, n: int) -> tuple[float, float] | None:
    """The size and the factor where an axis of the inputs is shorter or longer by one."""
    trial = case.e.trial
    length = trial.inputs[place].shape[axis]
    chosen = [*range(length - 1)] if length > 2 else [*range(length), 0]

    def cut(x: Any) -> Any:
        fits = isinstance(x, np.ndarray) and x.ndim > axis and x.shape[axis] == length
        return np.take(x, chosen, axis) if fits else x

    found = _measured(case, [cut(x) for x in trial.inputs], trial.layer)
    return None if found is None else (n * len(chosen) / length, found)


def _with_setting(case: Case, name: str, value: float) -> tuple[float, float] | None:
    """The setting and the factor where a setting of the layer is another one."""
    layer, other = case.e.trial.copy(), 0.9 * value
    setattr(layer, name, other)
    found = _measured(case, case.e.trial.inputs, layer)
    return None if found is None else (other, found)


def _measured(case: Case, inputs: Any, layer: Any) -> float | None:
    if not case.e.opened:
        return None
    variant = case.e.trial.variant(inputs)
    variant.layer = layer
    try:
        opened, run = open_forward(variant), variant.run()
        if isinstance(opened, str):
            return None
        size = run.vector.size
        dout = np.ones(size) if np.all(case.dout == 1) else np.linspace(0.5, 1.5, size)
        e, a = copy.copy(case.e), run.derivatives(dout)[case.name]
        e.trial = variant
        given = ratio_of(opened.derivatives(dout)[case.name], a)
        if given is None and (bare := without(e)):
            given = ratio_of(bare.derivatives(dout)[case.name], a)
        return given
    except (LayerRaised, ValueError):
        return None
