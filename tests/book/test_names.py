"""What the book's names compute: its numbers, from its generator, in its order."""

import re

import numpy as np
import pytest

import clearprop
from clearprop.book.common import functions, gradient, layers, optimizer, util
from clearprop.book.common.multi_layer_net import MultiLayerNet
from clearprop.book.common.multi_layer_net_extend import MultiLayerNetExtend
from clearprop.book.common.trainer import Trainer
from clearprop.book.layer_naive import AddLayer, MulLayer
from clearprop.errors import LabelError

RNG = np.random.default_rng(0)
OLD = np.random  # the generator of the book, which its names must draw from
close = np.testing.assert_allclose

STAR = {
    functions: "identity_function step_function sigmoid sigmoid_grad relu relu_grad softmax "
    "sum_squared_error cross_entropy_error softmax_loss",
    gradient: "numerical_gradient numerical_gradient_2d",
    layers: "Relu Sigmoid Affine SoftmaxWithLoss Dropout BatchNormalization Convolution Pooling "
    "softmax im2col col2im",
    util: "smooth_curve shuffle_dataset conv_output_size im2col col2im",
    optimizer: "SGD Momentum Nesterov AdaGrad RMSprop Adam np",
}


@pytest.mark.parametrize("module", STAR, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_star_import_delivers(module):
    assert set(STAR[module].split()) <= set(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


# Functions.


def test_cross_entropy_keeps_off_the_logarithm_of_0():
    y = np.array([[1.0, 0, 0], [0.25, 0.5, 0.25]])
    expected = -(np.log(1 + 1e-7) + np.log(0.5 + 1e-7)) / 2
    for t in (np.array([0, 1]), np.array([0, 1], np.uint8), np.eye(3)[[0, 1]]):
        close(functions.cross_entropy_error(y, t), expected, rtol=1e-14)
    close(functions.cross_entropy_error(y[0], np.array([0, 1, 0])), -np.log(1e-7), rtol=1e-14)
    close(functions.cross_entropy_error(y[0], 0), -np.log(1 + 1e-7), rtol=1e-7)
    with pytest.raises(LabelError, match="label 3 is out of range"):
        functions.cross_entropy_error(y, np.array([0, 3]))


def test_functions_of_arrays():
    x = np.array([-2.0, 0.0, 3.0])
    close(functions.sigmoid(x), 1 / (1 + np.exp(-x)))
    close(functions.sigmoid_grad(x), np.exp(-x) / (1 + np.exp(-x)) ** 2)
    close(functions.relu(x), [0, 0, 3])
    close(functions.softmax(np.stack([x, x + 1000])), np.exp([x, x]) / np.exp(x).sum())
    close(functions.softmax_loss(x, 2), -np.log(np.exp(3) / np.exp(x).sum() + 1e-7))
    assert functions.step_function(x).dtype == int
    assert functions.identity_function(x) is x


def test_numerical_gradient_changes_the_array_itself():
    W = RNG.standard_normal((2, 1, 3))
    before = W.copy()
    close(gradient.numerical_gradient(lambda _: np.sum(W**3), W), 3 * W**2, rtol=1e-6)
    np.testing.assert_array_equal(W, before)
    points = RNG.standard_normal((3, 2))
    close(gradient.numerical_gradient_2d(lambda x: np.prod(x), points), points[:, ::-1], rtol=1e-8)


# Layers.


def test_the_loss_layer_adds_to_the_probabilities_and_not_in_its_derivative():
    layer, x, t = layers.SoftmaxWithLoss(), np.array([[40.0, 0, 0], [0, 0, 0]]), np.array([1, 2])
    y = functions.softmax(x)
    close(layer.forward(x, t), -(np.log(y[0, 1] + 1e-7) + np.log(1 / 3 + 1e-7)) / 2)
    close(layer.backward(1), (y - np.eye(3)[t]) / 2)
    assert layer.forward(x, np.eye(3)[t]) == layer.loss
    close(layer.forward(x[1:], np.array([[2]])), -np.log(1 / 3 + 1e-7))
    assert isinstance(layer.loss, np.float64)


def test_dropout_draws_from_the_global_generator_once_in_training():
    layer, x = layers.Dropout(0.3), RNG.standard_normal((3, 2, 4))
    OLD.seed(5)
    out, after = layer.forward(x), OLD.rand()
    OLD.seed(5)
    kept = OLD.rand(3, 2, 4) > 0.3
    assert after == OLD.rand()
    np.testing.assert_array_equal(out, x * kept)
    np.testing.assert_array_equal(layer.backward(x), x * kept)
    close(layer.forward(x, False), x * 0.7)
    assert after != OLD.rand() != layers.Dropout().dropout_ratio


def test_batch_normalization_of_the_book():
    gamma, beta = RNG.standard_normal((2, 3))
    layer, x = layers.BatchNormalization(gamma, beta), 1e-3 * RNG.standard_normal((5, 3))
    xn = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-6)
    close(layer.forward(x), gamma * xn + beta)
    close(layer.forward(x, True), gamma * xn + beta)
    close(layer.running_mean, 0.19 * x.mean(axis=0))  # 0.1, and 0.9 of that and 0.1 again
    close(layer.running_var, 0.19 * x.var(axis=0))
    assert layer.gamma is gamma
    expected = gamma * (x - layer.running_mean) / np.sqrt(layer.running_var + 1e-6) + beta
    close(layer.forward(x, False), expected)
    dout = RNG.standard_normal((5, 3))
    layer.forward(x)
    found = layer.backward(dout)

    def loss(x):
        xn = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-6)
        return np.sum((gamma * xn + beta) * dout)

    close(found, clearprop.numerical_gradient(loss, x.copy(), h=1e-7), rtol=1e-4)
    close(layer.forward(x[:1]), beta[np.newaxis])  # a batch of one
    given = layers.BatchNormalization(gamma, beta, 0.5, np.ones(3), np.full(3, 4.0))
    given.forward(x)
    close(given.running_var, 2 + 0.5 * x.var(axis=0))


def test_convolutions_compute_in_float64_and_take_a_number_for_b():
    W, x = RNG.standard_normal((2, 1, 3, 3)).astype(np.float32), RNG.standard_normal((1, 1, 5, 5))
    layer = layers.Convolution(W, 0)
    out = layer.forward(x.astype(np.float16))
    assert out.dtype == np.float64
    close(out, layers.Convolution(W, np.zeros(2)).forward(x.astype(np.float16).astype(float)))
    layer.backward(np.ones_like(out))
    close(layer.db, [9, 9])
    assert layer.W is W
    layer.W, layer.b = 2 * W, np.ones(2)
    close(layer.forward(x.astype(np.float16)), 2 * out + 1)
    assert layers.Convolution(W, 1.5).forward(x).shape == (1, 2, 3, 3)


def test_pooling_has_a_stride_of_2():
    pool = layers.Pooling(3, 3)
    assert pool.forward(RNG.standard_normal((1, 2, 8, 7))).shape == (1, 2, 3, 3)
    assert layers.Pooling(pool_h=2, pool_w=2, stride=1).forward(np.ones((1, 1, 3, 3))).shape[2] == 2


def test_the_fruit_shop():
    assert MulLayer().forward(100, 2) == 200
    assert AddLayer().backward(1.1) == (1.1, 1.1)


# Utilities.


def test_columns_are_float64_and_of_any_shape():
    x = np.arange(32, dtype=np.uint8).reshape(1, 2, 4, 4)
    col = util.im2col(input_data=x, filter_h=2, filter_w=2, stride=2, pad=0)
    assert (col.dtype, col.shape, col[1].tolist()) == (float, (4, 8), [2, 3, 6, 7, 18, 19, 22, 23])
    back = util.col2im(col.reshape(8, 4), x.shape, 2, 2, stride=2)
    np.testing.assert_array_equal(back, x)


def test_curves_and_sets():
    x = RNG.standard_normal(30)
    smooth = util.smooth_curve(list(x))
    weights = np.kaiser(11, 2) / np.kaiser(11, 2).sum()
    assert smooth.shape == (30,)
    close(smooth[12], x[7:18] @ weights)
    close(smooth[0], np.r_[x[5:0:-1], x[:6]] @ weights)
    close(smooth[-1], np.r_[x[-6:], x[:-6:-1]] @ weights)
    OLD.seed(1)
    shuffled, t = util.shuffle_dataset(x.reshape(5, 6), np.arange(5))
    OLD.seed(1)
    np.testing.assert_array_equal(t, OLD.permutation(5))
    np.testing.assert_array_equal(shuffled, x.reshape(5, 6)[t])
    assert util.conv_output_size(7, 3, stride=3, pad=1) == 3.0


# Optimisers, against their rules written out.


def sgd(p, g, s, t, lr=0.01):
    return p - lr * g


def momentum(p, g, s, t, lr=0.01, momentum=0.9):
    s["v"] = momentum * s.get("v", 0) - lr * g
    return p + s["v"]


def nesterov(p, g, s, t, lr=0.01, momentum=0.9):
    v = s.get("v", 0)
    s["v"] = momentum * v - lr * g
    return p + momentum**2 * v - (1 + momentum) * lr * g


def adagrad(p, g, s, t, lr=0.01):
    s["h"] = s.get("h", 0) + g**2
    return p - lr * g / (np.sqrt(s["h"]) + 1e-7)


def rmsprop(p, g, s, t, lr=0.01, decay_rate=0.99):
    s["h"] = decay_rate * s.get("h", 0) + (1 - decay_rate) * g**2
    return p - lr * g / (np.sqrt(s["h"]) + 1e-7)


def adam(p, g, s, t, lr=0.001, beta1=0.9, beta2=0.999):
    s["m"] = beta1 * s.get("m", 0) + (1 - beta1) * g
    s["v"] = beta2 * s.get("v", 0) + (1 - beta2) * g**2
    corrected = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return p - corrected * s["m"] / (np.sqrt(s["v"]) + 1e-7)


RULES = [
    (optimizer.SGD, sgd, {"lr": 0.3}),
    (optimizer.Momentum, momentum, {"lr": 0.1, "momentum": 0.5}),
    (optimizer.Nesterov, nesterov, {"lr": 0.1, "momentum": 0.7}),
    (optimizer.AdaGrad, adagrad, {"lr": 0.5}),
    (optimizer.RMSprop, rmsprop, {"lr": 0.1, "decay_rate": 0.8}),
    (optimizer.Adam, adam, {"lr": 0.2, "beta1": 0.8, "beta2": 0.9}),
]


@pytest.mark.parametrize(("kind", "rule", "given"), RULES, ids=[r[1].__name__ for r in RULES])
@pytest.mark.parametrize("size", [1.0, 1e-9])
def test_optimizers_follow_their_rules(kind, rule, given, size):
    for how in ({}, given):
        made, W, b = kind(**how), np.array([[1.0, -2.0]]), 3.0
        params, kept, states = {"W": W, "b": b}, W, ({}, {})
        W = W.copy()
        for t in range(1, 6):
            grads = {"W": size * RNG.standard_normal((1, 2)), "b": size * t}
            made.update(params, grads)
            W, b = (
                rule(p, g, s, t, **how)
                for p, g, s in zip((W, b), grads.values(), states, strict=True)
            )
            close(params["W"], W, rtol=1e-12)
            close(params["b"], b, rtol=1e-12)
        assert params["W"] is kept
        assert isinstance(params["b"], float)


def test_a_step_into_nan_is_taken_and_one_object_serves_several_networks():
    sgd, first, second = optimizer.SGD(1.0), {"W": np.ones(2)}, {"V": np.ones((3, 3))}
    sgd.update(first, {"W": np.array([np.nan, 1.0])})
    sgd.update(second, {"V": np.ones((3, 3))})
    assert np.isnan(first["W"][0])
    assert not second["V"].any()


# Networks and the Trainer.


@pytest.mark.parametrize(("init", "scale"), [("ReLU", 2), ("he", 2), ("Xavier", 1), ("sigmoid", 1)])
def test_first_weights_come_from_the_global_generator(init, scale):
    OLD.seed(3)
    network = MultiLayerNet(4, [3], 2, weight_init_std=init)
    OLD.seed(3)
    for name, n_in, n_out in (("W1", 4, 3), ("W2", 3, 2)):
        close(network.params[name], np.sqrt(scale / n_in) * OLD.randn(n_in, n_out))
    assert network.layers["Affine1"].W is network.params["W1"]
    assert not network.params["b1"].any()


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize("batchnorm", [False, True])
def test_the_extended_network(activation, batchnorm):
    OLD.seed(0)
    network = MultiLayerNetExtend(
        4, [3, 5], 2, activation, 0.5, weight_decay_lambda=0.3, use_batchnorm=batchnorm,
        dropout_ration=0.2,
    )  # fmt: skip
    x, t = RNG.standard_normal((6, 4)), np.array([0, 1, 1, 0, 1, 0])
    normal = [["gamma1", "beta1"], ["gamma2", "beta2"]] if batchnorm else [[], []]
    names = ["W1", "b1", *normal[0], "W2", "b2", *normal[1], "W3", "b3"]
    for i in (1, 2):
        network.params[f"b{i}"] += RNG.standard_normal(network.params[f"b{i}"].shape)  # no kinks
    numerical, found = network.numerical_gradient(x, t), network.gradient(x, np.eye(2)[t])
    assert list(numerical) == list(found) == names
    assert set(network.params) == set(names)
    for name in names:
        close(found[name], numerical[name], rtol=1e-4, atol=1e-7)
    decay = 0.15 * sum(np.sum(network.params[f"W{i}"] ** 2) for i in (1, 2, 3))
    assert network.loss(x, t) > decay > 0
    y = network.predict(x)
    close(network.loss(x, t), functions.softmax_loss(y, t) + decay)
    assert network.accuracy(x, t) == np.mean(y.argmax(axis=1) == t)


def test_layers_stand_in_the_book_s_order():
    network = MultiLayerNetExtend(2, [3, 3], 2, use_dropout=True, use_batchnorm=True)
    kinds = ("Affine", "BatchNorm", "Activation_function", "Dropout")
    assert list(network.layers) == [f"{k}{i}" for i in (1, 2) for k in kinds] + ["Affine3"]
    x = RNG.standard_normal((4, 2))
    np.testing.assert_array_equal(network.predict(x), network.predict(x))
    assert (network.predict(x, train_flg=True) != network.predict(x, True)).any()


class Recorder:
    """A network that notes what it is asked."""

    def __init__(self):
        self.params, self.asked = {"w": np.zeros(())}, []

    def gradient(self, x, t):
        self.asked.append(("gradient", x.tolist()))
        return {"w": np.ones(())}

    def loss(self, x, t):
        self.asked.append(("loss", x.tolist()))
        return float(self.params["w"])

    def accuracy(self, x, t):
        self.asked.append(("accuracy", len(x)))
        return len(x) / 10


def test_the_trainer_goes_the_book_s_way(capsys):
    OLD.seed(7)
    network, x = Recorder(), np.arange(5)
    trainer = Trainer(
        network, x, x, x[:3], x[:3], epochs=3, mini_batch_size=2, optimizer="sGd",
        optimizer_param={"lr": 0.5}, evaluate_sample_num_per_epoch=2,
    )  # fmt: skip
    trainer.train()
    OLD.seed(7)
    batches = [OLD.choice(5, 2).tolist() for _ in range(7)]  # int(3 · 2.5), with replacement
    asked = []
    for i, batch in enumerate(batches):
        asked += [("gradient", batch), ("loss", batch)]
        asked += [("accuracy", 2)] * 2 if i % 2.5 == 0 else []
    assert network.asked == [*asked, ("accuracy", 3)]
    assert trainer.train_loss_list == [-0.5 * i for i in range(1, 8)]  # after the update
    assert trainer.train_acc_list == trainer.test_acc_list == [0.2, 0.2]
    lines = capsys.readouterr().out.splitlines()
    numbers = [re.findall(r"[-\d.]+", line) for line in lines]
    evaluated = {1: ["1", "0.2", "0.2"], 7: ["2", "0.2", "0.2"], 9: ["0.3"]}
    losses = iter(trainer.train_loss_list)
    assert numbers == [evaluated.get(i) or [str(next(losses))] for i in range(10)]


def test_a_quiet_trainer_prints_nothing(capsys):
    x = np.arange(4)
    Trainer(Recorder(), x, x, x, x, epochs=1, verbose=False).train()
    assert capsys.readouterr().out == ""
