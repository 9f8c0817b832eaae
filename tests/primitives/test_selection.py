"""Choosing elements by condition, bounds, index, order and window."""

import numpy as np
import pytest
from agreement import agree, agree_twice, keeps_float32
from numpy.lib.stride_tricks import sliding_window_view

from clearprop.errors import ClearpropError
from clearprop.graph import Variable
from clearprop.primitives.windows import add_windows

RNG = np.random.default_rng(31)
X = RNG.standard_normal((3, 4))
CUBE = RNG.standard_normal((2, 3, 4))
INDEX = np.array([[0, 2, -1], [2, 2, 1]])

FORMS = {
    "where": lambda a: np.where(a > 0, a, a**2),
    "where a number": lambda a: np.where(a > 0, a[..., :1], 3),
    "where, a mask of one axis": lambda a: np.where(np.arange(a.shape[-1]) % 2 == 0, a, 1.5),
    "clip": lambda a: np.clip(a, -0.5, 0.5),
    "clip below": lambda a: np.clip(a, 0.1, None),
    "clip above": lambda a: a.clip(max=0.1),
    "clip by itself": lambda a: np.clip(a, a[:1] - 0.3, a[1:2] + 0.2),
    "take": lambda a: np.take(a, INDEX),
    "take rows": lambda a: np.take(a, INDEX % 2, axis=0),
    "take from the end": lambda a: np.take(a, INDEX, axis=-1),
    "take one": lambda a: np.take(a, 2, axis=-1),
    "take, wrapped": lambda a: np.take(a, [5, -7, 1], axis=1, mode="wrap"),
    "take, clipped": lambda a: a.take([5, -7, 1], 1, mode="clip"),
    "take_along_axis": lambda a: np.take_along_axis(a, np.argsort(-a, axis=-1), axis=-1),
    "take_along_axis, some": lambda a: np.take_along_axis(a, np.argmax(a, 0, keepdims=True), 0),
    "sort": np.sort,
    "sort rows": lambda a: np.sort(a, axis=0),
    "sort all": lambda a: np.sort(a, axis=None),
    "partition": lambda a: np.sort(np.partition(a, 2)[..., :2]),
    "diagonal": np.diagonal,
    "diagonal below": lambda a: np.diagonal(a, -1, -1, 0),
    "diagonal outside": lambda a: np.diagonal(a, 9),
    "trace": np.trace,
    "diag": lambda a: np.diag(np.ravel(a), -2),
    "tril": lambda a: np.tril(a, -1),
    "triu": np.triu,
    "compress": lambda a: np.compress([True, False, True], a, axis=1),
    "extract": lambda a: np.extract(a > 0, a),
    "mask": lambda a: a[a > 0],
    "select": lambda a: np.select([a > 1, a > 0], [a, a**2], -a),
    "choose": lambda a: np.choose(INDEX % 2, [a[..., :1, :3], a[..., 1:2, :3] ** 2]),
    "windows": lambda a: sliding_window_view(a, 2, -1),
    "windows of two axes": lambda a: sliding_window_view(a, (2, 3), (-1, 1)),
    "diff": lambda a: np.diff(a, 2, prepend=0),
    "bincount": lambda a: np.bincount(np.arange(np.size(a)) % 3, np.ravel(a), 5),
    "interp": lambda a: np.interp(a, [-2.0, -0.1, 0.3, 2.0], [1.0, -1.0, 2.0, 0.0]),
    "median": lambda a: np.median(a, axis=-1),
    "running maximum": lambda a: np.maximum.accumulate(a, axis=1),
}
LAYOUTS = {
    "ordinary": CUBE,
    "Fortran": np.asfortranarray(CUBE),
    "backwards": CUBE[::-1, :, ::-1],
    "apart": RNG.standard_normal((4, 6, 8))[::2, ::2, ::2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", FORMS)
def test_choosing(form, layout):
    agree(FORMS[form], LAYOUTS[layout])


@pytest.mark.parametrize("form", FORMS)
def test_derivatives_of_derivatives(form):
    agree_twice(lambda a: np.sum(FORMS[form](a) ** 2) ** 2, CUBE)
    if form != "bincount":  # which NumPy gives in float64
        keeps_float32(FORMS[form], CUBE)


PYTORCH = {
    "where": lambda t, a, b: t.where(a > 0, a, b),
    "clip": lambda t, a, b: t.clamp(a, b, 2 * b.abs()),
    "take": lambda t, a, b: t.take(a, t.tensor([0, 5, 5])),
    "take_along_axis": lambda t, a, b: t.take_along_dim(a, t.argsort(b, dim=1, stable=True), 1),
    "sort": lambda t, a, b: t.sort(a * b, dim=0, stable=True).values,
    "diagonal": lambda t, a, b: t.diagonal(a * b, 1),
    "tril": lambda t, a, b: t.tril(a * b, -1),
    "unfold": lambda t, a, b: (a * b).unfold(1, 3, 1),
    "diff": lambda t, a, b: t.diff(a * b, 2, 1),
    "nan_to_num": lambda t, a, b: t.nan_to_num(a * b),
    "max of three": lambda t, a, b: t.maximum(t.maximum(a, b), a * b),
    "select": lambda t, a, b: a[:, [0, 0, 2]] * b[1, 1:],
    "linspace": lambda t, a, b: a + (b - a) * t.tensor(0.25, dtype=t.float64),
    "trapezoid": lambda t, a, b: t.trapezoid(a, b, dim=1),
    "gradient": lambda t, a, b: t.gradient(a, spacing=0.5, dim=1, edge_order=1)[0],
    "sinc": lambda t, a, b: t.sinc(a + b),
    "vander": lambda t, a, b: t.linalg.vander(a[0], N=4),
    "median": lambda t, a, b: t.quantile(a * b, 0.5, dim=1),
}
NUMPY = {
    "where": lambda a, b: np.where(a > 0, a, b),
    "clip": lambda a, b: np.clip(a, b, 2 * np.abs(b)),
    "take": lambda a, b: np.take(a, [0, 5, 5]),
    "take_along_axis": lambda a, b: np.take_along_axis(a, np.argsort(b, 1, stable=True), 1),
    "sort": lambda a, b: np.sort(a * b, 0),
    "diagonal": lambda a, b: np.diagonal(a * b, 1),
    "tril": lambda a, b: np.tril(a * b, -1),
    "unfold": lambda a, b: sliding_window_view(a * b, 3, axis=1),
    "diff": lambda a, b: np.diff(a * b, 2),
    "nan_to_num": lambda a, b: np.nan_to_num(a * b),
    "max of three": lambda a, b: np.maximum(np.maximum(a, b), a * b),
    "select": lambda a, b: a[:, [0, 0, 2]] * b[1, 1:],
    "linspace": lambda a, b: np.linspace(a, b, 5)[1],
    "trapezoid": lambda a, b: np.trapezoid(a, b),
    "gradient": lambda a, b: np.gradient(a, 0.5, axis=1),
    "sinc": lambda a, b: np.sinc(a + b),
    "vander": lambda a, b: np.vander(a[0], 4, increasing=True),
    "median": lambda a, b: np.median(a * b, axis=1),
}


@pytest.mark.parametrize("form", NUMPY)
@pytest.mark.parametrize("kind", ["ordinary", "ties", "large", "tiny"])
def test_as_pytorch_has_it(form, kind):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    if kind == "ties":
        arrays = [rng.integers(-1, 2, (3, 4)).astype(float) for _ in range(2)]
    else:
        scale = {"ordinary": 1, "large": 1e50, "tiny": 1e-50}[kind]
        arrays = [rng.standard_normal((3, 4)) * scale for _ in range(2)]
    if kind in ("large", "tiny") and form == "sinc":
        return  # sin(1e50) is noise, and PyTorch's derivative near 0 is a difference of equals
    ours = [Variable(a) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    out, expected = NUMPY[form](*ours), PYTORCH[form](torch, *theirs)
    np.testing.assert_allclose(out.data, expected.detach(), rtol=1e-12)
    dout = rng.standard_normal(out.shape)
    np.sum(out * dout).backward()
    (expected * torch.tensor(dout)).sum().backward()
    for v, t in zip(ours, theirs, strict=True):
        found, wanted = (np.zeros((3, 4)) if g is None else np.asarray(g) for g in (v.grad, t.grad))
        scale = np.max(np.abs(wanted), initial=0)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-13 * scale)


def slopes(f, *operands):
    variables = [Variable(x) for x in operands]
    np.sum(f(*variables)).backward()
    return [None if v.grad is None else v.grad.tolist() for v in variables]


def test_the_bounds_of_clip_have_derivatives():
    x = [0.0, 1.0, 1.5, 2.0, 3.0]
    assert slopes(np.clip, x, 1.0, 2.0) == [[0, 1, 1, 1, 0], 1, 1]
    assert slopes(lambda a, low: np.clip(a, low, None), x, 1.5) == [[0, 0, 1, 1, 1], 2]
    assert slopes(lambda a, high: np.clip(a, a_max=high), x, 1.5) == [[1, 1, 1, 0, 0], 2]
    assert slopes(np.clip, x, 2.0, 1.0) == [[0] * 5, 0, 5]  # with crossed bounds the upper wins


def test_where_with_one_argument_gives_indices():
    v = Variable(X)
    rows, columns = np.where(v > 0)
    np.testing.assert_array_equal((rows.data, columns.data), np.where(X > 0))
    np.sum(v[rows, columns]).backward()
    np.testing.assert_array_equal(v.grad, (X > 0) * 1.0)


def test_an_unchosen_infinity_does_no_harm():
    found = slopes(lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), x), [0.0, 4.0])
    assert found == [[1, 0.25]]


def test_sorted_ties_keep_their_order():
    v = Variable([1.0, 0, 1, 0, 1])
    np.sum(np.sort(v) * [1, 2, 3, 4, 5]).backward()
    np.testing.assert_array_equal(v.grad, [3, 1, 4, 2, 5])


def test_a_recorded_index():
    x, index = Variable(X), Variable(np.array([2, 0, 2]))
    for f in (
        lambda: np.take(x, index, axis=0),
        lambda: x[index],
        lambda: np.take_along_axis(x, index[:, None], axis=1),
    ):
        x.grad = None
        out = f()
        np.testing.assert_array_equal(out.data.shape[0], 3)
        np.sum(out).backward()
        assert x.grad.sum() == out.size


def test_constants_of_the_graph_are_found_by_recorded_numbers():
    """Only the place is recorded, the table it is looked up in is an array."""
    q = Variable(0.3)
    np.quantile(np.array([0.0, 1, 5]), q).backward()
    assert q.grad == 2
    x = Variable(0.5)
    np.interp(x, np.array([0.0, 1, 2]), np.array([0.0, 3, 4])).backward()
    assert x.grad == 3


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda v: np.quantile(v, 1.5), "out of bounds"),
        (lambda v: np.quantile(v, -0.5), "out of bounds"),
        (lambda v: np.quantile(v, 0.5, method="weibull"), "methods linear"),
        (lambda v: np.choose(np.array([0, -1]), v[:, :2]), "out of bounds"),
        (lambda v: np.choose(np.array([0, 3]), v[:, :2]), "out of bounds"),
        (lambda v: np.select([v > 0], []), "one choice for each condition"),
        (lambda v: np.select([v], [v]), "not bool"),
        (lambda v: np.clip(v, 0, 1, out=np.zeros((3, 4))), "out="),
        (lambda v: np.clip(v, 0, 1, np.zeros((3, 4))), "out"),
        (lambda v: np.clip(v, 0, a_min=1), "a_min"),
        (lambda v: np.nan_to_num(v, copy=False), "copy=False"),
        (lambda v: np.average(v, weights=[1, 2, 3]), "axis="),
        (lambda v: np.average(v, 1, [1, 2, 3]), "do not fit"),
        (lambda v: np.diff(v, -1), "negative"),
        (lambda v: np.diff(v[0, 0]), "single number"),
        (lambda v: np.gradient(v[:1]), "length 1"),
        (lambda v: np.gradient(v, 1.0, 2.0, 3.0), "3 spacings for 2 axes"),
        (lambda v: np.convolve(v, v), "one axis"),
        (lambda v: np.convolve(v[0], v[0], "wide"), "mode"),
        (lambda v: np.interp(v, [1.0, 2.0], [1.0]), "one length"),
        (lambda v: np.vander(v), "one axis"),
        (lambda v: np.diag(v[None]), "one or two axes"),
        (lambda v: np.cumulative_sum(v), "axis"),
    ],
)
def test_what_does_not_fit_is_refused(f, message):
    with pytest.raises((ClearpropError, IndexError, TypeError, ValueError), match=message):
        f(Variable(X))


def test_windows_add_up_where_an_axis_is_slid_over_twice():
    windows = sliding_window_view(X, (2, 2), (1, 1))
    dout = RNG.standard_normal(windows.shape)
    added = add_windows(dout, shape=X.shape, axes=(1, 1))
    np.testing.assert_allclose(np.sum(added * X), np.sum(dout * windows))
