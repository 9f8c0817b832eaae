"""Functions that are told of each epoch, the usual progress, and plots."""

import math
import sys

import numpy as np
import pytest
from small_problem import make_network, points, weights

from clearprop.errors import ConfigError, MissingPackageError
from clearprop.layers import Affine, MeanSquaredError
from clearprop.networks import Network
from clearprop.training import SGD, History, Trainer

X, T = points()


def trainer(**settings):
    settings = {"batch_size": 40, "rng": 0, "optimizer": SGD(0.1)} | settings
    return Trainer(make_network(), X, T, X, T, **settings)


def test_callbacks_are_told_of_each_epoch_with_its_scores():
    moments = []
    made = trainer(callbacks=[moments.append])
    history = made.train(epochs=4)
    assert [m.iteration for m in moments] == [3, 6, 9, 12]
    assert [m.epoch for m in moments] == [1, 2, 3, 4]
    np.testing.assert_array_equal([m.test_score for m in moments], history.test_score)
    assert not any(m.done for m in moments)


@pytest.mark.parametrize("answer", [True, np.True_, False, np.False_, None, 1, "stop"])
def test_only_true_ends_the_training(answer):
    made = trainer(callbacks=[lambda moment: answer, lambda moment: None])
    made.train(epochs=3)
    assert len(made.history) == (3 if answer is True or answer is np.True_ else 9)
    assert not made.interrupted


def test_all_are_called_also_when_one_has_had_enough():
    told = []
    made = trainer(callbacks=[lambda moment: True, told.append])
    made.train(epochs=3)
    assert len(told) == 1
    made.train(epochs=3)  # a further call asks again
    assert len(told) == 2


def test_what_a_callback_changes_takes_effect_at_the_next_step(tmp_path):
    def train(parts):
        optimizer = SGD(0.5)

        def halve(moment):
            optimizer.lr = 0.5 / 2**moment.epoch

        for n in parts:
            made = trainer(optimizer=optimizer, callbacks=[halve])
            if (tmp_path / "c").exists():
                made.resume(tmp_path / "c")
            made.train(epochs=n, in_all=True)
            made.save(tmp_path / "c")
        (tmp_path / "c").unlink()
        return weights(made.network)

    assert train([4]) == train([1, 2, 4])


def test_what_is_no_function_is_refused():
    with pytest.raises(ConfigError, match="functions of a Moment"):
        trainer(callbacks=["print"])


def test_a_bar_at_a_terminal_and_nothing_in_a_pipe(monkeypatch):
    assert trainer().on_progress is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert trainer().on_progress is not None
    assert trainer(on_progress=False).on_progress is None
    monkeypatch.setattr(sys, "stderr", None)
    assert trainer().on_progress is None


def test_a_trainer_says_what_it_is():
    made = trainer()
    made.train(iterations=2)
    assert repr(made) == (
        "<Trainer of 4 parameters: 90 samples in batches of 40, SGD(lr=0.1), 2 iterations done>"
    )


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_plots_of_scores_and_loss(pyplot):
    history = trainer().train(epochs=3)
    scores, loss = history.plot()
    assert [len(line.get_xdata()) for line in scores.get_lines()] == [3, 3]
    np.testing.assert_allclose(loss.get_lines()[0].get_xdata(), np.arange(1, 10) / 3)
    _, axes = pyplot.subplots(2, 1)
    assert list(history.plot(axes)) == list(axes)
    np.testing.assert_array_equal(loss.get_lines()[1].get_ydata(), history.test_loss)


def test_plots_where_there_are_no_scores_or_no_test_data(pyplot):
    network = Network([Affine(W=np.zeros((4, 1)), b=np.zeros(1))], loss=MeanSquaredError())
    history = Trainer(network, X, X[:, :1], batch_size=30, rng=0).train(epochs=2)
    score, loss = history.plot()
    assert len(score.get_lines()) == 1
    (alone,) = History(None).plot()
    assert alone.get_xlabel() == "iteration"
    assert math.isnan(history.test_score[0])
    assert loss.get_title() == "loss"


def test_plots_need_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPackageError, match="matplotlib"):
        History().plot()
