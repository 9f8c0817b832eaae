"""Training through the compiled step learns what the code says, whoever wrote it."""

import threading
import time
from types import MethodType
from typing import Any

import numpy as np
import pytest
from small_problem import make_network, points, weights

from clearprop.compiler.threads import BlasThreads, threads_as_set
from clearprop.errors import ConfigError, NonFiniteError
from clearprop.layers import Affine, Layer, Relu
from clearprop.networks import Network
from clearprop.training import SGD, Trainer
from clearprop.training.data import read_samples
from clearprop.training.evaluation import Evaluator, evaluation


def both_ways(make, change=lambda network: None, epochs=4, **settings):
    """Train compiled and as written, and compare losses, accuracies and weights."""
    x, t = points()
    found = []
    for compiled in (True, False):
        network, optimizer = make()
        change(network)
        trainer = Trainer(
            network, x, t, x[:20], t[:20], batch_size=40, optimizer=optimizer, rng=2,
            compile=compiled, **settings,
        )  # fmt: skip
        found.append((network, trainer.train(epochs=epochs)))
    (network, history), (expected, as_written) = found
    np.testing.assert_allclose(history.loss, as_written.loss, rtol=1e-5)
    np.testing.assert_array_equal(history.train_accuracy, as_written.train_accuracy)
    np.testing.assert_array_equal(history.test_accuracy, as_written.test_accuracy)
    for name, array in network.params.items():
        np.testing.assert_allclose(array, expected.params[name], rtol=1e-4, atol=1e-6)
    return history


def usual():
    return make_network(), SGD(0.2)


PLAIN_LOSS = both_ways(usual).loss


# An optimizer of one's own


class Clipped(SGD):
    """An update of its own, which its formula does not tell."""

    def update(self, params, grads):
        super().update(params, {n: np.clip(g, -0.01, 0.01) for n, g in grads.items()})


class Signed(SGD):
    """A formula of its own."""

    @staticmethod
    def change(p: Any, g: Any, *, step: Any, lr: Any) -> Any:
        return p - 0.1 * lr * np.sign(g)


class SignedAndHalved(Signed):
    def update(self, params, grads):
        super().update(params, {n: 0.5 * g for n, g in grads.items()})


@pytest.mark.parametrize("kind", [Clipped, Signed, SignedAndHalved])
def test_an_optimizer_of_ones_own_does_what_it_says(kind):
    history = both_ways(lambda: (make_network(), kind(0.2)))
    assert (history.loss[1:] != PLAIN_LOSS[1:]).all()


def test_an_update_that_was_exchanged_on_the_optimizer_itself_is_called():
    def make():
        optimizer = SGD(0.2)
        plain = optimizer.update
        optimizer.update = lambda params, grads: plain(
            params, {n: 0.1 * g for n, g in grads.items()}
        )
        return make_network(), optimizer

    assert (both_ways(make).loss[1:] != PLAIN_LOSS[1:]).all()


def test_the_learning_rate_may_change_between_two_steps():
    made = []

    def make():
        made.append(SGD(0.2))
        return make_network(), made[-1]

    def slower(moment):
        made[-1].lr = 0.2 / moment.iteration

    assert (both_ways(make, on_progress=slower).loss[3:] != PLAIN_LOSS[3:]).all()


class Falling(SGD):
    """Settings of its own, which change though nothing is assigned."""

    def settings(self, group, step):
        return {"lr": super().settings(group, step)["lr"] / step}


def test_settings_of_an_optimizers_own_are_asked_for_in_every_step():
    falling = both_ways(lambda: (make_network(), Falling(0.2)))
    scheduled = both_ways(lambda: (make_network(), SGD(lambda step: 0.2 / step)))
    np.testing.assert_allclose(falling.loss, scheduled.loss, rtol=1e-6)
    assert (falling.loss[2:] != PLAIN_LOSS[2:]).all()


def test_what_stands_in_groups_may_be_changed_there():
    def make():
        made.append(SGD(0.2, groups={"b*": {"lr": 0.1}}))
        return make_network(), made[-1]

    def slower(moment):
        made[-1].groups["b*"]["lr"] = 0.1 / moment.iteration

    made: list[Any] = []
    unchanged = both_ways(make).loss
    assert (both_ways(make, on_progress=slower).loss[3:] != unchanged[3:]).all()


# A network of one's own


class Decayed(Network):
    """Adds the squares of the weights to the loss."""

    def loss(self, x, t):
        return super().loss(x, t) + 0.05 * sum((W * W).sum() for W in self._matrices())

    def loss_and_gradient(self, x, t):
        loss, gradient = super().loss_and_gradient(x, t)
        for name in ("W1", "W2"):
            gradient[name] = gradient[name] + 0.1 * self.params[name]
        return loss, gradient

    def _matrices(self):
        return (self.params["W1"], self.params["W2"])


class OwnGradient(Network):
    def loss_and_gradient(self, x, t):
        loss, gradient = super().loss_and_gradient(x, t)
        return loss, {n: 2 * g for n, g in gradient.items()}


class OwnForward(Network):
    def forward(self, x):
        return super().forward(x) * np.float32(0.5)


@pytest.mark.parametrize("kind", [Decayed, OwnGradient, OwnForward])
def test_a_network_of_ones_own_does_what_it_says(kind):
    history = both_ways(lambda: (kind(make_network().layers), SGD(0.2)))
    assert (history.loss[1:] != PLAIN_LOSS[1:]).all()


def halved_loss(network):
    plain = network.loss_and_gradient
    network.loss_and_gradient = lambda x, t: (plain(x, t)[0] / 2, plain(x, t)[1])


def halved_layer(network):
    layer = network.layers["Affine2"]
    half = MethodType(lambda self, x: type(self).forward(self, x) * np.float32(0.5), layer)
    layer.forward = half


def held_back(network):
    layer = network.layers["Affine1"]
    layer.backward = lambda dout: type(layer).backward(layer, 0.5 * dout)


@pytest.mark.parametrize("change", [halved_loss, halved_layer, held_back])
def test_a_method_that_was_exchanged_on_the_object_itself_is_called(change):
    assert (both_ways(usual, change).loss[1:] != PLAIN_LOSS[1:]).all()


def test_parameters_may_be_assigned_while_training():
    made = []

    def make():
        made.append(make_network())
        return made[-1], SGD(0.2)

    def restart(moment):
        if moment.iteration == 5:
            made[-1].params["W1"] = np.full((4, 8), 0.1, np.float32)
            made[-1].params["b1"][:] = 0.25

    assert (both_ways(make, on_progress=restart).loss[6:] != PLAIN_LOSS[6:]).all()


class Scale(Layer):
    """Multiplies by what another layer learns."""

    fixed = ("scale",)

    def __init__(self, scale):
        self.scale = scale

    def forward(self, x):
        return x * self.scale


def test_what_changes_with_a_parameter_is_trained_as_written():
    def make():
        layers = [*make_network().layers.values()]
        return Network([*layers, Scale(layers[-1].b[:])]), SGD(0.2)

    both_ways(make)
    trainer = Trainer(make()[0], *points(), batch_size=40)
    assert "b2 and layers.Scale1.scale share memory" in trainer.as_written["the whole step"]


def test_parameters_that_are_views_of_one_are_refused_in_training():
    W = np.ones((4, 3), np.float32)
    x, network = points()[0], Network([Affine(W, W[0] * 0), Affine(W.T, W[:, 0] * 0)])
    trainer = Trainer(network, x, np.ones(len(x), int), batch_size=40)
    with pytest.raises(ConfigError, match=r"W1 and W2 .*hold one and the same array"):
        trainer.train(epochs=1)
    np.testing.assert_array_equal(W, 1)


# Evaluation


class InPlace(Relu):
    """Writes into one buffer at every call: it cannot run in two threads at once."""

    def forward(self, x):
        if getattr(self, "buffer", None) is None or self.buffer.shape != x.shape:
            self.buffer = np.empty_like(x)
        self.mask, self.out_shape = x <= 0, x.shape
        np.maximum(x, 0, out=self.buffer)
        return self.buffer


@pytest.mark.parametrize("relu", [Relu, InPlace])
@pytest.mark.parametrize("threads", [1, 3])
def test_accuracies_are_those_of_the_network_as_it_is(monkeypatch, relu, threads):
    monkeypatch.setattr("clearprop.training.evaluation.CHUNK", 28)  # 7 samples of 4 values
    monkeypatch.setattr("clearprop.training.trainer.threads_as_set", lambda: threads)
    x, t = points()
    first, _, last = make_network().layers.values()
    network, seen = Network([first, relu(), last]), []

    def watch(moment):
        if moment.iteration % 3 == 0 and not moment.done:
            seen.append((moment.train_score, network.accuracy(x, t)))
            assert moment.test_score == network.accuracy(x[:23], t[:23])

    Trainer(
        network, x, t, x[:23], t[:23], batch_size=30, optimizer=SGD(0.03), rng=0, on_progress=watch
    ).train(epochs=8)  # fmt: skip
    assert len({pair[1] for pair in seen}) > 4
    assert all(one == other for one, other in seen)


@pytest.fixture
def many_chunks(monkeypatch):
    monkeypatch.setattr("clearprop.training.evaluation.CHUNK", 8)  # 2 samples of 4 values


def evaluator_of(network, cores=3, predict=None):
    x, t = points()
    samples = read_samples(network, x, t, ("x", "t"))
    evaluator = Evaluator(network, [samples, samples], cores)
    if predict is not None:
        evaluator._programs = [predict] * cores
    return evaluator


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_threads_take_each_chunk_once(many_chunks, cores):
    x, t = points()
    network, seen = make_network(), []

    def noting(x):
        seen.extend(row.tobytes() for row in x)
        return network.predict(x)

    evaluator = evaluator_of(network, cores, noting)
    for _ in range(2):
        seen.clear()
        evaluator.start()
        assert [e.score for e in evaluator.finish()] == [network.accuracy(x, t)] * 2
        assert sorted(seen) == sorted([row.tobytes() for row in x] * 2)


def test_what_is_evaluated_is_the_network_as_it_was_at_the_start(many_chunks):
    x, t = points()
    network = make_network()
    evaluator, expected = evaluator_of(network, 2), []
    for scale in (1.0, -1.0, 0.1):
        network.params["b2"] += np.array([scale, 0, -scale], np.float32)
        expected.append(network.accuracy(x, t))
        evaluator.start()
        network.params["W2"][:] *= -1
        assert [e.score for e in evaluator.finish()] == expected[-1:] * 2
    assert len(set(expected)) > 1


def test_it_is_ready_when_the_thread_beside_has_done_it_all(many_chunks):
    x, t = points()
    network = make_network()
    evaluator = evaluator_of(network, 2)
    evaluator.start()
    deadline = time.monotonic() + 30
    while not evaluator.is_ready and time.monotonic() < deadline:
        time.sleep(0.001)
    assert evaluator.is_ready
    assert [e.score for e in evaluator.finish()] == [network.accuracy(x, t)] * 2


def test_an_error_in_a_thread_is_told_as_without_and_not_before_finish(many_chunks):
    network = Network([Affine(np.array([[2.0, -2.0]], np.float32), np.zeros(2, np.float32))])
    x = np.linspace(0, 3e38, 50, dtype=np.float32).reshape(-1, 1)
    samples = read_samples(network, x, np.zeros(50, int), ("x", "t"))
    with pytest.raises(NonFiniteError, match="the output of Affine1") as expected:
        evaluation(network, samples)
    for cores in (1, 3):
        evaluator = Evaluator(network, [samples], cores)
        evaluator.start()
        time.sleep(0.02)
        assert not evaluator.is_ready
        with pytest.raises(NonFiniteError) as caught:
            evaluator.finish()
        assert str(caught.value) == str(expected.value)


def test_what_stops_one_thread_stops_all(many_chunks):
    network, calls = make_network(), []

    def pressed(x):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        calls.append(1)
        time.sleep(0.002)
        return network.predict(x)

    evaluator = evaluator_of(network, 2, pressed)
    evaluator.start()
    with pytest.raises(KeyboardInterrupt):
        evaluator.finish()
    assert len(calls) < 45
    # and it may begin anew
    evaluator._programs = [network.predict] * 2
    evaluator.start()
    assert [e.score for e in evaluator.finish()] == [network.accuracy(*points())] * 2


class Seldom:
    """A progress that is satisfied with a word ten times a second."""

    every = 0.1

    def __init__(self):
        self.moments = []

    def __call__(self, moment):
        self.moments.append(moment)


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_evaluation_beside_the_training_leaves_the_same_history(monkeypatch, tmp_path, cores):
    """To the last bit, in the file too, whoever looks on and however many cores there are."""
    monkeypatch.setattr("clearprop.training.evaluation.CHUNK", 28)
    x, t = points()
    left = []
    for count, progress in ((1, None), (cores, Seldom()), (cores, lambda moment: None)):
        monkeypatch.setattr("clearprop.training.trainer.threads_as_set", lambda n=count: n)
        network, path = make_network(), tmp_path / "h"
        trainer = Trainer(
            network, x, t, x[:40], t[:40], batch_size=40, optimizer=SGD(0.03), rng=0,
            on_progress=progress, history_path=path,
        )  # fmt: skip
        trainer.train(iterations=100)
        trainer.train(iterations=11)
        left.append((weights(network), list(trainer.history.lines()), path.read_bytes()))
        assert path.read_text() == "".join(trainer.history.lines())
    assert left[0] == left[1] == left[2]


def test_what_was_begun_is_told_also_when_the_next_step_fails(monkeypatch):
    monkeypatch.setattr("clearprop.training.trainer.threads_as_set", lambda: 2)
    x, t = points()
    optimizer = SGD(0.1)

    class Breaking(Seldom):
        def __call__(self, moment):
            if moment.iteration == 3:
                optimizer.lr = 3e38

    trainer = Trainer(
        make_network(), x, t, batch_size=30, optimizer=optimizer, rng=0, on_progress=Breaking()
    )
    with pytest.raises(NonFiniteError, match=r"iteration [45]"):
        trainer.train(epochs=9)
    assert trainer.history.evaluated_at.tolist() == [3]


def test_a_limit_of_threads_is_kept_to(monkeypatch):
    x, t = points()
    trainer = Trainer(make_network(), x, t, batch_size=30, rng=0)
    before = threads_as_set()
    with BlasThreads(1):
        trainer.train(epochs=1)
        assert threads_as_set() == 1
    evaluator = trainer._referee._evaluator
    assert evaluator is not None
    assert evaluator.cores == 1
    assert threads_as_set() == before


def test_a_compiled_run_leaves_no_trace_of_itself():
    """What others hold of the network, arrays and layers, is what was trained."""
    x, t = points()
    network = make_network()
    W1, before = network.layers["Affine1"].W, weights(network)
    Trainer(network, x, t, batch_size=30, rng=0).train(epochs=1)
    assert network.layers["Affine1"].W is W1 is network.params["W1"]
    assert weights(network) != before
    assert network.layers["Affine1"].x is None
