"""Compiled functions compute what the functions compute: all of the table, and compositions."""

import math
import statistics

import numpy as np
import pytest
from harness import Case, differentiable, on_all_samples, random_dout

from clearprop import grad, value_and_grad
from clearprop.compiler import compile
from clearprop.errors import ClearpropError, ConfigError, LeavesGraphError, UnsupportedError
from clearprop.graph.recording import record

WITHOUT_SOURCE = "has no NumPy source"
"""What the refusal says where a function of ours stands in the graph that NumPy does not have."""


def flat(out):
    if isinstance(out, tuple | list):
        return [part for piece in out for part in flat(piece)]
    return [out]


def function_of(case: Case):
    """The row as a function of its differentiable operands, with arrays for them."""
    places = differentiable(case)
    arrays = [np.asarray(case.operands[i], np.float64) for i in places]

    def f(*variables):
        operands = list(case.operands)
        for i, v in zip(places, variables, strict=True):
            operands[i] = v
        return record(case.row, tuple(operands), case.params)

    return f, arrays


def unless_refused(compiled, arrays):
    """The result, or None where a function of ours without source in NumPy is needed for it."""
    try:
        return compiled(*arrays)
    except UnsupportedError as error:
        if WITHOUT_SOURCE not in str(error):
            raise
        return None


def check_equal(found, expected, rtol):
    for a, b in zip(flat(found), flat(expected), strict=True):
        assert np.shape(a) == np.shape(b)
        assert np.result_type(a) == np.result_type(b)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


@on_all_samples
def test_every_row_gives_its_value(case: Case):
    f, arrays = function_of(case)
    if not arrays:  # this sample has no operand to be a variable
        return
    operands = list(case.operands)
    for i, a in zip(differentiable(case), arrays, strict=True):
        operands[i] = a[()]
    expected = case.row.evaluate(*operands, **case.params)
    compiled = compile(f)
    found = unless_refused(compiled, arrays)
    if found is None:
        assert case.row.name.startswith("clearprop.")
        return
    check_equal(found, expected, 1e-13)
    again = compiled(*arrays)
    for a, b in zip(flat(found), flat(again), strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.shares_memory(a, b)


@on_all_samples
def test_every_row_gives_its_derivatives(case: Case):
    f, arrays = function_of(case)
    if not arrays:  # this sample has no operand to be a variable
        return
    douts = flat(random_dout(flat(f(*arrays)), np.random.default_rng(1)))

    def loss(*variables):
        return sum(np.sum(o * d) for o, d in zip(flat(f(*variables)), douts, strict=True))

    both = value_and_grad(loss, tuple(range(len(arrays))))
    try:
        expected = both(*arrays)
    except ClearpropError as error:
        with pytest.raises(type(error)):
            compile(both)(*arrays)
        return
    found = unless_refused(compile(both), arrays)
    if found is not None:
        check_equal(found, expected, 1e-10)


X = np.linspace(-1, 1.2, 12).reshape(4, 3)
Y = np.cos(X)
Z = np.sin(3 * X)
windows = np.lib.stride_tricks.sliding_window_view


def chained_views(x, y):
    a = x * 2.0
    w = windows(a, 2, axis=0)
    c = np.exp(np.log(np.exp(y) + 1) * 3)
    d = np.exp(-c)
    return (w[..., 0] * d[:3]).sum() + w.sum() + c.sum()


def turned(x, y):
    a = np.rot90(x * 2.0)
    c = np.exp(np.exp(y * 0.3) * 0.5)
    return (a.T * c).sum(axis=1) + np.exp(c).sum(axis=1)


def split(x, y):
    a, b = np.split(x * 2.0, 2)
    c = np.exp(np.exp(y * 0.3) * 0.5)
    return a * b + c[:2] + c[2:]


def unstacked(x, y):
    parts = np.unstack(x * 2.0)
    c = np.exp(np.exp(y * 0.3) * 0.5)
    return parts[0] * parts[3] + c.sum(axis=0)


def broadcast(x, y):
    a, b = np.broadcast_arrays(x * 2.0, y[:1] * 3.0)
    c = np.exp(np.exp(y * 0.3) * 0.5)
    return a * b + c


def numbers_that_are_views(x, y):
    first, last = (x * 2.0)[0, 0], np.reshape((y * 3.0)[3:, 2], ())
    c = np.exp(np.exp(y * 0.3) * 0.5)
    return first * last * c.sum() + np.squeeze(x[:1, :1])


def many_lives(x, y):
    kept, out = [], x
    for i in range(1, 8):
        out = np.exp(-out / i) + y
        kept.append(out)
    return sum(kept[::2], start=x) * kept[1] - kept[3]


TWO = [
    chained_views,
    turned,
    split,
    unstacked,
    broadcast,
    numbers_that_are_views,
    many_lives,
    lambda x, y: np.concatenate([np.ravel((x * 2.0).T), np.ravel(y * 3.0)]) * 1.5,
    lambda x, y: np.concatenate([(x[0] * 2.0)[::-1], y[0] * 3.0]),
    lambda x, y: np.concatenate([np.flip(x[:, 0] * 2.0), y[0] * 3.0]),
    lambda x, y: np.concatenate([x[0] * 2.0, x[0] * 2.0]) * y[0, 0],
    lambda x, y: np.concatenate([x * 2.0, y], axis=1),
    lambda x, y: np.concatenate([x * 2.0, y], axis=None),
    lambda x, y: np.concatenate([x.T, y.T * 2.0]).T,
    lambda x, y: (x @ y.T, 2.0 * (x @ y.T)),
    lambda x, y: np.dot(x, y.T) @ y,
    lambda x, y: np.where(x > 0, x * y, np.exp(x)) * np.where(x > 0, 1.0, y),
    lambda x, y: np.where(x[:, :1] > 0, x * 2.0, y * 3.0),
    lambda x, y: np.where(np.floor(x), x * 2.0, y) + np.where(np.arange(3), x, y * 3.0),
    lambda x, y: np.maximum(x, y) - np.minimum(x, 0.3),
    lambda x, y: x[np.array([0, 2, 2])] * y[1:],
    lambda x, y: x[np.array([True, False, True, True])].sum(axis=0) + y[..., 1, None],
    lambda x, y: x[:, None] * y[None, :, :1] + x[:, None, ::-1],
    lambda x, y: np.vecdot(x[:3], y[:3], axis=0),
    lambda x, y: np.sum(x, axis=(1, 0), keepdims=True) * y,
    lambda x, y: (
        np.max(x, axis=0, initial=0.3) + np.sum(y, axis=0, where=np.array([True, False, True]))
    ),
    lambda x, y: x.var(axis=0) + y.std(axis=0, ddof=1) + x.mean(),
    lambda x, y: np.cumsum(x * 2.0, axis=1) + np.cumprod(y, axis=0),
    lambda x, y: np.einsum("ij,kj->ik", x, y),
    lambda x, y: np.tensordot(x, y, axes=([0], [0])),
    lambda x, y: (x.astype(np.float32) * 2).astype(np.float64) + y,
    lambda x, y: np.round(x, 1) + np.clip(y, -0.5, 0.5) + np.floor(x) + abs(y),
    lambda x, y: np.median(x, axis=0) * np.ptp(y, axis=0),
    lambda x, y: np.argmax(x * y, axis=1),
    lambda x, y: (x > y) & (y < 0.5),
    lambda x, y: np.any(x > y, axis=0) * y,
    lambda x, y: (x, y * 1, x.T, x[0]),
    lambda x, y: [x * 2, (y + 1, x.sum())],
    lambda x, y: (x * 2, np.ones(3), 4.0),
    lambda x, y: x.sum() * y.sum() / 3 - 1,
    lambda x, y: 2**x + y**2 + np.float64(1.1) * x + np.int64(3) * y,
    lambda x, y: 0.0 * x + 1 * y,
    lambda x, y: np.reshape((x * 2).T, 12, order="F") + np.ravel((y * 2).T, order="F"),
    lambda x, y: np.sum(x, where=x > 0) * np.max(y, axis=0, where=x > 0, initial=-3.0),
    lambda x, y: np.sum(x, axis=0, where=x > 0) + y,
    lambda x, y: np.full((4, 3), 2.5) * x + np.arange(3) - np.eye(4, 3) * y,
]


@pytest.mark.parametrize("f", TWO, ids=lambda f: f.__name__)
def test_compositions(f):
    compiled = compile(f)
    for x, y in ((X, Y), (Z, X), (X.copy(order="F"), Z[::-1])):
        before = x.copy(), y.copy()
        check_equal(compiled(x, y), f(x, y), 1e-13)
        np.testing.assert_array_equal((x, y), before)


@pytest.mark.parametrize("f", TWO, ids=lambda f: f.__name__)
def test_derivatives_of_compositions(f):
    def loss(x, y):
        outs = [o for o in flat(f(x, y)) if np.result_type(o).kind == "f"]
        return sum((np.sum(np.sin(o)) for o in outs), start=0.0 * x.sum())

    both = value_and_grad(loss, (0, 1))
    found = unless_refused(compile(both), (X, Y))
    if found is not None:
        check_equal(found, both(X, Y), 1e-12)


@pytest.mark.parametrize(
    "dtypes",
    [
        *[("f4", "f4"), ("f4", "f8"), ("f8", "f4"), ("i8", "f4"), ("u1", "f8"), ("i4", "i4")],
        *[("f2", "f2"), ("f2", "f4"), ("f8", "f2")],
    ],
)
@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x * y + 1,
        lambda x, y: 2.5 * x - y,
        lambda x, y: np.float64(1.1) * x + y,
        lambda x, y: np.float32(1.1) * x + y,
        lambda x, y: np.int64(3) * x + y,
        lambda x, y: (x.sum() + 1.1) * y,
        lambda x, y: x.mean(axis=0) - y.sum(axis=0),
        lambda x, y: np.where(x > 1, x, y) / 3,
        lambda x, y: (x @ y.T).max(axis=1) + np.float64(1.1) * x.sum(),
        lambda x, y: np.concatenate([x, y]) * 2,
        lambda x, y: np.concatenate([x[0] * 2, np.exp(y[0] / 50), [1.5]]),
        lambda x, y: np.concatenate([np.ones(4, np.float32) @ x, y[0] * 3]),
        lambda x, y: np.stack([x[0] * 2, y[0] * 3]),
        lambda x, y: np.where(x > y, 1, y) + np.where(x > y, x, np.arange(3)),
        lambda x, y: np.take(x * 2, [0, 1], axis=1) + np.mean(y, axis=0)[:2],
    ],
)
def test_dtypes_are_numpys(f, dtypes):
    x, y = ((10 * abs(a)).astype(d) for a, d in zip((X, Y), dtypes, strict=True))
    tolerance = 2e-3 if "f2" in dtypes else 1e-6 if "f4" in dtypes else 1e-14
    found, expected = compile(f)(x, y), f(x, y)
    check_equal(found, expected, tolerance)
    if np.result_type(expected) == np.float64 and "f2" not in dtypes:
        wide = f(x.astype(np.float64), y.astype(np.float64))
        np.testing.assert_allclose(found, expected, rtol=1e-14, err_msg=str(wide))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "f",
    [lambda x: np.float64(1.1) * x, lambda x: np.int64(3) * x, lambda x: x * 1.1, lambda x: 1 / x],
)
def test_numbers_are_numpys_numbers(f, dtype):
    x = dtype(1.3)
    found = compile(f)(x)
    assert found == f(x)
    assert np.result_type(found) == np.result_type(f(x))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty_arrays(shape):
    x = np.zeros(shape)
    f = compile(lambda x: (x * 2 + 1, np.exp(x).sum(axis=0), x.sum()))
    check_equal(f(x), (x * 2 + 1, np.exp(x).sum(axis=0), x.sum()), 0)


def test_means_of_float16_do_not_overflow_on_the_way():
    x = np.full((2000, 3), 100, np.float16)
    check_equal(compile(lambda x: np.mean(x, axis=0))(x), x.mean(axis=0), 0)


@pytest.mark.parametrize("x", [2.3, np.float32(-2.3), np.float16(0.5), 2])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: x**3,
        lambda x: x * (x > 0),
        lambda x: np.where(x > 0, x, 0.0) * x,
        lambda x: np.maximum(x, 0.0) ** 2 + abs(x),
        lambda x: np.clip(x, 0, 1) * np.stack([x, 2 * x]).sum(),
        lambda x: np.concatenate([np.ravel(x), np.ravel(x * x)]).prod(),
        lambda x: np.reshape(x, (1, 1)).mean() * np.broadcast_to(x, 3).sum(),
        lambda x: np.astype(np.multiply(x, 1.0), np.float32) ** 2,
        lambda x: np.take(np.reshape(x, 1), 0) * np.sort(np.stack([x, -x]))[0],
        lambda x: np.copysign(x, -x) + np.sum(x, where=x > 0) + x % 1,
        lambda x: np.exp(x) * np.sign(x) * np.floor(x) * np.std(np.stack([x, x * x])),
    ],
)
def test_derivatives_of_a_single_number(f, x):
    for g in (f, grad(f), grad(grad(f))):
        check_equal(compile(g)(x), g(x), 1e-3 if np.result_type(x) == np.float16 else 1e-6)


def test_gradients_of_linear_functions_are_constant():
    slope = compile(grad(lambda x: (x * np.array([1.0, 2.0])).sum()))
    first = slope(np.ones(2))
    np.testing.assert_array_equal(first, [1.0, 2.0])
    first[...] = 9
    np.testing.assert_array_equal(slope(np.zeros(2)), [1.0, 2.0])


def test_higher_derivatives():
    f = grad(grad(grad(lambda x: (x**4).sum() if np.ndim(x) else x**4)))
    assert compile(f)(2.0) == pytest.approx(48.0)


def test_shapes_take_turns_and_results_stay():
    f = compile(lambda x: np.exp(x) * 2)
    arrays = [X, X[0], X[:2], X.astype(np.float32), X]
    results = [f(a) for a in arrays]
    for a, found in zip(arrays, results, strict=True):
        np.testing.assert_array_equal(found, np.exp(a) * 2)
        assert found.dtype == a.dtype


def test_the_source_is_there_after_the_first_call(tmp_path):
    f = compile(lambda x: x * 2)
    with pytest.raises(ConfigError, match="first call"):
        _ = f.source
    f(X)
    assert "np.multiply(" in f.source
    f.save(tmp_path / "twice.py")
    assert (tmp_path / "twice.py").read_text(encoding="utf-8") == f.source


def filled(x):
    out = np.zeros(3)
    for i, v in enumerate(x[0]):
        out[i] = v
    return out


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x * 2 if x.sum() > 0 else x, "branches on a value"),
        (lambda x: x * float(x.sum()), r"`.*x\.sum.*` turns a value into a plain number"),
        (lambda x: math.exp(x[0, 0]), r"np\.sin, not math\.sin"),
        (filled, r"`out\[i\] = v` turns .* np\.stack"),
        (lambda x: range(np.argmax(x)), r"by keyword, f\(x, n=3\)"),
        (lambda x: statistics.mean(x[0]), r"np\.mean, not statistics\.mean"),
        (lambda x: sum(np.nditer(x)), r"not np\.nditer"),
        (np.ones((2, 2)).dot, r"`compile\(f\)\(X\)` turns"),
        (lambda x: None, "return"),
        (lambda x: "text", "return"),
        (lambda x: x * np.random.default_rng().random(3), "same"),
    ],
)
def test_what_cannot_be_compiled_is_refused(f, message):
    with pytest.raises((UnsupportedError, LeavesGraphError), match=message):
        compile(f)(X)


def test_values_captured_from_outside_are_looked_at_in_every_call():
    factor = np.array([1.0, 2.0, 3.0])
    f = compile(lambda x: x * factor)
    np.testing.assert_array_equal(f(X), X * factor)
    factor[...] = 0
    np.testing.assert_array_equal(f(X), X * factor)


@pytest.mark.parametrize("t", [[0, -1, 2, 0], [0, 3, 2, 0], [2, 1, 0, 1]])
def test_indices_out_of_range_are_what_they_are_for_numpy(t):
    def chosen(x, t):
        return np.take_along_axis(x, t[..., None], axis=-1) * 2

    def without(x, t):
        return x - (t[..., None] == np.arange(3))

    for f in (chosen, without):
        compiled = compile(f)
        compiled(X, np.array([0, 1, 2, 0]))
        try:
            expected = f(X, np.array(t))
        except IndexError:
            with pytest.raises(IndexError):
                compiled(X, np.array(t))
        else:
            np.testing.assert_array_equal(compiled(X, np.array(t)), expected)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_matrix_of_one_number_meets_infinity_as_it_does_in_numpy():
    product = compile(lambda a, b: np.matmul(a, b))
    a, b = np.zeros((1, 1)), np.array([[1.0, np.inf, 3.0]])
    product(a + 1, b)
    np.testing.assert_array_equal(product(a, b), [[0.0, np.nan, 0.0]])
