"""A subclass that writes one of two formulas anew: the other one is that of its base, and out."""

import copy
from types import MethodType

import numpy as np
import pytest

from clearprop import (
    Affine,
    BatchNormalization,
    Convolution,
    Dropout,
    Flatten,
    Layer,
    Network,
    Relu,
    SoftmaxWithLoss,
    Tanh,
    Variable,
    check,
    compile,
)
from clearprop.errors import ConfigError, UnsupportedError
from clearprop.training import SGD, Trainer

RNG = np.random.default_rng(5)
X, T = RNG.standard_normal((6, 4)), RNG.integers(0, 3, 6)
W, B = RNG.standard_normal((4, 3)), RNG.standard_normal(3)


class Scaled(Affine):
    def forward(self, x):
        return super().forward(x) * 2


class Unit(Affine):
    def forward(self, x):
        return x @ (self.W / np.linalg.norm(self.W, axis=0)) + self.b


class Logged:
    """A mixin that lets any layer count its calls."""

    def forward(self, *inputs):
        Logged.calls += 1
        return super().forward(*inputs)

    calls = 0


class LoggedAffine(Logged, Affine): ...


class Capped(Relu):
    def forward(self, x):
        return np.minimum(super().forward(x), 0.5)


class OfCapped(Capped):
    """Says nothing of either."""


class Smooth(SoftmaxWithLoss):
    def forward(self, x, t, w=None):
        return super().forward(x, t, w) + 0.01 * np.sum(x**2)


class Doubled(Affine):
    """Writes both, the derivative by that of its base."""

    def forward(self, x):
        return super().forward(x) * 2

    def backward(self, dout):
        return super().backward(dout * 2)


class Once(Doubled):
    def forward(self, x):
        return Affine.forward(self, x)


class Slopes(Layer):
    """A base that has the derivative of all its subclasses."""

    def forward(self, x):
        raise NotImplementedError

    def backward(self, dout):
        return dout * self.slope


class Cube(Slopes):
    def forward(self, x):
        self.slope = 3 * x**2
        return x**3


class Elsewhere:
    """No Layer: it only has the methods of one."""

    params = ("W",)

    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


class ElsewhereAnew(Elsewhere):
    def forward(self, x):
        return np.sin(super().forward(x))


def affine():
    return Affine(W.copy(), B.copy())


def bound():
    layer = affine()
    layer.forward = MethodType(lambda self, x: Affine.forward(self, x) * 2, layer)
    return layer


CASES = {
    "scaled": lambda: ([Scaled(W.copy(), B.copy())], None),
    "unit": lambda: ([Unit(W.copy(), B.copy())], None),
    "mixin": lambda: ([LoggedAffine(W.copy(), B.copy()), Tanh()], None),
    "capped": lambda: ([affine(), Capped()], None),
    "subclass": lambda: ([affine(), OfCapped()], None),
    "loss": lambda: ([affine()], Smooth()),
    "both": lambda: ([Doubled(W.copy(), B.copy())], None),
    "again": lambda: ([Once(W.copy(), B.copy())], None),
    "base": lambda: ([affine(), Cube()], None),
    "elsewhere": lambda: ([ElsewhereAnew(W.copy())], None),
    "assigned": lambda: ([bound()], None),
}


@pytest.mark.parametrize("name", CASES)
def test_every_way_differentiates_the_forward_that_runs(name):
    layers, loss = CASES[name]()
    net = Network(layers, loss=loss)
    found, due = net.gradient(X, T), net.numerical_gradient(X, T)
    for key, d in due.items():
        np.testing.assert_allclose(found[key], d, atol=1e-6)
    for how in ({}, {"engine": "c"}):
        other = copy.deepcopy(net)
        before = {key: value.copy() for key, value in other.params.items()}
        Trainer(other, X, T, optimizer=SGD(1.0), batch_size=6).train(1)
        for key, d in due.items():
            np.testing.assert_allclose(before[key] - other.params[key], d, atol=1e-6)
        if name == "assigned":  # which no step is compiled of
            continue
        other = copy.deepcopy(net)
        compile(other, SGD(1.0), **how)(X, T)
        for key, d in due.items():
            np.testing.assert_allclose(before[key] - other.params[key], d, atol=1e-6)
    x = Variable(X)
    net.loss(x, T).backward()
    step = 1e-6
    for at in [(0, 0), (3, 2)]:
        up, down = X.copy(), X.copy()
        up[at], down[at] = X[at] + step, X[at] - step
        slope = (net.loss(up, T) - net.loss(down, T)) / (2 * step)
        np.testing.assert_allclose(x.grad[at], slope, atol=1e-6)


def test_a_layer_that_runs_by_hand_answers_with_the_derivative_of_its_forward():
    layer, dout = LoggedAffine(W.copy(), B.copy()), RNG.standard_normal((6, 3))
    layer.forward(X)
    np.testing.assert_allclose(layer.backward(dout), dout @ W.T)
    layer = Scaled(W.copy(), B.copy())
    layer.forward(X)
    np.testing.assert_allclose(layer.backward(dout), 2 * dout @ W.T)
    np.testing.assert_allclose(layer.dW, 2 * X.T @ dout)


def test_a_backward_that_is_named_in_the_class_counts():
    class Straight(Affine):
        backward = Affine.backward

        def forward(self, x):
            return np.round(super().forward(x))

    net = Network([Straight(W.copy(), B.copy())])
    assert np.any(net.gradient(X, T)["W1"])


def test_a_stranger_that_cannot_be_differentiated_is_told_to_write_backward_too():
    class Closed(Elsewhere):
        def forward(self, x):
            return super().forward(np.array(x))

    class Open(Closed):
        backward = Elsewhere.backward

    with pytest.raises(UnsupportedError, match=r"the backward of Closed1 is that of another forwa"):
        Network([Closed(W.copy())]).gradient(X, T)
    assert np.any(Network([Open(W.copy())]).gradient(X, T)["W1"])


def test_a_backward_that_a_base_has_for_all_its_subclasses_counts():
    net = Network([affine(), Cube()])
    net.gradient(X, T)
    assert hasattr(net.layers["Cube1"], "slope")
    assert "backward" not in vars(Cube)


def test_the_check_differentiates_forward_too_and_still_holds_a_stranger_to_what_he_answers():
    assert check(Scaled(W.copy(), B.copy()), X).ok
    assert not check(ElsewhereAnew(W.copy()), X).ok


@pytest.mark.parametrize("kind", [Dropout, BatchNormalization])
def test_an_infer_of_a_base_is_refused_where_forward_is_another(kind):
    class Other(kind):
        def forward(self, x):
            return super().forward(x) * 2

    class Both(Other):
        infer = kind.infer

    args = (np.ones(3), np.zeros(3)) if kind is BatchNormalization else ()
    made = [c(*args) for c in (Other, Both)]
    with pytest.raises(ConfigError, match=r"Other that writes forward anew, and its infer"):
        Network([affine(), made[0]])
    Network([affine(), made[1]]).predict(X)


def test_a_function_that_is_put_in_place_of_forward_and_loses_a_derivative_is_refused():
    layer = affine()
    layer.forward = lambda x: Affine.forward(layer, x) * 2
    with pytest.raises(UnsupportedError, match=r"Affine1 has had a forward assigned to it that"):
        Network([layer]).gradient(X, T)


def test_convolutions_that_normalise_their_filters_learn():
    class Standard(Convolution):
        def forward(self, x):
            mean = np.mean(self.W, axis=(1, 2, 3), keepdims=True)
            kept = self.W
            self.W = kept - mean
            out = super().forward(x)
            self.W = kept
            return out

    x, t = RNG.standard_normal((3, 1, 5, 5)), np.array([0, 1, 1])
    rng = np.random.default_rng(0)
    net = Network(
        [Standard.from_sizes(1, 2, 3, rng=rng), Flatten(), Affine.from_sizes(18, 2, rng=rng)]
    )
    net = net.astype(np.float64)
    for key, d in net.numerical_gradient(x, t).items():
        np.testing.assert_allclose(net.gradient(x, t)[key], d, atol=1e-6)


class ByHand(Network):
    """As in the book: a gradient written out."""

    def loss(self, x, t):
        return self.lastLayer.forward(self.layers["Affine1"].forward(x), t)

    def gradient(self, x, t):
        self.loss(x, t)
        self.layers["Affine1"].backward(self.lastLayer.backward(1))
        return {"W1": self.layers["Affine1"].dW, "b1": self.layers["Affine1"].db}


class Penalised(ByHand):
    def loss(self, x, t):
        return super().loss(x, t) + 0.1 * np.sum(self.params["W1"] ** 2)


class Clipped(Network):
    def gradient(self, x, t):
        return {key: np.clip(g, -0.01, 0.01) for key, g in super().gradient(x, t).items()}


class ClippedTwice(Clipped):
    def forward(self, x):
        return 2 * super().forward(x)


def test_a_gradient_by_hand_does_not_outlive_the_loss_that_it_is_of():
    for kind in (ByHand, Penalised):
        net = kind([affine()])
        for key, d in net.numerical_gradient(X, T).items():
            np.testing.assert_allclose(net.gradient(X, T)[key], d, atol=1e-6)


def test_a_gradient_that_is_built_on_another_is_kept_and_trained_by():
    for kind in (Clipped, ClippedTwice):
        net = kind([affine()])
        assert max(abs(g).max() for g in net.gradient(X, T).values()) == 0.01
        Trainer(net, X, T, optimizer=SGD(1.0), batch_size=6).train(1)
        assert abs(net.params["W1"] - W).max() == pytest.approx(0.01)


def test_one_that_is_built_on_a_gradient_by_hand_is_refused():
    class Halved(ByHand):
        def gradient(self, x, t):
            return {key: g / 2 for key, g in super().gradient(x, t).items()}

    with pytest.raises(ConfigError, match=r"Other writes .* anew, and the gradient of ByHand"):

        class Other(Halved):
            def loss(self, x, t):
                return 2 * super().loss(x, t)
