"""Every loss of the package reads targets, weighs samples and scores answers as it says."""

import numpy as np
import pytest
from test_layer_contract import LAYERS

from clearprop import (
    Affine,
    Huber,
    MeanSquaredError,
    Network,
    SigmoidWithLoss,
    SoftmaxWithLoss,
    Variable,
    check,
    compile,
    graph,
)
from clearprop.errors import (
    ClearpropError,
    ConfigError,
    DataError,
    DTypeError,
    GraphError,
    LabelError,
    NonFiniteError,
    ShapeError,
)
from clearprop.layers import ClassifierLoss, Loss, RegressionLoss, score_of
from clearprop.training import SGD

LOSSES = [cls for cls in LAYERS if issubclass(cls, Loss)]
SAMPLES = [
    pytest.param(layer, *inputs[:2], id=f"{cls.__name__}-{i}")
    for cls in LOSSES
    for i, (layer, inputs) in enumerate(cls.samples(np.random.default_rng(0)))
    if layer.answers(np.shape(inputs[0]))
]
EVERY = pytest.mark.parametrize(("layer", "x", "t"), SAMPLES)
NUMBERS = [SigmoidWithLoss, MeanSquaredError, Huber]


def loss_and_dx(layer, x, t, w=None):
    return layer.forward(x, t, w), layer.backward()


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def perfect(layer, x, t):
    """Answers without a fault."""
    t = layer.read(t, x.shape, x.dtype)
    if isinstance(layer, RegressionLoss):
        return t
    return np.eye(x.shape[-1])[t] if t.shape != x.shape else 2 * t - 1


def test_the_losses_are_found():
    assert set(LOSSES) >= {SoftmaxWithLoss, SigmoidWithLoss, MeanSquaredError, Huber}


@EVERY
def test_a_weight_of_2_is_a_sample_twice_and_0_none(layer, x, t):
    w = np.arange(len(x)) % 4 if len(x) > 1 else np.array([3])
    loss, dx = loss_and_dx(layer, x, t, w)
    rows = np.repeat(np.arange(len(x)), w)
    expected, each = loss_and_dx(layer, x[rows], np.asarray(t)[rows])
    assert_close(loss, expected)
    summed = np.zeros_like(x)
    np.add.at(summed, rows, each)
    assert_close(dx, summed)
    assert_close(
        layer.score(layer.tally(x, t, w)), layer.score(layer.tally(x[rows], np.asarray(t)[rows]))
    )


@EVERY
@pytest.mark.parametrize("weight", [1, 0.25])
def test_equal_weights_change_nothing(layer, x, t, weight):
    plain, weighted = loss_and_dx(layer, x, t), loss_and_dx(layer, x, t, np.full(len(x), weight))
    for found, expected in zip(weighted, plain, strict=True):
        assert_close(found, expected)


@EVERY
def test_each_answer_may_have_its_weight(layer, x, t):
    shape = layer.answers(x.shape)
    by_sample = np.linspace(1, 2, len(x)).reshape(-1, *[1] * (len(shape) - 1))
    expected = loss_and_dx(layer, x, t, by_sample.reshape(-1))
    found = loss_and_dx(layer, x, t, np.broadcast_to(by_sample, shape))
    assert_close(found[0], expected[0])
    assert_close(found[1], expected[1])


@EVERY
def test_weights_open_and_are_checked(layer, x, t):
    w = np.linspace(0.5, 2, len(x))
    v = Variable(x)
    loss = layer(v, Variable(np.asarray(t)), Variable(w))
    loss.backward()
    expected, dx = loss_and_dx(layer, x, t, w)
    assert loss.data == expected
    np.testing.assert_array_equal(v.grad, dx)
    opened = graph(loss).opened()
    np.testing.assert_array_equal(opened.outputs[0].data, expected)
    assert check(layer, x, t, w).ok


@EVERY
def test_perfect_answers_score_1(layer, x, t):
    assert layer.score(layer.tally(perfect(layer, x, t), t)) == 1


@EVERY
def test_scored_in_chunks_as_a_whole(layer, x, t):
    x, t = np.repeat(x, 3, axis=0), np.repeat(np.asarray(t), 3, axis=0)
    x = x + np.random.default_rng(1).standard_normal(x.shape)
    w = np.linspace(0, 1, len(x))
    for more in ((), (w,)):
        parts = ((x, t, *more), np.array([0, 1, 1, len(x)]))
        chunks = [[a[i:j] for a in parts[0]] for i, j in zip(parts[1], parts[1][1:], strict=False)]
        total = sum(layer.tally(*chunk) for chunk in chunks)
        whole = layer.tally(x, t, *more)
        assert total.dtype == whole.dtype == np.float64
        assert_close(layer.score(total), layer.score(whole))
        assert isinstance(layer.score(whole), float)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_accuracy_is_the_share_that_is_right(dtype):
    rng = np.random.default_rng(0)
    y, t = rng.integers(3, size=(50, 3)).astype(dtype), rng.integers(3, size=50)  # with ties
    right = [list(row).index(max(row)) == k for row, k in zip(y, t, strict=True)]
    loss = SoftmaxWithLoss()
    for labels in (t, t.reshape(-1, 1), np.eye(3)[t], np.eye(3)[t] * 0.8 + 0.2 / 3):
        assert loss.score(loss.tally(y, labels)) == np.mean(right)
    y, t = y[:, :2] - 1, rng.integers(2, size=(50, 2))
    right = [(a > 0) == (b == 1) for a, b in zip(y.flat, t.flat, strict=True)]
    assert SigmoidWithLoss().score(SigmoidWithLoss().tally(y, t)) == np.mean(right)


@pytest.mark.parametrize("shape", [(40,), (40, 1), (40, 3), (20, 2, 3)])
def test_r_squared_is_what_is_explained_of_the_variance(shape):
    rng = np.random.default_rng(0)
    t = 100 + 3 * rng.standard_normal(shape)
    y = t + rng.standard_normal(shape)
    loss = Huber()
    expected = 1 - ((t - y) ** 2).sum() / ((t - t.mean(axis=0)) ** 2).sum()
    np.testing.assert_allclose(loss.score(loss.tally(y, t)), expected, rtol=1e-10)
    mean = np.broadcast_to(t.mean(axis=0), shape)
    assert loss.score(loss.tally(mean, t)) == pytest.approx(0, abs=1e-10)
    assert loss.score(loss.tally(-t, t)) < -10


def test_targets_that_are_all_the_same_leave_nothing_to_explain():
    loss, t = MeanSquaredError(), np.full((7, 2), 0.1)
    assert loss.score(loss.tally(t, t)) == 1
    assert loss.score(loss.tally(t + 0.1, t)) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
@EVERY
def test_scores_that_mean_nothing_are_refused(layer, x, t, value):
    y = np.array(x)
    y.flat[-1] = value
    with pytest.raises(NonFiniteError, match=f"{layer.score_name}: some scores are .*; look for"):
        layer.tally(y, t)


def test_a_class_may_be_ruled_out():
    loss = SoftmaxWithLoss()
    assert loss.score(loss.tally(np.array([[1.0, -np.inf], [-np.inf, 0]]), [0, 0])) == 0.5


@pytest.mark.parametrize("cls", LOSSES)
def test_a_score_of_nothing_is_refused(cls):
    layer, (x, t, *_) = next(iter(cls.samples(np.random.default_rng(0))))
    for tally in (layer.tally(x[:0], t[:0]), layer.tally(x, t, np.zeros(len(x)))):
        words = f"{layer.score_name}: the batch is empty; give one sample .* weight"
        with pytest.raises(DataError, match=words):
            layer.score(tally)


@pytest.mark.parametrize("cls", NUMBERS)
@pytest.mark.parametrize(
    ("x", "t", "remedy"),
    [
        ((3, 1), (3,), r"t \(3,\) does not have the shape of x \(3, 1\); use t.reshape\(3, 1\)"),
        ((3,), (3, 1), r"t \(3, 1\) does not have the shape of x \(3,\); use t.reshape\(3,\)"),
        ((3, 2), (3,), r"t \(3,\) does not have the shape of x \(3, 2\); give one target for each"),
        ((3, 2), (), r"t \(\) does not have the shape"),
        ((1,), (), r"t \(\) does not have the shape of x \(1,\); use"),
    ],
)
def test_targets_never_broadcast(cls, x, t, remedy):
    for call in (cls().forward, cls().tally, cls()):
        with pytest.raises(ShapeError, match=f"{cls.__name__}: {remedy}"):
            call(np.zeros(x), np.zeros(t))
    with pytest.raises(ShapeError, match=remedy):
        cls()(Variable(np.zeros(x)), np.zeros(t))


@pytest.mark.parametrize("cls", NUMBERS)
@pytest.mark.parametrize(
    ("t", "error", "message"),
    [
        ([0, np.nan], LabelError, r"t\[1\] is nan; it must be a finite number"),
        ([np.inf, 0], LabelError, r"t\[0\] is inf; it must be a finite number"),
        ([0j, 1], DTypeError, "t has dtype complex128"),
        (["0", "1"], DTypeError, "t has dtype <U1"),
        ([None, 1], DTypeError, "t has dtype object"),
        ([[0], [1, 2]], ShapeError, "t is ragged"),
    ],
)
def test_targets_that_are_no_numbers(cls, t, error, message):
    with pytest.raises(error, match=f"{cls.__name__}: {message}") as caught:
        cls().forward(np.zeros(2), t)
    assert isinstance(caught.value, ClearpropError)


@pytest.mark.parametrize("value", [-1, 2, 1.5])
def test_targets_of_yes_and_no_lie_between_0_and_1(value):
    message = rf"SigmoidWithLoss: t\[1, 0\] is {value}.*; it must be a finite number from 0 to 1"
    with pytest.raises(LabelError, match=message):
        SigmoidWithLoss().forward(np.zeros((2, 1)), [[0], [value]])


@EVERY
@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (lambda n: np.ones(n + 1), ShapeError, r"weights w \(.*\) do not fit x \(.*; give one for"),
        (lambda n: 1.0, ShapeError, r"weights w \(\) do not fit x"),
        (
            lambda n: -np.ones(n),
            LabelError,
            r"w\[0\] is -1.0; it must be .* from 0 to inf",
        ),
        (lambda n: np.full(n, np.nan), LabelError, r"w\[0\] is nan"),
        (lambda n: np.zeros(n), DataError, "all weights w are 0"),
        (lambda n: ["a"] * n, DTypeError, "w has dtype <U1"),
    ],
)
def test_weights_that_are_none(layer, x, t, weights, error, message):
    with pytest.raises(error, match=f"{type(layer).__name__}: {message}"):
        layer.forward(x, t, weights(len(x)))


@pytest.mark.parametrize("cls", LOSSES)
def test_what_every_loss_refuses(cls):
    layer, (x, t, *_) = next(iter(cls.samples(np.random.default_rng(0))))
    with pytest.raises(GraphError, match=f"{cls.__name__}: backward was called before forward"):
        layer.backward()
    with pytest.raises(DataError, match=f"{cls.__name__}: the batch is empty"):
        layer.forward(x[:0], t[:0])
    layer.forward(x, t)
    with pytest.raises(ShapeError, match=f"{cls.__name__}: dout has shape"):
        layer.backward(np.ones(len(x)))


@pytest.mark.parametrize("cls", LOSSES)
@pytest.mark.parametrize("dtype", ["u1", "i4", "f2", "f4", "f8", "?"])
def test_targets_in_any_numeric_dtype(cls, dtype):
    x = np.array([[0.5, -1.0], [2.0, 0.25]], np.float32)
    t = np.array([[1, 0], [0, 1]])
    expected = loss_and_dx(cls(), x, t)
    found = loss_and_dx(cls(), x, t.astype(dtype))
    assert found[0].dtype == found[1].dtype == np.float32
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("delta", [0, -1, np.nan, np.inf, "1", None])
def test_huber_s_delta_is_a_positive_number(delta):
    with pytest.raises(ConfigError, match="Huber: delta must be a finite number above 0"):
        Huber(delta)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_with_loss_neither_overflows_nor_loses_its_gradient(dtype):
    x = np.array([-1000, -1000, -40, 40, 1000, 1000, 0], dtype)
    t = np.array([0, 1, 0, 1, 0, 1, 0])
    layer = SigmoidWithLoss()
    with np.errstate(all="raise", under="ignore"):
        loss, dx = loss_and_dx(layer, x, t)
        single = [layer.forward(x[i : i + 1], t[i : i + 1]) for i in range(len(x))]
    tail = np.log1p(np.exp(-40.0))
    np.testing.assert_allclose(single, [0, 1000, tail, tail, 1000, 0, np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(dx * 7, [0, -1, 0, 0, 1, 0, 0.5], atol=1e-15)
    assert loss.dtype == dx.dtype == dtype


@pytest.mark.parametrize(
    ("loss", "t"),
    [
        (SoftmaxWithLoss(), np.array([0, 1, 1, 0])),
        (SigmoidWithLoss(), np.array([[0, 1]] * 4)),
        (MeanSquaredError(), np.arange(8.0).reshape(4, 2)),
        (Huber(0.5), np.arange(8).reshape(4, 2)),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compiled_as_written(loss, t, dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 3)).astype(dtype)
    nets = [Network([Affine.from_sizes(3, 2, rng=np.random.default_rng(0), dtype=dtype)], loss)]
    nets.append(nets[0].astype(dtype))
    step = compile(nets[1], SGD(0.1))
    for _ in range(3):
        expected = nets[0].loss(x, t)
        SGD(0.1).update(nets[0].params, nets[0].gradient(x, t))
        np.testing.assert_allclose(step(x, t), expected, rtol=4 * np.finfo(dtype).eps)
    assert not step.as_written
    np.testing.assert_allclose(nets[1].params["W1"], nets[0].params["W1"], rtol=1e-5)


def test_a_compiled_step_checks_targets_too():
    net = Network([Affine.from_sizes(3, 1, rng=np.random.default_rng(0))], SigmoidWithLoss())
    step = compile(net, SGD(0.1))
    x, t = np.ones((4, 3), np.float32), np.array([[0], [1], [1], [0]])
    step(x, t)
    before = net.params["W1"].copy()
    with pytest.raises(LabelError, match=r"SigmoidWithLoss: t must be from 0.0 to 1.0"):
        step(x, t + 1)
    np.testing.assert_array_equal(net.params["W1"], before)


def test_a_compiled_function_takes_weights():
    x, t, w = np.arange(6.0).reshape(3, 2), np.ones((3, 2)), np.array([1.0, 2.0, 0.5])
    f = compile(lambda x, t, w: Huber().forward(x, t, w))
    np.testing.assert_allclose(f(x, t, w), Huber().forward(x, t, w), rtol=1e-15)


class LogCosh(RegressionLoss):
    """A loss of one's own, in as few lines as it takes."""

    def forward(self, x, t, w=None):
        self.difference = self.begin(x, t, w) - self.t
        self.loss = self.mean(np.log(np.cosh(self.difference)))
        return self.loss

    def backward(self, dout=1):
        return self.share(dout) * np.tanh(self.difference)


def test_a_loss_of_one_s_own_is_a_few_lines():
    x, t, w = np.array([[1.0], [2.0]]), np.array([[0], [2]]), np.array([3, 1])
    assert check(LogCosh(), x, t, w).ok
    assert LogCosh().forward(x, t, w) == pytest.approx(0.75 * np.log(np.cosh(1)))
    assert score_of(LogCosh()) == "R²"


def test_what_scores_and_what_does_not():
    class Plain:
        def forward(self, x, t):
            return 0.0

    class Unscored(Loss):
        def forward(self, x, t):
            return 0.0

    assert score_of(Plain()) is score_of(Unscored()) is score_of(None) is None
    assert {score_of(cls()) for cls in LOSSES if issubclass(cls, ClassifierLoss)} == {"accuracy"}
    with pytest.raises(NotImplementedError, match=r"Unscored has no tally\(\); write one"):
        Unscored().tally([1.0], [1.0])
    with pytest.raises(NotImplementedError, match=r"Unscored has no score\(\); write one"):
        Unscored().score(np.ones(2))
