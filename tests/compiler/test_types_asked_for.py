"""Code that asks what type something is does not do otherwise in a program, or is refused."""

import numpy as np
import pytest

from clearprop import Affine, Dropout, Layer, Network, compile, grad
from clearprop.errors import UnsupportedError
from clearprop.training import SGD

X = np.array([[1.0, 2.0]])
T = np.array([0])


def of_array(x):
    return (x if isinstance(x, np.ndarray) else x / 255).sum()


def of_exact_type(x):
    return (x if type(x) is np.ndarray else x / 255).sum()


def of_number(x, k):
    return (x * k if isinstance(k, int | float) else x - k).sum()


def of_scalar(x, k):
    return (x * k if np.isscalar(k) else x - k).sum()


@pytest.mark.parametrize(
    ("f", "arguments"),
    [(of_array, (X,)), (of_exact_type, (X,)), (of_number, (X, 3.0)), (of_scalar, (X, 3.0))],
)
def test_a_function(f, arguments):
    with pytest.raises(UnsupportedError, match="of what type something is"):
        compile(f)(*arguments)


def test_what_is_the_same_either_way_is_let_through():
    def f(x):
        return (np.asarray(x) if isinstance(x, list) else x) * 2

    assert compile(f)(X).tolist() == [[2, 4]]


def test_a_function_that_writes_into_its_argument_leaves_that_of_the_caller():
    def f(x):
        x += 1
        return x * 2

    given = np.ones(2)
    assert compile(f)(given).tolist() == [4, 4]
    assert given.tolist() == [1, 1]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * float(f"{x.sum():.1f}"),
        lambda x: x * 2 if "e+" not in str(x) else x * 3,
        lambda x: x * 2 if np.asarray(x.data).sum() < 1e6 else x * 3,
        lambda x: x * len(f"{x}"),
    ],
)
def test_a_value_is_neither_text_nor_data(f):
    with pytest.raises(UnsupportedError, match=r"into text|\(data\)"):
        compile(f)(X)


def test_a_layer_may_read_its_values_as_text():
    class Rounds(Layer):
        def forward(self, x):
            return x * float(f"{x.sum():.1f}")

    network = Network([Affine(np.eye(2), np.zeros(2)), Rounds()])
    predict = compile(network)
    for x in (X, 3 * X):
        assert predict(x).tolist() == network.predict(x).tolist()
    assert "into text" in predict.as_written["Rounds1"]


class OnArrays(Layer):
    def forward(self, x):
        return x * 2 if isinstance(x, np.ndarray) else x * 3


class OnArraysBack(Layer):
    def forward(self, x):
        return x * 2

    def backward(self, dout):
        return dout * 2 if type(dout) is np.ndarray else dout * 3


class Between(Network):
    def __init__(self):
        super().__init__()
        self.a = affine()

    def forward(self, x):
        return OnArrays().forward(self.a(x))


class ItsLoss(Between):
    def forward(self, x):
        return self.a(x)

    def loss(self, x, t):
        y = self(x)
        return np.sum(y) if isinstance(y, np.ndarray) else np.sum(y) * 2


def affine():
    return Affine(np.eye(2), np.zeros(2))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Network([affine(), OnArrays(), affine()]),
        lambda: Network([affine(), Dropout(0.5), OnArrays()]),
        Between,
        ItsLoss,
    ],
)
def test_what_is_differentiated_on_a_graph_is_refused(make):
    with pytest.raises(UnsupportedError, match="another for arrays than on the graph"):
        make().gradient(X, T)
    with pytest.raises(UnsupportedError, match="another for arrays than on the graph"):
        compile(make(), SGD(0.1))(X, T)


def test_the_layer_is_named():
    network = Network([affine(), Dropout(0.5), OnArrays(), affine()])
    with pytest.raises(UnsupportedError, match=r"come from \(OnArrays1 is the first layer that"):
        network.gradient(X, T)


def test_code_between_the_layers_of_a_prediction_is_refused():
    with pytest.raises(UnsupportedError, match="Between predicts is another"):
        compile(Between())(X)


@pytest.mark.parametrize("layer", [OnArrays, OnArraysBack])
def test_a_layer_of_a_program_runs_as_written(layer):
    network = Network([affine(), layer(), affine()])
    predict = compile(network)
    np.testing.assert_array_equal(predict(X), network.predict(X))
    assert list(predict.as_written) == [f"{layer.__name__}1"] * (layer is OnArrays)
    if layer is OnArraysBack:
        expected = network.gradient(X, T)
        step = compile(network, SGD(1.0))
        step(X, T)
        np.testing.assert_allclose(np.eye(2) - network.params["W1"], expected["W1"])
        assert list(step.as_written) == ["OnArraysBack1"]


def test_what_is_random_tells_nothing():
    class Shakes(Network):
        def __init__(self):
            super().__init__([affine()], rng=np.random.default_rng(0))

        def loss(self, x, t):
            return super().loss(x, t) + 0 * self.rng.random()

    Shakes().gradient(X, T)
    grad(lambda x: np.sum(x) * np.random.default_rng().random())(X)
