"""How a layer of another hand was read is told, and what was not understood."""

import re

import numpy as np
import pytest

from clearprop import check
from clearprop.checking import Kind

X = np.random.default_rng(0).standard_normal((4, 3))


class Cube:
    def __call__(self, x):
        self.x = x
        return x**3


class Back(Cube):
    def zurueck(self, g):
        return 3 * g * self.x**2


class Wrong(Cube):
    def zurueck(self, g):
        return 2 * g * self.x**2


class Odd(Cube):
    def gradient_of(self, one, other, third):
        return 3 * self.x**2

    def zero_gradients(self):
        """Sets to 0 what there is not."""


class Forward:
    """Has no backward, and arrays of its own."""

    def __init__(self):
        self.W = np.ones((3, 2))

    def forward(self, x):
        return x @ self.W


class Dense(Forward):
    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward_delta(self, dout):
        return dout @ self.W.T

    def backward_weights(self, dout):
        self.dW = self.x.T @ dout


class Rows:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, rows):
        return rows * (1 - self.y.T**2)


class Slope:
    def forward(self, x):
        return np.tanh(x)

    def grad(self, u):
        return np.tanh(u) ** 2


class Left:
    def forward(self, x):
        self.y = x**2
        self.x = x

    def backward(self, dout):
        self.dx = 2 * self.x * dout


class Net(Forward):
    def forward(self, x):
        return np.tanh(x @ self.W)

    def backward(self, x, y):
        out = self.forward(x)
        return x.T @ ((out - y) * (1 - out**2))


class NetOfItsOwn(Net):
    def backward(self, x, y):
        return super().backward(x, y) ** 3


@pytest.mark.parametrize(
    ("layer", "inputs", "ok", "kind", "words"),
    [
        (Back(), (X,), True, Kind.INTERFACE, "zurueck was taken for backward"),
        (Wrong(), (X,), None, Kind.NOT_COMPARED, r"; zurueck may be meant for it"),
        (Odd(), (X,), None, Kind.NOT_COMPARED, r"; gradient_of may be meant for it"),
        (Cube(), (X,), True, Kind.NO_BACKWARD, "nothing that it computes itself was taken"),
        (Forward(), (X,), True, Kind.NO_BACKWARD, "nothing that it computes itself was taken"),
        (Dense(), (X,), True, Kind.INTERFACE, r"backward_delta \+ backward_weights was taken"),
        (Rows(), (X,), True, Kind.INTERFACE, "transposed"),
        (Slope(), (X,), False, Kind.INTERFACE, "read as the slope at x"),
        (Left(), (X,), True, Kind.INTERFACE, r"taken from self\.y"),
        (Net(), (X, X[:, :2]), True, Kind.INTERFACE, "derivatives of ½ Σ"),
        (NetOfItsOwn(), (X, X[:, :2]), None, Kind.NOT_COMPARED, r"write def loss\(self, x, y\)"),
        (Rows(), (X, X), False, Kind.RAISES, r"takes other inputs \(x\) than the 2"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_how_it_was_read_is_told(layer, inputs, ok, kind, words):
    report = check(layer, *inputs)
    assert report.ok is ok, str(report)
    assert any(re.search(words, f.message) for f in report if f.kind is kind), str(report)
    assert not re.search(r"LayerRaised|clearprop|next_state|passing\.py", str(report))


def test_what_is_no_array_under_params_is_not_iterated():
    class Held:
        value = np.ones(3)

    class Double(Cube):
        params = Held()

        def vjp(self, g):
            return 3 * g * self.x**2

    assert check(Double(), X).ok


def test_the_layers_of_a_file_may_have_other_names(tmp_path):
    file = tmp_path / "layers.py"
    file.write_text(
        """
import numpy as np

class Tanh:
    def __call__(self, x):
        self.y = np.tanh(x)
        return self.y

    def vjp(self, g):
        return g * (1 + self.y**2)

class Optimiser:
    def step(self):
        raise RuntimeError
"""
    )
    report = check(str(file))
    assert [layer.name for layer in report.layers] == ["Tanh"]
    assert report.ok is False
