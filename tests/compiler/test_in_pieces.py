"""Vectors taken apart, for every optimiser: NumPy runs what JAX is given."""

import numpy as np
import pytest
from nets import batch, dense
from twenty import TWENTY, distance, trained

from clearprop import Layer, Network
from clearprop.compiler import compile
from clearprop.compiler.engines import numpy as engine
from clearprop.compiler.in_pieces import in_pieces
from clearprop.layers import MeanSquaredError
from clearprop.training import SGD, Adam

whole = engine.program


@pytest.fixture
def apart(monkeypatch):
    monkeypatch.setattr(engine, "program", lambda job: whole(in_pieces(job)))


def signature(step):
    """What a program is made for."""
    line = next(line for line in step.source.splitlines() if line.startswith("def make("))
    return line.removeprefix("def make(").removesuffix("):").split(", ")


@pytest.mark.parametrize("name", TWENTY)
def test_steps_are_the_same(name, apart, monkeypatch):
    found = trained(name, np.float64)
    monkeypatch.setattr(engine, "program", whole)
    assert distance(found, trained(name, np.float64)) < 1e-12
    assert "P" not in signature(found[2])


def test_each_parameter_and_state_stands_alone(apart):
    step = compile(dense(4, 3, 2), Adam())
    before = [np.array(p) for p in step.network.params.values()]
    step(*batch(5, 4, 2))
    names = ["W1", "b1", "W2", "b2"]
    assert signature(step) == [*names, *(f"{kind}_{n}" for kind in "mv" for n in names)]
    moved = zip(before, step.network.params.values(), strict=True)
    assert all((a != b).any() for a, b in moved)


def test_groups_have_names_of_their_own(apart):
    step = compile(dense(4, 3, 2), SGD(groups={"b*": {"lr": 0.5}}))
    step(*batch(5, 4, 2))
    assert sorted(signature(step)) == ["W1", "W2", "b1", "b2"]


def test_what_needs_all_of_a_vector_has_it_joined(apart):
    step = compile(dense(4, 3, 2), SGD(clip_norm=1.0))
    step(*batch(5, 4, 2))
    assert "np.concatenate(" in step.source or "G[" in step.source
    assert signature(step) == ["W1", "b1", "W2", "b2"]


class Turned(Layer):
    """Reads its parameter, and what it is given, by columns."""

    params = ("W",)

    def __init__(self, W):
        self.W = W

    def forward(self, x):
        W = np.reshape(np.ravel(self.W, order="F"), self.W.shape)
        x = np.reshape(np.reshape(x, (x.size,), order="F"), x.shape)
        return np.reshape(np.reshape(x @ W, (-1,)), (len(x), 3), order="F")


def test_what_is_read_by_columns_stays_so(apart):
    W = np.arange(12.0).reshape(4, 3) / 10
    found, expected = Network([Turned(W.copy())]), Network([Turned(W.copy())])
    x, t = batch(5, 4, 3, np.float64)
    step = compile(found, SGD(0.1))
    loss = step(x, t)
    assert loss == pytest.approx(expected.loss(x, t), rel=1e-12)
    SGD(0.1).update(expected.params, expected.gradient(x, t))
    for name in expected.params:
        np.testing.assert_allclose(found.params[name], expected.params[name], rtol=1e-12)


class Scales(Layer):
    """Parameters of these shapes, whatever they are: each times the sum of the batch."""

    def __init__(self, shapes):
        self.params = tuple(f"p{i}" for i in range(len(shapes)))
        for name, shape in zip(self.params, shapes, strict=True):
            setattr(self, name, np.full(shape, 0.5))

    def forward(self, x):
        return x * sum(np.sum(getattr(self, name)) for name in self.params)


OPTIMIZERS = {
    "sgd": lambda: SGD(0.01),
    "adam": lambda: Adam(0.01, weight_decay=0.1),
    "clipped": lambda: SGD(0.01, clip_norm=0.5),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "shapes", [[()], [(1,)], [(1, 1)], [(), (2, 3)], [(1,), ()], [(), ()], [(0,), ()]]
)
def test_parameters_of_one_element(shapes, optimizer, apart, monkeypatch):
    def steps():
        net = Network([Scales(shapes)], MeanSquaredError())
        step = compile(net, OPTIMIZERS[optimizer]())
        losses = [step(np.ones((3, 2)), np.zeros((3, 2))) for _ in range(3)]
        return losses, [*net.params.values()]

    losses, found = steps()
    monkeypatch.setattr(engine, "program", whole)
    others, wanted = steps()
    assert losses == pytest.approx(others, rel=1e-12)
    assert losses[2] < losses[0]
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-12)
