"""Tensors of other libraries become NumPy's arrays, for layers would compute by their rules."""

import numpy as np
import pytest

from clearprop import Affine, Layer, Network, Relu, SigmoidWithLoss
from clearprop.compiler import compile
from clearprop.errors import DTypeError
from clearprop.training import SGD, Trainer


class Tensor:
    """What other libraries have: an array of theirs, with a dtype and products of its own."""

    dtype = "tensor.float64"

    def __init__(self, values):
        self.values = np.asarray(values)
        self.shape, self.ndim = self.values.shape, self.values.ndim

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        if self.values.dtype == object:
            raise TypeError("it lies on a device; use tensor.cpu()")
        return self.values.astype(dtype or self.values.dtype)

    def __matmul__(self, other):
        return Tensor(self.values.astype(np.float16) @ other)


class Linear(Layer):
    params = ("W",)

    def __init__(self):
        self.W = np.random.default_rng(0).standard_normal((4, 1))

    def forward(self, x):
        return x @ self.W


ASKED = {
    "predict": lambda network, x, t: network.predict(x),
    "call": lambda network, x, t: network(x),
    "loss": lambda network, x, t: network.loss(x, t),
    "named": lambda network, x, t: network.loss(x, t=t),
    "evaluate": lambda network, x, t: network.evaluate(x, t),
    "gradient": lambda network, x, t: network.gradient(x, t)["W1"],
    "step": lambda network, x, t: compile(network, SGD(0.1))(x, t),
    "training": lambda network, x, t: Trainer(network, x, t, rng=0).train(epochs=1).loss,
}


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize("first", [Linear, lambda: Affine(np.ones((4, 1)), np.zeros(1))])
def test_tensors_give_what_arrays_give(first, ask):
    rng = np.random.default_rng(1)
    x, t = rng.standard_normal((6, 4)), rng.integers(2, size=(6, 1))
    with np.errstate(all="raise"):
        wanted = ASKED[ask](Network([first()], SigmoidWithLoss()), x, t)
        found = ASKED[ask](Network([first()], SigmoidWithLoss()), Tensor(x), Tensor(t))
    assert type(found) is type(wanted)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))


def test_a_layer_alone_takes_them_too():
    found = Relu().forward(Tensor([-1.0, 2.0]))
    assert type(found) is np.ndarray
    with pytest.raises(DTypeError, match=r"Relu: x cannot be made an array: it lies on a device"):
        Relu().forward(Tensor([None]))
