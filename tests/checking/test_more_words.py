"""Layers with noise, state, a formula at prediction, layers inside, or arrays that nobody named."""

import numpy as np
import pytest

from clearprop import Affine, Layer, Network, Relu, Sigmoid, SoftmaxWithLoss, check
from clearprop.checking import Kind


def weights(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


class Dropout(Layer):
    noise = ("u",)

    def __init__(self, ratio=0.5):
        self.ratio = ratio

    def draw(self, rng, x):
        return rng.random(np.shape(x))

    def forward(self, x):
        self.mask = (self.u > self.ratio).astype(x.dtype)
        return x * self.mask / (1 - self.ratio)

    def backward(self, dout):
        return dout * self.mask / (1 - self.ratio)

    def infer(self, x):
        return 1.0 * x

    @classmethod
    def samples(cls, rng):
        yield cls(), (rng.standard_normal((4, 5)),)
        yield cls(0.2), (rng.standard_normal((2, 3, 4, 4)),)


class BatchNorm(Layer):
    """Over the batch, or for images over all but the channels."""

    params = ("gamma", "beta")
    state = ("mean", "inverse")

    def __init__(self, D):
        self.gamma, self.beta = 1 + 0.1 * weights(D), weights(D)
        self.mean, self.inverse = np.zeros(D), np.ones(D)

    def _row(self, v, x):
        return v.reshape(1, -1, *(1,) * (x.ndim - 2))

    def _over(self, x):
        return (0, *range(2, x.ndim))

    def forward(self, x):
        axes = self._over(x)
        self.mu = x.mean(axis=axes)
        xc = x - self._row(self.mu, x)
        self.istd = 1 / np.sqrt((xc**2).mean(axis=axes) + 1e-5)
        self.xn = xc * self._row(self.istd, x)
        return self._row(self.gamma, x) * self.xn + self._row(self.beta, x)

    def backward(self, dout):
        axes = self._over(dout)
        self.dbeta, self.dgamma = dout.sum(axis=axes), (dout * self.xn).sum(axis=axes)
        dxn = dout * self._row(self.gamma, dout)
        inner = self._row(dxn.mean(axis=axes), dout)
        inner = inner + self.xn * self._row((dxn * self.xn).mean(axis=axes), dout)
        return (dxn - inner) * self._row(self.istd, dout)

    def infer(self, x):
        xn = (x - self._row(self.mean, x)) * self._row(self.inverse, x)
        return self._row(self.gamma, x) * xn + self._row(self.beta, x)

    def next_state(self):
        return 0.9 * self.mean + 0.1 * self.mu, 0.9 * self.inverse + 0.1 * self.istd

    @classmethod
    def samples(cls, rng):
        yield cls(5), (rng.standard_normal((6, 5)),)
        yield cls(3), (rng.standard_normal((3, 3, 4, 2)),)


class Cell(Layer):
    params = ("Wx", "Wh")
    carried = ("h",)

    def __init__(self, D, H):
        self.Wx, self.Wh, self.h = weights(D, H), 0.3 * weights(H, H), np.zeros((1, H))

    def forward(self, x):
        self.x, self.before = x, self.h
        self.out = np.tanh(x @ self.Wx + self.h @ self.Wh)
        return self.out

    def backward(self, dout):
        d = dout * (1 - self.out**2)
        self.dWx, self.dWh = self.x.T @ d, self.before.T @ d
        return d @ self.Wx.T

    def next_state(self):
        return self.out

    @classmethod
    def samples(cls, rng):
        yield cls(4, 3), (rng.standard_normal((5, 4)),)


class Block(Layer):
    """Around a branch; no backward of its own."""

    inner = Affine

    def __init__(self, D):
        self.branch = [self.inner(weights(D, D), weights(D)), Sigmoid()]
        self.norm, self.drop = BatchNorm(D), Dropout(0.3)

    def forward(self, x):
        y = x
        for layer in self.branch:
            y = layer(y)
        return x + self.drop(self.norm(y))

    @classmethod
    def samples(cls, rng):
        yield cls(4), (rng.standard_normal((6, 4)),)


class Attention(Layer):
    params = ("Wq", "Wk", "Wv")
    fixed = ("scale",)

    def __init__(self, D):
        self.Wq, self.Wk, self.Wv = weights(D, D), weights(D, D + 1), weights(D, D)
        self.Wk = self.Wk[:, :D].copy()
        self.scale = np.full(1, D**-0.5)

    def forward(self, x):
        self.x, self.q, self.k, self.v = x, x @ self.Wq, x @ self.Wk, x @ self.Wv
        s = self.q @ np.swapaxes(self.k, -1, -2) * self.scale
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        self.a = e / e.sum(axis=-1, keepdims=True)
        return self.a @ self.v

    def backward(self, dout):
        def over(d):
            return np.einsum("ntd,nte->de", self.x, d)

        dv = np.swapaxes(self.a, -1, -2) @ dout
        da = dout @ np.swapaxes(self.v, -1, -2)
        ds = self.a * (da - (da * self.a).sum(axis=-1, keepdims=True)) * self.scale
        dq, dk = ds @ self.k, np.swapaxes(ds, -1, -2) @ self.q
        self.dWq, self.dWk, self.dWv = over(dq), over(dk), over(dv)
        return dq @ self.Wq.T + dk @ self.Wk.T + dv @ self.Wv.T

    @classmethod
    def samples(cls, rng):
        yield cls(3), (rng.standard_normal((2, 4, 3)),)


class Embedding(Layer):
    params = ("W",)
    constants = ("ids",)

    def __init__(self, W):
        self.W = W

    def forward(self, ids):
        self.ids = ids
        return self.W[ids]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.ids, dout)

    @classmethod
    def samples(cls, rng):
        yield cls(rng.standard_normal((6, 3))), (rng.integers(6, size=(4, 5)),)


class Bilinear(Layer):
    params = ("W",)

    def __init__(self, W):
        self.W = W

    def forward(self, x, y):
        self.x, self.y = x, y
        return (x @ self.W * y).sum(axis=1)

    def backward(self, dout):
        d = dout[:, None]
        self.dW = self.x.T @ (d * self.y)
        return d * self.y @ self.W.T, d * (self.x @ self.W)

    @classmethod
    def samples(cls, rng):
        yield cls(rng.standard_normal((3, 2))), (weights(4, 3), weights(4, 2))


class Halves(Layer):
    """Two outputs."""

    def forward(self, x):
        n = x.shape[1] // 2
        return x[:, :n], 2 * x[:, n:]

    def backward(self, dout, dlast):
        return np.concatenate([dout, 2 * dlast], axis=1)

    @classmethod
    def samples(cls, rng):
        yield cls(), (rng.standard_normal((3, 5)),)


class Shared(Layer):
    """An array at two places: its derivative is the sum."""

    def __init__(self, D):
        W = weights(D, D)
        self.one, self.two = Affine(W, np.zeros(D)), Affine(W, np.ones(D))

    def forward(self, x):
        return self.two(self.one(x))

    def backward(self, dout):
        return self.one.backward(self.two.backward(dout))

    @classmethod
    def samples(cls, rng):
        yield cls(3), (rng.standard_normal((4, 3)),)


class Buffered(Layer):
    """Keeps tuples, mappings and a buffer that it overwrites."""

    params = ("b",)

    def __init__(self, b):
        self.b, self.buffer, self.cache = b, np.ones(3), {}

    def forward(self, x):
        self.buffer = np.exp(x)
        self.cache = {"out": (self.buffer, x)}
        return self.buffer + self.b

    def backward(self, dout):
        self.db = dout.sum(axis=0)
        return dout * self.cache["out"][0]

    @classmethod
    def samples(cls, rng):
        layer = cls(rng.standard_normal(3))
        layer.forward(np.ones((2, 3)))
        yield layer, (rng.standard_normal((4, 3)),)


RIGHT = [Dropout, BatchNorm, Cell, Block, Attention, Embedding, Bilinear, Halves, Shared, Buffered]


@pytest.mark.parametrize("cls", RIGHT)
def test_right_layers_are_all_right(cls):
    report = check(cls)
    assert report.ok, str(report)
    assert [f for f in report if f.kind is not Kind.NO_BACKWARD] == []


# Faults: the class, and which argument of which layer is named.


class HalfFactor(Dropout):
    def backward(self, dout):
        return dout * self.mask


class NarrowInfer(Dropout):
    def infer(self, x):
        return x[:, :1]


class LoudInfer(BatchNorm):
    def infer(self, x):
        self.mean = self.mean + 1
        return super().infer(x)


class RememberingInfer(BatchNorm):
    def infer(self, x):
        return (x - self._row(self.mu, x)) * self._row(self.inverse, x)


class RandomInfer(Dropout):
    rng = None

    def infer(self, x):
        return x * np.random.rand()  # noqa: NPY002


class ClosedInfer(Dropout):
    def infer(self, x):
        return np.array(x.tolist())


class WideInfer(Dropout):
    def infer(self, x):
        return np.asarray(x, np.float32)


class TwoArrays(Dropout):
    def draw(self, rng, x):
        return rng.random(np.shape(x)), rng.random(np.shape(x))


class OtherSource(Dropout):
    def draw(self, rng, x):
        return np.random.default_rng().random(np.shape(x))


class WrongGamma(BatchNorm):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dgamma = self.dgamma / len(dout)
        return dx


class UpdatesInForward(BatchNorm):
    def forward(self, x):
        out = super().forward(x)
        self.mean = 0.9 * self.mean + 0.1 * self.mu
        return out


class TwoStates(BatchNorm):
    """The two are given in the wrong order, and have other shapes."""

    def __init__(self, D):
        super().__init__(D)
        self.inverse = np.ones((D, 1))

    def infer(self, x):
        return 1.0 * x

    def next_state(self):
        return self.istd[:, None], self.mu


class OneState(BatchNorm):
    def next_state(self):
        return self.mu


class ChangingNext(BatchNorm):
    def next_state(self):
        self.mean += 0.1 * self.mu
        return self.mean, self.inverse


class AfterBackward(BatchNorm):
    def backward(self, dout):
        dx = super().backward(dout)
        self.mu = dout.mean(axis=self._over(dout))
        return dx


class Forgetful(Cell):
    """Right as long as the hidden state is zero."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.dWh = 2 * self.dWh
        return dx


class KeepsItself(Cell):
    def forward(self, x):
        self.h = super().forward(x)
        return self.h


class WrongAffine(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = -7 * self.dW
        return dx


class WrongInside(Block):
    inner = WrongAffine


class WrittenOut(Block):
    def __init__(self, D):
        self.fc, self.act = WrongAffine(weights(D, D), weights(D)), Sigmoid()

    def forward(self, x):
        return self.act.forward(self.fc.forward(x))

    def backward(self, dout):
        return self.fc.backward(self.act.backward(dout))


class WrongAround(Shared):
    def backward(self, dout):
        return 2 * super().backward(dout)


class Undeclared(Layer):
    def __init__(self, W):
        self.kernel = W

    def forward(self, x):
        self.x = x
        return x @ self.kernel

    def backward(self, dout):
        self.gradient_kernel = self.x.T @ dout
        return dout @ self.kernel.T

    @classmethod
    def samples(cls, rng):
        yield cls(rng.standard_normal((3, 2))), (rng.standard_normal((4, 3)),)


class UndeclaredElsewhere:
    """Not of ours, and the array is in a mapping."""

    def __init__(self, W):
        self.held = {"kernel": W}

    def forward(self, x):
        return x @ self.held["kernel"]

    def backward(self, dout):
        return dout @ self.held["kernel"].T

    @classmethod
    def samples(cls, rng):
        yield cls(rng.standard_normal((3, 2))), (rng.standard_normal((4, 3)),)


class Lazy:
    params = ("W",)

    def __init__(self):
        self.W = None

    def forward(self, x):
        if self.W is None:
            self.W = weights(x.shape[1], 2)
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = -7 * self.x.T @ dout
        return dout @ self.W.T


FAULTS = [
    (HalfFactor, "HalfFactor", "x"),
    (NarrowInfer, "NarrowInfer", "infer"),
    (LoudInfer, "LoudInfer", "infer"),
    (RememberingInfer, "RememberingInfer", "infer"),
    (RandomInfer, "RandomInfer", "infer"),
    (ClosedInfer, "ClosedInfer", "infer"),
    (WideInfer, "WideInfer", "infer"),
    (TwoArrays, "TwoArrays", None),
    (OtherSource, "OtherSource", "u"),
    (WrongGamma, "WrongGamma", "gamma"),
    (UpdatesInForward, "UpdatesInForward", "mean"),
    (TwoStates, "TwoStates", "next_state"),
    (OneState, "OneState", "next_state"),
    (ChangingNext, "ChangingNext", "next_state"),
    (AfterBackward, "AfterBackward", "next_state"),
    (Forgetful, "Forgetful", "Wh"),
    (KeepsItself, "KeepsItself", "h"),
    (WrongInside, "WrongInside.branch.0", "W"),
    (WrittenOut, "WrittenOut", "fc.W"),
    (WrongAround, "WrongAround", "x"),
    (Undeclared, "Undeclared", "kernel"),
    (UndeclaredElsewhere, "UndeclaredElsewhere", "held.kernel"),
    (Lazy, "Lazy", "W"),
]


@pytest.mark.parametrize(("cls", "layer", "argument"), FAULTS)
def test_faults_are_found_where_they_are(cls, layer, argument):
    report = check(cls)
    assert not report.ok
    assert (layer, argument) in [(f.layer, f.argument) for f in report.faults], str(report)
    assert {f.layer for f in report.faults} == {layer}


def test_a_finding_says_how():
    (fault,) = check(Undeclared).faults
    assert fault.kind is Kind.UNDECLARED
    assert 'params = ("kernel",)' in fault.message
    assert 'fixed = ("kernel",)' in fault.message
    assert "draw gave 2 arrays for noise = ('u',)" in check(TwoArrays).faults[0].message
    (fault,) = (f for f in check(WrittenOut).faults if f.argument == "fc.W")
    assert fault.factor == pytest.approx(-7)
    missing = check(type("Silent", (WrittenOut,), {"backward": lambda self, dout: dout})).faults
    assert "backward never sets fc.dW" in [f.message for f in missing]
    assert "set self.fc.dW if it is a parameter" in missing[0].remedy


# Networks

X, T = weights(6, 4), np.array([0, 1, 2, 0, 1, 2])


def affine(n, m, cls=Affine):
    return cls(weights(n, m), np.zeros(m))


class Skip(Network):
    """Attributes, a layer used twice, a block, two inputs, two losses, a parameter of its own."""

    params = ("scale",)

    def __init__(self, cls=Affine, block=Block):
        super().__init__(loss=(SoftmaxWithLoss(), SoftmaxWithLoss()))
        self.first, self.again, self.block = affine(4, 5), affine(5, 5, cls), block(5)
        self.heads = [affine(5, 3), Network([affine(5, 4), Relu(), affine(4, 3)])]
        self.scale = np.array([0.7])

    def forward(self, x, y):
        h = self.again(self.first(x) + self.scale * y)
        h = self.block(h + self.again(h))
        return self.heads[0](h), self.heads[1](h)


def batch():
    return (X, weights(6, 5)), (T, T[::-1].copy())


def test_a_network_of_any_form_is_walked():
    report = check(Skip(), *batch())
    assert report.ok, str(report)
    names = [layer.name for layer in report.layers]
    assert names == [
        "first",
        "again",
        *("block.branch.0", "block.branch.1", "block.norm", "block.drop"),
        *("heads.0", "heads.1.Affine1", "heads.1.Relu1", "heads.1.Affine2"),
        *("lastLayer.0", "lastLayer.1", "Skip.gradient"),
    ]
    assert report["again"].rows[0].shape == (6, 5)


def test_a_fault_anywhere_in_a_network_is_named():
    wrong = check(Skip(WrongAffine), *batch())
    assert [(f.layer, f.argument) for f in wrong.faults] == [("again", "W")]
    inside = check(Skip(block=WrongInside), *batch())
    assert [(f.layer, f.argument) for f in inside.faults] == [("block.branch.0", "W")]


def test_a_forward_that_loses_a_derivative_is_found_by_the_whole():
    class Lost(Skip):
        def gradient(self, x, t):
            return {**super().gradient(x, t), "scale": np.zeros(1)}

    (fault,) = check(Lost(), *batch()).faults
    assert (fault.layer, fault.argument) == ("Lost.gradient", "scale")


def chain():
    layers = [affine(4, 5), BatchNorm(5), Dropout(), Cell(5, 4), affine(4, 3)]
    return Network(layers, rng=np.random.default_rng(1))


def test_noise_and_state_of_a_network_before_and_after_steps_of_learning():
    net = chain()
    for _ in range(2):
        report = check(net, X, T)
        assert report.ok, str(report)
        assert report["Network.gradient"].rows[0].method == "a direction"
        net.gradient(X, T)


def test_a_network_is_left_as_it_is():
    net, other = chain(), chain()
    for _ in range(2):
        one, two = net.gradient(X, T), other.gradient(X, T)
        assert all(np.array_equal(one[name], two[name]) for name in one)
        check(net, X, T)
        for name, value in other.states.items():
            np.testing.assert_array_equal(net.states[name], value)
    assert net.loss(X, T) == other.loss(X, T)


def test_frozen_parameters_are_no_fault():
    net = chain()
    net.freeze("b1", "W2")
    assert check(net, X, T).ok


def test_class_numbers_go_into_a_network():
    class Mean(Layer):
        def forward(self, x):
            return x.mean(axis=1)

    net = Network([Embedding(weights(6, 4)), Mean(), affine(4, 3)])
    assert check(net, np.random.default_rng(0).integers(6, size=(6, 5)), T).ok


def test_what_is_not_used_is_told_and_a_failure_names_the_layer():
    class Unused(Network):
        def __init__(self):
            super().__init__()
            self.fc, self.spare = affine(4, 3), affine(4, 3)

        def forward(self, x):
            return self.fc(x)

    assert check(Unused(), X, T)["spare"].closed == "not compared: forward did not use it"
    net = Network([affine(4, 5), affine(4, 3), Relu()])
    report = check(net, X, T)
    assert [(f.layer, f.kind) for f in report.faults] == [("Affine2", Kind.RAISES)]
    assert report["Relu1"].closed.startswith("not reached: Affine2")


def test_a_penalty_that_is_counted_twice_is_not_taken_for_a_factor_in_a_step():
    class Penalised(Network):
        def loss(self, x, t):
            return super().loss(x, t) + 0.05 * np.sum(self.params["W1"] ** 2)

        def gradient(self, x, t):
            found = super().gradient(x, t)
            return {name: d + 0.1 * self.params[name] for name, d in found.items()}

    rng = np.random.default_rng(0)
    network = Penalised([Affine(rng.standard_normal((4, 3)), rng.standard_normal(3))])
    found = check(network, rng.standard_normal((6, 4)), np.array([0, 1, 2, 0, 1, 2])).faults
    assert [(f.argument, f.kind) for f in found] == [
        ("W1", Kind.EXTRA_TERM),
        ("b1", Kind.EXTRA_TERM),
    ]
