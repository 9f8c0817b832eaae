"""A composition says the same as NumPy's function, and its derivative is that of the numbers."""

import inspect
import itertools

import numpy as np
import pytest

import clearprop
from clearprop.errors import LeavesGraphError
from clearprop.primitives import choosing, cumulative, sequences, statistics
from clearprop.primitives.registry import COMPOSITIONS, UFUNC_METHODS

RNG = np.random.default_rng(8)
X = RNG.standard_normal((3, 4))
V = RNG.standard_normal(5)
W = RNG.standard_normal(3)
CUBE = RNG.standard_normal((2, 3, 4))
HOLES = X.copy()
HOLES[0, 1] = HOLES[2] = np.nan
SOME_HOLES = X.copy()
SOME_HOLES[0, 1] = SOME_HOLES[2, 3] = np.nan
UP = np.array([-1.0, 0.5, 0.75, 2.0, 4.0])
PLUS = RNG.uniform(0.5, 2, (3, 4))
AT_INFINITY = {"nan": 2.0, "posinf": 3.0, "neginf": 4.0}

CALLS = [
    (np.ptp, (X,), {}),
    (np.ptp, (CUBE, (0, 2)), {"keepdims": True}),
    (np.average, (X,), {}),
    (np.average, (X, 1), {"keepdims": True}),
    (np.average, (X,), {"weights": PLUS}),
    (np.average, (X, 0, PLUS[:, 0]), {}),
    (np.average, (CUBE, (2, 0), RNG.uniform(1, 2, (4, 2))), {}),
    (np.average, (X, 1, PLUS[0]), {"returned": True}),
    (np.median, (V,), {}),
    (np.median, (X,), {"axis": 1, "keepdims": True}),
    (np.median, (CUBE, (0, 2)), {}),
    (np.quantile, (X, 0.3), {}),
    (np.quantile, (X, [0, 0.25, 1.0], 0), {}),
    (np.quantile, (CUBE, [[0.2, 0.9]], (0, 1)), {"keepdims": True}),
    *((np.quantile, (V, [0.1, 0.3, 0.77]), {"method": m}) for m in ("lower", "higher", "nearest")),
    (np.quantile, (V, [0.0, 0.25, 0.3, 0.5]), {"method": "midpoint"}),
    (np.percentile, (X, 30, 1), {}),
    (np.percentile, (X, [0, 99]), {}),
    (np.cov, (X,), {}),
    (np.cov, (V,), {"bias": True}),
    (np.cov, (X, X[::-1] ** 2), {"rowvar": False}),
    (np.cov, (X,), {"fweights": np.array([1, 2, 3, 1]), "aweights": np.array([0.5, 2, 1, 1])}),
    (np.cov, (X,), {"aweights": np.array([0.5, 2, 1, 1]), "ddof": 0}),
    (np.corrcoef, (X,), {}),
    (np.corrcoef, (V, V**2), {}),
    (np.nansum, (HOLES, 1), {}),
    (np.nansum, (HOLES,), {"where": X > 0, "initial": 2.0}),
    (np.nanprod, (HOLES, 1), {}),
    (np.nanmean, (SOME_HOLES, 0), {}),
    (np.nanvar, (SOME_HOLES, 1), {"ddof": 1}),
    (np.nanstd, (SOME_HOLES,), {"keepdims": True}),
    (np.nanmax, (SOME_HOLES, 1), {}),
    (np.nanmin, (SOME_HOLES,), {"initial": 0.0, "where": X > 0}),
    (np.nancumsum, (HOLES,), {"axis": 1}),
    (np.nancumprod, (HOLES,), {}),
    (np.cumulative_sum, (V,), {}),
    (np.cumulative_sum, (X,), {"axis": 1, "include_initial": True}),
    (np.cumulative_prod, (X,), {"axis": 0, "include_initial": True}),
    (np.diff, (V,), {}),
    (np.diff, (X, 2), {"axis": 0}),
    (np.diff, (X,), {"prepend": 1.0, "append": X}),
    (np.ediff1d, (X,), {}),
    (np.ediff1d, (V,), {"to_end": V[:2], "to_begin": -1.0}),
    (np.trapezoid, (X,), {}),
    (np.trapezoid, (X, UP[:3]), {"axis": 0}),
    (np.trapezoid, (X,), {"dx": 0.5}),
    (np.trapezoid, (X, np.cumsum(PLUS, 1)), {}),
    (np.gradient, (V,), {}),
    (np.gradient, (V, 0.5), {"edge_order": 2}),
    (np.gradient, (V, UP), {}),
    (np.gradient, (V, UP), {"edge_order": 2}),
    (np.gradient, (X,), {}),
    (np.gradient, (X, UP[:3], 0.5), {}),
    (np.gradient, (CUBE, 2.0), {"axis": (2, 0)}),
    (np.unwrap, (np.array([0.0, 3, 6.5, -1, 0, 9, 2.5]),), {}),
    (np.unwrap, (X * 9,), {"axis": 0, "discont": 4.0}),
    (np.unwrap, (X * 9,), {"period": 2.5}),
    *(
        (np.convolve, (a, b, m), {})
        for a, b in ((V, W), (W, V), (V, V[:4]))
        for m in ("full", "same", "valid")
    ),
    *(
        (np.correlate, (a, b, m), {})
        for a, b in ((V, W), (W, V), (V, V[:4]), (V[:2], V))
        for m in ("full", "same", "valid")
    ),
    (np.interp, (X * 2, UP, V), {}),
    (np.interp, (X * 2, UP, V), {"left": -3.0, "right": 9.0}),
    (np.interp, (UP, UP, V), {}),
    (np.interp, (X * 5, UP, V), {"period": 6.0}),
    (np.interp, (X, UP[:1], V[:1]), {}),
    (np.polyval, (V, X), {}),
    (np.vander, (W,), {}),
    (np.vander, (W, 5), {"increasing": True}),
    (np.polyadd, (V, W), {}),
    (np.polysub, (W, V), {}),
    (np.polyder, (V, 2), {}),
    (np.polyint, (V,), {}),
    (np.polyint, (V, 2, [1.0, -2.0]), {}),
    (np.trace, (X, 1), {}),
    (np.trace, (CUBE,), {"axis1": 2, "axis2": 0}),
    (np.diag, (X, -1), {}),
    (np.diag, (V, 2), {}),
    (np.diagflat, (X, -1), {}),
    (np.tril, (CUBE, -1), {}),
    (np.triu, (X, 1), {}),
    (np.tril, (V,), {}),
    (np.select, ([X > 0.5, X > 0], [X, X**2]), {}),
    (np.select, ([X > 0.5, V[:4] > 0], [V[:4], X], 7.0), {}),
    (np.choose, (np.array([[0, 2, 1]]), [W, X[:, :3], 2.0]), {}),
    (np.choose, (np.array([4, -1, 1]), X[:, :3]), {"mode": "wrap"}),
    (np.choose, (np.array([4, -1, 1]), X[:, :3]), {"mode": "clip"}),
    (np.compress, ([True, False, True], X, 1), {}),
    (np.compress, ([True, False, True], X), {}),
    (np.extract, (X > 0, X), {}),
    (np.real, (X,), {}),
    (np.real_if_close, (X,), {}),
    (np.imag, (X,), {}),
    (np.angle, (X,), {}),
    (np.angle, (X,), {"deg": True}),
    (np.full_like, (X, 3), {}),
    (np.full_like, (X, 2.5), {"dtype": np.float32, "shape": (3, 2)}),
    (np.linspace, (0.1, 0.9), {}),
    (np.linspace, (X, 2.0, 5), {"axis": -1}),
    (np.linspace, (1.0, W, 4), {"endpoint": False, "retstep": True}),
    (np.linspace, (1.0, W, 1), {}),
    (np.logspace, (0.0, 2.0, 5), {}),
    (np.logspace, (W, 2.0, 5), {"base": 2.0}),
    (np.divmod, (X, PLUS), {}),
    (np.divmod, (X, -0.3), {}),
    (np.modf, (X * 3,), {}),
    (np.modf, (np.array([np.inf, -np.inf, -2.25, 0.5]),), {}),
    (np.nan_to_num, (SOME_HOLES,), {}),
    (np.nan_to_num, (np.array([np.nan, np.inf, -np.inf, 1]),), AT_INFINITY),
    (np.sinc, (np.array([0, 1e-9, 0.1, 0.159, 0.16, 1, -2.5, 1e5]),), {}),
    (np.partition, (V, 2), {}),
    (np.partition, (X, 1, 0), {}),
]
AT_A_KINK = [call for call in CALLS if call[0] is np.interp and call[1][0] is UP]
"""Each composition, called in the ways that go through different lines of it."""


def name(call):
    function, _, kwargs = call
    return "-".join([function.__name__, *map(str, kwargs)])


@pytest.mark.parametrize("call", CALLS, ids=name)
def test_the_value_is_numpys(call):
    function, args, kwargs = call
    expected, found = function(*args, **kwargs), COMPOSITIONS[function](*args, **kwargs)
    several = isinstance(expected, tuple | list)
    assert isinstance(found, tuple | list) == several
    for e, f in zip(
        expected if several else (expected,), found if several else (found,), strict=True
    ):
        if function is np.partition:  # the order within the parts is not promised
            e, f = np.sort(e, *args[2:]), np.sort(f, *args[2:])
        assert np.shape(f) == np.shape(e)
        assert np.result_type(f) == np.result_type(e)
        np.testing.assert_allclose(f, e, rtol=1e-13, atol=1e-13)


def narrowed(value):
    is_float = isinstance(value, np.ndarray | np.generic) and value.dtype == float
    return value.astype(np.float32) if is_float else value


@pytest.mark.parametrize("call", CALLS, ids=name)
def test_the_dtype_is_numpys_for_float32_too(call):
    function, args, kwargs = call
    args, kwargs = [*map(narrowed, args)], {k: narrowed(v) for k, v in kwargs.items()}
    for as_variables in (False, True):
        given = [
            clearprop.Variable(x) if as_variables and getattr(x, "dtype", 0) == np.float32 else x
            for x in args
        ]
        expected, found = function(*args, **kwargs), COMPOSITIONS[function](*given, **kwargs)
        several = isinstance(expected, tuple | list)
        pairs = zip(expected, found, strict=True) if several else [(expected, found)]
        for e, f in pairs:
            assert np.result_type(f) == np.result_type(e)


SPECIAL = np.array([np.nan, -0.0, 0.0, -np.inf, np.inf, -2.0, 3.0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("deg", [False, True])
def test_angles_of_special_numbers(dtype, deg):
    x = SPECIAL.astype(dtype)
    v = clearprop.Variable(x)
    found = np.angle(v, deg)
    np.testing.assert_array_equal(found.data, np.angle(x, deg))
    assert found.dtype == dtype
    np.sum(found).backward()
    np.testing.assert_array_equal(v.grad[1:], 0)


@pytest.mark.parametrize("call", CALLS, ids=name)
def test_the_derivative_is_that_of_the_numbers(call):
    function, args, kwargs = call
    out = _flat(COMPOSITIONS[function](*args, **kwargs))
    dout = np.random.default_rng(2).uniform(0.5, 1, out.size)
    for i, x in enumerate(args):
        if (
            not isinstance(x, np.ndarray)
            or x.dtype.kind != "f"
            or any(call is c for c in AT_A_KINK)
        ):
            continue
        v = clearprop.Variable(x)
        recorded = function(*args[:i], v, *args[i + 1 :], **kwargs)
        parts = recorded if isinstance(recorded, tuple | list) else (recorded,)
        total = sum(
            np.sum(np.where(np.isfinite(part), part, 0) * np.reshape(d, np.shape(part)))
            for part, d in zip(parts, _split(dout, parts), strict=True)
        )
        if isinstance(total, clearprop.Variable):
            total.backward()

        def weighted(x, i=i):
            found = _flat(COMPOSITIONS[function](*args[:i], x, *args[i + 1 :], **kwargs))
            return np.sum(np.where(np.isfinite(out), found, 0) * dout)

        found = np.zeros(x.shape) if v.grad is None else v.grad
        np.testing.assert_allclose(found, _differences(weighted, x), rtol=1e-6, atol=1e-7)


def test_every_composition_is_called():
    """Those of shapes, joining and products stand with the tests of these."""
    ours = (choosing, cumulative, sequences, statistics)
    composed = {function for module in ours for function in module.COMPOSITIONS}
    assert {function for function, _, _ in CALLS} == composed


@pytest.mark.parametrize(
    "function", [f for f in COMPOSITIONS if not isinstance(f, np.ufunc)], ids=lambda f: f.__name__
)
def test_the_arguments_are_numpys(function):
    """All are there, in NumPy's order, so that a call means the same."""
    try:
        theirs = inspect.signature(function).parameters
    except ValueError:  # not every function of NumPy that is written in C tells them
        return
    ours = inspect.signature(COMPOSITIONS[function]).parameters
    if function is np.corrcoef:  # older versions take two more that do nothing
        theirs = {name: p for name, p in theirs.items() if name not in ("bias", "ddof")}
    positional = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
    assert [p for p in ours if ours[p].kind in positional] == [
        p for p in theirs if theirs[p].kind in positional
    ]
    if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in ours.values()):
        assert theirs.keys() - {"out"} <= ours.keys()


def test_an_output_array_is_refused_wherever_it_stands():
    v, buffer = clearprop.Variable(X), np.zeros(4)
    with pytest.raises(LeavesGraphError, match=r"np\.ptp: .*out=.* use the result"):
        np.ptp(v, 0, buffer)
    with pytest.raises(LeavesGraphError, match="out="):
        np.ptp(v, axis=0, out=buffer)
    np.testing.assert_array_equal(np.ptp(v, 0, None).data, np.ptp(X, 0))


def test_the_largest_numbers_stand_for_infinity():
    x = np.array([np.inf, -np.inf], np.float32)
    np.testing.assert_array_equal(COMPOSITIONS[np.nan_to_num](x), np.nan_to_num(x))
    assert COMPOSITIONS[np.nan_to_num](x).dtype == np.float32


def test_a_recorded_value_is_copied_into_a_shape():
    v = clearprop.Variable(2.0)
    full = np.full_like(clearprop.Variable(X), v, dtype=np.float32)
    assert full.dtype == np.float32
    np.sum(full).backward()
    assert v.grad == X.size


@pytest.mark.parametrize(
    ("ufunc", "method", "args", "kwargs"),
    [
        (np.add, "reduce", (X,), {}),
        (np.add, "reduce", (X, 1), {"keepdims": True}),
        (np.add, "reduce", (X,), {"axis": None, "initial": 2.0, "where": X > 0}),
        (np.multiply, "reduce", (X,), {}),
        (np.maximum, "reduce", (X,), {"axis": 1}),
        (np.minimum, "reduce", (X,), {"axis": (0, 1)}),
        (np.logical_and, "reduce", (X > 0,), {}),
        (np.logical_or, "reduce", (X > 1,), {"axis": 1}),
        (np.logaddexp, "reduce", (X * 400,), {}),
        (np.logaddexp, "reduce", (X * 400, 1), {"keepdims": True}),
        (np.logaddexp, "reduce", (X, 1), {"initial": 0.5, "where": X.min() < X}),
        (np.add, "accumulate", (X,), {}),
        (np.multiply, "accumulate", (X, 1), {}),
        (np.maximum, "accumulate", (X,), {}),
        (np.minimum, "accumulate", (X, 1), {}),
        (np.multiply, "outer", (X, V), {}),
        (np.hypot, "outer", (V, W), {}),
        (np.less, "outer", (V, W), {}),
    ],
)
def test_the_methods_of_ufuncs(ufunc, method, args, kwargs):
    expected = getattr(ufunc, method)(*args, **kwargs)
    found = UFUNC_METHODS[ufunc, method](*args, **kwargs)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    v = clearprop.Variable(args[0])
    recorded = getattr(ufunc, method)(v, *args[1:], **kwargs)
    np.testing.assert_allclose(recorded.data, expected, rtol=1e-13)
    if recorded.dtype == bool:
        return
    dout = np.random.default_rng(4).uniform(0.5, 1, np.shape(expected))
    np.sum(recorded * dout).backward()

    def weighted(x):
        return np.sum(getattr(ufunc, method)(x, *args[1:], **kwargs) * dout)

    np.testing.assert_allclose(v.grad, _differences(weighted, args[0]), rtol=1e-5, atol=1e-7)


def test_a_running_maximum_passes_ties_to_the_latest_and_nan_on():
    x = clearprop.Variable([1.0, 3.0, 2.0, 3.0, np.nan, 9.0])
    running = np.maximum.accumulate(x)
    np.testing.assert_array_equal(running.data, [1, 3, 3, 3, np.nan, np.nan])
    np.sum(np.where(np.isnan(running), 0, running)).backward()
    np.testing.assert_array_equal(x.grad, [1, 2, 0, 1, 0, 0])


def test_the_logarithm_of_a_sum_of_powers_of_nothing_much():
    x = clearprop.Variable([-np.inf, -800.0, -800.0])
    y = np.logaddexp.reduce(x)
    y.backward()
    assert y.data == pytest.approx(np.log(2) - 800)
    np.testing.assert_allclose(x.grad, [0, 0.5, 0.5])


def _flat(value):
    parts = value if isinstance(value, tuple | list) else (value,)
    return np.concatenate([np.ravel(part) for part in parts]).astype(np.float64)


def _split(dout, parts):
    return np.split(dout, np.cumsum([np.size(part) for part in parts])[:-1])


def _differences(f, x, h=1e-6):
    dx = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += h
        below[index] -= h
        dx[index] = (f(above) - f(below)) / (2 * h) if np.isfinite(x[index]) else 0
    return dx


def _listed(x):
    return x.tolist() if isinstance(x, np.ndarray) and x.ndim else x


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_what_stands_beside_a_variable_may_be_lists(number):
    function, args, kwargs = CALLS[number]
    kwargs = {name: _listed(value) for name, value in kwargs.items()}
    for place, arg in enumerate(args):
        if not isinstance(arg, np.ndarray) or arg.dtype.kind != "f":
            continue
        others = [a if i == place else _listed(a) for i, a in enumerate(args)]
        try:
            expected = function(*others, **kwargs)
        except Exception:  # NumPy wants an array there itself
            continue
        others[place] = clearprop.Variable(arg)
        found = function(*others, **kwargs)
        parts = found if isinstance(found, tuple) else (found,)
        for part, wanted in zip(parts, expected if parts is found else (expected,), strict=True):
            np.testing.assert_allclose(getattr(part, "data", part), wanted)


@pytest.mark.parametrize("name", ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax"])
def test_what_is_passed_over_does_not_spoil_second_derivatives(name):
    function, x = getattr(np, name), np.array([1.0, np.nan, 2.5, -1.0, 0.3])
    c, there = np.array([1.0, 1.0, 2.0, 3.0, -1.0]), ~np.isnan(x)

    def first(x):
        return np.sum(clearprop.grad(function)(x) * c)

    found = clearprop.grad(first)(x)
    for i in np.flatnonzero(there):
        step = 1e-5 * (np.arange(5) == i)
        assert abs((first(x + step) - first(x - step)) / 2e-5 - found[i]) < 1e-6
    assert found[1] == 0


@pytest.mark.parametrize("ends", [*itertools.product([-np.inf, np.inf, np.nan, 1.0], repeat=2)])
def test_quantiles_of_infinite_numbers_are_those_of_numpy(ends):
    for x in (np.array(ends), np.array([*ends, 3.0])):
        for f in (np.median, lambda x: np.quantile(x, 0.3), lambda x: np.percentile(x, [30, 80])):
            with np.errstate(invalid="ignore"):
                np.testing.assert_array_equal(f(clearprop.Variable(x)).data, f(x))
