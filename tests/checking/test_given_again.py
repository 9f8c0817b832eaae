"""What backward is given besides dout, and derivatives that are added to or replaced."""

import numpy as np

from clearprop import check
from clearprop.checking.findings import Kind


class LossOfScores:
    """Backward is given the scores of forward itself, which that leaves on the layer."""

    wrong = 0.0

    def forward(self, inputs, y_true):
        e = np.exp(inputs - inputs.max(axis=1, keepdims=True))
        self.output = e / e.sum(axis=1, keepdims=True)
        return np.mean(-np.log(self.output[range(len(inputs)), y_true]))

    def backward(self, dvalues, y_true):
        self.dinputs = dvalues.copy()
        self.dinputs[range(len(dvalues)), y_true] -= 1
        self.dinputs = self.dinputs / len(dvalues) + self.wrong


class LossOfScoresWrong(LossOfScores):
    wrong = 0.1


def data():
    return np.random.default_rng(0).standard_normal((5, 4)), np.array([0, 3, 1, 2, 2])


def test_its_own_scores_are_given_to_a_loss_that_wants_them():
    report = check(LossOfScores(), *data())
    assert report.ok
    assert "backward was given self.output as dvalues" in str(report)


def test_and_what_is_wrong_in_it_is_found():
    assert not check(LossOfScoresWrong(), *data()).ok


class Both:
    """Adds to b's derivative and replaces that of W; others in this file are set to 0."""

    def __init__(self, W, b):
        self.W, self.b = W, b
        self.dW, self.db = np.zeros_like(W), np.zeros_like(b)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db += dout.sum(axis=0)
        return dout @ self.W.T


class Adding(Both):
    def backward(self, dout):
        self.dW += self.x.T @ dout
        self.db += dout.sum(axis=0)
        return dout @ self.W.T


class Optimiser:
    def zero_grad(self, layer):
        layer.dW[...] = layer.db[...] = 0


def test_adding_to_some_derivatives_and_replacing_others_is_told():
    rng = np.random.default_rng(0)
    given = rng.standard_normal((3, 2)), rng.standard_normal(2)
    x = rng.standard_normal((4, 3))
    (finding,) = [f for f in check(Both(*given), x) if f.fault]
    assert (finding.argument, finding.kind) == ("b", Kind.ACCUMULATES)
    assert check(Adding(*given), x).ok


class Node:
    """Sets its own derivative to 0, and nobody else's."""

    def zero_grad(self):
        self.slope = 0.0


class AddingMore:
    """Nothing in this file sets derivatives of these names to 0."""

    def __init__(self, w, c):
        self.w, self.c = w, c
        self.gw, self.gc = np.zeros_like(w), np.zeros_like(c)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.c

    def backward(self, dout):
        self.gw += self.x.T @ dout
        self.gc += dout.sum(axis=0)
        return dout @ self.w.T


def test_what_sets_something_else_to_zero_is_no_excuse():
    rng = np.random.default_rng(0)
    given = rng.standard_normal((3, 2)), rng.standard_normal(2)
    faults = check(AddingMore(*given), rng.standard_normal((4, 3))).faults
    assert {(f.argument, f.kind) for f in faults} == {
        ("w", Kind.ACCUMULATES),
        ("c", Kind.ACCUMULATES),
    }


def swish_forward(x):
    return x * np.clip(x + 3, 0, 6) / 6, x


def swish_backward(dout, x):
    return dout * np.where(np.abs(x) < 3, (2 * x + 3) / 6, 1.0 * (x >= 3))


def test_an_input_that_forward_hands_on_is_no_second_output():
    assert check(swish_forward, data()[0]).ok


class OwnWords:
    """Derivatives under the keys of the parameters, in a mapping that is called as nobody knows."""

    def __init__(self, factor=1.0):
        self.factor, self.gradienti = factor, {}
        rng = np.random.default_rng(0)
        self.parametri = {"gamma": rng.normal(size=4), "beta": rng.normal(size=4)}

    def forward(self, x):
        self.x = x
        return x * self.parametri["gamma"] + self.parametri["beta"]

    def backward(self, dout):
        self.gradienti["gamma"] = self.factor * (dout * self.x).sum(axis=0)
        self.gradienti["beta"] = dout.sum(axis=0)
        return dout * self.parametri["gamma"]


def test_derivatives_are_found_by_the_keys_of_what_they_belong_to():
    assert check(OwnWords(), data()[0]).ok
    (fault,) = check(OwnWords(2.0), data()[0]).faults
    assert fault.argument == "parametri.gamma"


class Turned:
    """Angles by a formula are no parameters, though they are called theta."""

    def __init__(self, width, base=100.0):
        self.theta = base ** (-np.arange(0, width, 2) / width)

    def turn(self, x, c, s):
        a, b = x[:, ::2], x[:, 1::2]
        return np.stack([a * c - b * s, a * s + b * c], axis=-1).reshape(x.shape)

    def forward(self, x):
        angle = np.arange(len(x))[:, None] * self.theta
        self.cos, self.sin = np.cos(angle), np.sin(angle)
        return self.turn(x, self.cos, self.sin)

    def backward(self, dout):
        return self.turn(dout, self.cos, -self.sin)


def test_a_table_by_a_formula_is_fixed_whatever_it_is_called():
    assert check(Turned(4), data()[0]).ok
