"""How long a result is must not depend on values in a program: such a thing is named, or right."""

import numpy as np
import pytest
from row_samples import SAMPLES, drawn

from clearprop import Affine, Layer, Network, Variable, grad
from clearprop.compiler import compile
from clearprop.errors import LeavesGraphError, UnsupportedError
from clearprop.primitives.registry import CONSTANT, PRIMITIVES
from clearprop.training import SGD, Trainer

X = np.array([3.0, -1.0, 4.0, 1.0, -5.0])
T = np.array([0, 1, 1, 3, 2])

BY_VALUES = {
    "len": lambda x, t: x.sum() / len(x[t == 1]),
    "size": lambda x, t: x.sum() / x[t == 1].size,
    "shape": lambda x, t: x.sum() / x[t == 1].shape[0],
    "nonzero": lambda x, t: x.sum() / len(np.nonzero(t)[0]),
    "method": lambda x, t: x.sum() / len(t.nonzero()[0]),
    "flatnonzero": lambda x, t: x[np.flatnonzero(t > 1)],
    "argwhere": lambda x, t: len(np.argwhere(x > 0)) * x,
    "where": lambda x, t: x[np.where(x > 0)],
    "compress": lambda x, t: np.compress(x > 0, x),
    "extract": lambda x, t: np.extract(x > 0, x),
    "ix_": lambda x, t: x[np.ix_(t == 1)],
    "constant operand": lambda x, t: np.extract(t == 1, np.arange(5.0)).sum() * x,
    "squares": lambda x, t: (x[x > 0] ** 2).sum(),
    "mean": lambda x, t: x[x > 0].mean(),
    "median": lambda x, t: np.median(x[~np.isnan(x)]),
    "iterated": lambda x, t: sum(v for v in x[x > 0]),
    "zeros": lambda x, t: np.zeros_like(x[x > 0]),
    "repeat": lambda x, t: np.repeat(x, t),
    "repeat once": lambda x, t: np.repeat(x, t[3]),
    "tile": lambda x, t: np.tile(x, t[3]),
    "pad": lambda x, t: np.pad(x, t[3]),
    "bincount": lambda x, t: np.bincount(t),
    "delete mask": lambda x, t: np.delete(x, x > 0),
    "delete several": lambda x, t: np.delete(x, t[:2]),
    "split": lambda x, t: np.split(x, t[:2])[0],
}


@pytest.mark.parametrize("engine", ["numpy", "c"])
@pytest.mark.parametrize("f", BY_VALUES.values(), ids=BY_VALUES)
def test_a_length_that_depends_on_values_is_refused(f, engine):
    scalar = grad(lambda x, t: np.sum(f(x, t)))
    for each in (f, scalar):
        with pytest.raises(
            (UnsupportedError, LeavesGraphError), match=r"depends on values|leave|off"
        ):
            compile(each, engine=engine)(X, T)


def test_what_to_write_in_its_place():
    f = compile(lambda x, t: np.where(t == 1, x, 0).sum() / (t == 1).sum())
    for t in (T, 1 - T, T // 2):
        assert f(X, t) == pytest.approx(X[t == 1].mean())


RIGHT = {
    "a constant mask": lambda x, t: x[np.array([True, False, True, True, False])] ** 2,
    "places": lambda x, t: x[t] ** 2,
    "one-hot": lambda x, t: np.eye(5)[[0, 2, 1, 3, 4]] * x,
    "bincount": lambda x, t: np.bincount(t, x, 5) * x,
    "bincount of none": lambda x, t: np.bincount(t[:0], minlength=5) * x,
    "delete one": lambda x, t: np.delete(x, x.argmax()) ** 2,
    "delete one from the end": lambda x, t: np.delete(np.outer(x, x), -t[1], axis=1) * x[:, None],
    "roll": lambda x, t: np.roll(x, t[1]) * x,
    "masked sum": lambda x, t: np.sum(x, where=t == 1),
}


@pytest.mark.parametrize("engine", ["numpy", "c"])
@pytest.mark.parametrize("f", RIGHT.values(), ids=RIGHT)
def test_what_keeps_its_length_is_compiled(f, engine):
    slope = grad(lambda x, t: np.sum(np.sin(f(x, t))))
    compiled, compiled_slope = compile(f, engine=engine), compile(slope, engine=engine)
    for x, t in ((X, T), (-X, 4 - T), (X[::-1].copy(), T // 2)):
        np.testing.assert_allclose(compiled(x, t), f(x, t), rtol=1e-14)
        np.testing.assert_allclose(compiled_slope(x, t), slope(x, t), rtol=1e-14)


@pytest.mark.parametrize("engine", ["numpy", "c"])
def test_counts_that_would_be_longer_are_named(engine):
    f = compile(lambda x, t: np.bincount(t, x, 4), engine=engine)
    f(X, T)
    for wrong in (T + 1, T - 1):
        with pytest.raises(ValueError, match=r"np\.bincount: x must be from 0 to 3"):
            f(X, wrong)


def test_a_place_on_the_graph_is_deleted():
    x = Variable(X)
    np.testing.assert_array_equal(np.delete(x, x.argmax()).data, np.delete(X, X.argmax()))
    np.testing.assert_array_equal(np.delete(x, x > 0).data, X[X <= 0])
    np.testing.assert_array_equal(np.delete(x, Variable(T[:3])).data, np.delete(X, T[:3]))
    with pytest.raises(IndexError):
        np.delete(x, Variable(5))


@pytest.mark.parametrize("row", [*PRIMITIVES.values(), *CONSTANT.values()], ids=lambda r: r.name)
def test_every_row_says_whether_values_decide_how_long_its_result_is(row):
    """Samples drawn twice; arrays of zeros, of ones and of both for rows that have none."""
    some = np.zeros(4), np.ones(4), np.array([0.0, 1.0, 0.0, 2.0])
    if row.name in SAMPLES:
        rngs = map(np.random.default_rng, (1, 2))
        calls = [[row.bind(*drawn(c, rng)) for c in SAMPLES[row.name]] for rng in rngs]
    else:
        calls = [[((x,), {}), ((x, x), {}), ((x.astype(int),), {})] for x in some]
    for same in zip(*calls, strict=True):
        with np.errstate(all="ignore"):
            found = {str(lengths(row, *call)) for call in same} - {"None"}
        assert row.sized_by or len(found) < 2


def lengths(row, operands, params):
    try:
        out = row.evaluate(*operands, **params)
    except (TypeError, ValueError, IndexError):
        return None
    return [np.shape(o) for o in (out if isinstance(out, tuple) else (out,))]


class Rare(Network):
    """The positive ones are rare, and weigh as much as they are fewer."""

    def __init__(self):
        super().__init__()
        self.affine = Affine.from_sizes(2, 1, rng=np.random.default_rng(1), dtype=np.float64)

    def forward(self, x):
        return self.affine(x)

    def loss(self, x, t):
        p = 1 / (1 + np.exp(-self.forward(x)[:, 0]))
        w = len(t) / len(t[t == 1])
        return -(w * t * np.log(p) + (1 - t) * np.log(1 - p)).mean()


class Padded(Rare):
    """What is missing does not count."""

    def loss(self, x, t):
        mask = ~np.isnan(t)
        return ((self.forward(x)[mask] - t[mask]) ** 2).mean()


def data(network):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 2))
    if type(network) is Padded:
        t = rng.standard_normal((40, 1))
        t[rng.random(40) < 0.3] = np.nan
        return x, t
    return x, np.r_[np.ones(10, int), np.zeros(10, int), np.ones(3, int), np.zeros(17, int)]


@pytest.mark.parametrize("make", [Rare, Padded])
def test_a_trainer_runs_such_a_loss_as_it_is_written(make):
    x, t = data(make())
    trained, plain = make(), make()
    trainer = Trainer(trained, x, t, batch_size=20, shuffle=False, optimizer=SGD(0.1), rng=0)
    assert "how many elements" in trainer.as_written["the whole step"]
    history = trainer.train(epochs=1)
    losses = []
    for rows in (slice(20), slice(20, 40)):
        losses.append(plain.loss(x[rows], t[rows]))
        for name, slope in plain.gradient(x[rows], t[rows]).items():
            plain.params[name] -= 0.1 * slope
    np.testing.assert_allclose(history.loss, losses)
    for name, value in plain.params.items():
        np.testing.assert_allclose(trained.params[name], value)
    with pytest.raises(UnsupportedError, match=r"outside its layers: .*how many elements"):
        compile(make(), SGD(0.1))(x[:20], t[:20])


class MaskMean(Layer):
    def forward(self, x):
        return x * (x[x > 0] ** 2).mean()


class Chosen(Layer):
    def forward(self, x):
        self.mask, self.shape = x[:, 0] > 0, x.shape
        return x[self.mask]

    def backward(self, dout):
        dx = np.zeros(self.shape)
        dx[self.mask] = dout
        return dx


def test_a_layer_runs_as_it_is_written_where_its_result_has_one_shape():
    x = np.random.default_rng(0).standard_normal((8, 5))
    network = Network([MaskMean(), Affine(np.eye(5), np.zeros(5))])
    predict = compile(network)
    for batch in (x, np.abs(x), -np.abs(x) + 1):
        np.testing.assert_allclose(predict(batch), network.predict(batch))
    assert "how many elements" in predict.as_written["MaskMean1"]


class Square(Network):
    def loss(self, x, t):
        return (self.forward(x) ** 2).mean()


def test_a_layer_whose_result_has_many_shapes_is_named():
    x = np.random.default_rng(0).standard_normal((40, 5))
    network = Square([Chosen(), Affine(np.ones((5, 2)), np.zeros(2))])
    match = r"Chosen1 gives results of shape \(\d, 5\) and \(\d, 5\).*how many elements"
    for call in (compile(network), lambda x: compile(network, SGD(0.1))(x, np.zeros(8))):
        with pytest.raises(UnsupportedError, match=match):
            call(x[:8])
    trainer = Trainer(network, x, np.zeros(40), batch_size=8, optimizer=SGD(0.01), rng=0)
    assert "how many elements" in trainer.as_written["the whole step"]
    trainer.train(epochs=1)


def test_so_is_one_that_is_seen_only_later():
    class Larger(Chosen):
        def forward(self, x):
            self.mask, self.shape = x[:, 0] ** 2 > 4, x.shape
            return x[self.mask]

    rows = np.arange(40.0).reshape(8, 5) / 9
    network = Square([Larger(), Affine(np.ones((5, 2)), np.zeros(2))])
    predict = compile(network)
    np.testing.assert_allclose(predict(rows), network.predict(rows))
    with pytest.raises(UnsupportedError, match="how many elements"):
        predict(rows * 2)
