"""Network: free assembly, live parameters, and derivatives that agree with numerical ones."""

from collections import OrderedDict

import numpy as np
import pytest

from clearprop import (
    Affine,
    Layer,
    Network,
    Relu,
    Sigmoid,
    Softmax,
    SoftmaxWithLoss,
    conv_layers,
    dense_layers,
)
from clearprop.errors import ConfigError, DataError, LabelError, NonFiniteError, ShapeError


def rng():
    return np.random.default_rng(0)


def small(dtype=np.float64):
    return Network(dense_layers([4, 5, 3], init="he", rng=rng(), dtype=dtype))


def batch(n=6, features=4, classes=3):
    return rng().standard_normal((n, features)), rng().integers(classes, size=n)


def assert_gradient_is_right(net, x, t):
    found, expected = net.gradient(x, t), net.numerical_gradient(x, t)
    assert list(found) == list(expected) == list(net.params)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, atol=1e-9, err_msg=name)


class Square:
    """A user's own layer that derives from nothing and learns nothing."""

    def forward(self, x):
        self.x = x
        return x * x

    def backward(self, dout):
        return dout * 2 * self.x


class Scale:
    """A user's own layer with a parameter."""

    params = ("gain",)

    def __init__(self, gain):
        self.gain = gain

    def forward(self, x):
        self.x = x
        return x * self.gain

    def backward(self, dout):
        self.dgain = (dout * self.x).sum(axis=0)
        return dout * self.gain


def test_layers_are_named_after_their_class_and_counted():
    affine = dense_layers([4, 5, 3], rng=rng())
    net = Network([affine[0], Relu(), affine[2], Square(), Relu()])
    assert list(net.layers) == ["Affine1", "Relu1", "Affine2", "Square1", "Relu2"]
    assert isinstance(net.layers, OrderedDict)
    assert list(net.params) == ["W1", "b1", "W2", "b2"]
    assert isinstance(net.lastLayer, SoftmaxWithLoss)


@pytest.mark.parametrize("form", [dict, OrderedDict, list, tuple, iter])
def test_layers_by_name(form):
    first, second, third = dense_layers([4, 5, 3], rng=rng())
    net = Network(form([("into", first), ("bend", second), ("out", third)]))
    assert list(net.layers.items()) == [("into", first), ("bend", second), ("out", third)]
    assert net.params["W2"] is third.W


def test_pairs_and_bare_layers_mix():
    first, second, third = dense_layers([4, 5, 3], rng=rng())
    net = Network([("into", first), second, third])
    assert list(net.layers) == ["into", "Relu1", "Affine1"]


def test_layers_run_in_order():
    x, _ = batch()
    first, second, third = dense_layers([4, 5, 3], rng=rng(), activation="sigmoid")
    by_hand = 1 / (1 + np.exp(-(x @ first.W + first.b))) @ third.W + third.b
    np.testing.assert_allclose(Network([first, second, third]).predict(x), by_hand, rtol=1e-12)


@pytest.mark.parametrize("shape", [(6, 4), (6, 2, 2), (6, 1, 4, 1), (1, 4)])
def test_gradient_of_any_input(shape):
    x = rng().standard_normal(shape)
    assert_gradient_is_right(small(), x, np.arange(shape[0]) % 3)


@pytest.mark.parametrize("labels", ["class numbers", "column", "one-hot", "soft"])
def test_gradient_under_any_labels(labels):
    x, t = batch()
    forms = {
        "class numbers": t,
        "column": t[:, np.newaxis],
        "one-hot": np.eye(3)[t],
        "soft": rng().dirichlet(np.ones(3), size=6),
    }
    assert_gradient_is_right(small(), x, forms[labels])


def test_gradient_of_one_sample():
    assert_gradient_is_right(small(), rng().standard_normal(4), 2)


def test_gradient_through_deep_and_strange_assemblies():
    x, t = batch()
    draw = {"rng": rng(), "dtype": np.float64}
    net = Network(
        [
            Affine.from_sizes(4, 6, **draw),
            Sigmoid(),
            Scale(rng().standard_normal(6)),
            Affine.from_sizes(6, 5, **draw),
            Square(),
            Softmax(),
            Affine.from_sizes(5, 3, **draw),
        ]
    )
    assert list(net.params) == ["W1", "b1", "gain1", "W2", "b2", "W3", "b3"]
    assert_gradient_is_right(net, x, t)


class MeanSquare:
    """A user's own loss, with a parameter in it."""

    params = ("weight",)

    def __init__(self):
        self.weight = np.array([1.0, 2.0, 3.0])

    def forward(self, x, t):
        self.d = x - t
        return (self.weight * self.d**2).mean()

    def backward(self, dout=1):
        self.dweight = dout * (self.d**2).sum(axis=0) / self.d.size
        return dout * 2 * self.weight * self.d / self.d.size


def test_a_loss_of_ones_own():
    x, _ = batch()
    target = rng().standard_normal((6, 3))
    net = Network(dense_layers([4, 5, 3], rng=rng(), dtype=np.float64), loss=MeanSquare())
    assert list(net.params) == ["W1", "b1", "W2", "b2", "weight1"]
    assert_gradient_is_right(net, x, target)


def test_the_same_layer_at_two_places():
    x, t = batch(classes=4)
    affine = Affine.from_sizes(4, 4, rng=rng(), dtype=np.float64)
    net = Network([affine, Relu(), affine, Sigmoid(), affine])
    assert list(net.layers) == ["Affine1", "Relu1", "Affine2", "Sigmoid1", "Affine3"]
    assert list(net.params) == ["W1", "b1"]
    assert all(net.layers[name].W is affine.W for name in ("Affine1", "Affine2", "Affine3"))
    assert_gradient_is_right(net, x, t)
    np.testing.assert_allclose(
        net.predict(x),
        affine.forward(Sigmoid().forward(affine.forward(np.maximum(x @ affine.W, 0)))),
    )


def test_an_activation_at_two_places_keeps_two_masks():
    x, t = batch()
    relu = Relu()
    draw = rng().standard_normal
    first, second = (Affine(draw((4, 4)), draw(4)), Affine(draw((4, 3)), draw(3)))
    net = Network([first, relu, second, relu])
    assert_gradient_is_right(net, x, t)
    assert net.layers["Relu1"].mask.shape == (6, 4)
    assert net.layers["Relu2"].mask.shape == (6, 3)


def test_arrays_shared_by_two_layers():
    x, t = batch(classes=4)
    W, b = rng().standard_normal((4, 4)), rng().standard_normal(4)
    net = Network([Affine(W, b), Relu(), Affine(W, rng().standard_normal(4))])
    assert list(net.params) == ["W1", "b1", "b2"]
    assert_gradient_is_right(net, x, t)
    net.params["W1"] = 2 * W
    assert net.layers["Affine1"].W is net.layers["Affine2"].W
    assert_gradient_is_right(net, x, t)


def test_a_shared_array_exchanged_in_one_place_only_is_refused():
    x, t = batch(classes=4)
    affine = Affine.from_sizes(4, 4, rng=rng())
    net = Network([affine, affine])
    net.layers["Affine1"].W = np.zeros((4, 4))
    message = r"parameter W1 is shared by 2 layers, .*assign to params\['W1'\]"
    for use in (lambda: net.predict(x), lambda: net.gradient(x, t), lambda: net.accuracy(x, t)):
        with pytest.raises(ConfigError, match=message):
            use()
    net.params["W1"] = np.ones((4, 4))
    net.gradient(x, t)


def test_gradient_is_computed_anew_each_time():
    x, t = batch()
    net = small()
    first, again = net.gradient(x, t), net.gradient(x, t)
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    loss, both = net.loss_and_gradient(x, t)
    assert loss == net.loss(x, t)
    np.testing.assert_array_equal(both["W1"], first["W1"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(dtype):
    x, t = batch()
    loss, gradient = small(dtype).loss_and_gradient(x.astype(dtype), t)
    assert loss.dtype == dtype
    assert {d.dtype for d in gradient.values()} == {np.dtype(dtype)}


def test_numerical_gradient_works_on_a_float64_copy():
    x, t = batch()
    net = small(np.float32)
    before = {name: array.copy() for name, array in net.params.items()}
    numerical = net.numerical_gradient(x.astype(np.float32), t)
    assert {d.dtype for d in numerical.values()} == {np.dtype(np.float64)}
    for name, array in net.params.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, before[name])
        np.testing.assert_allclose(net.gradient(x, t)[name], numerical[name], atol=1e-6)


def test_astype_shares_nothing():
    net = small()
    twin = net.astype(np.float32)
    assert {a.dtype for a in twin.params.values()} == {np.dtype(np.float32)}
    assert twin.layers["Affine1"].W is twin.params["W1"]
    twin.params["W1"] += 1
    assert abs(net.params["W1"] - twin.params["W1"]).min() > 0.9
    with pytest.raises(ConfigError, match="cannot be of dtype int64; use float32 or float64"):
        net.astype(int)


def test_astype_keeps_what_is_shared():
    affine = Affine.from_sizes(4, 4, rng=rng())
    twin = Network([affine, affine]).astype(np.float64)
    assert twin.layers["Affine1"].W is twin.layers["Affine2"].W is twin.params["W1"]
    assert twin.layers["Affine1"].W is not affine.W


def test_accuracy_counts_right_answers_under_any_labels():
    net = Network([Affine(np.eye(3), np.zeros(3))])
    x = np.array([[3.0, 1, 2], [0, 5, 1], [0, 1, 2], [2, 1, 0]])
    t = np.array([0, 1, 1, 2])
    soft = np.array([[0.6, 0.3, 0.1], [0.3, 0.4, 0.3], [0, 0.9, 0.1], [0.1, 0.1, 0.8]])
    for labels in (t, t[:, np.newaxis], t.astype(np.uint8), np.eye(3)[t], soft, t.tolist()):
        assert net.accuracy(x, labels) == 0.5
    assert isinstance(net.accuracy(x, t), float)
    assert net.accuracy(x[0], 0) == 1.0


def test_accuracy_refuses_what_would_give_a_wrong_number():
    net = Network([Affine(np.eye(3), np.zeros(3))])
    x = np.eye(3)
    with pytest.raises(DataError, match="accuracy: the batch is empty; give one sample"):
        net.accuracy(np.ones((0, 3)), np.ones(0, int))
    with pytest.raises(NonFiniteError, match="accuracy: some scores are NaN; look for"):
        net.accuracy(np.full((3, 3), np.nan), [0, 0, 0])
    with pytest.raises(LabelError, match=r"labels t \(2,\) do not fit scores \(3, 3\)"):
        net.accuracy(x, [0, 1])
    with pytest.raises(LabelError, match="label 3 is out of range"):
        net.accuracy(x, [0, 1, 3])
    with pytest.raises(LabelError, match="class numbers are integers"):
        net.accuracy(x, [0.0, 1.0, 2.0])


def test_loss_refuses_bad_data_by_name():
    net, (x, t) = small(), batch()
    with pytest.raises(ShapeError, match=r"Affine1: x \(6, 3\) does not fit W \(4, 5\)"):
        net.loss(x[:, :3], t)
    with pytest.raises(LabelError, match=r"labels t \(5,\) do not fit scores \(6, 3\)"):
        net.loss(x, t[:5])
    with pytest.raises(DataError, match="the batch is empty"):
        net.gradient(x[:0], t[:0])
    with pytest.raises(LabelError, match=r"labels t \(6, 4\) do not fit scores \(6, 3\)"):
        net.loss(x, np.eye(4)[t])


@pytest.mark.parametrize("use", ["predict", "loss", "gradient", "numerical_gradient", "accuracy"])
def test_complex_input_is_refused_everywhere(use):
    x, t = batch()
    arguments = (x + 0j,) if use == "predict" else (x + 0j, t)
    with pytest.raises(TypeError, match="x has dtype complex128, but layers compute with real"):
        getattr(small(), use)(*arguments)


class NoBackward:
    def forward(self, x):
        return x


class BookAffine:
    """Written line by line from the book: nothing says that W and b are learned."""

    def __init__(self, W, b):
        self.W, self.b = W, b
        self.dW = self.db = None

    def forward(self, x):
        return x @ self.W + self.b

    def backward(self, dout):
        return dout @ self.W.T


class Misnamed(Square):
    params = ("w",)


class Spelled(Scale):
    params = "gain"


BAD_LAYERS = {
    "class": ([Relu], r"layer 'type1' is the class Relu, not a layer; call it: Relu\("),
    "number": ([3], r"layer 'int1' is a int without forward\(\); a layer has forward"),
    "half": ([NoBackward()], r"'NoBackward1' is a NoBackward without backward\(\)"),
    "none": ([], r"a network needs one layer at least, .* write def forward\(self, x\)"),
    "no list": (Relu(), r"made of a list or mapping of layers, got Relu\(\)"),
    "triple": ([("a", Relu(), 3)], r"a named layer is a pair \(name, layer\), got"),
    "number as name": ([(1, Relu())], "the name of a layer is text such as 'Affine1', got 1"),
    "same name": ([("a", Relu()), ("a", Relu())], "two layers are named 'a'"),
    "name in use": ([("Relu1", Relu()), Relu()], "two layers are named 'Relu1'"),
    "loss inside": (
        [Relu(), SoftmaxWithLoss()],
        r"'SoftmaxWithLoss1' .* forward does not take \(x\); .* loss layer, given as loss=",
    ),
    "misnamed": ([Misnamed()], r"'Misnamed1' is a Misnamed whose params is \('w',\); .* tuple"),
    "spelled": ([Spelled(np.ones(3))], "whose params is 'gain'; it must be a tuple"),
    "silent": (
        [BookAffine(np.ones((2, 3)), np.ones(3))],
        r"with W and dW but without params; write params = \('W', 'b'\) in its class, or params =",
    ),
    "float": ([Scale(2.0)], "parameter gain of Scale is 2.0; only an array .* np.asarray"),
}


@pytest.mark.parametrize("case", BAD_LAYERS)
def test_what_is_not_a_layer_is_refused_by_name(case):
    layers, message = BAD_LAYERS[case]
    with pytest.raises(ConfigError, match=message):
        Network(layers)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (SoftmaxWithLoss, "'lastLayer' is the class SoftmaxWithLoss, not a layer; call it"),
        (Relu(), r"'lastLayer' is a Relu whose forward does not take \(x, t\)"),
        ("mse", r"'lastLayer' is a str without forward\(\)"),
    ],
)
def test_what_is_not_a_loss_is_refused_by_name(loss, message):
    with pytest.raises(ConfigError, match=message):
        Network([Relu()], loss=loss)


@pytest.mark.parametrize(
    "change",
    [
        lambda net: net.layers.update(Affine1=Affine.from_sizes(4, 5)),
        lambda net: net.layers.update(Affine3=Affine.from_sizes(3, 3)),
        lambda net: net.layers.popitem(),
        lambda net: net.layers.move_to_end("Affine1"),
        lambda net: setattr(net, "lastLayer", MeanSquare()),
    ],
)
def test_exchanged_layers_are_refused_not_left_out_of_params(change):
    net, (x, t) = small(), batch()
    change(net)
    with pytest.raises(ConfigError, match=r"layers of this network were exchanged .*Network\("):
        net.gradient(x, t)
    if list(net.layers)[-1] == "Affine2":
        x, t = batch()
        again = Network(net.layers, net.lastLayer)
        again.gradient(x, np.eye(3)[t])


class ForgetsDerivative(Scale):
    def backward(self, dout):
        return dout * self.gain


class ForgetsSum(Scale):
    def backward(self, dout):
        self.dgain = dout * self.x
        return dout * self.gain


@pytest.mark.parametrize(
    ("layer", "found"), [(ForgetsDerivative, "nothing"), (ForgetsSum, r"one of shape \(6, 3\)")]
)
def test_a_missing_or_misshapen_derivative_is_refused_by_name(layer, found):
    x, t = batch(features=3)
    message = rf"{layer.__name__} must set dgain, .* of gain, with shape \(3,\); it set {found}"
    with pytest.raises(ShapeError, match=message):
        Network([layer(np.ones(3))]).gradient(x, t)


def test_layers_of_the_package_and_of_the_user_may_derive_from_layer():
    class Shift(Layer):
        params = ("c",)

        def __init__(self):
            self.c = np.zeros(3)

        def forward(self, x):
            return x + self.c

        def backward(self, dout):
            self.dc = dout.sum(axis=0)
            return dout

    x, t = batch(features=3)
    assert_gradient_is_right(Network([Shift(), Relu(), Shift()]), x, t)


def test_repr_shows_the_layers():
    assert repr(small()) == (
        "Network(\n"
        "  Affine1: Affine(W: (4, 5), b: (5,))\n"
        "  Relu1: Relu()\n"
        "  Affine2: Affine(W: (5, 3), b: (3,))\n"
        "  loss: SoftmaxWithLoss()\n"
        ")"
    )


class Narrow(Layer):
    """Takes samples of seven values, and does not check it."""

    params = ()

    def forward(self, x):
        return x @ np.ones((7, 2))

    def backward(self, dout):
        return dout @ np.ones((2, 7))


def test_errors_name_the_layer_of_the_network():
    rng = np.random.default_rng(0)
    images = Network(conv_layers(1, [2, "pool", 2, "pool"], size=3, rng=rng))
    images.layers["Convolution2"].pad = 0
    with pytest.raises(
        ShapeError, match=r"^Convolution2: a window 3 × 3 .* image 1 × 1 with pad 0"
    ):
        images.predict(np.ones((2, 1, 2, 2)))
    within = Network({"block": Network([Affine.from_sizes(3, 4, rng=rng)])})
    with pytest.raises(ShapeError, match=r"^block: Affine1: x \(2, 5\) does not fit W \(3, 4\)"):
        within.predict(np.ones((2, 5)))
    with pytest.raises(ValueError, match="matmul") as caught:
        Network([Relu(), Narrow()]).predict(np.ones((2, 5)))
    assert caught.value.__notes__ == ["in layer Narrow1"]


def test_what_is_no_generator_is_refused():
    with pytest.raises(ConfigError, match="rng is 0, not a generator; use np"):
        Network(dense_layers([4, 5, 3]), rng=0)
