"""Layers whose arrays stand in slots."""

import numpy as np

from clearprop import Network, compile
from clearprop.training import SGD


class Slotted:
    __slots__ = ("W", "dW", "x")
    params = ("W",)

    def __init__(self):
        self.W = np.array([[1.0, 2.0], [3.0, -1.0]])

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


def test_a_compiled_step_takes_over_what_is_assigned():
    x, t = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([0, 1])
    network, other = Network([Slotted()]), Network([Slotted()])
    step = compile(network, SGD(0.1))
    for _ in range(3):
        gradient = other.gradient(x, t)
        step(x, t)
        other.params["W1"] -= 0.1 * gradient["W1"]
        np.testing.assert_allclose(network.params["W1"], other.params["W1"], rtol=1e-12)
        for each in (network, other):
            each.layers["Slotted1"].W = np.array([[0.5, 2.0], [3.0, 1.0]])
