"""What is written into the data between two steps counts: in all of them, or in none."""

from importlib.util import find_spec

import numpy as np
import pytest

from clearprop import Network, compile
from clearprop.layers import (
    Affine,
    Embedding,
    Flatten,
    MeanSquaredError,
    SigmoidWithLoss,
    SoftmaxWithLoss,
)
from clearprop.networks import dense_layers
from clearprop.training import SGD, Trainer

N = 40
JAX = pytest.mark.skipif(not find_spec("jax"), reason="jax is not installed")
ENGINES = [None, "numpy", "c", pytest.param("jax", marks=JAX)]
HEARD = ["x f4", "x f8", "x u1", "scale", "t i4", "t u1", "one-hot u1", "one-hot f8", "weights"]
HEARD += ["numbers f8", "bits u1", "several", "words"]


def case(name):
    """A network, x, t, further arguments, in dtypes that are those of the network or others."""
    rng = np.random.default_rng(1)
    x, t = rng.standard_normal((N, 4)).astype(np.float32), rng.integers(0, 3, N)
    how, loss, out = {}, None, 3
    if name in ("x f8", "x u1"):
        x = x.astype(name[2:]) if name == "x f8" else rng.integers(0, 9, (N, 4)).astype(np.uint8)
    elif name == "scale":
        x, how = rng.integers(0, 256, (N, 4)).astype(np.uint8), {"scale": 1 / 64}
    elif name.startswith("t "):
        t = t.astype(name[2:])
    elif name.startswith("one-hot"):
        t = np.eye(3)[t].astype(name[8:])
    elif name == "weights":
        how = {"w_train": rng.uniform(0.5, 3, N)}
    elif name == "numbers f8":
        t, loss, out = x[:, :1].astype(np.float64) * 2, MeanSquaredError(), 1
    elif name == "bits u1":
        t, loss, out = (x[:, :2] > 0).astype(np.uint8), SigmoidWithLoss(), 2
    elif name == "list":
        t = t.tolist()
    elif name == "columns":
        x = np.asfortranarray(x)
    elif name == "column of labels":
        t = t.reshape(-1, 1)
    layers = dense_layers([4, 5, out], rng=np.random.default_rng(0))
    if name == "words":
        x = rng.integers(0, 7, (N, 4)).astype(np.int32)
        of = np.random.default_rng(0)
        layers = [Embedding.from_sizes(7, 3, rng=of), Flatten(), Affine.from_sizes(12, 3, rng=of)]
    if name == "several":
        return Two(), (x, x[:, :2].astype(np.float64)), t, how
    return Network(layers, loss=loss), x, t, how


class Two(Network):
    def __init__(self):
        of = np.random.default_rng(0)
        super().__init__(loss=SoftmaxWithLoss())
        self.one, self.two = Affine.from_sizes(4, 3, rng=of), Affine.from_sizes(2, 3, rng=of)

    def forward(self, x, y):
        return self.one(x) + self.two(y)


def parts(data):
    return [part for p in data for part in (p if isinstance(p, tuple) else (p,))]


def write(data, seed):
    """Reorder all, in place, in the same way."""
    order = np.random.default_rng(seed).permutation(N)
    for part in parts(data):
        part[:] = part[order] if isinstance(part, np.ndarray) else [part[i] for i in order]
    return order


def trainer_of(name, engine, how=(), **more):
    how = {**dict(how), **({"compile": False} if engine is None else {"engine": engine})}
    return lambda network, x, t, w: Trainer(
        *(network, x, t),
        **how,
        **more,
        **({} if w is None else {"w_train": w}),
        batch_size=8,
        shuffle=False,
        optimizer=SGD(0.3),
        on_progress=False,
    )


def trained(name, engine, seed=None):
    """The history of three epochs, behind each of which the data are reordered, if at all."""
    network, x, t, how = case(name)
    w = how.pop("w_train", None)
    data = [x, t] if w is None else [x, t, w]
    moves = [] if seed is None else [lambda moment: write(data, seed) is None]
    return trainer_of(name, engine, how, callbacks=moves)(network, x, t, w).train(epochs=3)


def due(name, seed):
    """The same by three trainings of an epoch, each on copies of what the data are by then."""
    network, x, t, how = case(name)
    w = how.pop("w_train", None)
    data, found = [x, t] if w is None else [x, t, w], []
    for _ in range(3):
        own = [copied(part) for part in (x, t, w)]
        found += [*trainer_of(name, None, how)(network, *own).train(epochs=1).loss]
        write(data, seed)
    return found


def copied(x):
    return tuple(map(copied, x)) if isinstance(x, tuple) else None if x is None else x.copy()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", HEARD)
def test_samples_keep_their_labels_when_both_are_reordered(name, engine):
    still, moved = trained(name, engine), trained(name, engine, seed=3)
    np.testing.assert_array_equal(moved.loss[:5], still.loss[:5])
    if engine == "jax":  # it has the data on the device, all of them
        np.testing.assert_array_equal(moved.loss, still.loss)
        return
    np.testing.assert_allclose(moved.loss, due(name, 3), rtol=1e-4)
    assert np.any(moved.loss != still.loss)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["list", "columns", "column of labels"])
def test_what_must_be_copied_is_copied_with_all_that_belongs_to_it(name, engine):
    still, moved = trained(name, engine), trained(name, engine, seed=3)
    np.testing.assert_array_equal(moved.loss, still.loss)
    np.testing.assert_array_equal(moved.train_score, still.train_score)


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize("kind", ["arrays", "columns", "list", "slice"])
def test_a_step_on_a_data_set_hears_all_of_it_or_nothing(kind, engine):
    for at in range(0, 64, 16):  # JAX sees arrays where they lie, or does not, by their addresses
        network, x, t, _ = case("x f4")
        room = np.zeros(x.size + 32, np.float32)
        start = -room.ctypes.data % 64 // 4 + at // 4
        x, y = room[start : start + x.size].reshape(x.shape), x
        x[...] = y
        x = {"columns": np.asfortranarray(x), "slice": np.tile(x, (1, 2))[:, :4]}.get(kind, x)
        t = t.tolist() if kind == "list" else t
        old, rows = (x.copy(), np.array(t)), np.arange(N)
        step = compile(network, SGD(1e-30), engine=engine).over(x, t)
        first = step(rows)
        x[...] = np.random.default_rng(7).standard_normal(x.shape)
        t[:] = [(label + 1) % 3 for label in t]
        heard = kind == "arrays" and engine != "jax"
        due = network.loss(x, np.array(t)) if heard else network.loss(*old)
        assert step(rows) == pytest.approx(float(due), rel=1e-5)
        assert first == pytest.approx(float(network.loss(*old)), rel=1e-5)


@pytest.mark.parametrize("engine", ENGINES[1:3])
def test_labels_that_become_wrong_are_refused(engine):
    network, x, t, _ = case("t u1")
    trainer = Trainer(network, x, t, batch_size=8, engine=engine, on_progress=False)
    trainer.train(epochs=1)
    t[5] = 77
    with pytest.raises(ValueError, match=r"label"):
        trainer.train(epochs=1)


def test_test_data_keep_their_labels():
    network, x, t, _ = case("x f8")
    x[:, 0] += 5 * t
    trainer = trainer_of(
        "x f8", "numpy", x_test=x, t_test=t, callbacks=[lambda moment: write([x, t], 3) is None]
    )(network, x, t, None)
    assert trainer.train(epochs=60).test_score[-1] > 0.7


def test_what_is_held_out_is_a_copy_and_so_is_the_rest():
    def history(*callbacks):
        network, x, t, _ = case("x f4")
        moves = [lambda moment: write([x, t], 3) is None for _ in callbacks]
        make = trainer_of("x f4", "numpy", validation=0.5, rng=0, callbacks=moves)
        return make(network, x, t, None).train(epochs=3)

    still, moved = history(), history(write)
    np.testing.assert_array_equal(moved.loss, still.loss)
    np.testing.assert_array_equal(moved.test_score, still.test_score)
