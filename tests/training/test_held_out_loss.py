"""The loss on test data: computed beside the score, kept, told, and what the best may go by."""

import sys

import numpy as np
import pytest
from rich.console import Console
from small_problem import make_network, points, weights
from stateful import network_with_everything

from clearprop.errors import ConfigError
from clearprop.layers import Affine, Layer, MeanSquaredError, SoftmaxWithLoss, Tanh
from clearprop.networks import Network
from clearprop.reporting.curves import training_panels
from clearprop.reporting.picture import curves_svg
from clearprop.training import SGD, Adam, History, Trainer, load_weights, rich_progress
from clearprop.training.weights import read_arrays, write_arrays

# `Own` notes the sizes of its batches, at each evaluation too
pytestmark = pytest.mark.filterwarnings("ignore::clearprop.errors.RecordingWarning")
X, T = points()
LINE = np.linspace(-1, 1, 90, dtype=np.float32)[:, None]


def affine(n, m, seed=0):
    return Affine.from_sizes(n, m, rng=np.random.default_rng(seed), dtype=np.float32)


class SquaredError(MeanSquaredError):
    score_name = None


class Two(Network):
    """Two outputs, and a loss for each."""

    def __init__(self):
        super().__init__(loss=[SoftmaxWithLoss(), MeanSquaredError()])
        self.classes, self.numbers = affine(4, 3), affine(4, 1)

    def forward(self, x):
        return self.classes(x), self.numbers(x)


class Penalised(Network):
    """A loss of its own that asks the loss layer, which gives the score."""

    def loss(self, x, t, w=None):
        return super().loss(x, t, w) + 0.1 * (self.params["W1"] ** 2).sum()


class Noisy(Layer):
    """Draws also at prediction, as what samples does."""

    noise = ("u",)

    def draw(self, rng, x):
        return rng.standard_normal(np.shape(x), dtype=np.float32)

    def forward(self, x):
        return x + 0.1 * self.u

    def backward(self, dout):
        return dout


class Own(Network):
    """A loss of its own without a loss layer; the sizes of its batches are noted."""

    sizes: list[int] = []  # noqa: RUF012

    def __init__(self, seed=0, noisy=False):
        super().__init__()
        self.fc, self.noisy = affine(1, 8, seed), Noisy() if noisy else Tanh()
        self.out = affine(8, 1, seed)

    def forward(self, x):
        return self.out(self.noisy(self.fc(x)))

    def loss(self, x, t):
        self.sizes.append(len(x))
        return np.abs(self.forward(x) - t).mean()


def regression(loss=None):
    return Network([affine(1, 8), Tanh(), affine(8, 1)], loss or MeanSquaredError())


CASES = {
    "classes": (make_network, X, T),
    "state, noise and what is carried": (network_with_everything, X, T),
    "numbers": (regression, LINE, LINE**2),
    "no score": (lambda: regression(SquaredError()), LINE, LINE**2),
    "two outputs": (Two, X, (T, X[:, :1])),
    "own loss": (Own, LINE, LINE**2),
    "own loss with a score": (
        lambda: Penalised([affine(1, 8), Tanh(), affine(8, 1)], MeanSquaredError()), LINE, LINE**2,
    ),
}  # fmt: skip
WEIGHED = ["classes", "numbers", "two outputs", "own loss with a score"]


def cut(t, rows):
    return tuple(part[rows] for part in t) if isinstance(t, tuple) else t[rows]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("chunk", [2**19, 28])
def test_it_is_what_evaluate_gives(monkeypatch, case, compile, chunk):
    monkeypatch.setattr("clearprop.training.evaluation.CHUNK", chunk)
    make, x, t = CASES[case]
    network, told, by_hand = make(), [], []
    held = slice(0, 36)

    def look(moment):
        told.append((moment.test_loss, moment.test_score))
        by_hand.append(network.evaluate(x[held], cut(t, held)))

    made = Trainer(
        network, x, t, x[held], cut(t, held), batch_size=18, optimizer=SGD(0.1), rng=0,
        callbacks=[look], compile=compile,
    )  # fmt: skip
    history = made.train(epochs=4)
    np.testing.assert_allclose(history.test_loss, [e.loss for e in by_hand], rtol=1e-5)
    np.testing.assert_array_equal(history.test_loss, [loss for loss, _ in told])
    np.testing.assert_array_equal(history.test_score, [score for _, score in told])
    assert np.isnan(history.test_score).all() == (network.score_name is None)
    assert np.ptp(history.test_loss) > 0


@pytest.mark.parametrize("case", WEIGHED)
def test_samples_are_weighed(monkeypatch, case):
    monkeypatch.setattr("clearprop.training.evaluation.CHUNK", 28)
    make, x, t = CASES[case]
    network, w = make(), np.linspace(0.1, 5, 90)
    made = Trainer(network, x, t, x, t, w_test=w, batch_size=30, optimizer=SGD(0.1), rng=0)
    history = made.train(epochs=1)
    assert history.test_loss[-1] == pytest.approx(network.evaluate(x, t, w).loss, rel=1e-5)
    assert history.test_loss[-1] != pytest.approx(network.evaluate(x, t).loss, rel=1e-3)


def test_an_evaluation_beside_the_training_gives_the_same():
    found = []
    for callbacks in [], [lambda moment: None]:  # with whom it is done at once
        made = Trainer(make_network(), X, T, X, T, batch_size=9, rng=0, callbacks=callbacks)
        found.append(made.train(epochs=5))
    assert found[0] == found[1]
    assert not np.isnan(found[0].test_loss).any()


def test_without_test_data_there_is_none_and_nothing_is_done_for_it():
    history = Trainer(Own(), LINE, LINE, batch_size=30, rng=0).train(epochs=2)
    assert history.test_loss.size == 0
    history = Trainer(make_network(), X, T, batch_size=30, rng=0).train(epochs=2)
    assert np.isnan(history.test_loss).all()
    assert "test_loss" not in "".join(history.lines())


class Counted(Layer):
    samples = 0

    def forward(self, x):
        return x

    def backward(self, dout):
        return dout

    def infer(self, x):
        Counted.samples += len(x)
        return x


def test_the_network_runs_once_for_both(monkeypatch):
    monkeypatch.setattr(Counted, "samples", 0)
    network = Network([affine(4, 3), Counted()])
    made = Trainer(network, X, T, X[:40], T[:40], batch_size=30, rng=0, compile=False)
    Counted.samples = 0
    made.train(epochs=2)
    assert Counted.samples == 2 * (90 + 40)


def test_a_loss_of_its_own_sees_batches_as_in_training():
    network = Own()
    made = Trainer(network, LINE, LINE, LINE[:70], LINE[:70], batch_size=30, rng=0, compile=False)
    network.gradient(LINE[:30], LINE[:30])  # the first compares the loss with that of arrays
    Own.sizes.clear()
    made.train(epochs=1)
    assert Own.sizes == [30, 30, 30, 30, 30, 10]


WRONG = np.where(np.arange(90) % 5, T, 0)
"""Labels some of which are wrong: learnt by heart, they make the loss on others worse."""
BEST = {
    "own loss": (Own, LINE, LINE**2, {}),
    "by name": (make_network, X, WRONG, {"best_by": "loss"}),
}


@pytest.mark.parametrize("case", BEST)
def test_the_best_is_that_of_the_lowest_loss(tmp_path, case):
    make, x, t, more = BEST[case]
    made = Trainer(
        network := make(), x[1::2], t[1::2], x[::2], t[::2], batch_size=15,
        optimizer=Adam(0.1), rng=0, best_path=tmp_path / "best", patience=3, **more,
    )  # fmt: skip
    losses = made.train(epochs=100).test_loss
    lowest = int(losses.argmin())
    assert len(losses) == lowest + 1 + 3
    assert made.best.loss == losses[lowest]
    assert made.best.iteration == 3 * (lowest + 1)
    assert network.evaluate(x[::2], t[::2]).loss == pytest.approx(losses[lowest], rel=1e-5)
    load_weights(tmp_path / "best", other := make())
    assert weights(other) == weights(network)
    assert repr(made.best).startswith("Best(loss ")


def test_by_the_score_the_best_may_be_another():
    score, loss = (
        Trainer(make_network(), X, T, X[::2], T[::2], batch_size=30, optimizer=SGD(0.5), rng=0,
                patience=5, best_by=by)
        for by in ("score", "loss")
    )  # fmt: skip
    score.train(epochs=100)
    loss.train(epochs=100)
    assert score.best.score == 1.0
    assert score.best.iteration < loss.best.iteration


def noisy(tmp_path, seed=0, **more):
    settings = {"batch_size": 30, "optimizer": Adam(0.05), "rng": 0, "patience": 50} | more
    return Trainer(Own(seed, noisy=True), LINE, LINE**2, validation=0.3, **settings)


def test_a_training_that_goes_on_computes_the_same_losses(tmp_path):
    whole = noisy(tmp_path)
    whole.train(epochs=6)
    for stop in 2, 4, 7:
        first, second = noisy(tmp_path), noisy(tmp_path, seed=3)
        first.train(iterations=stop)
        first.save(tmp_path / "c")
        second.resume(tmp_path / "c")
        second.train(iterations=len(whole.history), in_all=True)
        assert second.history == whole.history
        assert weights(second.network) == weights(whole.network)
        assert (second.best.iteration, second.best.loss) == (whole.best.iteration, whole.best.loss)


def test_checkpoints_of_before_there_was_this_loss_are_read(tmp_path):
    def made(by="score", seed=0):
        settings = {"batch_size": 30, "optimizer": SGD(0.1), "rng": 0, "patience": 50}
        return Trainer(make_network(seed), X, T, X[::2], T[::2], **settings, best_by=by)

    first = made()
    first.train(epochs=3)
    first.save(tmp_path / "c")
    arrays, about = read_arrays(tmp_path / "c")
    arrays["training.evaluations"] = arrays["training.evaluations"][:, :4].copy()
    del about["training"]["best_by"]
    write_arrays(tmp_path / "older", arrays, about)
    for file in "older", "c":
        history = (second := made(seed=4)).resume(tmp_path / file)
        np.testing.assert_array_equal(history.test_score, first.history.test_score)
        assert np.isnan(history.test_loss).all() == (file == "older")
        assert second.best.iteration == first.best.iteration
        assert not np.isnan(second.train(epochs=1).test_loss[-1])
        with pytest.raises(ConfigError, match=r"holds the best network by its score, .*best_by='s"):
            made("loss").resume(tmp_path / file)


def test_files_of_before_there_was_this_loss_are_read(tmp_path):
    path = tmp_path / "h"
    path.write_text(
        '{"iteration": 1, "loss": 2.0}\n'
        '{"iteration": 1, "epoch": 1.0, "train_score": 0.5, "test_score": null, "score": "R²"}\n',
        encoding="utf-8",
    )
    history = History.read(path)
    assert (history.score_name, history.train_score.tolist()) == ("R²", [0.5])
    assert np.isnan(history.test_loss).all()
    assert "".join(history.lines()) == path.read_text("utf-8")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("held", ["x_test", "validation"])
def test_files_give_it_back(tmp_path, case, held):
    make, x, t = CASES[case]
    if case == "state, noise and what is carried" and held == "validation":
        x, t = x[:80], t[:80]
    tests = {"x_test": x[:30], "t_test": cut(t, slice(30))}
    made = Trainer(
        make(), x, t, batch_size=8 if held == "validation" else 18, rng=0,
        history_path=tmp_path / "h", **(tests if held == "x_test" else {"validation": 0.2}),
    )  # fmt: skip
    history = made.train(epochs=3)
    again = History.read(tmp_path / "h")
    assert again == history
    assert (again.score_name, again.held_out) == (history.score_name, history.held_out)
    np.testing.assert_array_equal(again.test_loss, history.test_loss)
    assert f'"{history.held_out}_loss"' in (tmp_path / "h").read_text()


def test_it_is_shown():
    for make, x, t in CASES["own loss"], CASES["classes"]:
        made = Trainer(make(), x, t, x, t, batch_size=30, rng=0)
        history = made.train(epochs=2)
        assert f"test loss {history.test_loss[-1]:.4g}" in repr(history)
        page = history._repr_html_()
        assert f"{history.test_loss[0]:.4g}" in page
        assert ">test<" in page.replace("</", "<") or history.score_name is None
        assert "nan" not in page
        (loss,) = (p for p in training_panels(history) if p["title"] == "Loss")
        np.testing.assert_array_equal(loss["marks"][-1].y, history.test_loss)
        assert loss["marks"][-1].name == "test data"
        title = "test 98.89%" if history.score_name else f"test loss {history.test_loss[-1]:.4g}"
        assert title in curves_svg(history)
        assert "nan" not in curves_svg(history)


def test_a_progress_tells_it_where_there_is_no_score(capsys):
    progress = rich_progress(console=Console(file=sys.stderr))
    for make, x, t in CASES["own loss"], CASES["classes"]:
        made = Trainer(make(), x, t, x, t, batch_size=30, rng=0, on_progress=progress)
        history = made.train(epochs=2)
        told = f"test loss {history.test_loss[-1]:.4f}" in capsys.readouterr().err
        assert told == (history.score_name is None)


def test_a_trainer_shows_the_best_by_its_loss():
    made = Trainer(make_network(), X, T, X, T, batch_size=30, rng=0, patience=9, best_by="loss")
    made.train(epochs=2)
    assert f"loss {made.best.loss:.4f} at iteration 6" in made._repr_html_()
