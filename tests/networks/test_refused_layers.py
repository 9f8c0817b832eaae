"""What would be silently wrong is refused by name, with what to write instead."""

import numpy as np
import pytest
from one_file_layers import BatchNorm, Dropout, affine, rng
from one_file_networks import T, X
from one_file_sequences import Cell

from clearprop import Affine, Layer, Network, Variable, compile, graph
from clearprop.errors import ConfigError, DataError, GraphError, ShapeError, UnsupportedError
from clearprop.training import SGD, Trainer


class Undeclared(Layer):
    def __init__(self):
        self.W = np.ones((5, 5))

    def forward(self, x):
        return x @ self.W


class UndeclaredInAList(Layer):
    def __init__(self):
        self.Ws = [{"W": np.ones((5, 5))}]

    def forward(self, x):
        return x @ self.Ws[0]["W"]


class PlainUndeclared:
    def __init__(self):
        self.W = np.ones((5, 5))

    def forward(self, x):
        return x @ self.W

    def backward(self, dout):
        return dout @ self.W.T


class Inside(Layer):
    def __init__(self, layer):
        self.layer = layer

    def forward(self, x):
        return x + self.layer(x)


class UndeclaredInANetwork(Network):
    def __init__(self):
        super().__init__([affine(4, 5), affine(5, 3)])
        self.scale = np.ones(5)

    def forward(self, x):
        return self.layers["Affine2"](self.layers["Affine1"](x) * self.scale)


class Mistyped(Layer):
    params = "W"

    def __init__(self):
        self.W = np.ones((5, 5))

    def forward(self, x):
        return x @ self.W


class MistypedState(BatchNorm):
    state = "running_mean"


class NotMade(BatchNorm):
    state = ("mean_of_all", "running_var")


class WrongNumber(BatchNorm):
    def next_state(self):
        return self.running_mean


class WrongShape(BatchNorm):
    def next_state(self):
        return self.running_mean.mean(), self.running_var


class NoNextState(BatchNorm):
    next_state = Layer.next_state


class WrongDraw(Dropout):
    def draw(self, rng, x):
        return rng.random(x.shape), rng.random(x.shape)


class WrongDrawShape(Dropout):
    def draw(self, rng, x):
        return rng.random((3, 2))


class NoDraw(Dropout):
    draw = Layer.draw


class WritesOut(Layer):
    def __init__(self, inner):
        self.inner = inner

    def forward(self, x):
        return self.inner.forward(x)


class MakesLayers(Network):
    def __init__(self):
        super().__init__([affine(4, 3)])

    def forward(self, x):
        return self.layers["Affine1"](Affine(np.eye(4), np.zeros(4))(x))


class LayerMakesLayers(Layer):
    def forward(self, x):
        return Affine(np.eye(5), np.zeros(5))(x)


class LayerMakesLayersByHand(Layer):
    def forward(self, x):
        self.fc = None
        fc = Affine(np.eye(5), np.zeros(5))
        out = fc(x)
        self.dx = fc.W
        return out

    def backward(self, dout):
        return dout @ self.dx.T


class PredictsOtherwise(Network):
    """Another way through its layers than theirs in a row, which is what loss means."""

    def predict(self, x):
        return self.layers["Affine1"](x) * 2


class HalfFrozenByHand(Layer):
    """A derivative of the wrong shape."""

    params = ("b",)

    def __init__(self):
        self.b = np.zeros(5)

    def forward(self, x):
        return x + self.b

    def backward(self, dout):
        self.db = dout
        return dout


class ForgetsOne(HalfFrozenByHand):
    def backward(self, dout):
        return dout


def around(middle):
    return Network([affine(4, 5), middle, affine(5, 3)], rng=rng(3))


REFUSED = {
    "undeclared": (lambda: around(Undeclared()), ConfigError, r"Undeclared1.* self\.W.*params"),
    "in a list": (lambda: around(UndeclaredInAList()), ConfigError, r"self\.Ws\.0\.W"),
    "plain object": (lambda: around(PlainUndeclared()), ConfigError, r"'PlainUndeclared1'.*W"),
    "inside": (lambda: around(Inside(Undeclared())), ConfigError, r"Inside1\.layer.*self\.W"),
    "plain object inside": (
        lambda: around(Inside(PlainUndeclared())),
        ConfigError,
        r"'Inside1\.layer' is a PlainUndeclared with W",
    ),
    "in a network": (UndeclaredInANetwork, ConfigError, r"self\.scale"),
    "params is text": (lambda: around(Mistyped()), ConfigError, r"params is 'W'; it must be a tup"),
    "state is text": (lambda: around(MistypedState(5)), ConfigError, "state is 'running_mean'"),
    "state not made": (lambda: around(NotMade(5)), ConfigError, "state is .'mean_of_all'"),
    "too few states": (
        lambda: around(WrongNumber(5)),
        ShapeError,
        r"WrongNumber1\.next_state gave 1 arrays? for the state running_mean, running_var",
    ),
    "shape of state": (
        lambda: around(WrongShape(5)),
        ShapeError,
        r"WrongShape1\.next_state gave running_mean the shape \(\), but it has shape \(5,\)",
    ),
    "no next_state": (lambda: around(NoNextState(5)), NotImplementedError, "no next_state"),
    "too many draws": (lambda: around(WrongDraw()), ShapeError, r"WrongDraw\.draw gave 2 arrays"),
    "shape of a draw": (lambda: around(WrongDrawShape()), ValueError, "broadcast"),
    "no draw": (lambda: around(NoDraw()), NotImplementedError, "noise but no draw"),
    "written out": (
        lambda: around(WritesOut(Dropout())),
        UnsupportedError,
        r"Dropout\.forward is written out inside another layer.*call the layer",
    ),
    "written out, with state": (
        lambda: around(WritesOut(BatchNorm(5))),
        UnsupportedError,
        r"BatchNorm\.forward is written out",
    ),
    "made on the way": (MakesLayers, ConfigError, "no part of the network.*make it in __init__"),
    "made in a layer": (
        lambda: around(LayerMakesLayers()),
        (ConfigError, UnsupportedError),
        "make (it|that layer) in __init__",
    ),
    "made in a layer by hand": (
        lambda: around(LayerMakesLayersByHand()),
        ConfigError,
        "no part of the network.*make it in __init__",
    ),
    "predicts otherwise": (
        lambda: PredictsOtherwise([affine(4, 3)]),
        ConfigError,
        r"predict of its own that its loss does not use.*call self\.predict",
    ),
    "shape of a derivative": (
        lambda: around(HalfFrozenByHand()),
        ShapeError,
        r"HalfFrozenByHand.*shape \(6, 5\)",
    ),
    "no derivative": (lambda: around(ForgetsOne()), (ShapeError, UnsupportedError), r"db"),
}


@pytest.mark.parametrize("way", ["gradient", "compiled"])
@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name, way):
    make, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        learn(make(), way)


def learn(net, way, x=X, t=T):
    if way == "gradient":
        return net.gradient(x, t)
    return compile(net, SGD(0.1))(x, t)


@pytest.mark.parametrize("way", ["gradient", "compiled"])
def test_a_failed_step_leaves_state_and_generator(way):
    net = Network([affine(4, 5), BatchNorm(5), Dropout(), affine(5, 3)], rng=rng(3))
    step = compile(net, SGD(0.1))

    def take(x, t):
        return net.gradient(x, t) if way == "gradient" else step(x, t)

    take(X, T)
    state = {k: v.copy() for k, v in net.states.items()}
    generator = repr(net.rng.bit_generator.state)
    for x, t in ((X, T + 7), (X[:, :3], T)):
        with pytest.raises((ValueError, ConfigError, ShapeError)):
            take(x, t)
        assert {k: v.tolist() for k, v in net.states.items()} == {
            k: v.tolist() for k, v in state.items()
        }
        assert repr(net.rng.bit_generator.state) == generator


@pytest.mark.parametrize("way", ["gradient", "compiled"])
def test_carried_state_and_another_batch_size(way):
    net = Network([Cell(4, 5), affine(5, 3)])
    learn(net, way)
    for x, t in ((X[:3], T[:3]), (np.tile(X, (2, 1)), np.tile(T, 2))):
        with pytest.raises(DataError, match=r"Cell1\.h \(6, 5\) is carried on from a batch of 6"):
            learn(net, way, x, t)
    assert net.predict(X[:2]).shape == (2, 3)
    net.reset()
    learn(net, way, X[:3], T[:3])
    assert net.layers["Cell1"].h.shape == (3, 5)


def test_noise_of_a_node_is_for_its_batch():
    net = around(Dropout())
    y = net(Variable(X, "x"))
    with pytest.raises(GraphError, match="keeps the noise that was drawn for inputs"):
        graph(y).opened(1).evaluate({"x": X[:2]})


class TwoOutputs(Network):
    def __init__(self):
        super().__init__()
        self.a, self.b = affine(4, 3), affine(4, 1)

    def forward(self, x):
        return self.a(x), self.b(x)


TWICE = {
    "loss": lambda network, x, t: network.loss(x, t),
    "gradient": lambda network, x, t: network.gradient(x, t),
    "evaluate": lambda network, x, t: network.evaluate(x, t),
    "accuracy": lambda network, x, t: network.accuracy(x, t),
    "compiled": lambda network, x, t: compile(network, SGD())(x, t),
    "Trainer": lambda network, x, t: Trainer(network, x, t, batch_size=5),
}


@pytest.mark.parametrize("way", TWICE)
def test_two_outputs_need_two_losses(way):
    x, t = np.ones((5, 4)), np.zeros(5, int)
    with pytest.raises(ConfigError, match=r"TwoOutputs.forward gives 2 outputs, and .* one loss; "):
        TWICE[way](TwoOutputs(), x, t)


def test_of_two_outputs_a_loss_of_its_own_takes_what_it_wants_and_the_first_is_scored():
    class Penalised(TwoOutputs):
        def loss(self, x, t):
            y, other = self(x)
            return self.lastLayer(y, t) + np.mean(other**2)

    x, t = np.eye(4), np.array([0, 1, 2, 0])
    trainer = Trainer(Penalised(), x, t, batch_size=4, optimizer=SGD(1.0))
    assert trainer.train(epochs=100).train_score[-1] == trainer.network.accuracy(x, t) == 1
