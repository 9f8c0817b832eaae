"""Layers and inputs that are not what they should be: each gets a finding that says so."""

import sys

import numpy as np
import pytest

from clearprop import Relu, check
from clearprop.checking import Kind

X = np.arange(6.0).reshape(2, 3) + 0.5


class Double:
    def forward(self, x):
        return 2 * x

    def backward(self, dout):
        return 2 * dout


def faults(thing, *inputs):
    return [(f.argument, f.kind, f.message) for f in check(thing, *inputs).faults]


BACKWARDS = [
    (lambda self, dout: (dout, dout), None, Kind.COUNT, "returned 2 derivatives for 1 inputs (x)"),
    (lambda self, dout: (), None, Kind.COUNT, "returned 0 derivatives for 1 inputs"),
    (lambda self, dout: None, "x", Kind.MISSING, "returns None"),
    (lambda self, dout: 2 * dout.ravel(), "x", Kind.SHAPE, "shape (6,) and not (2, 3)"),
    (lambda self, dout: 2.0, "x", Kind.SHAPE, "shape () and not (2, 3)"),
    (lambda self, dout: (2 * dout).astype(int), "x", Kind.INTEGER, "fractions are cut off"),
    (lambda self, dout: 2j * dout, "x", Kind.COMPLEX, "complex"),
    (lambda self, dout: np.nan * dout, "x", Kind.NOT_FINITE, "backward gives nan"),
    (lambda self, dout: "2", "x", Kind.DTYPE, "is a str, not an array"),
    (lambda self, dout: np.array([None]), "x", Kind.DTYPE, "not an array of numbers"),
    (lambda self, dout: 1 / 0, "dout", Kind.RAISES, "ZeroDivisionError: division by zero (line"),
    (lambda self, dout: sys.exit(2), "dout", Kind.RAISES, "SystemExit: 2"),
    (lambda self: 2, "dout", Kind.RAISES, "does not take dout"),
    (lambda self, dout: np.float32(2) * dout.astype(np.float32), "x", Kind.DTYPE, "float32"),
    (lambda self, dout: 2 * dout + np.random.rand(), "x", Kind.STOCHASTIC, "of its own"),  # noqa: NPY002
]


@pytest.mark.parametrize(("backward", "argument", "kind", "words"), BACKWARDS)
def test_backward(backward, argument, kind, words):
    layer = type("Bad", (Double,), {"backward": backward})()
    ((found_at, found, message),) = faults(layer, X)
    assert (found_at, found) == (argument, kind)
    assert words in message


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_forward_in_lower_precision_is_compared_at_it(dtype):
    class Cast:
        def forward(self, x):
            self.y = np.tanh(x.astype(dtype))
            return self.y

        def backward(self, dout):
            return factor * dout * (1 - self.y**2)

    factor = 1
    (note,) = check(Cast(), X)
    assert (note.kind, note.fault) == (Kind.DTYPE, False)
    assert np.dtype(dtype).name in note.message
    factor = 2
    assert [f.kind for f in check(Cast(), X).faults] == [Kind.FACTOR]


class Once:
    def __init__(self):
        self.calls = np.zeros(1)

    def forward(self, x):
        self.calls = self.calls + 1
        return 2 * x * self.calls

    backward = Double.backward


FORWARDS = [
    (lambda self, x: None, "output", Kind.MISSING, "lacks a return"),
    (lambda self, x: 1 / 0, None, Kind.RAISES, "ZeroDivisionError"),
    (lambda self, x: sys.exit(2), None, Kind.RAISES, "SystemExit: 2"),
    (lambda self, x: 2j * x, "output", Kind.COMPLEX, "complex"),
    (lambda self, x: x.astype(int), "output", Kind.INTEGER, "integers (int64)"),
    (lambda self, x: "text", "output", Kind.DTYPE, "not an array of numbers"),
    (lambda self, x: {"y": x}, "output", Kind.DTYPE, "not an array of numbers"),
    (
        lambda self, x: np.log(x - 1),
        "output",
        Kind.NOT_FINITE,
        "forward gives nan: the output of np.log inside Bad (2, 3) is nan at [0, 0]",
    ),
    (
        lambda self, x: 2 * x + np.random.default_rng().random(),
        None,
        Kind.STOCHASTIC,
        "cannot be repeated",
    ),
]


@pytest.mark.parametrize(("forward", "argument", "kind", "words"), FORWARDS)
def test_forward(forward, argument, kind, words):
    layer = type("Bad", (Double,), {"forward": forward})()
    found_at, found, message = faults(layer, X)[0]
    assert (found_at, found) == (argument, kind)
    assert words in message


def test_a_forward_that_changes_from_call_to_call():
    ((argument, kind, message),) = faults(Once(), X)
    assert (argument, kind) == (None, Kind.STATEFUL)
    assert "something else the second time" in message


def test_a_backward_that_works_once_is_told_and_not_failed():
    class Frees(Double):
        def forward(self, x):
            self.x = x
            return x**2

        def backward(self, dout):
            dx = 2 * self.x * dout
            self.x = None
            return dx

    report = check(Frees(), X)
    assert report.ok
    assert [f.kind for f in report] == [Kind.STATEFUL]


@pytest.mark.parametrize(
    ("x", "argument", "kind", "words"),
    [
        (X + 0j, "x", Kind.COMPLEX, "complex"),
        (np.array([1.0, np.nan]), "x", Kind.NOT_FINITE, "holds nan"),
        (np.array([np.inf]), "x", Kind.NOT_FINITE, "holds inf"),
        (None, None, Kind.RAISES, "TypeError"),
    ],
)
def test_inputs(x, argument, kind, words):
    ((found_at, found, message),) = faults(Double(), x)
    assert (found_at, found) == (argument, kind)
    assert words in message


@pytest.mark.parametrize("x", [np.arange(6).reshape(2, 3), np.array([[1, 2]], np.uint8)])
def test_integer_inputs_are_compared_as_floats_and_told(x):
    report = check(Double(), x)
    assert report.ok
    assert [(f.argument, f.kind) for f in report] == [("x", Kind.INTEGER)]


def test_integer_parameters_are_compared_as_floats_and_told():
    class Scale:
        params = ("g",)

        def __init__(self):
            self.g = np.array([1, 2, 3])

        def forward(self, x):
            self.x = x
            return self.g * x

        def backward(self, dout):
            self.dg = (dout * self.x).sum(axis=0)
            return self.g * dout

    report = check(Scale(), X)
    assert report.ok
    assert [(f.argument, f.kind) for f in report] == [("g", Kind.INTEGER)]
    assert report["Scale"].rows[1].absolute is not None


@pytest.mark.parametrize("x", [3.0, 3, [1.0, 2.0], np.float32(2), np.zeros((0, 3)), X[:, ::-1]])
def test_numbers_lists_and_empty_arrays_are_fine(x):
    assert check(Double(), x).ok


def test_params_that_are_a_text():
    class Scale(Double):
        params = "W"

    assert [kind for _, kind, _ in faults(Scale(), X)] == [Kind.UNDECLARED]


@pytest.mark.parametrize("make", [lambda cls: cls, lambda cls: cls()])
def test_no_forward(make):
    class Half:
        def backward(self, dout):
            return dout

    ((_, kind, message),) = faults(make(Half))
    assert kind is Kind.MISSING
    assert "has no forward()" in message


def samples_of(function):
    return type("Sampled", (Double,), {"samples": classmethod(function)})


def one_and_out(cls, rng):
    yield cls(), (X,)
    raise ValueError("no more")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda cls, rng: [], "yields nothing"),
        (lambda cls, rng: [cls()], "not pairs (layer, inputs)"),
        (lambda cls, rng: [(X, cls())], "not pairs (layer, inputs)"),
        (lambda cls, rng: 3, "samples raises TypeError"),
        (lambda cls: [], "samples raises TypeError"),
        (one_and_out, "samples raises ValueError: no more"),
    ],
)
def test_samples(function, words):
    ((_, kind, message),) = faults(samples_of(function))
    assert kind is Kind.SAMPLES
    assert words in message


def test_samples_that_never_end_are_cut_off():
    def forever(cls, rng):
        while True:
            yield cls(), (rng.standard_normal(2),)

    assert check(samples_of(forever))["Sampled"].cases == 100


def test_a_layer_on_which_no_inputs_run():
    class Picky(Double):
        def forward(self, x):
            raise ValueError("never")

    ((_, kind, message),) = faults(Picky)
    assert kind is Kind.SAMPLES
    assert "forward raises ValueError: never" in message
    assert "def samples(cls, rng)" in message


# Kinks


def test_a_kink_is_told_and_not_failed():
    report = check(Relu(), np.array([[-1.0, 0.0, 2.0]]))
    assert report.ok
    ((kink),) = list(report)
    assert (kink.kind, kink.argument, kink.index) == (Kind.KINK, "x", (0, 1))


@pytest.mark.parametrize("at_zero", [0.0, 0.3, 1.0])
def test_any_slope_between_the_two_sides_is_right(at_zero):
    class MyRelu(Double):
        def forward(self, x):
            self.slope = np.where(x > 0, 1.0, np.where(x == 0, at_zero, 0.0))
            return np.maximum(x, 0)

        def backward(self, dout):
            return dout * self.slope

    assert check(MyRelu(), np.round(np.random.default_rng(0).standard_normal((4, 5)))).ok


@pytest.mark.parametrize("at_zero", [-0.5, 1.5])
def test_a_slope_beyond_the_two_sides_is_wrong(at_zero):
    class MyRelu(Double):
        def forward(self, x):
            self.slope = np.where(x > 0, 1.0, np.where(x == 0, at_zero, 0.0))
            return np.maximum(x, 0)

        def backward(self, dout):
            return dout * self.slope

    (fault,) = check(MyRelu(), np.array([[-1.0, 0.0, 2.0, 1.0]])).faults
    assert (fault.argument, fault.index) == ("x", (0, 1))


@pytest.mark.parametrize("closed", [False, True])
def test_a_fault_beside_kinks_is_found(closed):
    class MyRelu(Double):
        def forward(self, x):
            self.x = x
            if not closed:
                return np.maximum(x, 0)
            out = x.copy()
            out[x < 0] = 0
            return out

        def backward(self, dout):
            dx = dout * (self.x > 0)
            dx[2, 1] += 0.5
            return dx

    x = np.zeros((4, 5))
    x[::2] = np.random.default_rng(0).standard_normal((2, 5))
    (fault,) = check(MyRelu(), x).faults
    assert (fault.argument, fault.index) == ("x", (2, 1))


@pytest.mark.parametrize("own", [False, True])
def test_a_mask_that_is_drawn_again_in_backward(own):
    class Drawn(Double):
        def __init__(self):
            self.rng = np.random.default_rng(0)

        def draw(self, x):
            return (self.rng.random if own else np.random.random_sample)(x.shape) > 0.5

        def forward(self, x):
            return x * self.draw(x)

        def backward(self, dout):
            return dout * self.draw(dout)

    found = [(f.argument, f.kind, f.fault) for f in check(Drawn(), np.ones((5, 6)))]
    assert found == [(None, Kind.STOCHASTIC, False), ("x", Kind.STOCHASTIC, True)]


@pytest.mark.parametrize(
    "x", [np.ma.masked_array([1.0, 2.0], [0, 1]), np.ones((1, 1)).view(np.matrix)]
)
def test_masked_arrays_and_matrices_are_not_read_as_something_else(x):
    ((argument, kind, _),) = faults(Double(), x)
    assert (argument, kind) == ("x", Kind.DTYPE)
