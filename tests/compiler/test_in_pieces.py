"""Vectors taken apart, for every optimiser: NumPy runs what JAX is given."""

import numpy as np
import pytest
from nets import batch, dense
from twenty import TWENTY, distance, trained

from clearprop.compiler import compile
from clearprop.compiler.engines import numpy as engine
from clearprop.compiler.in_pieces import in_pieces
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
