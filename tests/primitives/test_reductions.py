"""Reductions and running sums: axes, masks, ties, zeros, empty arrays."""

import numpy as np
import pytest
from agreement import agree, agree_twice, keeps_float32

from clearprop.errors import ClearpropError, LeavesGraphError
from clearprop.graph import Variable, graph, value_and_grad
from clearprop.primitives.broadcasting import from_last, to_last

RNG = np.random.default_rng(21)
X = RNG.standard_normal((2, 3, 4))
ARRAYS = {
    "ordinary": X,
    "Fortran": np.asfortranarray(X),
    "backwards": X[::-1, :, ::-2],
    "apart": RNG.standard_normal((4, 6, 8))[::2, ::2, ::2],
    "copies": np.broadcast_to(X[:1], (2, 3, 4)),
    "ints": RNG.integers(-4, 5, (2, 3, 4)),
    "one": X[:1, :1, :1],
}
AXES = (None, 0, -1, (0, 2), (2, 0), (1,), (0, 1, 2), ())
REDUCTIONS = (np.sum, np.prod, np.mean, np.max, np.min, np.var, np.std)
DISTINCT = RNG.permutation(24).reshape(2, 3, 4)
"""Whole numbers without ties, at which a maximum has a derivative."""


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("function", REDUCTIONS, ids=lambda f: f.__name__)
def test_reductions_over_any_axes(function, axis, kind):
    x = ARRAYS[kind]
    if function in (np.max, np.min) and kind in ("ints", "copies"):
        x = DISTINCT
    if function is np.std and (axis == () or kind in ("one", "copies")):
        return  # the spread is 0: see below
    for keepdims in (False, True):
        agree(lambda a, k=keepdims: function(a, axis=axis, keepdims=k), x, tol=1e-6)


@pytest.mark.parametrize("function", REDUCTIONS, ids=lambda f: f.__name__)
def test_reductions_of_a_single_number(function):
    """NumPy lets some of them go over axis 0 of a number that has no axes."""
    axes = (None, 0, -1, ()) if function in (np.sum, np.prod, np.max, np.min) else (None, ())
    for axis in axes:
        if function is not np.std:
            agree(lambda a, axis=axis: function(a, axis=axis), np.array(0.7))


@pytest.mark.parametrize("function", [*REDUCTIONS, np.cumsum, np.cumprod], ids=lambda f: f.__name__)
def test_derivatives_of_derivatives(function):
    agree_twice(lambda a: np.sum(function(a, axis=1) ** 2), X)
    agree_twice(lambda a: function(a) ** 2, X)
    keeps_float32(lambda a: function(a, axis=-1), X)
    keeps_float32(function, X)


def torch_cases():
    torch = pytest.importorskip("torch")
    c = {"correction": 1}
    return [
        (lambda a: np.sum(a, axis=(0, -1)), lambda a: torch.sum(a, (0, -1))),
        (lambda a: np.prod(a, axis=1), lambda a: torch.prod(a, 1)),
        (lambda a: np.prod(a), lambda a: torch.prod(a)),
        (lambda a: np.mean(a, axis=0), lambda a: torch.mean(a, 0)),
        (lambda a: np.var(a, axis=(0, 1)), lambda a: torch.var(a, (0, 1), correction=0)),
        (lambda a: np.std(a, axis=1, **c), lambda a: torch.std(a, 1, **c)),
        (lambda a: np.std(a, ddof=1), lambda a: torch.std(a)),
        (lambda a: np.max(a, axis=(0, 1)), lambda a: torch.amax(a, (0, 1))),
        (lambda a: np.min(a, axis=-1), lambda a: torch.amin(a, -1)),
        (lambda a: np.amax(a), lambda a: torch.amax(a)),
        (lambda a: np.ptp(a, axis=1), lambda a: torch.amax(a, 1) - torch.amin(a, 1)),
        (lambda a: np.cumsum(a, axis=1), lambda a: torch.cumsum(a, 1)),
        (lambda a: np.cumprod(a, axis=-1), lambda a: torch.cumprod(a, -1)),
        (lambda a: np.logaddexp.reduce(a, axis=1), lambda a: torch.logsumexp(a, 1)),
        (lambda a: np.quantile(a, 0.3, axis=1), lambda a: torch.quantile(a, 0.3, 1)),
        (lambda a: np.cov(a[0]), lambda a: torch.cov(a[0])),
        (lambda a: np.corrcoef(a[0]), lambda a: torch.corrcoef(a[0])),
        (lambda a: np.maximum.accumulate(a, axis=1), lambda a: torch.cummax(a, 1).values),
        (lambda a: np.nanmean(a, axis=1), lambda a: torch.nanmean(a, 1)),
    ]


@pytest.mark.parametrize("number", range(19))
def test_awkward_arrays_as_pytorch_has_them(number):
    torch = pytest.importorskip("torch")
    ours, theirs = torch_cases()[number]
    ties = np.array([[2.0, 2, 1, 2], [0, 0, 3, 3], [-1, 5, 5, -1]])[None].repeat(2, 0)
    zeros = X.copy()
    zeros[0, 1, 2] = zeros[1, 0] = zeros[1, :, 1] = 0
    # What is spread over many orders of magnitude would amplify the last bit of a quotient.
    awkward = [X, ties, zeros, X * 1e150, X * 1e-150, X[..., ::-1], np.ones((2, 3, 4))]
    for i, x in enumerate(awkward):
        if number in (1, 2, 4, 5, 6, 12, 15, 16) and i in (3, 4):
            continue  # powers of these leave the range of float64
        if number == 16 and i in (1, 6):
            continue  # without a spread there is no correlation
        v, t = Variable(x), torch.tensor(x.copy(), requires_grad=True)
        out, expected = ours(v), theirs(t)
        np.testing.assert_allclose(out.data, expected.detach(), 1e-9, 1e-12)
        dout = np.random.default_rng(i).standard_normal(out.shape)
        np.sum(out * dout).backward()
        (expected * torch.tensor(dout)).sum().backward()
        scale = np.max(np.abs(t.grad.numpy()))
        np.testing.assert_allclose(v.grad, t.grad, 1e-9, 1e-12 * scale, err_msg=f"array {i}")


def grad(f, x, dout=None):
    v = Variable(x)
    out = f(v)
    np.sum(out if dout is None else out * dout).backward()
    return v.grad


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (np.max, [1.0, 3, 3, 3], [0, 1 / 3, 1 / 3, 1 / 3]),
        (np.max, [np.inf, np.inf, 0], [0.5, 0.5, 0]),
        (np.max, [1.0, np.nan, 3, np.nan], [0, 0.5, 0, 0.5]),
        (lambda x: np.max(x, initial=3.0), [1.0, 3, 2], [0, 0.5, 0]),
        (lambda x: np.max(x, initial=4.0), [1.0, 3, 2], [0, 0, 0]),
        (lambda x: np.min(x, where=x > 1, initial=9.0), [1.0, 3, 2], [0, 0, 1]),
        (lambda x: np.ptp(x), [1.0, 3, 3, 1], [-0.5, 0.5, 0.5, -0.5]),
        (np.prod, [2.0, 0, 5], [0, 10, 0]),
        (np.prod, [2.0, 0, 0], [0, 0, 0]),
        (np.prod, [0.0], [1]),
        (np.prod, [1e-200, 1e-200, 1e300], [1e100, 1e100, 0]),
        (lambda x: np.prod(x, initial=3.0), [2.0, 0, 5], [0, 30, 0]),
        (np.std, [2.0, 2, 2], [0, 0, 0]),
        (np.std, [7.0], [0]),
        (np.cumprod, [2.0, 0, 3, 4], [1, 32, 0, 0]),
        (np.nanmax, [1.0, np.nan, 3], [0, 0, 1]),
        (np.nanstd, [1.0, np.nan, 1], [0, 0, 0]),
        (np.nanmean, [1.0, np.nan, 3], [0.5, 0, 0.5]),
        (np.median, [3.0, 1, 2, 9], [0.5, 0, 0.5, 0]),
    ],
)
def test_ties_zeros_and_missing_numbers(f, x, expected):
    np.testing.assert_allclose(grad(f, x), expected, rtol=1e-13)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x, axis=1),
        lambda x: np.prod(x, axis=1),
        np.sum,
        np.prod,
        lambda x: np.cumsum(x, axis=1),
        lambda x: np.cumprod(x, axis=1),
        np.cumsum,
        lambda x: np.mean(x, axis=0),
        lambda x: np.var(x, axis=0),
        lambda x: np.std(x, axis=0),
        lambda x: np.max(x, axis=0),
        lambda x: np.max(x, initial=0.0),
        lambda x: np.sort(x, axis=0),
    ],
)
def test_nothing_to_reduce(f):
    x = np.zeros((3, 0))
    assert grad(f, x).shape == (3, 0)
    y = Variable(2.0)
    out = np.sum(f(x * y)) + y
    out.backward()
    assert y.grad == 1


def test_masks_may_be_recorded_too():
    for f in (np.sum, np.mean, np.prod, np.var, np.std):
        agree(lambda x, f=f: f(x, axis=1, where=x**2 > 0.01), X)
        agree_twice(lambda x, f=f: f(x, axis=1, where=x**2 > 0.01) ** 2, X)
    agree(lambda x: np.max(x, axis=1, where=x > 0, initial=-1.0), X)


def test_too_few_for_an_unbiased_variance():
    v = Variable([3.0])
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"), np.errstate(invalid="ignore"):
        out = np.var(v, ddof=1)
    out.backward()
    assert np.isnan(out.data)
    assert np.isnan(v.grad)


def test_float32_in_a_wider_sum():
    v = Variable(np.ones(3, np.float32))
    total = np.sum(v, dtype=np.float64)
    assert total.dtype == np.float64
    total.backward()
    assert v.grad.dtype == np.float32


@pytest.mark.parametrize("function", [np.sum, np.max, np.std, np.cumsum])
def test_an_output_array_is_refused(function):
    with pytest.raises(ClearpropError, match="out="):
        function(Variable(X), axis=0, out=np.zeros((3, 4)))
    with pytest.raises(ClearpropError, match="out="):
        function(Variable(X), 0, *([None] if function is not np.max else []), np.zeros((3, 4)))


@pytest.mark.parametrize("axis", [None, 0, (2, 0), (-1,), ()], ids=str)
def test_axes_are_brought_to_the_end_and_back(axis):
    rows = to_last(X, axis)
    np.testing.assert_array_equal(from_last(rows, X.shape, axis), X)
    np.testing.assert_allclose(np.sum(rows, axis=-1), np.sum(X, axis=axis), rtol=1e-14)


def test_long_products_need_few_operations():
    """The derivative of a running product is found by doubling, not element by element."""
    x = Variable(np.full(3000, 1.0001))
    out = np.cumprod(x)
    np.sum(out).backward(record=True)
    seen, todo = set(), [x.grad]
    while todo:
        node = todo.pop().node
        if node is not None and node not in seen:
            seen.add(node)
            todo += [v for v in node.inputs if isinstance(v, Variable)]
    assert len(seen) < 150


def test_the_spread_of_equal_values_has_the_derivative_0_also_where_their_mean_is_rounded():
    x = np.full((3, 4), 0.1) * np.array([1.0, 3.0, 7.0, 0.7])  # the mean of three is not exact
    assert np.std(x, axis=0).any()
    v = Variable(x)
    np.std(v, axis=0).sum().backward()
    assert not v.grad.any()
    spread = Variable(x + 1e-9 * np.arange(3.0)[:, None])
    np.std(spread, axis=0).sum().backward()
    np.testing.assert_allclose(spread.grad[:, 0], [-(1.5**-0.5) / 2, 0, 1.5**-0.5 / 2], atol=1e-6)


MASKED = {
    "np.sum": lambda a, m: np.sum(a, axis=0, where=m),
    "np.prod": lambda a, m: np.prod(a, where=m, keepdims=True),
    "np.max": lambda a, m: np.max(a, where=m, initial=-9.0),
    "np.min": lambda a, m: np.min(a, 1, where=m, initial=9.0),
    "np.mean": lambda a, m: np.mean(a, where=m),
    "np.std": lambda a, m: np.std(a, where=m),
    "np.nansum": lambda a, m: np.nansum(a, axis=1, where=m),
    "np.any": lambda a, m: np.any(a > 1, axis=1, where=m),
    "np.all": lambda a, m: np.all(a > 1, where=m),
    "a list": lambda a, m: np.sum([1.0, 2.0, 4.0], where=m[0]),
    "add.reduce": lambda a, m: np.add.reduce(a, where=m),
    "multiply.reduce": lambda a, m: np.multiply.reduce(a, where=m),
    "maximum.reduce": lambda a, m: np.maximum.reduce(a, axis=None, where=m, initial=0.0),
    "logical_or.reduce": lambda a, m: np.logical_or.reduce(a > 1, where=m),
    "logaddexp.reduce": lambda a, m: np.logaddexp.reduce(a, axis=1, where=m),
    "sum": lambda a, m: a.sum(where=m),
    "prod": lambda a, m: a.prod(axis=1, where=m),
    "min": lambda a, m: a.min(where=m, initial=9.0),
    "any": lambda a, m: (a > 1).any(where=m),
}


@pytest.mark.parametrize("name", MASKED)
def test_masks_may_be_variables_beside_plain_arrays(name):
    f = MASKED[name]
    a, v = np.array([[1.0, 2.0, 4.0], [0.5, 3.0, 8.0]]), np.array([[1.0, -1.0, 2.0]] * 2)
    expected = f(a, v > 0)
    for given in (a, Variable(a)) if name in ("np.sum", "np.any") else (a,):
        found = f(given, Variable(v) > 0)
        assert isinstance(found, Variable)
        np.testing.assert_allclose(found.data, expected, rtol=1e-15)
        assert found.dtype == expected.dtype
    assert graph(found).evaluate() == pytest.approx(expected)


@pytest.mark.parametrize("f", [np.sum, np.prod, np.max, np.add.reduce, np.ndarray.sum])
def test_beginnings_that_are_variables_are_refused_with_a_remedy(f):
    def begun(v):
        return f(np.ones(3), initial=v[0])

    with pytest.raises(LeavesGraphError, match="put initial beside the result"):
        value_and_grad(begun)(np.ones(1))
    with pytest.raises(ValueError, match="setting an array element") as e:
        begun(Variable(np.ones(1)))
    assert isinstance(e.value.__cause__, LeavesGraphError)
