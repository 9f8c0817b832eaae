"""What a step on JAX keeps on the device: whoever reads it, in whatever way, has it fetched."""

import copy
import pickle
from importlib.util import find_spec

import numpy as np
import pytest
from nets import batch, dense

from clearprop import Affine, Layer, Network, Relu, Variable, check, compile
from clearprop.graph.away import may_lend
from clearprop.training import SGD, Momentum, Trainer, save_weights
from clearprop.training.weights import load_weights

pytestmark = pytest.mark.skipif(not find_spec("jax"), reason="jax is not installed")
X, T = batch(20, 7, 3, dtype=np.float64)


def made():
    return dense(7, 5, 3, dtype=np.float64)


def first(network):
    return network.layers["Affine1"]


def compiled(engine):
    def look(network):
        predict = compile(network, engine=engine)
        return lambda: predict(X)

    return look


def reading(network):
    """A program that reads a layer's array from outside."""
    layer = first(network)
    program = compile(lambda x: x @ layer.W)
    return lambda: program(X)


def saved(network, path):
    save_weights(path, network)
    load_weights(path, other := made())
    return other.params["W1"]


LOOKS = {
    "compiled, NumPy": compiled("numpy"),
    "compiled, C": compiled("c"),
    "compiled, JAX": compiled("jax"),
    "a program that reads": reading,
    "predict": lambda n: lambda: n.predict(X),
    "a layer's array": lambda n: lambda: first(n).W.copy(),
    "a layer's forward": lambda n: lambda: first(n).forward(X),
    "a layer": lambda n: lambda: first(n)(X),
    "a layer's graph": lambda n: lambda: first(n)(Variable(X)).data,
    "getattr": lambda n: lambda: getattr(first(n), "W", None).copy(),
    "a deep copy of a layer": lambda n: lambda: copy.deepcopy(first(n)).W,
    "a copy of a layer": lambda n: lambda: copy.copy(first(n)).W.copy(),
    "a pickled layer": lambda n: lambda: pickle.loads(pickle.dumps(first(n))).W,
    "a deep copy": lambda n: lambda: copy.deepcopy(n).params["W1"],
    "pickled": lambda n: lambda: pickle.loads(pickle.dumps(n)).params["W1"],
    "params": lambda n: lambda: n.params["W1"].copy(),
    "all params": lambda n: lambda: dict(n.params)["W1"].copy(),
    "another network": lambda n: lambda: Network([first(n), Relu()]).predict(X),
    "another dtype": lambda n: lambda: n.astype(np.float32).params["W1"],
    "evaluate": lambda n: lambda: n.evaluate(X, T).loss,
    "checked": lambda n: lambda: check(first(n), X).ok,
}


def after_steps(engine, look):
    """What is seen after each of some steps."""
    network = made()
    step, ask = compile(network, Momentum(0.5), engine=engine), look(network)
    seen = []
    for n in (1, 2, 1):
        for _ in range(n):
            step(X, T)
        seen.append(ask())
    return seen


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_whoever_reads_sees_what_was_learned(look):
    for found, wanted in zip(after_steps("jax", look), after_steps("numpy", look), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_the_state_of_the_optimizer_is_seen_too():
    found = []
    for engine in ("jax", "numpy"):
        step = compile(made(), Momentum(0.5), engine=engine)
        seen = []
        for _ in range(3):
            step(X, T)
            seen.append(step.optimizer.arrays["v.W1"].copy())
            step(X, T)
            seen.append(copy.deepcopy(step.optimizer).arrays["v.W1"])
        found.append(seen)
    np.testing.assert_allclose(*found, rtol=1e-9)


def test_networks_that_share_layers_predict_what_was_learned():
    found = []
    for engine in ("jax", "numpy"):
        network = made()
        other = Network([first(network), Relu()])
        step, predict = compile(network, SGD(0.5), engine=engine), compile(other)
        found.append([])
        for _ in range(3):
            step(X, T)
            found[-1].append(predict(X))
    np.testing.assert_allclose(*found, rtol=1e-9)


def test_who_watches_the_trainer_sees_what_was_learned():
    found = []
    for engine in ("jax", "numpy"):
        network, seen = made(), []
        predict = compile(network)
        how = {"batch_size": 5, "optimizer": SGD(0.5), "rng": 0, "score_training": False}
        look = [lambda moment, seen=seen, predict=predict: seen.append(predict(X))]
        Trainer(network, X, T, engine=engine, callbacks=look, **how).train(epochs=3)
        found.append(seen)
    assert len(found[0]) > 2
    np.testing.assert_allclose(*found, rtol=1e-8)


def test_steps_that_nobody_looks_at_fetch_nothing():
    step = compile(made(), Momentum(0.5), engine="jax")
    for _ in range(3):
        step(X, T)
        assert "W" not in vars(first(step.network))
        assert "arrays" not in vars(step.optimizer)


@pytest.mark.parametrize("name", ["W", "b"])
def test_what_is_assigned_meanwhile_counts(name):
    found = []
    for engine in ("jax", "numpy"):
        step = compile(made(), Momentum(0.5), engine=engine)
        step(X, T), step(X, T)
        layer = first(step.network)
        setattr(layer, name, np.full({"W": (7, 5), "b": 5}[name], 0.1))
        losses = [step(X, T), step(X, T)]
        layer.W[0] = 0  # it has been fetched to be written into
        layer.b *= 2
        step.optimizer.arrays["v.W1"][...] = 0
        found.append([*losses, step(X, T), step(X, T)])
    assert found[0] == pytest.approx(found[1], rel=1e-9)


class Slotted:
    """A layer with places of its own for its arrays, of which nothing can be taken away."""

    params = ("W",)
    __slots__ = ("W", "__dict__")

    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


class InMapping(Layer):
    def __init__(self, W):
        self.params = {"W": W}

    def forward(self, x):
        return x @ self.params["W"]


class WithUsual(Layer):
    """Were its array taken away, another would answer."""

    params = ("W",)
    W = np.zeros((7, 5))

    def __init__(self, W):
        self.W = W

    def forward(self, x):
        return x @ self.W


class CopiesItself(Affine):
    def __deepcopy__(self, memo):
        return type(self)(self.__dict__["W"].copy(), self.__dict__["b"].copy())


OTHERS = {
    "slots": (lambda W: Slotted(W), lambda layer: layer.W.copy()),
    "a mapping": (lambda W: InMapping(W), lambda layer: layer.params["W"].copy()),
    "a class's own": (lambda W: WithUsual(W), lambda layer: layer.W.copy()),
    "a copy": (lambda W: CopiesItself(W, np.zeros(5)), lambda layer: copy.deepcopy(layer).W),
}


@pytest.mark.parametrize(("make", "read"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("frozen", [False, True])
def test_layers_that_cannot_lend_their_arrays_have_them_after_every_step(make, read, frozen):
    found = []
    for engine in ("jax", "numpy"):
        W = np.random.default_rng(0).normal(size=(7, 5))
        layer = make(W)
        network = Network([layer, Relu(), Affine(np.ones((5, 3)) * [1, 2, -1], np.zeros(3))])
        if frozen:
            network.freeze(next(iter(network.params)))
        step = compile(network, Momentum(0.5), engine=engine)
        found.append([])
        for _ in range(3):
            found[-1].append(step(X, T))
            found[-1].append(read(layer).sum())
    assert found[0] == pytest.approx(found[1], rel=1e-9)
    assert not may_lend(layer, ["W"])


class Own(Network):
    params = ("scale",)

    def __init__(self):
        super().__init__(made().layers)
        self.scale = np.ones(3)

    def forward(self, x):
        return super().forward(x) * self.scale


def test_a_networks_own_parameters_are_seen():
    found = []
    for engine in ("jax", "numpy"):
        network = Own()
        step, seen = compile(network, Momentum(0.5), engine=engine), []
        for i in range(4):
            step(X, T)
            seen.append(network.scale.copy())
            step(X, T)
            if i == 2:
                network.scale = np.full(3, 0.5)
            seen.append(network.predict(X)[0])
        found.append(seen)
    np.testing.assert_allclose(*found, rtol=1e-8)
