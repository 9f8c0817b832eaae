"""What a compiled step refuses, and that nothing is changed then."""

import numpy as np
import pytest
from nets import batch, both, copied, dense, largest_difference, tied, tied_by_a_view, weights

from clearprop import (
    Affine,
    Dropout,
    Embedding,
    Layer,
    Network,
    Relu,
    TwoLayerNet,
    Variable,
)
from clearprop.compiler import compile
from clearprop.errors import (
    ClearpropError,
    ConfigError,
    DTypeError,
    LabelError,
    NonFiniteError,
    ShapeError,
    UnsupportedError,
)
from clearprop.layers import BatchNormalization
from clearprop.training import SGD, Adam

X, T = batch(6, 7, 3)
ONE_HOT = np.eye(3)[T]


def check_refused(x, t, error, good=None):
    """As the first batch, and after a good one, when the program is there already."""
    for first in (None, good):
        for network, step in both(lambda: dense(7, 5, 3)):
            if first is not None:
                step(*first)
            before = copied(network)
            with pytest.raises(error):
                step(x, t)
            for name, value in before.items():
                np.testing.assert_array_equal(network.params[name], value)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (T, T + 1),
        (T, T - 1),
        (T, np.where(np.arange(6) == 3, 2**40, T)),
        (T.astype(np.uint8), (T + 1).astype(np.uint8)),
        (T.astype(np.uint64), np.where(np.arange(6) == 3, 2**64 - 1, T.astype(np.uint64))),
        (T[:, None], T[:, None] + 1),
        (ONE_HOT, 0.9 * ONE_HOT),
        (ONE_HOT, np.where(ONE_HOT == 1, np.nan, ONE_HOT)),
        (ONE_HOT, np.where(ONE_HOT == 1, np.inf, ONE_HOT)),
        (ONE_HOT, np.where(ONE_HOT == 1, 2.0, -0.5)),
        (ONE_HOT.astype(np.float32), (0.999 * ONE_HOT).astype(np.float32)),
        (ONE_HOT.astype(bool), np.ones((6, 3), bool)),
    ],
)
def test_labels_out_of_range(good, bad):
    check_refused(X, bad, LabelError, good=(X, good))


@pytest.mark.parametrize(
    "t", [T[:4], np.r_[T, T], T.astype(float), T > 0, T[None], T.astype(str), T + 0j]
)
def test_labels_that_do_not_fit(t):
    check_refused(X, t, LabelError)


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (X[:, :5], ShapeError),
        (X[0], ClearpropError),
        (X[:0], ClearpropError),
        (X + 0j, DTypeError),
        (X.astype(object), DTypeError),
        (X.astype(str), DTypeError),
    ],
)
def test_data_that_does_not_fit(x, error):
    check_refused(x, T[: len(x)], error)


NO_ARRAYS = {
    "generator": lambda: (row for row in X),
    "dict": lambda: {"x": X},
    "NoneType": lambda: None,
    "ufunc": lambda: np.sin,
}


@pytest.mark.parametrize("kind", NO_ARRAYS)
def test_what_is_no_array_is_named(kind):
    make, called = NO_ARRAYS[kind], "None" if kind == "NoneType" else f"a {kind}"
    step, predict = compile(dense(7, 5, 3), SGD(0.1)), compile(dense(7, 5, 3))
    refused = {
        f"^x is {called}, not an array; give an array of numbers": (
            *(lambda: step(make(), T), lambda: step.prepare(make(), T)),
            *(lambda: step.over(make(), T), lambda: predict(make())),
        ),
        rf"^x\[1\] is {called}": (lambda: step((X, make()), T), lambda: predict((X, make()))),
        f"^t is {called}": (lambda: step(X, make()), lambda: step.over(X, make())),
    }
    if kind != "NoneType":  # the weights that there need not be
        refused[f"^w is {called}"] = (lambda: step(X, T, make()), lambda: step.over(X, T, w=make()))
    if kind in ("NoneType", "ufunc"):
        called = f"an argument is {called}, not an array; give what is no array by keyword"
        refused[called] = (lambda: compile(lambda x: 2 * x)(make()),)
    for message, calls in refused.items():
        for call in calls:
            with pytest.raises((DTypeError, UnsupportedError), match=message):
                call()


def test_weights_may_be_a_tuple():
    step = compile(dense(7, 5, 3), SGD(1e-9))
    assert step(X, T, (2.0,) * 6) == pytest.approx(2 * step(X, T), rel=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite(value):
    bad = X.copy()
    bad[2, 3] = value
    check_refused(bad, T, NonFiniteError, good=(X, T))


@pytest.mark.parametrize("rate", [1e38, 1e39, 1e300])
def test_an_update_that_is_not_finite(rate):
    network = dense(7, 5, 3)
    step = compile(network, SGD(0.1))
    step(X, T)
    step.optimizer.lr = rate
    before = copied(network)
    with pytest.raises(NonFiniteError, match=r"parameter W1 \(7, 5\).*a smaller learning rate"):
        step(1e3 * X, T)
    for name, value in before.items():
        np.testing.assert_array_equal(network.params[name], value)
    step.optimizer.lr = 0.1
    assert np.isfinite(step(X, T))


@pytest.mark.parametrize("engine", ["numpy", "c"])
def test_an_update_that_is_not_finite_is_named_whatever_the_batch(engine):
    """Parameters, state and noise are those of the step that was held back."""
    rng = np.random.default_rng(0)
    layers = [BatchNormalization(np.ones(5, "f"), np.zeros(5, "f")), Dropout(0.5), Relu()]
    network = Network([Affine.from_sizes(7, 5, rng=rng), *layers, Affine.from_sizes(5, 3, rng=rng)])
    step, refused = compile(network, SGD(0.1), engine=engine), r"step of parameter W2 \(5, 3\)"
    step(X, T)
    before, state = copied(network), {name: a.copy() for name, a in network.states.items()}
    grid, w = (X * 10).astype(np.int8), np.ones(6)
    step.optimizer.groups = {"W2": {"lr": 1e39}}
    for take in (
        lambda: step(X, T),
        lambda: step(X, T, w),
        lambda: step.over(X, T)(np.arange(4)),
        lambda: step.over(grid, T, 0.1, w)(np.arange(4)),
    ):
        with pytest.raises(NonFiniteError, match=refused), np.errstate(all="ignore"):
            take()
    for name, value in before.items():
        np.testing.assert_array_equal(network.params[name], value)
    for name, value in state.items():
        np.testing.assert_array_equal(network.states[name], value)


class Added(Network):
    def __init__(self):
        super().__init__()
        self.fc = Affine.from_sizes(7, 3, rng=np.random.default_rng(0))

    def forward(self, x, y):
        return self.fc(x + y)


def test_so_it_is_of_several_inputs():
    with pytest.raises(NonFiniteError, match=r"step of parameter fc\.W \(7, 3\)"):
        compile(Added(), SGD(1e300))((X, X), T)


def test_what_keeps_from_dividing_by_zero_must_be_a_number_of_the_dtype():
    network = dense(7, 5, 3, dtype=np.float16)
    with pytest.raises(ConfigError, match=r"Adam: eps=1e-08 is 0 in float16, .* W1.*eps=1e-04"):
        compile(network, Adam(0.01))
    adam = Adam(0.01, eps=1e-4)
    step = compile(network, adam)
    assert step(X, T) > step(X, T)
    adam.eps = 1e-9  # found out when it does harm
    with pytest.raises(ConfigError, match="eps=1e-09 is 0 in float16"):
        step(np.zeros_like(X), T)


def test_a_large_finite_update_is_made():
    """The square of its length overflows, it does not."""
    (written, layered), (compiled, step) = both(lambda: dense(7, 5, 3), lr=1e21)
    assert step(X, T) == pytest.approx(layered(X, T), rel=1e-6)
    assert np.abs(compiled.params["W1"]).max() > 1e19
    assert largest_difference(written, compiled) < 1e-6


@pytest.mark.parametrize("rows", [[0, 1, 50], [0, -1, 2], [0, 1, 2**40]])
def test_rows_that_a_data_set_does_not_have(rows):
    """They would be read as others."""
    x, t = batch(50, 7, 3)
    network = dense(7, 5, 3)
    step = compile(network, SGD(0.1)).over(x, t)
    step(np.arange(3))
    before = copied(network)
    with pytest.raises((ClearpropError, IndexError)):
        step(np.array(rows))
    for name, value in before.items():
        np.testing.assert_array_equal(network.params[name], value)


@pytest.mark.parametrize("t", [np.zeros(40, int), np.r_[np.zeros(49, int), 3], -np.ones(50, int)])
def test_labels_that_do_not_fit_a_data_set(t):
    x, _ = batch(50, 7, 3)
    with pytest.raises(ClearpropError):
        compile(dense(7, 5, 3), SGD(0.1)).over(x, t)(np.arange(3))


def test_after_an_error_steps_go_on():
    (_, layered), (_, step) = both(lambda: dense(7, 5, 3))
    step(X, T)
    layered(X, T)
    with pytest.raises(LabelError):
        step(X, T + 5)
    with pytest.raises(NonFiniteError):
        step(X * np.float32(np.nan), T)
    assert step(X, T) == pytest.approx(layered(X, T), rel=1e-6)


def test_an_array_assigned_to_one_of_the_layers_that_share_it():
    for network, step in both(tied):
        x, t = batch(6, 5, 5)
        step(x, t)
        network.layers["Affine1"].W = np.ones((5, 5), np.float32)
        with pytest.raises(ConfigError, match="W1 is shared"):
            step(x, t)


def test_a_layer_that_was_exchanged():
    for network, step in both(lambda: dense(7, 5, 3)):
        step(X, T)
        network.layers["Affine1"] = Affine(np.ones((7, 5), np.float32), np.ones(5, np.float32))
        with pytest.raises(ConfigError, match="exchanged"):
            step(X, T)


def test_an_array_of_another_shape():
    for network, step in both(lambda: dense(7, 5, 3)):
        step(X, T)
        network.layers["Affine1"].W = np.ones((7, 4), np.float32)
        with pytest.raises(ClearpropError, match=r"\(7, 4\)"):
            step(X, T)


def test_parameters_of_several_dtypes():
    W, b = np.ones((7, 3), np.float32), np.zeros(3)
    with pytest.raises(DTypeError, match="float32, float64"):
        compile(Network([Affine(W, b)]), SGD(0.1))


def test_parameters_that_are_no_floats():
    with pytest.raises(DTypeError, match="int64"):
        compile(Network([Affine(np.ones((7, 3), int), np.zeros(3, int))]), SGD(0.1))


class Odd:
    """An optimiser that says nothing of its step as a formula."""

    def update(self, params, grads):
        for name in params:
            params[name] -= np.sign(grads[name])


class Own(SGD):
    """An SGD whose update is not what `change` says."""

    def update(self, params, grads):
        super().update(params, {name: g.clip(-1, 1) for name, g in grads.items()})


class OwnGradient(TwoLayerNet):
    """A network that differentiates by itself."""

    def gradient(self, x, t):
        return {name: 0 * g for name, g in super().gradient(x, t).items()}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: compile(dense(7, 5, 3), Odd()), "no change"),
        (lambda: compile(dense(7, 5, 3), Own(0.1)), "update of its own"),
        (lambda: compile(OwnGradient(7, 5, 3), SGD(0.1)), "gradient of its own"),
    ],
)
def test_what_cannot_be_compiled_as_a_whole(make, message):
    with pytest.raises(UnsupportedError, match=message):
        make()


@pytest.mark.parametrize("thing", [3, None, "x", np.ones(3), [1]])
def test_what_is_no_network_and_no_function(thing):
    with pytest.raises(ConfigError, match="compile takes"):
        compile(thing)


def test_a_function_with_an_optimizer():
    with pytest.raises(ConfigError, match="and an optimizer"):
        compile(lambda x: x, SGD(0.1))


def test_a_program_is_there_from_the_first_batch_on():
    step = compile(dense(7, 5, 3), SGD(0.1))
    for read in (lambda: step.source, lambda: step.graph, lambda: step.recorded):
        with pytest.raises(ConfigError, match="first call"):
            read()
    before = copied(step.network)
    assert step.prepare(X, T) is step
    assert "def step(" in step.source
    for name, value in before.items():
        np.testing.assert_array_equal(step.network.params[name], value)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "all", True])
def test_numbers_of_threads(threads):
    with pytest.raises(ConfigError, match="threads"):
        compile(dense(7, 5, 3), SGD(0.1), threads=threads).prepare(X, T)


class Halved(Layer):
    """Holds a part of an array that another layer learns, by a tuple of its own."""

    fixed = ("scale",)

    def __init__(self, scale):
        self.scale = scale

    def forward(self, x):
        return x * self.scale


def test_parameters_that_share_memory():
    network = tied_by_a_view()
    with pytest.raises(UnsupportedError, match=r"W1 and W2 share memory.*hold one and the same"):
        compile(network, SGD(0.1))
    W, b = weights(7, 5)
    for scale in (b, b[::-1]):
        with pytest.raises(UnsupportedError, match=r"b1 and .*Halved1.scale share"):
            compile(Network([Affine(W, b), Halved(scale)]), SGD(0.1))
    whole, n = weights(7, 11)[0], 5
    parts = Network([Affine(whole[:, :n], b), Affine(whole[:5, n:], np.zeros(6, b.dtype))])
    compile(parts, SGD(0.1))(X, T)  # beside each other, not the same numbers


def test_parameters_that_come_to_share_memory():
    network = tied_by_a_view()
    network.params["W2"] = network.params["W2"].copy()
    step = compile(network, SGD(0.1))
    step(X, X)
    network.params["W2"] = network.params["W1"].T
    with pytest.raises(UnsupportedError, match="W1 and W2 share memory"):
        step(X, X)


def test_the_class_of_an_optimizer_is_refused():
    with pytest.raises(ConfigError, match="the optimizer is the class SGD; call it"):
        compile(dense(7, 5, 3), SGD)


def words():
    rng = np.random.default_rng(0)
    return Network([Embedding.from_sizes(4, 3, rng=rng), Affine.from_sizes(3, 2, rng=rng)])


@pytest.mark.parametrize("engine", ["numpy", "c"])
@pytest.mark.parametrize("wrong", [4, -1])
def test_numbers_of_words_are_no_labels(engine, wrong):
    right, t = np.array([0, 3]), np.array([0, 1])
    network = words()
    said = rf"Embedding1: idx: {wrong} is out of range: W has 4 rows.* from 0 to 3"
    with pytest.raises(LabelError, match=said):
        network.predict(np.array([0, wrong]))
    for compiled, rest in (
        (compile(network, engine=engine), ()),
        (compile(network, SGD(0.1), engine=engine), (t,)),
    ):
        compiled(right, *rest)
        with pytest.raises(LabelError, match=r"^Embedding1: a number is out of range.* to 3$"):
            compiled(np.array([0, wrong]), *rest)
        compiled(right, *rest)


def test_weights_are_no_labels():
    network = dense(7, 5, 3)
    step = compile(network, SGD(0.1))
    step(X, T, np.ones(6))
    with pytest.raises(LabelError, match=r"^SoftmaxWithLoss: w must be from 0"):
        step(X, T, np.array([1, 1, 1, 1, 1, -1.0]))


class Stop(Layer):
    def forward(self, x):
        return x * 1

    def backward(self, dout):
        return np.zeros_like(dout)


class Stopped(Network):
    def __init__(self, stop):
        super().__init__()
        self.a, self.stop = Affine(*weights(7, 3)), Stop()
        self.by_layer = stop

    def forward(self, x):
        return self.a(x)

    def loss(self, x, t):
        y = self.forward(x)
        if self.by_layer:
            return np.mean((y - self.stop(y) - 1) ** 2)
        value = y.data if isinstance(y, Variable) else y
        return np.mean((y - value - 1) ** 2)


def test_values_that_are_taken_off_the_graph_are_named_with_their_line():
    with pytest.raises(UnsupportedError, match=r"`value = y\.data .*stop_gradient"):
        compile(Stopped(False), SGD(1.0))(X, T)
    network = Stopped(True)
    right = network.gradient(X, T)["a.b"]
    before = np.array(network.params["a.b"])
    compile(network, SGD(1.0))(X, T)
    np.testing.assert_allclose(before - network.params["a.b"], right, rtol=1e-5)
