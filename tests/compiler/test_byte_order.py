"""Arrays in another byte order, as in old files and those of MNIST: the same numbers everywhere."""

from importlib.util import find_spec

import numpy as np
import pytest
from nets import batch, dense

from clearprop import Affine, Layer, Network, Relu, compile, grad
from clearprop.training import Momentum, Trainer

without_jax = pytest.mark.skipif(not find_spec("jax"), reason="jax is not installed")
ENGINES = ["numpy", "c", pytest.param("jax", marks=without_jax)]
pytestmark = [
    pytest.mark.parametrize("engine", ENGINES),
    pytest.mark.filterwarnings("ignore:.*NumPy computes what kernels"),
]
X, T = batch(20, 7, 3, dtype=np.float64)
TURNED = X.astype(">f8")
PLACES = np.array([3, 1, 2, 0] * 5, ">i4")

FUNCTIONS = {
    "a constant": lambda x: x * TURNED,
    "a small constant": lambda x: x[:2, :2] * TURNED[:2, :2],
    "a table of places": lambda x: x[PLACES] * 1,
    "a view": lambda x: x.T,
    "computed": lambda x: np.sin(x.T) @ x,
    "a derivative": grad(lambda x: (np.sin(x.T) * TURNED.T).sum()),
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("x", [X, TURNED], ids=["x", "x turned"])
def test_functions_of_arrays_and_constants(engine, f, x):
    np.testing.assert_allclose(compile(f, engine=engine)(x), f(X), rtol=1e-12, atol=1e-13)


class Shifted(Layer):
    fixed = ("by",)

    def __init__(self, order):
        self.by = np.linspace(0, 1, 5).astype(f"{order}f8")

    def forward(self, x):
        return x + self.by


def network(order="="):
    layers = dense(7, 5, 3, dtype=np.float64).layers
    W, b = (a.astype(f"{order}f8") for a in (layers["Affine1"].W, layers["Affine1"].b))
    return Network([Affine(W, b), Shifted(order), Relu(), layers["Affine2"]])


@pytest.mark.parametrize(
    ("x", "t", "order"), [(TURNED, T.astype(">i4"), "="), (X, T, ">"), (TURNED, T, ">")]
)
@pytest.mark.parametrize("how", ["given", "gathered", "trained"])
def test_training_and_prediction(engine, x, t, order, how):
    found = []
    for each, x_, t_ in ((network(order), x, t), (network(), X, T)):
        if how == "trained":
            what = {"batch_size": 10, "optimizer": Momentum(0.1), "rng": 0, "on_progress": False}
            Trainer(each, x_, t_, engine=engine, **what).train(epochs=2)
        else:
            step = compile(each, Momentum(0.1), engine=engine)
            over = step.over(x_, t_) if how == "gathered" else None
            for _ in range(3):
                step(x_, t_) if over is None else over(np.arange(20))
            step.release()
        found.append(compile(each, engine=engine)(x_))
    np.testing.assert_allclose(*found, rtol=1e-10)
