"""The engine for C: rows of matrices, the batch fetched within a phase, the update in halves."""

import copy

import numpy as np
import pytest
from nets import batch, copied, dense

from clearprop import Affine, BatchNormalization, Layer, Network, Relu, value_and_grad
from clearprop.compiler import compile
from clearprop.compiler.engines import engine
from clearprop.layers import Convolution, Flatten
from clearprop.training import SGD, Adam

pytestmark = pytest.mark.skipif(
    engine("c").why_not() is not None, reason="no C compiler works here"
)


def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def standardised(x, g, b):
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.mean((x - mean) ** 2, axis=-1, keepdims=True)
    return g * (x - mean) / np.sqrt(variance + 1e-5) + b


FUNCTIONS = {
    "softmax": lambda x, g, b: softmax(x) * g,
    "log softmax": lambda x, g, b: x - np.log(np.sum(np.exp(x), axis=1, keepdims=True)),
    "softmax, one number a row": lambda x, g, b: np.sum(softmax(x) * b, axis=-1),
    "layer norm": standardised,
    "layer norm, twice": lambda x, g, b: standardised(np.tanh(standardised(x, g, b)), b, g),
    "span": lambda x, g, b: (
        (x - np.min(x, axis=1, keepdims=True))
        / (1 + np.max(x, axis=1, keepdims=True) - np.min(x, axis=1, keepdims=True))
    ),
    "norm": lambda x, g, b: x / np.sqrt(1 + np.sum(x * x, axis=1, keepdims=True)),
    "above the mean": lambda x, g, b: np.where(x > np.mean(x, axis=1, keepdims=True), x * g, b),
    "a column, renamed": lambda x, g, b: x * np.expand_dims(np.exp(np.mean(x, axis=1)), 1),
    "a column of columns": lambda x, g, b: np.log(1 + np.exp(-np.abs(np.sum(x, axis=1)))),
}


SHAPES = (
    ((40, 10), np.float32),
    ((33, 33), np.float32),
    ((37, 7), np.float64),
    ((2, 300), np.float32),
)


@pytest.mark.parametrize("number", range(2 * len(FUNCTIONS)))
def test_rows_are_numpys(number):
    name, (shape, dtype) = [*FUNCTIONS][number // 2], SHAPES[(number + number // 4) % 4]
    rng = np.random.default_rng(0)
    x, g, b = (rng.standard_normal(s).astype(dtype) for s in (shape, shape[1:], shape[1:]))

    def f(x, g, b):
        return np.sum(FUNCTIONS[name](3 * x, g, b) ** 2)

    found = compile(value_and_grad(f, (0, 1, 2)), engine="c")
    value, gradients = found(x, g, b)
    exact, wanted = value_and_grad(f, (0, 1, 2))(*(a.astype(np.float64) for a in (x, g, b)))
    near = 1e-12 if dtype == np.float64 else 1e-5
    assert "_row(" in found.source
    assert value == pytest.approx(exact, rel=near, abs=near)
    for a, e in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(a, e, rtol=0, atol=near * max(1, np.abs(e).max()))


def test_what_is_not_finite_is_handed_on_as_by_numpy():
    x = np.ones((6, 50), np.float32)
    x[1, 3], x[2, 0], x[3, 49], x[4] = np.inf, np.nan, -np.inf, 200.0
    with np.errstate(all="ignore"):
        for f in (softmax, lambda x: np.exp(x) - np.sum(x, axis=1, keepdims=True)):
            np.testing.assert_allclose(compile(f, engine="c")(x), f(x), rtol=1e-5)


class Norm(Layer):
    """Each sample to mean 0 and variance 1, written by hand in both directions."""

    params = ("g", "b")

    def __init__(self, n, dtype):
        self.g, self.b = np.ones(n, dtype), np.zeros(n, dtype)

    def forward(self, x):
        self.s = np.sqrt(np.mean((x - np.mean(x, 1, keepdims=True)) ** 2, 1, keepdims=True) + 1e-3)
        self.z = (x - np.mean(x, 1, keepdims=True)) / self.s
        return self.z * self.g + self.b

    def backward(self, dout):
        self.dg, self.db = np.sum(dout * self.z, axis=0), np.sum(dout, axis=0)
        dz = dout * self.g
        mean, along = (np.mean(a, axis=1, keepdims=True) for a in (dz, dz * self.z))
        return (dz - mean - self.z * along) / self.s


def nets(dtype):
    rng = np.random.default_rng(2)

    def affine(n, m):
        return Affine(rng.standard_normal((n, m)).astype(dtype) / 9, np.zeros(m, dtype))

    yield Network([affine(90, 33), Relu(), affine(33, 10)])
    yield Network([affine(90, 33), Norm(33, dtype), Relu(), affine(33, 3)])
    yield Network([affine(90, 20), BatchNormalization(np.ones(20, dtype), np.zeros(20, dtype)),
                   Relu(), affine(20, 3)])  # fmt: skip


@pytest.mark.parametrize("rows", [30, 33, 10])
@pytest.mark.parametrize("which", range(3))
def test_steps_on_batches_and_on_rows_of_a_data_set(which, rows):
    rng = np.random.default_rng(1)
    x, t = rng.random((200, 90)), rng.integers(3, size=200)
    chosen = [rng.permutation(200)[:rows] for _ in range(5)]

    def course(make, dtype, how):
        net = list(nets(dtype))[which]
        data, step = x.astype(dtype), compile(net, make(), engine=how)
        over = step.over(data, t) if rows != 33 else None
        losses = [step(data[r], t[r]) if over is None else over(r) for r in chosen]
        return np.array([*losses, *np.concatenate([p.ravel() for p in net.params.values()])])

    # Adam makes steps of rounding errors where a derivative is 0: of a bias before a mean is taken.
    for make in (lambda: SGD(0.1), lambda: Adam(0.01))[: 1 if which == 2 else 2]:
        exact = course(make, np.float64, "numpy")
        assert np.abs(course(make, np.float64, "c") - exact).max() < 1e-12
        own, numpys = (np.abs(course(make, np.float32, e) - exact).max() for e in ("c", "numpy"))
        assert own <= 3 * max(numpys, 1e-6)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, np.float64, bool])
@pytest.mark.parametrize("labels", [np.uint8, np.int32, np.int64])
def test_the_rows_of_a_batch_are_fetched_from_data_of_any_kind(kind, labels):
    rng = np.random.default_rng(5)
    x, t = rng.integers(0, 2, (70, 30)).astype(kind), rng.integers(0, 4, 70).astype(labels)
    rows = rng.permutation(70)[:50][::2]  # not side by side in memory
    scale = 0.5 if np.dtype(kind).kind in "iu" else None

    def trained(how):
        net = dense(30, 20, 4)
        step = compile(net, SGD(0.1), engine=how)
        over = step.over(x, t, scale)
        return [over(rows) for _ in range(3)], step

    (c, step), (n, _) = trained("c"), trained("numpy")
    np.testing.assert_allclose(c, n, rtol=1e-5)
    fetched = kind not in (bool, np.float64)  # float64 meets float32 weights in float64
    assert ("X.take" not in step.source) == fetched


def test_rows_that_something_else_reads_are_fetched_by_numpy():
    class Sorted(Layer):
        def forward(self, x):
            return np.concatenate([x, np.sort(x, axis=1)[:, :3]], axis=1)

    rng = np.random.default_rng(0)
    x, t, rows = rng.random((60, 30), np.float32), rng.integers(0, 4, 60), np.arange(40)
    of = {}
    for how in ("c", "numpy"):
        first = Affine(np.full((33, 20), 0.1, np.float32), np.zeros(20, np.float32))
        step = compile(Network([Sorted(), first, Relu(), *dense(20, 4).layers.values()]),
                       SGD(0.1), engine=how)  # fmt: skip
        over = step.over(x, t)
        of[how] = [over(rows) for _ in range(3)]
        assert "X.take" in step.source
    np.testing.assert_allclose(of["c"], of["numpy"], rtol=1e-5)


def test_images_are_fetched_and_go_through_all_layers_in_one_phase():
    rng = np.random.default_rng(0)
    filters = rng.standard_normal((4, 2, 3, 3)).astype(np.float32)
    net = Network([Convolution(filters, np.zeros(4, np.float32)), Relu(), Flatten(),
                   *dense(4 * 36, 5).layers.values()])  # fmt: skip
    x, t = rng.random((90, 2, 8, 8), np.float32), rng.integers(0, 5, 90)
    step, other = (compile(copy.deepcopy(net), SGD(0.1), engine=how) for how in ("c", "numpy"))
    one, two = step.over(x, t), other.over(x, t)
    for _ in range(4):
        rows = rng.permutation(90)[:32]
        assert one(rows) == pytest.approx(two(rows), rel=1e-5)
    assert step.source.count("// the rows of the batch") == 1
    assert "phase_2" not in step.source


def test_a_wrong_kernel_for_rows_is_found(monkeypatch):
    from clearprop.compiler.engines.c import rows

    wrong = rows.Reduction("0", lambda n, a, b: f"{a} + {b} + all{n}(1)")
    monkeypatch.setitem(rows.REDUCTIONS, np.sum, wrong)
    x = np.random.default_rng(0).standard_normal((40, 11)).astype(np.float32)
    with pytest.warns(RuntimeWarning, match="differs from NumPy"):
        found = compile(softmax, engine="c")(x)
    np.testing.assert_allclose(found, softmax(x), rtol=1e-5)


def test_a_wrong_fetch_is_found(monkeypatch):
    from clearprop.compiler.engines.c import phase_text

    right = phase_text.lines_of

    def wrong(fetch, to, rows):
        lines = right(fetch, to, rows)
        lines.lines = [line.replace("+ *(rows + n)", "+ n") for line in lines.lines]
        return lines

    monkeypatch.setattr(phase_text, "lines_of", wrong)
    rng = np.random.default_rng(0)
    x, t = rng.random((60, 31), np.float32), rng.integers(0, 4, 60)
    step = compile(dense(31, 20, 4), SGD(0.1), engine="c")
    with pytest.warns(RuntimeWarning, match="differs from NumPy"):
        found = step.over(x, t)(np.arange(59, 9, -1))
    assert found == pytest.approx(compile(dense(31, 20, 4), SGD(0.1))(x[59:9:-1], t[59:9:-1]))


def test_nothing_is_changed_by_a_step_that_is_not_finite():
    net = dense(784, 50, 10)
    before = copied(net)
    step = compile(net, SGD(0.1), engine="c")
    x = np.full((20, 784), np.float32(3e38))
    with pytest.raises(ArithmeticError), np.errstate(all="ignore"):
        step(x, np.arange(20) % 10)
    assert "update()" in step.source
    for name, p in net.params.items():
        np.testing.assert_array_equal(p, before[name])


@pytest.mark.parametrize("names", ["r s v", "a w g", "m all row_", "k last c", "x t memset"])
def test_parameters_may_be_called_as_something_is_in_c(names):
    class Named(Layer):
        params = tuple(names.split())

        def __init__(self):
            for i, name in enumerate(self.params):
                setattr(self, name, np.linspace(i, i + 1, 20, dtype=np.float32))

        def forward(self, x):
            for name in self.params:
                x = np.maximum(x * getattr(self, name), 0) + getattr(self, name)
            return x - np.mean(x, axis=1, keepdims=True)

    x, t = batch(40, 30, 3)
    steps = (
        compile(Network([*dense(30, 20).layers.values(), Named(), Named(),
                         *dense(20, 3).layers.values()]), SGD(0.01), engine=how)
        for how in ("c", "numpy")
    )  # fmt: skip
    one, other = ([step(x, t) for _ in range(3)] for step in steps)
    np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("kind", [">i8", ">i4", ">u2"])
def test_labels_with_their_bytes_in_another_order_are_read_as_they_are(kind):
    """As IDX, FITS and HDF5 files give them: C would read other numbers, beyond its rows."""
    x, t = batch(26, 6, 4)
    losses = []
    for labels in (t, t.astype(kind)):
        step = compile(dense(6, 8, 4), SGD(0.1), engine="c")
        losses.append([step(x, labels) for _ in range(3)])
    np.testing.assert_allclose(*losses, rtol=1e-6)  # the label's own element is found elsewhere


PARTIAL = {
    "a mask that is computed": lambda x, m, **k: np.sum(np.tanh(x), where=x > 0, **k),
    "a mask that is given": lambda x, m, **k: np.sum(np.tanh(x), where=m, **k),
    "a mask of rows": lambda x, m, **k: np.sum(np.tanh(x), where=m[:, :1], **k),
    "a constant mask": lambda x, m, **k: np.sum(np.tanh(x), where=np.arange(33) % 3 > 0, **k),
    "a mean": lambda x, m, **k: np.mean(np.tanh(x), where=m | (x > 0), **k),
    "the largest": lambda x, m, **k: np.max(np.tanh(x), where=m, initial=0.3, **k),
    "the smallest": lambda x, m, **k: np.min(np.tanh(x), where=m, initial=0.3, **k),
    "a start": lambda x, m, **k: np.sum(np.tanh(x), initial=0.3, **k),
    "another dtype": lambda x, m, **k: np.sum(np.tanh(x), dtype=np.float64, **k),
}


@pytest.mark.parametrize("name", PARTIAL)
def test_a_kernel_leaves_to_numpy_what_is_not_the_sum_of_all(name):
    rng = np.random.default_rng(0)
    x, m = rng.standard_normal((67, 33)).astype(np.float32), rng.random((67, 33)) > 0.3

    def loss(x, m):
        kept = {"axis": 1, "keepdims": True}
        both = PARTIAL[name](x, m, axis=0) + PARTIAL[name](x, m, **kept)
        return np.sum(np.exp(both / 30) * x)

    for found, expected in zip(
        compile(value_and_grad(loss), engine="c")(x, m), value_and_grad(loss)(x, m), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)
