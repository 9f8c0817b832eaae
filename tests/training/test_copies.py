"""A Trainer and compiled things may be copied and pickled, and go on as what they are copies of."""

import copy
import pickle

import numpy as np
import pytest
from small_problem import make_network, points, weights
from stateful import network_with_everything

from clearprop import Network, compile, dense_layers
from clearprop.compiler.prediction import Prediction
from clearprop.training import Adam, Cosine, Momentum, Trainer
from clearprop.training.progress import rich_progress

X, T = points()
WAYS = [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))]
WAY = pytest.mark.parametrize("again", WAYS, ids=["deepcopy", "pickle"])


@WAY
@pytest.mark.parametrize("how", [{}, {"engine": "c"}, {"compile": False}], ids=repr)
def test_a_trainer_goes_on_alike(again, how):
    network = network_with_everything(0)
    trainer = Trainer(
        network, X, T, X[::2], T[::2], batch_size=30, rng=0, optimizer=Adam(Cosine(0.02, 40)),
        on_progress=rich_progress(quiet=True), **how,
    )  # fmt: skip
    for _ in range(2):
        twin = again(trainer)
        assert twin.network is not network
        twin.train(iterations=4)
        trainer.train(iterations=4)
        assert weights(twin.network) == weights(network)
        assert list(twin.history.lines()) == list(trainer.history.lines())
        assert twin.as_written == trainer.as_written


@WAY
def test_compiled_things(again):
    network = make_network(0)
    step, predict = compile(network, Momentum(0.1)), compile(network)
    step(X, T)
    found = predict(X)
    twin = again((step, predict))
    assert twin[0].network is twin[1].network is not network
    np.testing.assert_array_equal(twin[1](X), found)
    assert [twin[0](X, T) for _ in range(3)] == [step(X, T) for _ in range(3)]
    assert weights(twin[0].network) == weights(network)
    over = step.over(X, T)
    rows, other = np.arange(30), again(over)
    assert other(rows) == over(rows)
    f = compile(np.hypot)
    assert again(f)(X[0], X[1]).tolist() == f(X[0], X[1]).tolist()


def test_a_copy_is_compiled_as_what_it_is_a_copy_of():
    class Told(Network):
        def predict(self, x):
            return np.tanh(super().predict(x))

    for of in ("predict", "scores"):
        made = Prediction(Told(dense_layers([4, 3], rng=np.random.default_rng(0))), of=of)
        np.testing.assert_array_equal(copy.deepcopy(made)(X), made(X))
