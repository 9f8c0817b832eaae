"""Weights of samples in training: each counts by its own, compiled or not."""

import pickle

import numpy as np
import pytest
from small_problem import make_network, points

from clearprop import Huber, Network, Relu, dense_layers
from clearprop.compiler import compile
from clearprop.errors import ConfigError, DataError, ShapeError
from clearprop.training import SGD, Adam, Trainer
from clearprop.training.step import batch_step

X, T = points()
W = np.random.default_rng(0).integers(1, 4, len(T)).astype(np.float64)


def network(**how):
    layers = dense_layers([X.shape[1], 6, 3], rng=np.random.default_rng(0), dtype=np.float64)
    return Network(layers, **how)


def train(x, t, w=None, *, batch_size=None, **how):
    made = network()
    how = {"optimizer": SGD(0.1), "rng": 0, "shuffle": False, **how}
    trainer = Trainer(made, x, t, w_train=w, batch_size=batch_size or len(x), **how)
    return made, trainer.train(epochs=5)


def close(a, b):
    pairs = [(p, b.params[name]) for name, p in a.params.items()]
    return all(p == pytest.approx(q, rel=1e-9, abs=1e-12) for p, q in pairs)


@pytest.mark.parametrize("compile", [True, False])
def test_a_sample_of_weight_2_is_there_twice(compile):
    counts = W.astype(int)
    weighted, a = train(X, T, 10 * W, compile=compile)
    repeated, b = train(X.repeat(counts, 0), T.repeat(counts), compile=compile)
    assert close(weighted, repeated)
    assert a.loss == pytest.approx(b.loss)
    assert a.train_score == pytest.approx(b.train_score)


def test_compiled_steps_and_those_as_written_learn_the_same():
    how = {"batch_size": 7, "shuffle": True}
    (a, first), (b, second) = (train(X, T, W, compile=c, **how) for c in (True, False))
    assert close(a, b)
    assert first.loss == pytest.approx(second.loss)


def test_in_batches_of_one_a_sample_counts_by_its_weight():
    made, _ = train(X, T, np.where(T == 0, 1e-6, 1.0), batch_size=1)
    assert set(made.predict(X).argmax(axis=1)) == {1, 2}


def test_weights_of_test_data_weigh_its_score():
    w = np.where(np.arange(len(T)) < 5, 1e6, 1e-6)
    made = network()
    history = Trainer(made, X, T, X, T, w_test=w, batch_size=len(T), rng=0).train(epochs=1)
    assert history.test_score[-1] == pytest.approx(made.accuracy(X[:5], T[:5]), abs=1e-3)
    assert history.train_score[-1] == made.accuracy(X, T)


def test_the_score_on_training_data_may_be_left_out():
    _, history = train(X, T, score_training=False)
    assert history.evaluated_at.size == 0
    _, history = train(X, T, score_training=False, x_test=X, t_test=T)
    assert np.isnan(history.train_score).all()
    assert (history.test_score > 0).all()


def test_without_shuffle_batches_come_in_order():
    a, _ = train(X, T, batch_size=7)
    b = network()
    step = compile(b, SGD(0.1))
    for _ in range(5):
        for start in range(0, len(T), 7):
            step(X[start : start + 7], T[start : start + 7])
    assert close(a, b)


def test_a_step_on_batches_of_any_shape_is_the_same_compiled_or_not():
    a, b = network(), network()
    mixed, adam = batch_step(a, Adam(0.01)), Adam(0.01)
    for size in (10, 10, 5, 10, 5, 5):
        mixed(X[:size], T[:size], W[:size])
        gradient = b.gradient(X[:size], T[:size], W[:size])
        adam.update(b.params, {n: g * W[:size].mean() for n, g in gradient.items()})
    assert close(a, b)


def test_weights_of_several_losses():
    class Two(Network):
        def __init__(self):
            super().__init__(loss=(Huber(), Huber()))
            self.a, self.b = (dense_layers([4, 1], rng=np.random.default_rng(i))[0] for i in (0, 1))

        def forward(self, x):
            return self.a(x), self.b(x)

    t = (X[:, :1], X[:, 1:2])
    counts = W.astype(int)
    found = []
    again = tuple(part.repeat(counts, 0) for part in t)
    for x, targets, w in ((X, t, W), (X.repeat(counts, 0), again, None)):
        made = Two()
        Trainer(made, x, targets, w_train=w, batch_size=len(x), rng=0).train(epochs=5)
        found.append(made)
    for name, p in found[0].params.items():
        assert found[1].params[name] == pytest.approx(p, rel=1e-4)


class Silent(Network):
    """A loss of its own, which knows of no weights."""

    def loss(self, x, t):
        return super().loss(x, t)


@pytest.mark.parametrize(
    ("made", "w", "error", "words"),
    [
        (network(), W[:-1], ShapeError, "w_train .* must be one weight for each sample"),
        (network(), 0 * W, DataError, "w_train must be finite numbers above 0"),
        (network(), np.full(len(W), np.inf), DataError, "w_train must be finite"),
        (Silent([*make_network().layers.values()]), W, ConfigError, "Silent.loss takes no weights"),
    ],
)
def test_weights_that_are_refused(made, w, error, words):
    with pytest.raises(error, match=words):
        Trainer(made, X, T, w_train=w, batch_size=10)


def test_networks_survive_pickle():
    made = Network([*dense_layers([4, 5, 3], rng=np.random.default_rng(0)), Relu()])
    made.gradient(X, T)
    twin = pickle.loads(pickle.dumps(made))
    assert np.array_equal(twin.predict(X), made.predict(X))
    twin.params["W1"] += 1  # its own, and still its layers'
    assert not np.array_equal(twin.predict(X), made.predict(X))
    assert twin.gradient(X, T).keys() == made.gradient(X, T).keys()
