"""Many shapes: their programs are kept while that costs little, and what is in vain is told."""

import warnings

import numpy as np
import pytest

from clearprop import Affine, Network, TwoLayerNet, grad
from clearprop.compiler import compile, plans
from clearprop.errors import RecordingWarning
from clearprop.training import SGD


def told(f, calls):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for args, named in calls:
            f(*args, **named)
    return [str(w.message) for w in found if w.category is RecordingWarning]


def by_shape(n):
    return [((np.ones((i, 3)),), {}) for i in range(1, n + 1)]


def step(n):
    network = TwoLayerNet(3, 4, 2, rng=np.random.default_rng(0), dtype=np.float64)
    return compile(network, SGD(0.1)), [((x, np.arange(len(x)) % 2), {}) for (x,), _ in by_shape(n)]


def prediction(n):
    return compile(Network([Affine(np.ones((3, 2)), np.zeros(2))])), by_shape(n)


KINDS = {
    "function": lambda n: (compile(lambda x: np.sum(np.tanh(x))), by_shape(n)),
    "derivative": lambda n: (compile(grad(lambda x: np.sum(np.tanh(x)))), by_shape(n)),
    "keyword": lambda n: (
        compile(lambda x, *, k: x * k),
        [((np.ones(3),), {"k": k / 7}) for k in range(n)],
    ),
    "step": step,
    "prediction": prediction,
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_it_is_told_once_when_the_time_goes_into_programs(make):
    f, calls = make(2 * plans.KEPT + 5)
    (message,) = told(f, calls)
    assert "a shape, or an argument by keyword, changes again and again" in message
    assert "pad arrays" in message


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_small_programs_are_all_kept(make):
    f, calls = make(plans.KEPT + 8)
    told(f, calls)
    known = [*f._plans.values()]
    assert len(known) == plans.KEPT + 8
    assert told(f, calls) == []
    assert {*map(id, f._plans.values())} == {*map(id, known)}


def test_large_ones_go_and_the_one_not_used_for_longest_goes_first(monkeypatch):
    monkeypatch.setattr(plans, "ROOM", 1)
    monkeypatch.setattr(plans, "KEPT", 3)
    f = compile(lambda x: np.sum(np.tanh(x)))
    told(f, [((np.ones(n),), {}) for n in (1, 2, 3, 1, 4)])
    assert [key[0][0][0] for key in f._plans] == [(3,), (1,), (4,)]


def test_nothing_is_told_where_programs_are_used(monkeypatch):
    monkeypatch.setattr(plans, "KEPT", 3)
    f = compile(lambda x: np.sum(np.tanh(x)))
    clock = iter(np.arange(0.0, 1000.0, 0.5))
    monkeypatch.setattr(plans, "monotonic", lambda: next(clock))
    shapes = [((np.ones(n),), {}) for n in range(1, 9)]
    assert len(told(f, shapes)) == 1  # all the time goes by in recording
    f = compile(lambda x: np.sum(np.tanh(x)))
    for call in shapes:
        assert told(f, [call]) == []
        for _ in range(8):
            next(clock)
