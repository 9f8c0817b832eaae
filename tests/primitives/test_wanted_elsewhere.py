"""Derivatives that users of HIPS/autograd miss: each is there, or refused by name with a remedy."""

import numpy as np
import pytest

from clearprop import Variable, check
from clearprop.errors import UnsupportedError

RNG = np.random.default_rng(0)
V, X = RNG.normal(size=6), RNG.normal(size=(3, 4))
P, S = np.abs(V) + 0.5, RNG.normal(size=(3, 3)) + 4 * np.eye(3)
I = np.argsort(X, axis=1)  # noqa: E741

THERE = [
    *[
        (getattr(np, name), V)
        for name in ["cumprod", "nancumsum", "nancumprod", "median", "ptp", "trapezoid"]
    ],
    *[
        (getattr(np, n), V)
        for n in ["ediff1d", "unwrap", "cbrt", "sinc", "vander", "polyder", "polyint", "gradient"]
    ],
    *[(getattr(np, n), V) for n in ["nan_to_num", "real", "angle", "conj", "fix"]],
    *[
        (getattr(np, f"nan{name}"), X)
        for name in ["sum", "prod", "mean", "var", "std", "max", "min"]
    ],
    *[
        (getattr(np.linalg, n), S)
        for n in ["cond", "matrix_norm", "svdvals", "trace", "diagonal", "pinv"]
    ],
    (lambda a: np.cumulative_prod(a, axis=0), X),
    (lambda a: np.percentile(a, 30), V),
    (lambda a: np.quantile(a, [0.3, 0.6]), V),
    (lambda a: np.average(a, weights=X**2), X),
    (lambda a: np.interp(np.array([0.5, 1.5]), np.arange(6.0), a), V),
    (lambda a: np.interp(a, np.arange(-5.0, 6.0), np.arange(11.0) ** 2), V),
    (lambda a: np.heaviside(a, 0.5), V),
    (lambda a: np.hypot(a, 2.0), V),
    (lambda a: np.copysign(a, -1.0), V),
    (lambda a: np.fmod(a, 0.7), V),
    (lambda a: np.modf(a)[0], V),
    (lambda a: np.ldexp(a, 2), V),
    (lambda a: np.float_power(a, 2.5), P),
    (lambda a: np.polyval(a, 1.5) + np.polyval([1.0, 2.0, 3.0], a), V),
    (lambda a: np.correlate(a, [1.0, 2.0, 3.0]), V),
    (np.cov, X),
    (np.corrcoef, X),
    (lambda a: np.block([[a, a]]), X),
    (lambda a: np.choose([0, 1, 0, 1], [a[0], a[1]]), X),
    (lambda a: np.select([X > 0], [a], 0.0), X),
    (lambda a: np.compress([1, 0, 1], a, axis=0), X),
    (lambda a: np.extract(X > 0, a), X),
    (lambda a: np.take_along_axis(a, I, 1), X),
    (lambda a: np.insert(a, 1, 2.0), V),
    (lambda a: np.delete(a, 1), V),
    (lambda a: np.resize(a, (5, 3)), V),
    (lambda a: np.bincount([0, 1, 1, 0, 2, 2], weights=a), V),
    (lambda a: np.linspace(a[0], a[1], 5), V),
    (lambda a: np.linalg.matrix_power(a, 3), S),
    (lambda a: np.linalg.multi_dot([a, S, a]), S),
    (lambda a: np.linalg.qr(a)[1], S),
    (lambda a: np.linalg.lstsq(a, np.ones(3), None)[0], S),
    (lambda a: np.linalg.tensorsolve(a, np.ones(3)), S),
    (lambda a: np.linalg.slogdet(a)[1], S),
    (lambda a: np.polynomial.polynomial.polyval(1.5, a), V),
]

REFUSED = {
    "np.i0": np.i0,
    "np.frexp": np.frexp,
    "np.roots": np.roots,
    "np.unique": np.unique,
    "np.nanmedian": np.nanmedian,
    "np.histogram": np.histogram,
    "np.trim_zeros": np.trim_zeros,
    "np.fft.fft": np.fft.fft,
    "np.polyfit": lambda a: np.polyfit(np.arange(6.0), a, 2),
    "np.piecewise": lambda a: np.piecewise(a, [V > 0], [abs, 0.0]),
    "np.apply_along_axis": lambda a: np.apply_along_axis(np.sum, 0, a),
    "np.nextafter": lambda a: np.nextafter(a, 1.0),
    "np.geomspace": lambda a: np.geomspace(a[0] ** 2, 9.0, 5),
}


@pytest.mark.parametrize(("f", "x"), THERE)
def test_it_is_there(f, x):
    assert check(f, x).ok


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name(name):
    with pytest.raises(UnsupportedError, match=rf"{name} cannot be recorded on a graph: \w+"):
        REFUSED[name](Variable(V))
