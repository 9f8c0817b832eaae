"""Schedules: their values, their settings, and PyTorch's."""

import inspect

import numpy as np
import pytest

import clearprop.training.schedules as module
from clearprop.errors import ConfigError
from clearprop.training import SGD, Constant, Cosine, Exponential, StepDecay, Warmup

SAMPLES = [
    Constant(0.1),
    StepDecay(0.1, steps=3),
    Exponential(0.1, factor=0.9),
    Cosine(0.1, steps=12, end=0.01),
    Warmup(Cosine(0.1, steps=6), steps=5),
    Warmup(0.1, steps=5),
]


def test_every_schedule_is_sampled():
    found = {
        kind
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and kind.__module__ == module.__name__ and name[0] != "_"
    }
    assert found == {type(schedule) for schedule in SAMPLES}


@pytest.mark.parametrize("schedule", SAMPLES, ids=repr)
def test_values_are_positive_floats_to_any_step_and_repeat(schedule):
    values = [schedule(step) for step in range(1, 40)]
    assert all(type(value) is float and 0 < value <= 0.1 for value in values)
    assert values == [schedule(step) for step in range(1, 40)]
    assert eval(repr(schedule), vars(module)) == schedule
    assert hash(eval(repr(schedule), vars(module))) == hash(schedule)


@pytest.mark.parametrize("schedule", SAMPLES, ids=repr)
def test_a_rate_follows_its_schedule(schedule):
    p, optimizer = np.zeros(1), SGD(lr=schedule)
    assert optimizer.lr is schedule
    moved = []
    for _ in range(20):
        before = p.copy()
        optimizer.update({"p": p}, {"p": np.ones(1)})
        moved.append(float((before - p)[0]))
    np.testing.assert_allclose(moved, [schedule(step) for step in range(1, 21)], atol=1e-15)


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (StepDecay(0.1, steps=3, factor=0.5), lambda s, o: s.StepLR(o, 3, 0.5)),
        (Exponential(0.1, factor=0.9), lambda s, o: s.ExponentialLR(o, 0.9)),
        (Cosine(0.1, steps=10, end=0.01), lambda s, o: s.CosineAnnealingLR(o, 10, 0.01)),
        (Warmup(0.1, steps=5), lambda s, o: s.LinearLR(o, 1 / 5, 1.0, 4)),
    ],
    ids=["StepLR", "ExponentialLR", "CosineAnnealingLR", "LinearLR"],
)
def test_the_same_as_pytorch(schedule, make):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = make(torch.optim.lr_scheduler, optimizer)
    for step in range(1, 11):
        np.testing.assert_allclose(schedule(step), optimizer.param_groups[0]["lr"], rtol=1e-12)
        optimizer.step()
        theirs.step()


def test_after_its_last_step_a_cosine_stays():
    schedule = Cosine(1.0, steps=4)
    assert schedule(4) == schedule(5) == schedule(1000) > 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Cosine(0.1, steps=0), "Cosine: steps must be a whole number"),
        (lambda: Cosine(0.1, steps=1.5), "steps"),  # pyright: ignore
        (lambda: StepDecay(0.1, steps=True), "steps"),
        (lambda: Exponential(np.nan), "Exponential: start must be a finite number, got nan"),
        (lambda: Exponential(0.1, factor="x"), "factor"),  # pyright: ignore
        (lambda: Constant(True), "value"),
        (lambda: Constant(lambda step: 0.1), "value"),  # pyright: ignore
        (lambda: Warmup("x", 3), "then"),  # pyright: ignore
    ],
)
def test_settings_are_checked(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


def test_a_value_out_of_range_is_named_with_its_step():
    p, optimizer = np.zeros(1), SGD(lr=Constant(-0.1))
    with pytest.raises(ConfigError, match="the learning rate lr at step 1 must be a positive"):
        optimizer.update({"p": p}, {"p": np.ones(1)})
    optimizer.lr = lambda step: 0.1 if step < 3 else 0.0
    for _ in range(2):
        optimizer.update({"p": p}, {"p": np.ones(1)})
    with pytest.raises(ConfigError, match=r"at step 3 must be a positive .*, got 0\.0"):
        optimizer.update({"p": p}, {"p": np.ones(1)})
    assert optimizer.step_count == 2
