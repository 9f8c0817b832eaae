"""What compiled functions may do beside calling NumPy: several results, layers, keywords."""

import shutil

import numpy as np
import pytest

from clearprop import Variable, explain, grad, graph
from clearprop.compiler import compile
from clearprop.errors import UnsupportedError
from clearprop.layers import Affine, BatchNormalization, Dropout, Layer, Sigmoid
from clearprop.networks import Network
from clearprop.training import SGD

X = np.arange(12.0).reshape(4, 3) - 4
HERE = ["numpy", "c", *(["javascript"] if shutil.which("node") else [])]
SQUARE = np.array([[2.0, 1.0], [1.0, 3.0]])
SEVERAL = {
    "sign": lambda x: np.linalg.slogdet(x)[0],
    "logarithm": lambda x: np.linalg.slogdet(x)[1] * x,
    "svd": lambda x: np.linalg.svd(x[:, :1], full_matrices=False)[1],
    "eigh": lambda x: np.linalg.eigh(x)[0] + np.abs(np.linalg.eigh(x)[1]),
    "qr": lambda x: np.abs(np.linalg.qr(x)[1]),
    "lstsq": lambda x: np.linalg.lstsq(x, x[:, 0] + 1)[0],
}


@pytest.mark.parametrize("name", SEVERAL)
def test_functions_with_several_results_compile_and_show(name, tmp_path):
    f = SEVERAL[name]
    for engine in ("numpy", "c", "auto"):
        np.testing.assert_allclose(compile(f, engine=engine)(SQUARE), f(SQUARE), rtol=1e-12)
    y = f(Variable(SQUARE, "A")).sum()
    graph(y).save(tmp_path / "page.html")
    assert "A" in str(explain(y))


class Evidence(Layer):
    """Scores less the logarithm of a determinant."""

    params = ("W",)

    def __init__(self):
        self.W = SQUARE.astype(np.float32)

    def forward(self, x):
        return x @ self.W - np.linalg.slogdet(self.W)[1]


@pytest.mark.parametrize("engine", ["numpy", "c", "auto"])
def test_a_layer_with_a_determinant_trains(engine):
    def network():
        return Network([Evidence(), Affine.from_sizes(2, 3, rng=np.random.default_rng(0))])

    x, t = np.linspace(-1, 1, 40).reshape(20, 2), np.arange(20) % 3
    one, other = network(), network()
    step, sgd = compile(one, SGD(0.1), engine=engine), SGD(0.1)
    for _ in range(3):
        step(x, t)
        sgd.update(other.params, other.gradient(x, t))
    assert not step.as_written
    np.testing.assert_allclose(one.params["W1"], other.params["W1"], rtol=1e-5)


@pytest.mark.parametrize("engine", HERE)
def test_layers_without_parameters_may_be_called(engine):
    layer, x = Sigmoid(), X[0]
    for f in (lambda x: layer(x) * x, grad(lambda x: (layer(x) * x).sum())):
        np.testing.assert_allclose(compile(f, engine=engine)(x), f(x), rtol=1e-12)


def test_the_own_backward_of_a_layer_that_is_called_is_taken():
    class Through(Layer):
        def forward(self, x):
            return np.sign(x)

        def backward(self, dout):
            return dout * 2

    layer = Through()
    f = grad(lambda x: (layer(x) * x).sum())
    np.testing.assert_array_equal(compile(f)(X), f(X))
    np.testing.assert_array_equal(f(X), np.sign(X) + 2 * X)


NET = Network([Affine.from_sizes(3, 3), Sigmoid()])


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (lambda x: NET(x), "calls Network, .* the params of"),
        (lambda x: NET.predict(x), "calls Network, .* the params of"),
        (lambda x: NET.loss(x, np.zeros(4, int)), "calls Network, .* the params of"),
        (grad(lambda x: NET.loss(x, np.zeros(4, int))), "calls Network, .* the params of"),
        (lambda x: Dropout()(x), "calls Dropout, .* the noise of"),
        (
            lambda x: BatchNormalization(np.ones(3), np.zeros(3))(x),
            "calls BatchNormalization, .* the params of",
        ),
    ],
)
@pytest.mark.parametrize("engine", HERE)
def test_what_layers_learn_or_draw_is_not_frozen(f, what, engine):
    with pytest.raises(UnsupportedError, match=what):
        compile(f, engine=engine)(X)


@pytest.mark.parametrize("engine", HERE)
def test_arrays_of_elements_are_joined(engine):
    for f in (
        lambda x: np.array([x[0], x[1] ** 2]),
        lambda x: np.array([[x[0], 1.0], [x[1] ** 2, 2]]),
        lambda x: (np.asarray([x.sum()]), x),
    ):
        found, wanted = compile(f, engine=engine)(X[0]), f(X[0])
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b.astype(float), rtol=1e-12)


def test_arguments_by_keyword():
    f = compile(lambda x, k=2, axis=None, y=0: (x * k + y).sum(axis=axis))
    assert f(X) == (X * 2).sum()
    assert f(X, k=3) == (X * 3).sum()
    assert f(X, k=0.5) == (X * 0.5).sum()
    np.testing.assert_array_equal(f(X, axis=1), (X * 2).sum(axis=1))
    np.testing.assert_array_equal(f(X, y=X[0], axis=0), (X * 2 + X[0]).sum(axis=0))
    np.testing.assert_array_equal(f(X, y=X[1], axis=0), (X * 2 + X[1]).sum(axis=0))
    narrow = X.astype(np.float32)
    assert f(narrow, k=0.1).dtype == np.float32
    np.testing.assert_array_equal(f(y=X[1], x=X, axis=0), (X * 2 + X[1]).sum(axis=0))


@pytest.mark.parametrize("engine", HERE)
def test_no_result_shares_memory_with_another(engine):
    f = compile(lambda x: (x * 2, x * 2, (x * 2).T, x, x), engine=engine)
    results = f(X)
    wanted = (X * 2, X * 2, X.T * 2, X, X)
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result, wanted[i])
        result[...] = -i - 1
    assert [float(r.max()) for r in results] == [-1, -2, -3, -4, -5]
    np.testing.assert_array_equal(f(X)[0], X * 2)
