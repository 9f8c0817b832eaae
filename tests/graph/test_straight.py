"""A chain goes straight through its layers inside its node, as if each were a node of its own."""

import threading
from collections.abc import Mapping
from types import MappingProxyType, SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from clearprop import Network, Variable, graph
from clearprop.errors import ShapeError, UnsupportedError
from clearprop.layers import (
    Affine,
    BatchNormalization,
    Dropout,
    Layer,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
    Tanh,
)


class OneByOne(Network):
    """A chain whose layers become nodes, since it has a `forward` of its own."""

    def forward(self, x):
        for layer in self.layers.values():
            x = layer(x)
        return x


class Doubling(Layer):
    """Keeps a buffer, writes into it, and hands its own dout back."""

    def __init__(self):
        self.buffer = np.zeros((4, 3))

    def forward(self, x):
        self.buffer[...] = x
        self.kept = 2 * self.buffer
        return self.kept

    def backward(self, dout):
        dout *= 2
        return dout


class Spoils(Relu):
    """Writes into what its forward has kept."""

    def forward(self, x):
        self.kept = np.ones_like(x)
        return super().forward(x)

    def backward(self, dout):
        self.kept *= 3
        return super().backward(dout) * self.kept


class Wide(Relu):
    """Its derivative is float64, whatever it was given."""

    def backward(self, dout):
        return super().backward(dout).astype(np.float64)


def layers(*between, dtype=np.float64, rng=None):
    rng = np.random.default_rng(0) if rng is None else rng
    first = Affine.from_sizes(5, 3, rng=rng, dtype=dtype)
    return [first, *between, Affine.from_sizes(3, 2, rng=rng, dtype=dtype)]


def data(dtype=np.float64):
    rng = np.random.default_rng(1)
    return rng.standard_normal((4, 5)).astype(dtype), np.array([0, 1, 1, 0])


def calls(loss):
    return loss.node.inputs[0].node.operation.calls


def derivatives(network, x, t, **how):
    x = Variable(x)
    loss = network.loss(x, t)
    loss.backward(**how)
    node = loss.node.inputs[0].node
    return loss, {v.name or "x": np.asarray(getattr(v.grad, "data", v.grad)) for v in node.inputs}


MIDDLES = {
    "none": lambda _: (),
    "plain": lambda _: (Relu(), Sigmoid(), Tanh()),
    "noise": lambda _: (Dropout(0.5), Relu(), Dropout(0.3)),
    "state": lambda dtype: (BatchNormalization(np.ones(3, dtype), np.zeros(3, dtype)), Relu()),
    "a buffer": lambda _: (Doubling(), Relu()),
    "spoils what it kept": lambda _: (Spoils(), Sigmoid()),
    "another dtype": lambda _: (Wide(), Sigmoid()),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("middle", MIDDLES)
def test_to_the_last_bit(middle, dtype):
    made = [
        kind(layers(*MIDDLES[middle](dtype), dtype=dtype), rng=np.random.default_rng(3))
        for kind in (Network, OneByOne)
    ]
    x, t = data(dtype)
    for _ in range(2):
        (straight, found), (_, expected) = (derivatives(network, x, t) for network in made)
        assert calls(straight)
        assert found.keys() == expected.keys() == {"x", "W1", "b1", "W2", "b2"} | found.keys()
        for name in found:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
            assert found[name].dtype == dtype
        again = {v.name or "x": v.grad for v in straight.node.inputs[0].node.inputs}
        straight.backward()
        for v in straight.node.inputs[0].node.inputs:
            np.testing.assert_array_equal(v.grad, again[v.name or "x"])
        for network in made:  # from now on the layers have kept something
            network.gradient(x, t)


@pytest.mark.parametrize("kind", [Network, OneByOne])
def test_what_was_recorded_stays(kind):
    """Neither a second use, nor training, nor a setting that changes, reaches what was recorded."""

    class Slope(Layer):
        slope = 2.0

        def forward(self, x):
            self.used = self.slope
            return self.slope * x

        def backward(self, dout):
            return self.used * dout

    network = kind(layers(Slope()))
    x, t = data()
    first, found = derivatives(network, x, t)
    network.loss(Variable(x + 1), t)
    network.params["W1"] *= 3
    network.layers["Slope1"].slope = 5.0
    other, changed = derivatives(network, x, t)
    assert not np.allclose(found["W1"], changed["W1"])
    first.backward()
    node = first.node.inputs[0].node
    for v in node.inputs:
        np.testing.assert_array_equal(v.grad, found[v.name or "x"])
    inside = graph(first)
    np.testing.assert_array_equal(inside.evaluate(), first.data)
    opened = node.operation.open(node.values)[1]
    np.testing.assert_allclose(opened.data, node.out, rtol=1e-12)
    assert other.data != first.data


def test_recorded_derivatives_go_by_nodes():
    x, t = data()
    made = Network(layers(Tanh())), OneByOne(layers(Tanh()))
    found = [derivatives(network, x, t, record=True)[1] for network in made]
    for name in found[0]:
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-12)


def test_it_opens_into_the_nodes_of_its_layers():
    x, t = data()
    loss, _ = derivatives(Network(layers(Dropout(0.5), Relu())), x, t)
    node = loss.node.inputs[0].node
    _, out = node.operation.recorded(node.values)
    np.testing.assert_array_equal(out.data, node.out)
    assert out.node.operation.name == "Affine2"
    assert "Dropout1" in graph(loss).svg(open="Network")


def test_threads_go_back_through_one_graph():
    x, t = data()
    loss, _ = derivatives(Network(layers(Spoils(), Sigmoid())), x, t)
    operation, node = loss.node.inputs[0].node.operation, loss.node.inputs[0].node
    dout, wrong = np.ones_like(node.out), []
    expected = operation.vjp(range(5), dout, node.out, node.values, {})

    def back():
        for _ in range(20):
            got = operation.vjp(range(5), dout, node.out, node.values, {})
            wrong.extend(a for a, b in zip(got, expected, strict=True) if not np.array_equal(a, b))

    threads = [threading.Thread(target=back) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not wrong


class BadShape(Relu):
    def backward(self, dout):
        return dout[:, :1]


class NoBias(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = None
        return dx


class WritesIntoInput(Layer):
    def forward(self, x):
        x *= 2
        return x

    def backward(self, dout):
        return 2 * dout


@pytest.mark.parametrize(
    ("layer", "error", "words"),
    [
        (BadShape, ShapeError, "BadShape1.backward: the derivative by x has shape"),
        (
            lambda: NoBias(np.eye(3), np.zeros(3)),
            UnsupportedError,
            "NoBias1.*gives no .* b",
        ),
        (WritesIntoInput, UnsupportedError, "WritesIntoInput1.forward writes into its input"),
    ],
)
@pytest.mark.parametrize("kind", [Network, OneByOne])
def test_what_is_wrong_is_said_of_the_layer(kind, layer, error, words):
    x, t = data()
    if kind is OneByOne:
        words = words.replace("1.", ".")
    with pytest.raises(error, match=words):
        derivatives(kind(layers(layer())), x, t)


def test_only_chains_of_different_layers_with_a_backward_go_straight():
    class Forward(Layer):
        def forward(self, x):
            return np.tanh(x)

    x, t = data()
    relu, shared = Relu(), Affine(np.eye(3), np.zeros(3))
    for made in (
        OneByOne(layers(Relu())),
        Network(layers(Forward())),
        Network(layers(Network([relu, shared]))),
    ):
        assert not calls(derivatives(made, x, t)[0])
    twice = Network(layers(shared, relu, Affine(shared.W, shared.b)))
    loss, found = derivatives(twice, x, t)
    assert calls(loss)
    expected = derivatives(OneByOne(layers(shared, Relu(), Affine(shared.W, shared.b))), x, t)[1]
    np.testing.assert_array_equal(found["W2"], expected["W2"])


class Held(Layer):
    """Calls a layer that it holds, and has a backward of its own."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x):
        return self.layer(x) + 1

    def backward(self, dout):
        return self.layer.backward(dout)


def test_layers_that_hold_layers():
    x, t = data()
    loss, found = derivatives(Network(layers(Held(Tanh()), Relu())), x, t)
    assert calls(loss)
    assert len(calls(loss)) == 4
    expected = derivatives(OneByOne(layers(Held(Tanh()), Relu())), x, t)[1]
    np.testing.assert_array_equal(found["x"], expected["x"])
    tanh = Tanh()
    assert not calls(derivatives(Network(layers(tanh, Held(tanh))), x, t)[0])


def test_what_arrives_from_upstream_is_left_as_it_was():
    network = Network([Affine.from_sizes(5, 3, dtype=float), Doubling()])
    x, seed = Variable(data()[0]), np.full((4, 3), 7.0)
    out = network(x)
    out.backward(seed)
    assert (out.grad == 7).all()
    np.testing.assert_allclose(x.grad, 2 * seed @ network.params["W1"].T, rtol=1e-12)


def test_a_look_sees_the_state_that_the_last_step_saw():
    class Sums(Layer):
        carried = ("h",)

        def __init__(self):
            self.h = np.zeros((4, 3))

        def forward(self, x):
            self.new = self.h + x
            return self.new

        def backward(self, dout):
            return dout

        def next_state(self):
            return self.new

    network, (x, t) = Network(layers(Sums())), data()
    network.gradient(x, t)
    network.gradient(x, t)
    assert network.loss(Variable(x), t).data == network.loss(x, t)


def test_a_loss_of_its_own_is_recorded_with_its_penalty():
    class Decaying(Network):
        def loss(self, x, t, w=None):
            return super().loss(x, t) + (self.layers["Affine1"].W ** 2).sum()

    network, (x, t) = Decaying(layers(Relu())), data()
    loss = network.loss(Variable(x), t)
    loss.backward()
    found = {v.name: v.grad for v in graph(loss).leaves if v.name}
    np.testing.assert_allclose(found["W1"], network.gradient(x, t)["W1"], rtol=1e-12)


def test_the_network_itself_stays_as_it_was():
    """A look changes nothing, also where it makes no copy of the network first."""
    for middle in MIDDLES.values():
        network = Network(layers(*middle(float)), rng=np.random.default_rng(3))
        x, t = data()
        network.gradient(x, t)
        held = [dict(layer.__dict__) for layer in (*network.layers.values(), network.lastLayer)]
        copies = [{k: np.copy(v) for k, v in d.items() if isinstance(v, np.ndarray)} for d in held]
        drawn = network.rng.bit_generator.state
        network.loss(Variable(x + 1), t).backward()
        network(Variable(x + 1))
        network.predict(Variable(x + 1))
        assert network.rng.bit_generator.state == drawn
        now = [layer.__dict__ for layer in (*network.layers.values(), network.lastLayer)]
        for before, copied, after in zip(held, copies, now, strict=True):
            assert before.keys() == after.keys()
            assert all(after[key] is value for key, value in before.items())
            for key, value in copied.items():
                np.testing.assert_array_equal(after[key], value)


def test_a_layer_that_fills_a_buffer_needs_no_first_call_on_arrays():
    network = Network(layers(Doubling()))
    x, t = data()
    network.gradient(x, t)
    loss, found = derivatives(network, x, t)
    assert float(loss.data) == network.loss(x, t)
    np.testing.assert_allclose(found["W1"], network.gradient(x, t)["W1"], rtol=1e-12)


class Pair(NamedTuple):
    first: Layer
    rest: int


@pytest.mark.parametrize(
    "hold",
    [
        lambda layer: type("Row", (list,), {})([layer]),
        lambda layer: type("Table", (dict,), {})({0: layer}),
        lambda layer: Pair(layer, 1),
        lambda layer: MappingProxyType({0: layer}),
        lambda layer: SimpleNamespace(first=layer),
        lambda layer: [{"deep": SimpleNamespace(first=layer)}],
    ],
)
def test_layers_in_containers_of_somebodys_own_are_copied_too(hold):
    class Holds(Layer):
        def __init__(self):
            self.held = hold(affine)

        def forward(self, x):
            return find(self.held)(x)

    def find(held):
        if isinstance(held, SimpleNamespace):
            return held.first
        return held[0] if not isinstance(held[0], dict) else held[0]["deep"].first

    affine = Affine(np.eye(5), np.zeros(5))
    layer, (x, t) = Holds(), data()
    v = Variable(x)
    out = layer(v)
    out.sum().backward()
    np.testing.assert_array_equal(v.grad, np.ones_like(x))
    np.testing.assert_array_equal(out.node.inputs[2].grad, np.full(5, 4.0))
    assert affine.W.base is None
    assert type(affine.W) is np.ndarray
    assert affine.x is None
    network = Network([layer, Relu(), Affine.from_sizes(5, 2, dtype=float)])
    found = network.gradient(x, t)
    assert len(found) == 4
    if type(layer.held) is MappingProxyType:  # of which Python makes no deep copy
        return
    expected = network.numerical_gradient(x, t)
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-7)


def test_a_mapping_that_cannot_be_copied_with_its_layers_is_refused():
    class Fixed(Mapping):
        def __init__(self):
            self.one = Affine(np.eye(5), np.zeros(5))

        def __getitem__(self, key):
            return self.one

        def __iter__(self):
            return iter(["one"])

        def __len__(self):
            return 1

    class Holds(Layer):
        def __init__(self):
            self.held = Fixed()

        def forward(self, x):
            return self.held["one"](x)

    with pytest.raises(UnsupportedError, match=r"a Fixed holds layers .* in a dict or a list"):
        Holds()(Variable(data()[0]))


def test_several_losses_and_inputs():
    class Two(Network):
        def forward(self, x):
            h = self.layers["Affine1"](x)
            return h, self.layers["Relu1"](h)

    network = Two(
        [Affine.from_sizes(5, 3, dtype=float), Relu()], [SoftmaxWithLoss(), SoftmaxWithLoss()]
    )
    x, t = data()
    v = Variable(x)
    loss = network.loss(v, (t, t))
    loss.backward()
    eps, changed = 1e-6, x.copy()
    changed[0, 0] += eps
    slope = (network.loss(changed, (t, t)) - network.loss(x, (t, t))) / eps
    assert abs(slope - v.grad[0, 0]) < 1e-5
