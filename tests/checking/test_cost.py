"""A check is so quick that people leave it on."""

import numpy as np

from clearprop import TwoLayerNet, check


def test_the_books_network_is_checked_in_a_moment(calls_of):
    """39,760 parameters and a batch of 100. `benchmarks/checking.py` says how long it takes."""
    rng = np.random.default_rng(0)
    network = TwoLayerNet(784, 50, 10, rng=rng)
    x, t = rng.random((100, 784)), rng.integers(10, size=100)
    check(network, x, t)
    report, calls = calls_of(lambda: check(network, x, t))
    assert report.ok
    assert calls < 200_000
    assert [row.shape for row in report["Affine1"].rows] == [(100, 784), (784, 50), (50,)]


def test_a_wrong_element_of_a_large_layer_that_cannot_be_opened_is_found_quickly():
    class Closed:
        params = ("W",)

        def __init__(self, W):
            self.W = W

        def forward(self, x):
            self.x = x
            out = np.zeros((len(x), self.W.shape[1]), x.dtype)
            out[...] = x @ self.W
            return out

        def backward(self, dout):
            self.dW = self.x.T @ dout
            self.dW[400, 7] += 1e-2
            return dout @ self.W.T

    calls = 0
    forward = Closed.forward

    def counting(self, x):
        nonlocal calls
        calls += 1
        return forward(self, x)

    Closed.forward = counting
    rng = np.random.default_rng(0)
    (fault,) = check(Closed(rng.standard_normal((784, 50))), rng.standard_normal((20, 784))).faults
    assert (fault.argument, fault.index) == ("W", (400, 7))
    assert calls < 784 * 50 / 10
