"""The Trainer knows nothing of labels or chains: what loss and network say, it does."""

import json
import math
from typing import Any

import numpy as np
import pytest
from small_problem import make_network, points, weights
from stateful import Dropout, network_with_everything

import clearprop
from clearprop.errors import ConfigError, LabelError, NonFiniteError, ShapeError
from clearprop.layers import (
    Affine,
    Embedding,
    Huber,
    Layer,
    MeanSquaredError,
    Relu,
    SigmoidWithLoss,
    SoftmaxWithLoss,
    Tanh,
)
from clearprop.networks import Network
from clearprop.reporting.curves import training_panels
from clearprop.reporting.picture import curves_svg
from clearprop.training import SGD, Adam, AdamW, Cosine, History, Momentum, Trainer
from clearprop.training.data import read_samples
from clearprop.training.evaluation import Evaluator, evaluation
from clearprop.training.nonfinite import first_nonfinite
from clearprop.training.progress import rich_progress
from clearprop.training.referee import runs_in_threads
from clearprop.training.signals import look
from clearprop.training.step import layered_step


@pytest.fixture(params=[True, False], ids=["compiled", "as written"])
def compiled(request) -> bool:
    return request.param


def affine(n, m, seed=0, dtype=np.float32):
    return Affine.from_sizes(n, m, init="xavier", rng=np.random.default_rng(seed), dtype=dtype)


def line():
    x = np.linspace(-1, 1, 60).reshape(-1, 1)
    return x, 3 * x - 1


def test_a_line(compiled):
    x, t = line()
    network = Network([affine(1, 1, dtype=np.float64)], MeanSquaredError())
    settings: dict[str, Any] = {"batch_size": 20, "compile": compiled, "rng": 0}
    trainer = Trainer(network, x, t, x[::7], t[::7], optimizer=SGD(0.5), **settings)
    history = trainer.train(epochs=40)
    np.testing.assert_allclose(network.params["W1"], [[3]], atol=1e-6)
    np.testing.assert_allclose(network.params["b1"], [-1], atol=1e-6)
    assert history.score_name == "R²"
    loss, r2 = network.evaluate(x, t)
    assert r2 == pytest.approx(history.train_score[-1], abs=1e-12)
    assert history.test_score[-1] == pytest.approx(1, abs=1e-9)
    assert loss < 1e-12
    with pytest.raises(ConfigError, match="does not tell right answers from wrong ones"):
        network.accuracy(x, t)


def test_a_sine_with_huber(compiled):
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, (400, 1))
    t = np.sin(x)
    t[::40] += 20  # outliers
    layers = [affine(1, 20), Tanh(), affine(20, 20, 1), Tanh(), affine(20, 1, 2)]
    network = Network(layers, Huber())
    settings: dict[str, Any] = {"batch_size": 50, "compile": compiled, "rng": 0}
    Trainer(network, x, t, optimizer=Adam(0.01), **settings).train(epochs=120)
    clean = np.delete(np.arange(400), slice(0, 400, 40))
    assert network.evaluate(x[clean].astype(np.float32), np.sin(x[clean])).score > 0.98


class Twofold(Network):
    """Two inputs, two outputs: a class and a number."""

    def __init__(self):
        super().__init__(loss=[SoftmaxWithLoss(), MeanSquaredError()])
        self.left, self.right = affine(3, 8), affine(1, 8, 1)
        self.act, self.which, self.size = Relu(), affine(8, 2, 2), affine(8, 1, 3)

    def forward(self, x, z):
        h = self.act(self.left(x) + self.right(z))
        return self.which(h), self.size(h)


def twofold():
    rng = np.random.default_rng(0)
    x, z = rng.standard_normal((90, 3)), rng.standard_normal((90, 1))
    return (x, z), ((x[:, 0] > 0).astype(np.uint8), z + x[:, :1])


def test_several_inputs_and_outputs(compiled, tmp_path):
    x, t = twofold()
    network = Twofold()
    path, signals = tmp_path / "history", tmp_path / "signals"
    settings: dict[str, Any] = {"batch_size": 40, "compile": compiled, "rng": 0}
    settings |= {"history_path": path, "signals_path": signals}
    trainer = Trainer(network, x, t, x, t, optimizer=Adam(0.03), **settings)
    history = trainer.train(epochs=30)
    assert history.score_name == "accuracy"  # of the first output
    assert history.train_accuracy[-1] > 0.95
    assert network.evaluate(x, t).loss < 0.2
    assert History.read(path) == history
    names = [s["layer"] for s in json.loads(signals.read_text().splitlines()[0])["layers"]]
    assert names == ["left", "right", "act", "which", "size"]


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: Momentum(Cosine(0.1, 30)),
        lambda: Adam(0.01, groups={"b*": {"lr": 0.02}}),
        lambda: AdamW(0.01, clip_norm=1.0),
    ],
)
def test_layers_with_state_and_noise_train_the_same_both_ways(optimizer):
    x, t = points()
    histories, networks = [], []
    for compile in (True, False):
        network = network_with_everything()
        # What a mean is taken away from learns nothing but rounding, which Adam makes large.
        network.freeze("b1", "*.0.b")
        frozen = network.params["b1"].copy()
        trainer = Trainer(
            network, x, t, x[:20], t[:20], batch_size=30, optimizer=optimizer(), compile=compile
        )
        histories.append(trainer.train(epochs=10))
        networks.append(network)
        assert (trainer.as_written == {}) == compile
        np.testing.assert_array_equal(network.params["b1"], frozen)
    np.testing.assert_allclose(histories[0].loss, histories[1].loss, rtol=2e-4)
    np.testing.assert_array_equal(histories[0].test_score, histories[1].test_score)
    for name, value in networks[0].states.items():
        np.testing.assert_allclose(value, networks[1].states[name], atol=1e-5)


def test_a_hand_written_loop_is_the_training():
    x, t = points()
    network, by_hand = network_with_everything(), network_with_everything()
    Trainer(network, x, t, batch_size=30, optimizer=SGD(0.1), compile=False).train(epochs=2)
    for start in (0, 30, 60) * 2:  # in order, since the cell carries its state on
        gradient = by_hand.gradient(x[start : start + 30], t[start : start + 30])
        for name, g in gradient.items():
            by_hand.params[name] -= 0.1 * g
    assert weights(network) == weights(by_hand)


def test_what_is_carried_needs_batches_of_one_size():
    x, t = points()
    with pytest.raises(ConfigError, match=r"Cell1\.h is carried .* leave out 10 of the 90 samples"):
        Trainer(network_with_everything(), x, t, batch_size=40)


def test_an_evaluation_beside_is_of_the_state_and_settings_at_its_start(monkeypatch):
    monkeypatch.setattr("clearprop.training.evaluation.CHUNK", 28)
    x, t = points()
    network, step = network_with_everything(), None
    samples = read_samples(network, x, t, ("x", "t"))
    assert runs_in_threads(network, samples)
    evaluator = Evaluator(network, [samples], 3)
    step = layered_step(network, Adam(0.05))
    for _ in range(6):
        step(x, t)
        expected = evaluation(network, samples).score
        evaluator.start()
        step(x, t)
        assert [e.score for e in evaluator.finish()] == [expected]


def test_scores_that_are_no_counts_do_not_depend_on_who_computes_them(monkeypatch):
    monkeypatch.setattr("clearprop.training.evaluation.CHUNK", 3)
    x, t = line()
    network = Network([affine(1, 8), Tanh(), affine(8, 1)], MeanSquaredError())
    samples = read_samples(network, x, t, ("x", "t"))
    found = set()
    for cores in (1, 2, 3):
        evaluator = Evaluator(network, [samples], cores)
        for _ in range(5):
            evaluator.start()
            found.update(e.score for e in evaluator.finish())
    assert len(found) == 1
    assert found.pop() == pytest.approx(network.evaluate(x.astype(np.float32), t).score)


class Own:
    """A loss that says nothing but its number."""

    def forward(self, x, t):
        self.d = x - t.reshape(x.shape)
        return (self.d**2).mean()

    def backward(self, dout=1):
        return dout * 2 * self.d / self.d.size


def test_a_loss_without_a_score_is_followed_alone(tmp_path, compiled):
    x, t = line()
    network = Network([affine(1, 1)], Own())
    path = tmp_path / "h"
    moments = []
    settings: dict[str, Any] = {"batch_size": 20, "compile": compiled, "history_path": path}
    trainer = Trainer(network, x, t, on_progress=moments.append, **settings)
    history = trainer.train(epochs=50)
    assert history.loss[-1] < 0.01
    assert (history.score_name, history.evaluated_at.size) == (None, 0)
    assert math.isnan(network.evaluate(x, t).score)
    assert History.read(path).loss.tolist() == history.loss.tolist()
    assert [panel["title"] for panel in training_panels(history)] == ["Loss"]
    assert curves_svg(history).count("<polyline") >= 1
    rich_progress(quiet=True)(moments[-1])


def test_another_score_is_written_once_by_its_name(tmp_path):
    x, t = line()
    path = tmp_path / "h"
    network = Network([affine(1, 1)], MeanSquaredError())
    history = Trainer(network, x, t, batch_size=30, history_path=path).train(epochs=2)
    lines = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    assert lines[2].keys() == {"iteration", "epoch", "train_score", "test_score", "score"}
    assert lines[5].keys() == {"iteration", "epoch", "train_score", "test_score"}
    again = History.read(path)
    assert (again, again.score_name) == (history, "R²")
    with pytest.raises(AttributeError, match="the score of this training is R²"):
        _ = again.train_accuracy
    assert next(training_panels(again))["title"] == "R²"
    assert "training R² " in curves_svg(again)


def test_targets_are_read_by_the_loss():
    x, t = line()
    network = Network([affine(1, 1)], MeanSquaredError())
    with pytest.raises(ShapeError, match=r"t_train: .*\(60,\) .*\(60, 1\); use t.reshape"):
        Trainer(network, x, t[:, 0], batch_size=20)
    network = Network([affine(1, 1)], SigmoidWithLoss())
    with pytest.raises(LabelError, match="t_train: SigmoidWithLoss"):
        Trainer(network, x, t, batch_size=20)
    x, t = twofold()
    with pytest.raises(ShapeError, match="has 2 losses; forward must return as many outputs"):
        Trainer(Twofold(), x, t[:1], batch_size=20)
    with pytest.raises(ShapeError, match=r"the parts of x_train .* must hold as many samples"):
        Trainer(Twofold(), (x[0], x[1][:-1]), t, batch_size=20)
    with pytest.raises(ConfigError, match="scale is for one array"):
        Trainer(Twofold(), x, t, batch_size=20, scale=0.1)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_class_numbers_go_in(compiled, dtype):
    rng = np.random.default_rng(0)
    x = rng.integers(9, size=(80, 2)).astype(dtype)
    t = x[:, 0] % 3

    class Words(Network):
        def __init__(self):
            super().__init__()
            self.embed = Embedding.from_sizes(9, 6, init=1.0, rng=np.random.default_rng(0))
            self.fc = affine(12, 3)

        def forward(self, x):
            return self.fc(self.embed(x).reshape(len(x), 12))

    settings: dict[str, Any] = {"batch_size": 20, "compile": compiled, "rng": 0}
    trainer = Trainer(Words(), x, t, optimizer=Adam(0.05), **settings)
    assert trainer.train(epochs=20).train_accuracy[-1] == 1
    assert (trainer.as_written == {}) == compiled


class Masked(Network):
    """The mean of those words of a sample that are there, by a weight of the sample."""

    def __init__(self):
        super().__init__()
        self.embed = Embedding.from_sizes(9, 6, init=1.0, rng=np.random.default_rng(0))
        self.fc = affine(6, 3)

    def forward(self, x, there, weight):
        h = np.where(there[..., None], self.embed(x), 0).sum(axis=1)
        return self.fc(h * weight[:, None] / there.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_a_mask_and_one_number_for_each_sample_go_in(compiled, dtype):
    rng = np.random.default_rng(0)
    there = np.arange(4) < rng.integers(1, 5, size=(80, 1))
    x = rng.integers(9, size=(80, 4)), there.astype(dtype), rng.random(80).astype(np.float32)
    t = x[0][:, 0] % 3
    network, alike = Masked(), Masked()
    settings: dict[str, Any] = {"batch_size": 80, "compile": compiled, "shuffle": False}
    trainer = Trainer(network, x, t, optimizer=SGD(0.5), **settings)
    losses = trainer.train(iterations=3).loss
    step = layered_step(alike, SGD(0.5))
    np.testing.assert_allclose(losses, [step(x, t) for _ in range(3)], rtol=1e-5)
    assert (trainer.as_written == {}) == compiled


class Jittering(Network):
    """Does something else for every batch, which no program can."""

    def forward(self, x):
        return super().forward(x) * np.random.default_rng().uniform(1, 1.01)


def test_what_cannot_be_compiled_runs_as_written_and_says_so():
    x, t = points()
    network = Jittering(make_network().layers)
    arrays = dict(network.params)
    trainer = Trainer(network, x, t, batch_size=30, rng=0)
    assert "Jittering does not do the same" in trainer.as_written["the whole step"]
    assert all(network.params[name] is array for name, array in arrays.items())
    assert trainer.train(epochs=10).train_accuracy[-1] > 0.9
    assert "compile=False" in str(Trainer(network, x, t, compile=False, batch_size=9).as_written)


@pytest.mark.parametrize("rate", [1e38, 0.1], ids=["update", "loss"])
def test_a_step_that_fails_is_taken_back_with_state_and_generator(compiled, rate):
    x, t = points()
    network = network_with_everything()
    if rate < 1:
        network.params["b2"][:] = np.float32(3e38), np.float32(-3e38), 0
    before = weights(network), {n: s.tobytes() for n, s in network.states.items()}
    generator, h = network.rng.bit_generator.state, network.layers["Cell1"].h.tobytes()
    optimizer = SGD(1e300 if rate > 1 else rate)
    trainer = Trainer(network, x, t, batch_size=30, optimizer=optimizer, compile=compiled)
    with np.errstate(over="ignore"), pytest.raises(NonFiniteError):
        trainer.train(epochs=1)
    assert (weights(network), {n: s.tobytes() for n, s in network.states.items()}) == before
    assert network.rng.bit_generator.state == generator
    assert not network.layers["Cell1"].h.any() or network.layers["Cell1"].h.tobytes() == h


def test_the_first_nan_is_found_with_the_noise_of_the_failed_step(compiled):
    x, t = points()
    network = Network([affine(4, 8), Dropout(0.1), Checked(), affine(8, 3)])
    trainer = Trainer(network, x, t, batch_size=30, optimizer=SGD(0.01), compile=compiled, rng=0)
    with pytest.raises(NonFiniteError, match=r"inside Checked1 .* is (nan|inf|-inf)"):
        trainer.train(epochs=50)
    assert len(trainer.history) > 1


class Checked:
    """Fails in those steps only in which dropout has taken the first value."""

    params = ()

    def forward(self, x):
        self.scale = 1 / np.where(x[:1, :1] == 0, np.float32(0), np.float32(1))
        return x * self.scale

    def backward(self, dout):
        return dout * self.scale


def test_layers_inside_layers_are_looked_at():
    x, t = points()
    network = network_with_everything()
    rng = network.rng.bit_generator.state
    names = [s.layer for s in look(network, x, t)]
    assert names[3:8] == ["Block1.layers.0", "Block1.layers.1", "Block1.layers.2",
                          "Block1.layers.3", "Block1"]  # fmt: skip
    assert network.rng.bit_generator.state == rng
    assert first_nonfinite(network, x, t) is None


def test_weights_of_samples_are_for_evaluate_too():
    x, t = line()
    network = Network([affine(1, 1)], MeanSquaredError())
    w = np.zeros(60)
    w[:10] = 2.0
    whole, part = network.evaluate(x, t, w), network.evaluate(x[:10], t[:10])
    assert whole.loss == pytest.approx(part.loss)
    assert whole.score == pytest.approx(part.score)

    class Penalised(Network):
        def loss(self, x, t):
            return super().loss(x, t) + 0.1 * (self.params["W1"] ** 2).sum()

    penalised = Penalised([affine(1, 1)], MeanSquaredError())
    assert penalised.evaluate(x, t).loss == pytest.approx(penalised.loss(x, t))
    with pytest.raises(ConfigError, match=r"Penalised\.loss takes no weights w of the samples"):
        penalised.evaluate(x, t, w)

    class Weighs(Penalised):
        def loss(self, x, t, w=None):
            return Network.loss(self, x, t, w)

    weighs = Weighs([affine(1, 1)], MeanSquaredError())
    assert weighs.evaluate(x, t, w) == Network(weighs.layers, MeanSquaredError()).evaluate(x, t, w)


class Weightless(Layer):
    """A loss layer that knows of no weights."""

    def forward(self, x, t):
        self.difference = x - t
        return (self.difference**2).mean()

    def backward(self, dout=1):
        return dout * 2 * self.difference / self.difference.size


@pytest.mark.parametrize("method", ["loss", "gradient", "loss_and_gradient", "evaluate"])
def test_weights_are_refused_by_name_where_a_loss_knows_of_none(method):
    x, t = line()
    network = Network([affine(1, 1)], Weightless())
    with pytest.raises(ConfigError, match=r"Weightless.forward takes no weights w .* leave w out"):
        getattr(network, method)(x, t, np.ones(60))
    with pytest.raises(ConfigError, match="leave w_train out"):
        Trainer(network, x, t, w_train=np.ones(60))


class Adds(Network):
    """Takes two inputs."""

    def __init__(self):
        super().__init__(loss=MeanSquaredError())
        self.one, self.other = affine(1, 1), affine(2, 1)

    def forward(self, x, y):
        return self.one(x) + self.other(y)


ENTRIES = {
    "predict": lambda network, x, t: network.predict(x),
    "called": lambda network, x, t: network(x),
    "loss": lambda network, x, t: network.loss(x, t),
    "gradient": lambda network, x, t: network.gradient(x, t),
    "evaluate": lambda network, x, t: network.evaluate(x, t),
    "summary": lambda network, x, t: network.summary(x),
    "Trainer": lambda network, x, t: Trainer(network, x, t),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("width", [1, 2])  # a list of arrays that are alike is an array, too
def test_a_list_is_no_tuple_of_inputs(entry, width):
    x, t = line()
    inputs = [x, np.repeat(x, width, axis=1)]
    with pytest.raises(ShapeError, match=r"takes x and y, and x\w* is a list; give several .* tu"):
        ENTRIES[entry](Adds(), inputs, t)
    with pytest.raises(ShapeError, match=r"takes x and y, and x\w* is one array; give several"):
        ENTRIES[entry](Adds(), x, t)
    if entry != "called":
        with pytest.raises(ShapeError, match=r"takes x and y, and x\w* is a tuple of 3"):
            ENTRIES[entry](Adds(), (x, x, x), t)
        with pytest.raises(ShapeError, match=r"takes x, and x\w* is a tuple of 2; .*input as an a"):
            ENTRIES[entry](Network([affine(1, 1)], MeanSquaredError()), (x, x), t)


def test_a_list_is_one_array_where_there_is_one_input():
    x, _ = line()
    network = Network([affine(1, 1)], MeanSquaredError())
    np.testing.assert_array_equal(network.predict([*x]), network.predict(x))


@pytest.mark.parametrize("step", [False, True])
def test_a_program_says_it_too(step):
    x, t = line()
    program = clearprop.compile(Adds(), *([SGD(0.1)] if step else []))
    with pytest.raises(
        ShapeError, match=r"x is no array.* give several inputs as a tuple of arrays"
    ):
        program([x, np.repeat(x, 2, axis=1)], *([t] if step else []))


class Absolute(Network):
    """A loss of its own, without a loss layer."""

    def loss(self, x, t):
        return np.abs(self.predict(x) - t).mean()


class Bottle(Network):
    """Several outputs, and one loss of them all."""

    def __init__(self):
        super().__init__()
        self.enter, self.spread, self.leave = affine(1, 2), affine(1, 2), affine(2, 1)

    def forward(self, x):
        mean, spread = self.enter(x), self.spread(x)
        return self.leave(mean * np.exp(spread)), mean, spread

    def loss(self, x, t):
        y, mean, spread = self.forward(x)
        return ((y - t) ** 2).mean() + 0.1 * (mean**2 + spread**2).mean()


@pytest.mark.parametrize("make", [lambda: Absolute([affine(1, 4), Relu(), affine(4, 1)]), Bottle])
def test_a_loss_that_asks_no_loss_layer_takes_any_targets(make):
    x, t = line()
    network = make()
    assert network.losses == ()
    assert network.score_name is None
    assert "of its own" in repr(network)
    t = 7.5 * t
    trainer = Trainer(network, x, t, x, t, batch_size=20, optimizer=Adam(0.01), rng=0)
    history = trainer.train(epochs=3)
    assert history.loss[-1] < history.loss[0]
    assert not trainer.as_written
    evaluation = network.evaluate(x, t)
    assert evaluation.loss < history.loss[0]
    assert np.isnan(evaluation.score)
    assert history.test_loss[-1] == pytest.approx(evaluation.loss)
    with pytest.raises(ConfigError, match=f"{type(network).__name__} gives no score to go by"):
        Trainer(network, x, t, x, t, batch_size=20, patience=2, best_by="score")
    with pytest.raises(ShapeError, match="60 samples need 60 labels"):
        Trainer(network, x, t[1:])


def test_a_loss_layer_that_is_named_gives_the_score_of_a_loss_of_its_own():
    x, t = line()
    network = Absolute([affine(1, 4), Relu(), affine(4, 1)], MeanSquaredError())
    assert Trainer(network, x, t, x, t, batch_size=20).train(epochs=1).score_name == "R²"


def test_a_loss_layer_may_be_asked_in_another_method():
    class Asks(Network):
        def _part(self, x, t):
            return next(self.lastLayer(y, t) for y in (self.predict(x),))

        def loss(self, x, t):
            return 2 * self._part(x, t)

    network = Asks([affine(1, 3)])
    assert network.score_name == "accuracy"
    assert network.loss(np.zeros((2, 1)), [0, 1]) == pytest.approx(2 * np.log(3))


def test_a_loss_layer_that_is_not_there_is_named():
    class Hidden(Network):
        def loss(self, x, t):
            return getattr(super(), "lo" + "ss")(x, t)

    with pytest.raises(ConfigError, match="Hidden has no loss layer; give it one"):
        Hidden([affine(1, 3)]).gradient(np.ones((2, 1)), [0, 1])
