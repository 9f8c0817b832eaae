"""A compiled update is what the optimiser's `update` is, whatever its formula looks at."""

import inspect

import numpy as np
import pytest
from nets import batch, dense

import clearprop.training
from clearprop.compiler import compile
from clearprop.compiler.engines import numpy as engine
from clearprop.compiler.in_pieces import in_pieces
from clearprop.errors import ShapeError, UnsupportedError
from clearprop.training import SGD, Optimizer, Trainer
from clearprop.training.step import layered_step

ENGINES = ("numpy", "c", "apart")
whole = engine.program


def own(change, *state):
    """An optimiser of a user's own."""
    body = {"change": staticmethod(change), "state": state, "hyperparameters": ("lr",)}
    return type(change.__name__, (Optimizer,), body)


def normed(p, g, *, step, lr):
    return p - lr * g / (np.sqrt(np.sum(g**2)) + 1e-8)


def centred(p, g, *, step, lr):
    return p - lr * (g - np.mean(g))


def centred_by_column(p, g, *, step, lr):
    return p - lr * (g - g.mean(axis=0) if g.ndim > 1 else g)


def trusting(p, g, m, v, *, step, lr):  # LAMB
    m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
    change = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8)
    sizes = np.linalg.norm(p), np.linalg.norm(change)
    ratio = np.where((sizes[0] > 0) & (sizes[1] > 0), sizes[0] / (sizes[1] + 1e-12), 1.0)
    return p - lr * ratio * change, m, v


def factored(p, g, r, c, *, step, lr):  # Adafactor, its sums spread over the parameter
    if p.ndim < 2:
        r = r + g * g
        return p - lr * g / (np.sqrt(r) + 1e-8), r, c
    r = 0.9 * r + 0.1 * np.mean(g * g, axis=1, keepdims=True)
    c = 0.9 * c + 0.1 * np.mean(g * g, axis=0, keepdims=True)
    return p - lr * g / (np.sqrt(r * c / np.mean(r)) + 1e-8), r, c


def by_size(p, g, *, step, lr):
    return p - lr * g / p.size**0.5


def by_shape(p, g, *, step, lr):
    return p - lr * np.ones(p.shape) * g * (2.0 if p.ndim == 1 else 1.0)


def straightened(p, g, *, step, lr):  # Muon's step, one turn of it
    if g.ndim == 2:
        g = g / np.sqrt(np.sum(g * g))
        g = 1.5 * g - 0.5 * g @ g.T @ g
    return p - lr * g


def sorted_and_summed(p, g, h, *, step, lr):
    order = np.argsort(np.ravel(g))
    h = h + np.reshape(np.cumsum(np.ravel(g)), g.shape)
    return p - lr * (h + 0.1 * np.reshape(np.ravel(p)[order], p.shape)), h


class Apart(SGD):
    """Clips each derivative by its own norm."""

    def clipped(self, grads, **limits):
        return [g / (1 + np.sqrt(np.sum(g * g))) for g in super().clipped(grads, **limits)]


class Relative(SGD):
    """Weights decay relative to their mean."""

    @staticmethod
    def decayed(p, g, *, weight_decay, **settings):
        return p, g + weight_decay * (p - np.mean(p))


OWN = {
    "normed": own(normed),
    "centred": own(centred),
    "centred_by_column": own(centred_by_column),
    "trusting": own(trusting, "m", "v"),
    "factored": own(factored, "r", "c"),
    "by_size": own(by_size),
    "by_shape": own(by_shape),
    "straightened": own(straightened),
    "sorted_and_summed": own(sorted_and_summed, "h"),
    "Apart": Apart,
    "Relative": Relative,
}
OURS = {
    name: kind
    for name, kind in vars(clearprop.training).items()
    if inspect.isclass(kind) and issubclass(kind, Optimizer) and kind is not Optimizer
}
SETTINGS = {
    "plain": {"weight_decay": 0.0},
    "groups": {
        "groups": {"b*": {"lr": 0.02}, "W1": {"weight_decay": 0.2}},
        "weight_decay": 0.1,
        "decay": "all",
        "clip_norm": 0.3,
        "clip_value": 0.2,
    },
    "frozen": {"weight_decay": 0.1, "clip_norm": 0.5},
}


def made(kind, settings):
    network = dense(4, 6, 3, activation="sigmoid", dtype=np.float64)
    if settings == "frozen":
        network.freeze("W2")
    return network, kind(lr=0.05, **SETTINGS[settings])


@pytest.mark.parametrize("on", ENGINES)
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", OURS | OWN)
def test_compiled_and_written_agree(name, settings, on, monkeypatch):
    if on == "apart":  # as for JAX
        monkeypatch.setattr(engine, "program", lambda job: whole(in_pieces(job)))
    kind = (OURS | OWN)[name]
    written, optimizer = made(kind, settings)
    compiled, other = made(kind, settings)
    layered = layered_step(written, optimizer)
    step = compile(compiled, other, engine="numpy" if on == "apart" else on)
    for seed in range(4):
        x, t = batch(10, 4, 3, np.float64, seed)
        assert step(x, t) == pytest.approx(layered(x, t), rel=1e-12)
    pairs = [(compiled.params, written.params), (other.arrays, optimizer.arrays)]
    for found, wanted in pairs:
        assert found.keys() == wanted.keys()
        for key, array in wanted.items():
            np.testing.assert_allclose(found[key], array, rtol=1e-11, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("name", OURS)
def test_what_goes_by_elements_is_done_to_the_whole_vector(name):
    network, optimizer = made(OURS[name], "plain")
    step = compile(network, optimizer)
    step(*batch(10, 4, 3, np.float64))
    shapes = {
        node.out.shape for node in step.recorded.nodes if step.recorded.labels[node] == "update"
    }
    assert shapes <= {(), (51,), *((p.size,) for p in network.params.values())}


def test_the_trainer_takes_it_as_it_is_written():
    x, t = batch(40, 4, 3, np.float64)
    ends = []
    for compiled in (True, False):
        network, optimizer = made(OWN["trusting"], "groups")
        trainer = Trainer(
            network, x, t, batch_size=10, rng=0, optimizer=optimizer, compile=compiled
        )
        trainer.train(epochs=2)
        assert bool(trainer.as_written) != compiled
        ends.append(np.concatenate([p.ravel() for p in network.params.values()]))
    np.testing.assert_allclose(*ends, rtol=1e-11, atol=1e-12)


def branching(p, g, *, step, lr):
    return p - lr * g if np.sum(g) > 0 else p + lr * g


def drawing(p, g, *, step, lr):
    return p - lr * g + np.random.standard_normal(p.shape)  # noqa: NPY002


def constant(p, g, *, step, lr):
    return np.zeros(p.shape)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (branching, r"branching\.change: `.*` branches on a value .* np\.where"),
        (drawing, r"drawing\.change does not do the same for all values: it draws random"),
        (constant, r"constant\.change: it gives values that are not computed from p"),
    ],
)
def test_what_cannot_be_recorded_says_where(change, words):
    network, optimizer = made(own(change), "plain")
    with pytest.raises(UnsupportedError, match=words):
        compile(network, optimizer)(*batch(10, 4, 3, np.float64))
    x, t = batch(10, 4, 3, np.float64)
    trainer = Trainer(network, x, t, batch_size=5, optimizer=optimizer)
    assert change.__name__ in str(trainer.as_written)


def test_each_element_has_its_own():
    network, optimizer = made(own(lambda p, g, *, step, lr: np.sum(p - g)), "plain")
    with pytest.raises(ShapeError, match=r"gives a parameter \(\) for parameter W1 \(4, 6\)"):
        compile(network, optimizer)(*batch(10, 4, 3, np.float64))
