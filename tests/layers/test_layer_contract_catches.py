"""The contract's checks catch wrong layers: each mistake is planted, and must be found by name."""

import layer_contract
import numpy as np
import pytest

from clearprop import Affine, Layer, MulLayer, Relu, SoftmaxWithLoss


class Scale(Layer):
    """A right layer: each column of x (N, D) times its own factor g (D,)."""

    params = ("g",)

    def __init__(self, g):
        self.g = g

    def forward(self, x):
        self.x = x
        return x * self.g

    def backward(self, dout):
        self.dg = (dout * self.x).sum(axis=0)
        return dout * self.g


class WrongSign(Scale):
    def backward(self, dout):
        return -super().backward(dout)


class WrongFactor(Scale):
    def backward(self, dout):
        return 1.001 * super().backward(dout)


class WrongParameterSign(Scale):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dg = -self.dg
        return dx


class IgnoresDout(Scale):
    def backward(self, dout):
        return super().backward(np.ones_like(dout))


class SquaresDout(Scale):
    def backward(self, dout):
        return super().backward(dout * abs(dout))


class WritesIntoDout(Scale):
    def backward(self, dout):
        dx = super().backward(dout)
        dout[...] = dx
        return dout


class WritesIntoInput(Scale):
    def forward(self, x):
        x *= self.g
        self.x = x / self.g
        return x


class WritesIntoParameter(Scale):
    def backward(self, dout):
        dx = super().backward(dout)
        self.g -= 0.1 * self.dg
        return dx


class ChangesWhatItKept(Scale):
    def backward(self, dout):
        dx = super().backward(dout)
        self.x = self.x * 1.0001
        return dx


class ForgetsTheSum(Scale):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dg = dout * self.x
        return dx


class TakesTheMean(Scale):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dg = self.dg / len(dout)
        return dx


class Accumulates(Scale):
    def __init__(self, g):
        super().__init__(g)
        self.total = np.zeros_like(g)

    def backward(self, dout):
        dx = super().backward(dout)
        self.total = self.total + self.dg
        self.dg = self.total
        return dx


class ForgetsTheParameter(Scale):
    def backward(self, dout):
        return dout * self.g


class LeaksFloat64Forward(Scale):
    def forward(self, x):
        return super().forward(x) * np.float64(1)


class LeaksFloat64Backward(Scale):
    def backward(self, dout):
        return super().backward(dout).astype(np.float64)


class LeaksFloat64Parameter(Scale):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dg = np.zeros(self.g.shape) + self.dg
        return dx


class ReadsMemoryOrder(Scale):
    def forward(self, x):
        return super().forward(x.ravel(order="K").reshape(x.shape))


class Random(Scale):
    def forward(self, x):
        return super().forward(x + 1e-9 * np.random.default_rng().standard_normal(x.shape))


class Once(Scale):
    def backward(self, dout):
        dx = super().backward(dout)
        self.g = np.zeros_like(self.g)
        return dx


class WrongShape(Scale):
    def backward(self, dout):
        return super().backward(dout).reshape(-1)


class ReturnsNothing(Scale):
    def backward(self, dout):
        return (super().backward(dout), None)


class Swapped(MulLayer):
    def backward(self, dout):
        return super().backward(dout)[::-1]


class KeepsOneInput(MulLayer):
    def backward(self, dout):
        return dout * self.y, dout * self.y


class InPlaceRelu(Relu):
    """The book's, which writes zeros into its caller's dout and hands it back."""

    def backward(self, dout):
        dout[self.mask] = 0
        return dout


class LossWithoutDout(SoftmaxWithLoss):
    """The book's, which ignores dout."""

    def backward(self, dout=1):
        return super().backward(1)


class LossWithoutMean(SoftmaxWithLoss):
    def backward(self, dout=1):
        return super().backward(dout) * len(self.y)


class AffineWithoutBias(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = 0 * self.db
        return dx


class AffineSummingColumns(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = dout.sum(axis=1)
        return dx


def scale(cls):
    rng = np.random.default_rng(0)
    return cls(rng.standard_normal(3)), (rng.standard_normal((4, 3)),)


def square_affine(cls):
    rng = np.random.default_rng(0)
    return cls(rng.standard_normal((3, 4)), rng.standard_normal(4)), (rng.standard_normal((4, 3)),)


def product(cls):
    rng = np.random.default_rng(0)
    return cls(), (rng.standard_normal((4, 3)), rng.standard_normal((4, 3)))


def relu(cls):
    return cls(), (np.random.default_rng(0).standard_normal((4, 3)),)


def loss(cls):
    rng = np.random.default_rng(0)
    return cls(), (rng.standard_normal((4, 3)), rng.integers(3, size=4))


class InferOfAnotherShape(Scale):
    """At prediction the batch is summed up."""

    def infer(self, x):
        return x.sum(axis=0)


class InferKeeps(Scale):
    """What `infer` leaves would be found by the next `backward`."""

    def infer(self, x):
        self.x = 2 * x
        return x * self.g


class StateOfAnotherShape(Scale):
    """One number for a state that has one for each feature."""

    state = ("mean",)

    def __init__(self, g):
        super().__init__(g)
        self.mean = np.zeros(np.shape(g))

    def next_state(self):
        return self.x.mean()


class WritesIntoState(StateOfAnotherShape):
    """The old state is the next."""

    def next_state(self):
        self.mean += self.x.mean(axis=0)
        return self.mean


PLANTED = [
    (scale, WrongSign, "check_numerically"),
    (scale, WrongFactor, "check_numerically"),
    (scale, WrongParameterSign, "check_numerically"),
    (scale, IgnoresDout, "check_numerically"),
    (scale, IgnoresDout, "check_linear_in_dout"),
    (scale, SquaresDout, "check_linear_in_dout"),
    (scale, WritesIntoDout, "check_writes_nowhere"),
    (scale, WritesIntoDout, "check_read_only"),
    (scale, WritesIntoInput, "check_writes_nowhere"),
    (scale, WritesIntoInput, "check_read_only"),
    (scale, WritesIntoParameter, "check_writes_nowhere"),
    (scale, WritesIntoParameter, "check_read_only"),
    (scale, ChangesWhatItKept, "check_writes_nowhere"),
    (scale, ChangesWhatItKept, "check_repeatable"),
    (scale, ForgetsTheSum, "check_shapes"),
    (scale, TakesTheMean, "check_numerically"),
    (scale, Accumulates, "check_repeatable"),
    (scale, ForgetsTheParameter, "check_shapes"),
    (scale, LeaksFloat64Forward, "check_float32"),
    (scale, LeaksFloat64Backward, "check_float32"),
    (scale, LeaksFloat64Parameter, "check_float32"),
    (scale, ReadsMemoryOrder, "check_layouts"),
    (scale, Random, "check_repeatable"),
    (scale, Once, "check_repeatable"),
    (scale, Once, "check_writes_nowhere"),
    (scale, WrongShape, "check_shapes"),
    (scale, ReturnsNothing, "check_shapes"),
    (product, Swapped, "check_numerically"),
    (product, KeepsOneInput, "check_numerically"),
    (relu, InPlaceRelu, "check_writes_nowhere"),
    (relu, InPlaceRelu, "check_read_only"),
    (loss, LossWithoutDout, "check_linear_in_dout"),
    (loss, LossWithoutDout, "check_numerically"),
    (loss, LossWithoutMean, "check_numerically"),
    (square_affine, AffineWithoutBias, "check_numerically"),
    (square_affine, AffineSummingColumns, "check_numerically"),
    (scale, InferOfAnotherShape, "check_infer"),
    (scale, InferKeeps, "check_infer"),
    (scale, StateOfAnotherShape, "check_next_state"),
    (scale, WritesIntoState, "check_next_state"),
]


@pytest.mark.parametrize(
    ("make", "cls", "check"), PLANTED, ids=lambda value: getattr(value, "__name__", value)
)
def test_planted_mistake_is_caught(make, cls, check):
    layer, inputs = make(cls)
    with pytest.raises(AssertionError):
        getattr(layer_contract, check)(layer, inputs, np.random.default_rng(1))


@pytest.mark.parametrize("check", layer_contract.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    ("make", "cls"),
    [
        (scale, Scale),
        (product, MulLayer),
        (relu, Relu),
        (loss, SoftmaxWithLoss),
        (square_affine, Affine),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_right_layer_passes(make, cls, check):
    layer, inputs = make(cls)
    check(layer, inputs, np.random.default_rng(1))


def test_every_check_catches_something():
    assert {check for _, _, check in PLANTED} == {c.__name__ for c in layer_contract.CHECKS}
