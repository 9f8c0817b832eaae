"""Layers of other authors: understood without an adapter, and their mistakes named as they are."""

import re

import numpy as np
import other_hands
import pytest
from other_hands import LABELS, LOGITS, SEQUENCE, N, X

from clearprop import check
from clearprop.checking import Kind


def built(made):
    return made() if isinstance(made, type) else made


@pytest.mark.parametrize(
    ("made", "inputs", "options"), other_hands.RIGHT, ids=lambda v: getattr(v, "__name__", "")
)
def test_right_layers_are_understood(made, inputs, options):
    report = check(built(made), *inputs, **options)
    assert report.ok is True, str(report)
    assert all(row.absolute is not None for layer in report.layers for row in layer.rows)


def test_what_was_understood_is_said():
    (note,) = check(other_hands.OwnOptimiser(), X.T.copy())
    assert "backward updates w, b itself; for the check they were put back" in note.message
    (note,) = check(other_hands.SinglePrecision(), SEQUENCE)
    assert "forward computes in float32, at least in part (its output is float32)" in note.message


def test_an_array_without_a_derivative_is_named():
    class Shifted:
        def __init__(self):
            self.tables = {"positions": N((5, 4))}

        def forward(self, x):
            return x + self.tables["positions"]

        def backward(self, dout):
            return dout

    report = check(Shifted(), X)
    assert report.ok is None
    assert not report
    assert (report.status, report.faults) == ("not checked", ())
    (finding,) = report
    assert (finding.kind, finding.argument) == (Kind.NOT_COMPARED, "tables.positions")
    assert "not all was compared: tables.positions" in str(report)


def test_what_is_not_understood_is_said_in_one_sentence():
    class Odd:
        def forward(self, x):
            return 2 * x

        def backward(self, x, target):
            return 2 * (x - target)

    (finding,) = check(Odd(), X)
    assert "backward wants target, which was not understood" in finding.message
    assert "write def backward(self, dout)" in finding.remedy


# Mistakes

FAULTS = []


def fault(arguments, words, *inputs):
    def enter(cls):
        FAULTS.append((cls, arguments.split(), words, inputs))
        return cls

    return enter


ALL = "xs Wx Wh b"
for how, arguments, words in (
    ("step before", ALL, r"right with `h = self.hs\[t \+ 1 "),
    ("no slope", ALL, r"right with `a = .* \* \(1 - h \*\* 2\)` in place of"),
    ("overwritten", "Wx", r"right with `self.dWx \+= share"),
    ("step after", "Wh", r"right with `self.dWh \+= self.hs\[t "),
    ("cut", ALL, "at the end of the loop, .*`g = a @ .* is missing"),
    ("transposed", ALL, r"right with `g = .* a @ \(self.Wh.T "),
):
    named = type(how, (other_hands.Recurrent,), {"how": how})
    fault(arguments, words, SEQUENCE)(named)


@fault("x", r"right with `return dout \* self.y \* \(1 - self.y\)`")
class Twice:
    def forward(self, x):
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, dout):
        f = 1 / (1 + np.exp(-self.y))
        return dout * f * (1 - f)


@fault("x", "np.sum in forward runs over all axes of .* as if it ran over axis 1", LOGITS, LABELS)
class WholeBatch:
    def forward(self, x, t):
        e = np.exp(x - x.max())
        self.y, self.t = e / e.sum(), t
        return -np.log(self.y[np.arange(len(t)), t]).mean()

    def backward(self, dout=1):
        d = self.y.copy()
        d[np.arange(len(self.t)), self.t] -= 1
        return dout * d / len(self.t)


@fault("x", "counted once, where up to 2 terms have it", LOGITS, LABELS)
class Hinge:
    def forward(self, x, t):
        self.rows, self.t = np.arange(len(t)), t
        m = np.maximum(0, x - x[self.rows, t][:, None] + 1)
        m[self.rows, t] = 0
        self.m = m
        return m.sum()

    def backward(self, dout=1.0):
        d = (self.m > 0) - np.eye(self.m.shape[1])[self.t]
        return dout * d


class Normalised:
    def forward(self, x):
        self.v = x.var(0)
        self.y = (x - x.mean(0)) / np.sqrt(self.v + 1e-3)
        return self.y

    def backward(self, d):
        return (d - d.mean(0) - self.y * (d * self.y).mean(0)) / self.root()


@fault("x", r"right with `return np.sqrt\(self.v \+ 0.001\)`")
class LeftOut(Normalised):
    def root(self):
        return np.sqrt(self.v)


@fault("x", "0.001 stands in another place than in forward")
class Outside(Normalised):
    def root(self):
        return np.sqrt(self.v) + 1e-3


@fault("x", r"times 2; in line .*, all is right with `return d \* self.slope`", N((5, 4)))
class TwiceAsMuch:
    """The 2 is no √4, although an axis is 4 long."""

    def forward(self, x):
        return np.sin(x)

    def backward(self, d):
        return 2 * d * self.slope

    def __call__(self, x):
        return self.forward(x)


TwiceAsMuch.forward = lambda self, x: setattr(self, "slope", np.cos(x)) or np.sin(x)


@fault("w", "has updated w before it uses it|opposite sign")
class Ascends:
    def __init__(self):
        self.w = N((4, 3))

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, d, lr):
        dx = d @ self.w.T
        self.w += lr * self.x.T @ d
        return dx


@fault("x", "has updated w before it uses it")
class UpdatesFirst(Ascends):
    def backward(self, d, lr):
        self.w -= lr * self.x.T @ d
        return d @ self.w.T


@fault("x", "shifted by 2 along axis 1")
class Shifted:
    def forward(self, x):
        return np.concatenate([np.zeros((len(x), 1)), x[:, :-1]], 1)

    def backward(self, d):
        return self.forward(d)


@fault("x", "`self.m = x > 0` in place of", N((6, 4)))
class MaskElsewhere:
    def forward(self, x):
        self.m = np.roll(x, 1, 0) > 0
        return np.maximum(x, 0)

    def backward(self, d):
        return d * self.m


@fault(
    "W",
    r"with an index that comes twice: .*the last one is kept.*np\.add\.at\(self\.dW",
    np.array([1, 2, 0]),
)
class Once:
    def __init__(self):
        self.W = N((4, 3))

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, d):
        self.dW = np.zeros_like(self.W)
        self.dW[self.idx] = d


@fault("x", "with two such layers at work")
class OnTheClass:
    def forward(self, x):
        OnTheClass.x = x
        return x**2

    def backward(self, d):
        return 2 * d * OnTheClass.x


@pytest.mark.parametrize(
    ("cls", "arguments", "words", "inputs"), FAULTS, ids=lambda v: getattr(v, "__name__", "")
)
def test_mistakes_are_named(cls, arguments, words, inputs):
    faults = check(cls(), *(inputs or (X,))).faults
    assert sorted(f.argument for f in faults) == sorted(arguments)
    for f in faults:
        assert re.search(words, f.message), f.message


def test_a_finding_says_which_elements_are_wrong_and_how_far():
    (finding,) = check(MaskElsewhere(), X).faults
    assert finding.wrong.shape == X.shape
    assert finding.wrong.sum() == len(finding.to_dict()["wrong"])
    assert 0 < finding.relative <= 2
    (unknown,) = check(
        type("Odd", (Twice,), {"backward": lambda s, d: d * np.sin(s.y)})(), X
    ).faults
    assert unknown.kind is Kind.UNKNOWN
    assert "all of it at once: sign, constant factor" in unknown.message


def test_modes_of_a_network():
    class Net:
        def __init__(self):
            self.params = {"W": N((4, 3))}

        def predict(self, x, train_flg=False):
            self.x = x * ((np.arange(4) % 2 == 0) if train_flg else 0.5)
            return self.x @ self.params["W"]

        def loss(self, x, t, train_flg=False):
            self.y = self.predict(x, train_flg)
            return ((self.y - t) ** 2).sum()

        def gradient(self, x, t):
            self.loss(x, t, train_flg=True)
            return {"W": self.x.T @ (2 * (self.y - t))}

    report = check(Net(), X, N((5, 3)))
    assert report.ok
    assert "loss(x, t, train_flg=True)" in report.findings[0].message


def test_what_is_the_same_of_several_arguments_is_told_once():
    report = check(type("NoSlope", (other_hands.Recurrent,), {"how": "no slope"})(), SEQUENCE)
    assert len(report.faults) == 4
    assert str(report).count("all is right with") == 1
    assert "The same at Wx, Wh, b." in str(report)
