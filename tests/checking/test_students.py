# ruff: noqa: F821, N805 - as students write them
"""What students and their books write: it is told what is wrong, and nothing else."""

import numpy as np
import pytest

from clearprop import check
from clearprop.checking import Kind
from clearprop.errors import FileFormatError


def n(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# A small constant of forward, where forward cannot be opened

TINY = 1e-7


class ClosedLogLoss:
    """Each number by itself, so that forward leaves the graph."""

    def forward(self, x, t):
        self.t = t
        self.y = 1 / (1 + np.exp(-x))
        both = np.array([[float(1 - v), float(v)] for v in self.y])
        return self.loss(both[np.arange(len(t)), t])

    def loss(self, p):
        return -np.log(p + 1e-7).sum() / len(p)

    def backward(self, dout=1):
        return (self.y - self.t) * dout / len(self.t)


class OfDefault(ClosedLogLoss):
    def loss(self, p, eps=1e-7):
        return -np.log(p + eps).sum() / len(p)


class OfModule(ClosedLogLoss):
    def loss(self, p):
        return -np.log(p + TINY).sum() / len(p)


class OfLayer(ClosedLogLoss):
    def __init__(self):
        self.eps = 1e-7

    def loss(self, p):
        return -np.log(p + self.eps).sum() / len(p)


@pytest.mark.parametrize("cls", [ClosedLogLoss, OfDefault, OfModule, OfLayer])
def test_a_small_constant_of_a_closed_forward_is_told_and_not_failed(cls):
    for seed in range(12):
        t = np.random.default_rng(seed).integers(0, 2, 6)
        report = check(cls(), n(6, seed=seed), t)
        assert report.ok is True, str(report)
        assert report.layers[0].closed
    assert cls().loss(np.array([1e-7])) == pytest.approx(-np.log(2e-7))


def test_a_mistake_beside_a_small_constant_is_found():
    class Wrong(ClosedLogLoss):
        def backward(self, dout=1):
            return super().backward(dout) * 1.001

    report = check(Wrong(), n(6), np.array([0, 1, 1, 0, 1, 0]))
    assert [f.kind for f in report.faults] == [Kind.FACTOR], str(report)


def test_probabilities_of_a_draw_are_taken_for_fixed():
    class Negatives:
        def __init__(self, W, p):
            self.W, self.p = W, p

        def forward(self, h):
            self.idx = np.random.choice(len(self.p), size=len(h), p=self.p)  # noqa: NPY002
            self.h = h
            return (self.W[self.idx] * h).sum(axis=1)

        def backward(self, dout):
            d = dout[:, None]
            self.dW = np.zeros_like(self.W)
            np.add.at(self.dW, self.idx, d * self.h)
            return d * self.W[self.idx]

    report = check(Negatives(n(5, 3), np.ones(5) / 5), n(4, 3))
    assert report.ok is True, str(report)
    assert report.layers[0].closed is None


# Functions that are to be called


class Held:
    def __init__(self, data):
        self.data = data


class Recorded:
    def __call__(self, *given):
        out = Held(self.forward(*(g.data for g in given)))
        self.given = given
        return out


class Product(Recorded):
    def forward(self, a, b):
        return a * b

    def backward(self, gy):
        a, b = self.given
        return gy * b.data, gy * a.data


class Sine(Recorded):
    def forward(self, x):
        return np.sin(x)

    def backward(self, gy):
        return Held(gy * np.cos(self.given[0].data))


class HeldDout(Recorded):
    def forward(self, x):
        return np.exp(x)

    def backward(self, gy):
        return gy.data * np.exp(self.given[0].data)


@pytest.mark.parametrize(("cls", "inputs"), [(Product, 2), (Sine, 1), (HeldDout, 1)])
def test_a_function_that_keeps_its_input_when_it_is_called(cls, inputs):
    report = check(cls(), *(n(3, 4, seed=i) for i in range(inputs)))
    assert report.ok is True, str(report)
    assert "it was called on a Held" in str(report)


def test_a_mistake_of_a_function_that_is_called_is_found():
    class Wrong(Product):
        def backward(self, gy):
            b = self.given[1].data
            return gy * b, gy * b

    report = check(Wrong(), n(3, 4), n(3, 4, seed=1))
    assert [(f.argument, f.kind) for f in report.faults] == [("b", Kind.WRONG_VALUE)]


def test_a_function_that_is_called_in_its_own_way_is_not_checked():
    class Odd(Recorded):
        def __call__(self, given, tape):
            self.given = given
            return tape.put(self.forward(given))

        def forward(self, x):
            return 2 * x

        def backward(self, gy):
            return 2 * gy * np.ones_like(self.given)

    report = check(Odd(), n(3, 4))
    assert report.ok is None
    assert "__call__ sets self.given, which backward reads" in str(report)


def test_a_forward_that_keeps_too_little_is_a_fault():
    class Forgets:
        def forward(self, x):
            return x**2

        def backward(self, dout):
            return 2 * self.x * dout

    assert [f.kind for f in check(Forgets(), n(3, 4)).faults] == [Kind.RAISES]


# Writing into dout


class Relu:
    def forward(self, x):
        self.mask = x <= 0
        return np.where(self.mask, 0, x)

    def backward(self, dout):
        dout[self.mask] = 0
        return self.after(dout)

    def after(self, dout):
        return dout


class NegativeRelu(Relu):
    def after(self, dout):
        return -dout


class EmptyRelu(Relu):
    def after(self, dout):
        return dout * self.mask


@pytest.mark.parametrize(
    ("cls", "kind"), [(Relu, None), (NegativeRelu, Kind.SIGN), (EmptyRelu, Kind.ZERO)]
)
def test_what_is_written_into_dout_hides_no_other_mistake(cls, kind):
    report = check(cls(), n(3, 4))
    found = {f.argument: f.kind for f in report.faults}
    assert found == {"dout": Kind.IN_PLACE} | ({"x": kind} if kind else {})
    (row,) = report.layers[0].rows
    assert row.verdict == (kind or "right")


# Files of layers


def test_what_could_not_be_checked_is_no_fault_of_a_file(tmp_path):
    file = tmp_path / "layers.py"
    file.write_text(
        """
import numpy as np
class Table:
    def __init__(self, W): self.W = W
    def forward(self, idx): self.idx = idx; return self.W[idx]
    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.idx, dout)
class Cell:
    def __init__(self, Wx, Wh): self.Wx, self.Wh = Wx, Wh
    def forward(self, x, h):
        self.x, self.h, self.y = x, h, np.tanh(x @ self.Wx + h @ self.Wh)
        return self.y
    def backward(self, dh):
        d = dh * (1 - self.y**2)
        self.dWx, self.dWh = self.x.T @ d, self.h.T @ d
        return d @ self.Wx.T, d @ self.Wh.T
class Weighted:
    def forward(self, hs, a):
        n, t, h = hs.shape
        self.hs, self.a = hs, a
        return (hs * a.reshape(n, t, 1)).sum(axis=1)
    def backward(self, d):
        d = d[:, None]
        return d * self.a[:, :, None], (d * self.hs).sum(axis=2)
class Tanh:
    def forward(self, x): self.y = np.tanh(x); return self.y
    def backward(self, dout): return dout * (1 - self.y)
"""
    )
    report = check(str(file))
    assert report.ok is False
    assert "1 fault, in Tanh; not checked: Table, Cell, Weighted." in str(report)
    assert "yield cls(W=…), (rng.integers(…, size=4),)" in str(report)
    assert "cls(Wx=…, Wh=…), (rng.standard_normal(…), rng.standard_normal(…))" in str(report)
    assert "(4, 5)),)" not in str(report)


def test_labels_of_two_classes_are_tried():
    assert check(ClosedLogLoss).ok is True


class NoSelf:
    def forward(x):
        self.out = np.tanh(x)
        return self.out

    def backward(dout):
        return dout * (1 - self.out**2)


class NoSelfUsed:
    def forward(x):
        return np.maximum(x, 0)

    def backward(dout):
        return dout


class NoSelfBack:
    def forward(self, x):
        self.x = x
        return x**2

    def backward(dout):
        return 2 * dout * self.x


class NoImport:
    def forward(self, x):
        self.y = nmpy.tanh(x)
        return self.y

    def backward(self, dout):
        return dout * (1 - self.y**2)


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (NoSelf, "forward lacks self: write def forward(self, x)"),
        (NoSelfUsed, "forward lacks self: write def forward(self, x)"),
        (NoSelfBack, "backward lacks self: write def backward(self, dout)"),
        (NoImport, "NameError: name 'nmpy' is not defined"),
    ],
)
def test_what_can_never_run_is_said(cls, said):
    for report in (check(cls), check(cls(), n(3, 4))):
        (fault,) = report.faults
        assert fault.kind is Kind.RAISES
        assert said in fault.message
        assert "samples" not in str(report)


def test_a_folder_is_named(tmp_path):
    with pytest.raises(FileFormatError, match=f"{tmp_path.name} is a folder"):
        check(str(tmp_path))


# A loss that does not use dout


class Loss:
    eps = 0.0

    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y, self.t = e / e.sum(axis=1, keepdims=True), t
        return -np.log(self.y[np.arange(len(t)), t] + self.eps).sum() / len(t)

    def backward(self, dout=1):
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        return self.after(dx)

    def after(self, dx):
        return dx / len(self.t)


class Forgets(Loss):
    def after(self, dx):
        return dx


@pytest.mark.parametrize("eps", [0.0, 1e-7])
def test_a_loss_that_ignores_dout_is_compared_for_dout_1(eps):
    for cls, said in (
        (Loss, "for dout = 1"),
        (Forgets, "for dout = 1 it is the true derivative times N (N = 4, the batch) = 4"),
    ):
        layer = cls()
        layer.eps = eps
        (fault,) = check(layer, n(4, 5), np.array([0, 2, 2, 1])).faults
        assert fault.kind is Kind.IGNORES_DOUT
        assert said in fault.message
        assert (fault.factor is None) == (cls is Loss)


# Updating before the error is handed on


class OwnStep:
    def __init__(self):
        self.W, self.b = n(4, 3), np.zeros(3)

    def forward(self, x):
        self.x, self.y = x, np.tanh(x @ self.W + self.b)
        return self.y

    def backward(self, error, rate):
        delta = error * (1 - self.y**2)
        self.step(rate, delta)
        return delta @ self.W.T

    def step(self, rate, delta):
        self.W -= rate * self.x.T @ delta
        self.b -= rate * delta.sum(axis=0)


class OfHeldRate(OwnStep):
    def __init__(self):
        super().__init__()
        self.lr = 0.1

    def backward(self, error):
        return super().backward(error, self.lr)


class OfMean(OwnStep):
    def step(self, rate, delta):
        super().step(rate / len(delta), delta)


@pytest.mark.parametrize("cls", [OwnStep, OfHeldRate, OfMean])
def test_an_update_before_the_error_is_handed_on(cls):
    faults = {f.argument: f for f in check(cls(), n(5, 4, seed=1)).faults}
    assert faults["x"].kind is Kind.STALE
    assert "make what is handed on first, and update then" in faults["x"].message


def test_an_update_behind_it_is_none():
    class Right(OwnStep):
        def backward(self, error, rate):
            delta = error * (1 - self.y**2)
            dx = delta @ self.W.T
            self.step(rate, delta)
            return dx

    class Wrong(Right):
        def backward(self, error, rate):
            return 2 * super().backward(error, rate)

    assert check(Right(), n(5, 4, seed=1)).ok is True
    assert [f.kind for f in check(Wrong(), n(5, 4, seed=1)).faults] == [Kind.FACTOR]
