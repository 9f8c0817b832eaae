"""Settings of layers may be changed between steps: what is compiled does as what is written."""

import numpy as np
import pytest
from one_file_layers import affine, rng
from one_file_networks import T, X

from clearprop import Affine, BatchNormalization, Dropout, Layer, Network, compile
from clearprop.training import SGD


class Settings(Layer):
    """All kinds of them."""

    on_class = 0.5
    kind_of_class = "tanh"

    def __init__(self):
        self.slope = 1.0
        self.power = 2
        self.shifted = False
        self.mode = "plus"
        self.table = {"scale": 1.0, "deep": [1.0, 2.0]}
        self.several = (1.0, 0.5)
        self.indices = np.array([0, 1, 2, 3, 4])
        self.threshold = 0.1

    def forward(self, x):
        y = self.slope * x + self.on_class * x**self.power
        if self.shifted:
            y = y + 1
        if self.threshold > 0.5:
            y = y * 2
        y = y + 1 if self.mode == "plus" else y - 1
        y = np.tanh(y) if self.kind_of_class == "tanh" else np.sin(y)
        y = y * self.table["scale"] + self.table["deep"][1] * self.several[0]
        return y[:, self.indices]


class Outer(Layer):
    """Holds a layer, and numbers of its own."""

    def __init__(self):
        self.inner = Scaled()
        self.scale = 0.5

    def forward(self, x):
        return x + self.scale * self.inner(x)


class Scaled(Layer):
    """A number, and a backward."""

    def __init__(self):
        self.k = 2.0

    def forward(self, x):
        return self.k * x

    def backward(self, dout):
        return self.k * dout


class OuterByHand(Outer):
    """The same with a backward."""

    def backward(self, dout):
        return dout + self.inner.backward(self.scale * dout)


class Heated(Network):
    """A network with numbers of its own."""

    def __init__(self):
        super().__init__([affine(4, 5), affine(5, 3)])
        self.temperature = 2.0
        self.options = {"square": 0.1}

    def forward(self, x):
        h = self.layers["Affine1"](x) / self.temperature
        return self.layers["Affine2"](h + self.options["square"] * h * h)

    def loss(self, x, t):
        return self.temperature * super().loss(x, t)


def around(middle):
    return Network([affine(4, 5), middle, affine(5, 3)], rng=rng(3))


def middle(net):
    return net.layers[[*net.layers][1]]


def put(attribute, value):
    return lambda net: setattr(middle(net), attribute, value)


def change_table(net):
    middle(net).table["scale"] = 0.3


def change_deep(net):
    middle(net).table["deep"][1] = -1.0


def change_class(net):
    Settings.on_class = 0.25


def change_kind(net):
    Settings.kind_of_class = "sin"


def write_indices(net):
    middle(net).indices[:2] = 4, 4


CHANGES = {
    "float": (Settings, put("slope", 0.3)),
    "int": (Settings, put("power", 3)),
    "bool": (Settings, put("shifted", True)),
    "text": (Settings, put("mode", "minus")),
    "branched on": (Settings, put("threshold", 0.9)),
    "float becomes int": (Settings, put("slope", 3)),
    "float becomes float32": (Settings, put("slope", np.float32(0.3))),
    "in a dictionary": (Settings, change_table),
    "deep inside": (Settings, change_deep),
    "tuple": (Settings, put("several", (2.0, 0.1))),
    "class": (Settings, change_class),
    "text of the class": (Settings, change_kind),
    "over the class": (Settings, put("on_class", 3.0)),
    "whole numbers": (Settings, put("indices", np.array([4, 3, 2, 1, 0]))),
    "whole numbers in place": (Settings, write_indices),
    "holder": (Outer, put("scale", 0.1)),
    "inside": (Outer, lambda net: setattr(middle(net).inner, "k", -1.0)),
    "holder by hand": (OuterByHand, put("scale", 0.1)),
    "inside by hand": (OuterByHand, lambda net: setattr(middle(net).inner, "k", -1.0)),
    "ratio": (lambda: Dropout(0.5), put("ratio", 0.1)),
    "momentum": (lambda: BatchNormalization.from_size(5, dtype=float), put("momentum", 0.2)),
    "eps": (lambda: BatchNormalization.from_size(5, dtype=float), put("eps", 0.5)),
}
NETWORK_CHANGES = {
    "own": lambda net: setattr(net, "temperature", 0.7),
    "own in a dictionary": lambda net: net.options.update(square=0.9),
}
NO_NEW_PROGRAM = ("float", "ratio", "momentum", "eps")


@pytest.fixture(autouse=True)
def restored():
    before = Settings.on_class, Settings.kind_of_class
    yield
    Settings.on_class, Settings.kind_of_class = before


def run(make, change, step_of):
    """Losses and scores of two steps, a change, and two more; gives the network too."""
    net = make()
    step, predict = step_of(net)
    found = []
    for i in range(4):
        if i == 2:
            change(net)
        found += [float(step(X, T)), np.array(predict(X))]
    return found, net, step


def by_hand(net):
    def step(x, t):
        loss, grads = net.loss_and_gradient(x, t)
        for k, g in grads.items():
            net.params[k] -= 0.1 * g
        return loss

    return step, net.predict


def compiled(net):
    return compile(net, SGD(0.1)), compile(net)


def assert_takes_effect(make, change):
    expected, written, _ = run(make, change, by_hand)
    Settings.on_class, Settings.kind_of_class = 0.5, "tanh"
    unchanged, *_ = run(make, lambda net: None, by_hand)
    assert not all(map(np.array_equal, expected, unchanged))
    found, net, step = run(make, change, compiled)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    for name in net.states:
        np.testing.assert_allclose(net.states[name], written.states[name], rtol=1e-12)
    assert not step.as_written
    return step


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_takes_effect(name):
    make, change = CHANGES[name]
    step = assert_takes_effect(lambda: around(make()), change)
    if name in NO_NEW_PROGRAM:
        assert len(step._plans) == 1


@pytest.mark.parametrize("name", NETWORK_CHANGES)
def test_a_change_of_the_network_takes_effect(name):
    assert_takes_effect(Heated, NETWORK_CHANGES[name])


def test_a_rate_that_follows_a_schedule_needs_one_program():
    net = around(Scaled())
    step = compile(net, SGD(0.1))
    programs = set()
    for i in range(5):
        middle(net).k = 1 / (1 + i)
        step(X, T)
        programs.add(step.source)
    assert len(programs) == 1


def test_numbers_stay_weak():
    net = around(Scaled()).astype(np.float32)
    step = compile(net, SGD(0.1))
    step(X.astype(np.float32), T)
    middle(net).k = 3.0
    step(X.astype(np.float32), T)
    assert "float64" not in step.source
    assert net.params["W1"].dtype == np.float32


def test_an_array_that_stays_may_be_exchanged_and_written_into():
    class Positions(Layer):
        fixed = ("p",)

        def __init__(self):
            self.p = np.ones(5)

        def forward(self, x):
            return x * self.p

    def change(net):
        middle(net).p = np.arange(5.0)

    def write(net):
        middle(net).p[:] = 3

    for what in (change, write):
        expected, *_ = run(lambda: around(Positions()), what, by_hand)
        found, *_ = run(lambda: around(Positions()), what, compiled)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_freezing_between_steps():
    net = Network([Affine(np.ones((4, 5)), np.zeros(5)), affine(5, 3)])
    step = compile(net, SGD(0.1))
    step(X, T)
    net.freeze("W1")
    before = net.params["W1"].copy()
    other = net.params["W2"].copy()
    step(X, T)
    np.testing.assert_array_equal(net.params["W1"], before)
    assert not np.array_equal(net.params["W2"], other)
    net.unfreeze()
    step(X, T)
    assert not np.array_equal(net.params["W1"], before)
