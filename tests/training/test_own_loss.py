"""Whatever a loss of one's own takes is learned from; only a score may be missing, by name."""

import math
import statistics
import warnings

import numpy as np
import pytest

from clearprop import Affine, Network, SoftmaxWithLoss, compile
from clearprop.errors import ConfigError, DataError, LabelError, LeavesGraphError, ShapeError
from clearprop.layers import Embedding
from clearprop.training import SGD, Trainer

RNG = np.random.default_rng(2)
X, T = RNG.integers(0, 7, (24, 5)), RNG.integers(0, 7, (24, 5))
ENGINES = [{"compile": False}, {"engine": "numpy"}, {"engine": "c"}]


class Language(Network):
    """Scores of all places under one another, as many write it."""

    def __init__(self):
        super().__init__()
        of = np.random.default_rng(0)
        self.words, self.out = Embedding.from_sizes(7, 4, rng=of), Affine.from_sizes(4, 7, rng=of)

    def forward(self, x):
        return self.out(np.reshape(self.words(x), (-1, 4)))

    def loss(self, x, t):
        return super().loss(x, np.reshape(t, -1))


class Shifted(Network):
    """Its labels count from 1."""

    def __init__(self):
        super().__init__([Affine.from_sizes(3, 2, rng=np.random.default_rng(0))])

    def loss(self, x, t):
        return super().loss(x, t - 1)


def trained(network, x, t, **how):
    trainer = Trainer(
        network, x, t, batch_size=8, optimizer=SGD(0.5), shuffle=False, on_progress=False, **how
    )
    return trainer, trainer.train(epochs=2)


@pytest.mark.parametrize("how", ENGINES)
def test_a_language_model_that_flattens_is_trained(how):
    with pytest.warns(
        UserWarning, match=r"Language is trained by .* score is not known: .*\(5, 7\)"
    ):
        _, history = trained(Language(), X, T, x_test=X[:6], t_test=T[:6], **how)
    network, losses = Language(), []
    step = compile(network, SGD(0.5))
    for _ in range(2):
        losses += [step(X[i : i + 8], T[i : i + 8]) for i in range(0, 24, 8)]
    np.testing.assert_allclose(history.loss, losses, rtol=1e-5)
    assert history.score_name is None
    np.testing.assert_allclose(history.test_loss[-1], network.loss(X[:6], T[:6]), rtol=1e-5)


def test_targets_that_only_the_loss_understands_are_learned():
    x, t = RNG.standard_normal((24, 3)).astype("f"), RNG.integers(1, 3, 24)
    with pytest.warns(UserWarning, match=r"score is not known: t_train: label 2 is out of range"):
        trained(Shifted(), x, t)


def test_the_best_goes_by_the_loss_then():
    with pytest.warns(UserWarning, match="not known"), pytest.raises(ConfigError, match="best_by="):
        Trainer(Language(), X, T, best_by="score", batch_size=8)
    with pytest.warns(UserWarning, match="not known"):
        trainer, _ = trained(Language(), X, T, x_test=X, t_test=T, patience=3)
    assert trainer.best.by == "loss"


def test_what_no_loss_takes_is_refused_as_before():
    class Plain(Language):
        loss = Network.loss

    with pytest.raises(ShapeError, match=r"turns a batch of one sample \(1, 5\) into \(5, 7\)"):
        Trainer(Plain(), X, T, batch_size=8)
    x = RNG.standard_normal((24, 3)).astype("f")
    with pytest.raises(LabelError, match="t_train: label 9 is out of range"):
        Trainer(Shifted(), x, np.full(24, 9), batch_size=8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # and what can be scored is
        trained(Network([Affine.from_sizes(3, 2)], SoftmaxWithLoss()), x, np.ones(24, int))


def one_hot(t):
    out = np.zeros((len(t), 3))
    out[np.arange(len(t)), t] = 1
    return out


def added(t):
    out = np.zeros(len(t))
    out += t
    return out[:, None]


def mean(t):
    return statistics.fmean(t) * np.ones((len(t), 1))


READ = {
    "eye": lambda t: np.eye(3)[t],
    "one_hot": one_hot,
    "array": lambda t: np.array(t)[:, None] == np.arange(3),
    "added": added,
    "unique": lambda t: np.stack([t == k for k in np.unique(t)], 1),
    "fmean": mean,
    "dict": lambda t: {k: k / 2 for k in range(3)}[t[0]],
    "mean": lambda t: float(statistics.mean(t)),
    "nditer": lambda t: np.array([int(k) for k in np.nditer(t)])[:, None],
}
"""What reads targets as plain arrays in its own way, and cannot be recorded."""


def reader(read):
    class Reader(Network):
        def __init__(self):
            super().__init__()
            self.a = Affine.from_sizes(3, 3, rng=np.random.default_rng(0), dtype=np.float64)

        def forward(self, x):
            return self.a(x)

        def loss(self, x, t):
            return np.mean((self.forward(x) - read(t)) ** 2)

    return Reader()


@pytest.mark.parametrize("read", READ.values(), ids=READ)
def test_a_loss_that_runs_on_plain_targets_alone_is_trained_as_written(read):
    x, t = RNG.standard_normal((24, 3)), np.arange(24) % 3
    trainer, history = trained(reader(read), x, t)
    assert "the whole step" in trainer.as_written
    network, losses = reader(read), []
    for i in (0, 8, 16) * 2:
        losses.append(network.loss(x[i : i + 8], t[i : i + 8]))
        SGD(0.5).update(network.params, network.gradient(x[i : i + 8], t[i : i + 8]))
    np.testing.assert_allclose(history.loss, losses, rtol=1e-12)


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (lambda t: {}[t[0]], KeyError),
        (lambda t: t[:, 7], IndexError),
        (lambda t: np.zeros((5, 5)), ValueError),
    ],
)
def test_a_loss_that_runs_in_no_way_is_refused_before_training(read, error):
    with pytest.raises(error):
        Trainer(reader(read), X[:, :3], np.arange(24) % 3, batch_size=8)


def test_a_loss_that_leaves_the_graph_is_refused_before_training():
    class Leaves(Network):
        def loss(self, x, t):
            return super().loss(x, t) * math.exp(self.layers["Affine1"].b[0])

    with pytest.raises(LeavesGraphError, match=r"math\.exp"):
        Trainer(Leaves([Affine.from_sizes(3, 3)]), X[:, :3], np.arange(24) % 3, batch_size=8)


class Views(Network):
    """Its loss compares two views, and forward takes one."""

    def __init__(self):
        super().__init__()
        self.a = Affine.from_sizes(3, 2, rng=np.random.default_rng(0))

    def forward(self, x):
        return self.a(x)

    def loss(self, views, t):
        one, other = (self.forward(view) for view in views)
        return np.mean((one - other + 1) ** 2)


class Values(Network):
    """Learns from what was done and what came of it: whole numbers choose, a mask ends."""

    def __init__(self):
        super().__init__()
        self.a = Affine.from_sizes(3, 2, rng=np.random.default_rng(0))

    def forward(self, x):
        return self.a(x)

    def loss(self, x, t):
        state, action, reward, after, is_last = x
        value = np.take_along_axis(self.forward(state), action[:, None], 1)[:, 0]
        aim = reward + 0.9 * np.where(is_last, 0, np.max(after, 1))
        return np.mean((value - aim) ** 2)


def views():
    return tuple(RNG.standard_normal((2, 24, 3)).astype(np.float32))


def steps():
    one, other = views()
    reward = RNG.standard_normal(24).astype(np.float32)
    return one, RNG.integers(0, 2, 24), reward, other, RNG.random(24) < 0.3


@pytest.mark.parametrize("how", ENGINES)
@pytest.mark.parametrize(("kind", "data"), [(Views, views), (Values, steps)])
def test_what_only_the_loss_takes_may_be_several_arrays(kind, data, how):
    x, t = data(), np.zeros(24)
    trainer, history = trained(kind(), x, t, x_test=x, t_test=t, **how)
    network, losses = kind(), []
    for i in (0, 8, 16) * 2:
        batch = tuple(part[i : i + 8] for part in x)
        losses.append(network.loss(batch, t[i : i + 8]))
        SGD(0.5).update(network.params, network.gradient(batch, t[i : i + 8]))
    np.testing.assert_allclose(history.loss, losses, rtol=1e-5)
    assert history.test_loss[-1] == pytest.approx(network.loss(x, t), rel=1e-5)
    assert (trainer.as_written == {}) == ("compile" not in how)


def test_parts_that_differ_in_length_are_named():
    one, other = views()
    with pytest.raises(ShapeError, match=r"x_train\[0\] holds 24, x_train\[1\] 23"):
        Trainer(Views(), (one, other[1:]), np.zeros(24))
    with pytest.raises(DataError, match="x_train is a dict; give several inputs as a tuple"):
        Trainer(Views(), {"one": one, "other": other}, np.zeros(24))
    with pytest.raises(ShapeError, match="24 samples need 24 labels"):
        Trainer(Views(), (one, other), np.zeros(23))
    with pytest.raises(ShapeError, match=r"Values\.forward takes x.*expected 5, got 2"):
        Trainer(Values(), (one, other), np.zeros(24))
