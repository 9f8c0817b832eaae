"""The checker is checked: planted mistakes must be found, placed and named, right layers passed."""

import catalogue
import pytest
import right_layers
import stranger
import strangers_elementwise
import strangers_others
from random_cases import case

from clearprop import check

REPORTS = {}


def report_of(cls):
    if cls not in REPORTS:
        REPORTS[cls] = check(cls)
    return REPORTS[cls]


def verdicts(fault):
    """Whether a fault was detected, located to layer and argument, and diagnosed."""
    faults = report_of(fault.layer).faults
    located = {f.argument for f in faults if f.argument} == fault.arguments
    named = {f.layer for f in faults} == {fault.layer.__name__}
    diagnosed = all(f.kind in fault.kinds for f in faults)
    return bool(faults), bool(faults) and located and named, bool(faults) and diagnosed


@pytest.mark.parametrize("fault", catalogue.FAULTS, ids=lambda fault: fault.layer.__name__)
def test_planted_mistake(fault):
    detected, located, diagnosed = verdicts(fault)
    assert (detected, located, diagnosed) == (True, True, True), str(report_of(fault.layer))


def test_there_are_as_many_as_is_said():
    assert len(catalogue.FAULTS) == 86


def test_every_story_is_told_once():
    stories = [fault.story for fault in catalogue.FAULTS]
    assert all(stories)
    assert len(set(stories)) == len(stories)


@pytest.mark.parametrize(
    ("cls", "kinds", "arguments"), stranger.FAULTS, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_stranger(cls, kinds, arguments):
    faults = check(cls).faults
    assert {finding.argument for finding in faults} - {None} == arguments
    assert {finding.kind for finding in faults} <= set(kinds)
    assert faults


RIGHT = [*right_layers.RIGHT, *strangers_elementwise.RIGHT, *strangers_others.RIGHT]


@pytest.mark.parametrize("cls", RIGHT, ids=lambda cls: cls.__name__)
def test_right_layers_pass(cls):
    for seed in range(2):
        report = check(cls, rng=seed)
        assert report.ok, str(report)
        assert any(row.absolute is not None for layer in report.layers for row in layer.rows)


@pytest.mark.parametrize("start", range(0, 600, 100))
def test_no_false_alarm(start):
    """600 random shapes, magnitudes, dtypes and seeds; kinks, ties and saturation included."""
    for seed in range(start, start + 100):
        layer, inputs = case(seed)
        report = check(layer, *inputs, rng=seed)
        assert report.ok, f"seed {seed}\n{report}"
