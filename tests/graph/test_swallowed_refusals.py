"""A refusal that the code itself catches is told all the same: arrays never go where it led."""

import numpy as np
import pytest

import clearprop
from clearprop import Affine, Layer, Network, Variable, compile, grad, jacobian, jvp
from clearprop.errors import LacksError, LeavesGraphError, RefusedError, UnsupportedError
from clearprop.training import SGD

X = np.array([1.0, 2.0, 3.0])


def caught_number(x):
    try:
        s = float(x[0])
    except (TypeError, ValueError):
        s = 10.0
    return np.sum(x * s)


def caught_write(x):
    try:
        y = x.copy()
        y[0] = 0
    except Exception:
        y = x
    return np.sum(y * 2)


def caught_entry(x):
    out = np.zeros(3)
    try:
        out[0] = x[0]
    except Exception:
        out = x
    return np.sum(out * x)


def caught_function(x):
    try:
        return np.sum(x * np.histogram(x)[0].sum())
    except TypeError:
        return np.sum(x)


def caught_complex(x):
    try:
        return np.sum(abs(x * 1j).real ** 2)
    except TypeError:
        return np.sum(x)


def asked_for_an_attribute(x):
    return np.sum(x * 2) if hasattr(x, "flags") else np.sum(x * 3)


def caught_branch(x):
    try:
        if x.sum() > 0:
            return np.sum(x * 2)
    except Exception:
        pass
    return np.sum(x * 3)


CAUGHT = (
    caught_number,
    caught_write,
    caught_entry,
    caught_function,
    caught_complex,
    asked_for_an_attribute,
)


@pytest.mark.parametrize("f", CAUGHT)
def test_of_a_function(f):
    for call in (grad(f), jacobian(f), compile(f), lambda x: jvp(f, x, x)):
        with pytest.raises(RefusedError):
            call(X)


def test_the_message_is_that_of_the_refusal():
    with pytest.raises(LeavesGraphError, match=r"s = float\(x\[0\]\).*v\.data"):
        grad(caught_number)(X)
    with pytest.raises(LacksError, match="has no 'flags'"):
        grad(asked_for_an_attribute)(X)


def test_a_branch_is_refused_where_a_program_is_recorded_and_nowhere_else():
    with pytest.raises(UnsupportedError, match="branches on a value"):
        compile(caught_branch)(X)
    assert grad(caught_branch)(X).tolist() == [2, 2, 2]


class Catches(Layer):
    def forward(self, x):
        try:
            s = float(x[0, 0])
        except TypeError:
            s = 10.0
        return x * s


class CatchesBack(Layer):
    def forward(self, x):
        self.x = x
        return x * 2

    def backward(self, dout):
        try:
            s = 0 * float(self.x[0, 0]) + 2
        except TypeError:
            s = 10.0
        return dout * s


class Between(Network):
    def __init__(self):
        super().__init__()
        self.a = Affine(np.eye(3), np.zeros(3))

    def forward(self, x):
        return Catches().forward(self.a(x))


def affine():
    return Affine(np.eye(3), np.zeros(3))


@pytest.mark.parametrize("layer", [Catches, CatchesBack])
def test_a_layer_that_catches_runs_as_written_in_programs(layer):
    x, t = X[None], np.array([0])
    plain, compiled = (Network([affine(), layer(), affine()]) for _ in range(2))
    expected = plain.gradient(x, t)  # where nothing is recorded, differences stand in
    np.testing.assert_allclose(expected["W1"], plain.numerical_gradient(x, t)["W1"], rtol=1e-4)
    step = compile(compiled, SGD(1.0))
    assert step(x, t) == pytest.approx(plain.loss(x, t))
    assert list(step.as_written) == [f"{layer.__name__}1"]
    np.testing.assert_allclose(np.eye(3) - compiled.params["W1"], expected["W1"])
    again = Network([affine(), layer(), affine()])
    np.testing.assert_allclose(compile(again)(x), again.predict(x))


def test_code_between_layers_is_refused():
    network, x, t = Between(), X[None], np.array([0])
    for call in (
        lambda: network.gradient(x, t),
        lambda: compile(network)(x),
        lambda: compile(network, SGD(0.1))(x, t),
    ):
        with pytest.raises(RefusedError, match=r"float|turns a value"):
            call()


def test_what_is_caught_on_arrays_is_the_layers_own_affair():
    class Tries(Layer):
        def forward(self, x):
            try:
                Variable(np.array(["text"]))
            except TypeError:
                return x * 3
            return x

    assert Tries()(X).tolist() == [3, 6, 9]


def test_a_refusal_of_long_ago_is_none_of_now():
    with pytest.raises(RefusedError):
        float(Variable(1.0))
    assert grad(np.sum)(X).tolist() == [1, 1, 1]


def test_what_numpy_asks_and_catches_is_no_refusal():
    def f(x):
        assert hasattr(x, "__array_interface__") == isinstance(x, np.ndarray)
        assert not hasattr(x, "no_array_has_this")
        return np.sum(np.asarray(x) * x) + np.sum(np.array([x[0], x[1]]))

    assert grad(f)(X).tolist() == [3, 5, 6]
    assert clearprop.compile(f)(X) == 17.0
