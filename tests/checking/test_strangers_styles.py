"""Layers in other authors' styles: the right ones raise no alarm, mistakes in them are named."""

import linecache

import numpy as np
import pytest
from strangers_styles import LAYERS

from clearprop import check

CASES = [
    (name, source.replace(old, new), call, where, causes)
    for name, source, call, mistakes, _ in LAYERS
    for old, new, where, causes in mistakes
]


def checked(source, call):
    """The report on what a source defines; the source is kept, so that its lines can be shown."""
    file = f"<{hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    rng = np.random.default_rng(5)
    space = {"np": np, "r": rng, "n": lambda *shape: rng.normal(size=shape)}
    exec(compile(source, file, "exec"), space)
    space["F"] = lambda f, gradient, *inputs: check(f, *inputs, gradient=gradient)
    space["C"] = check
    return eval(call, space)


@pytest.mark.parametrize(
    ("source", "call", "compared"),
    [entry[1:3] + entry[4:] for entry in LAYERS],
    ids=[e[0] for e in LAYERS],
)
def test_no_alarm(source, call, compared):
    report = checked(source, call)
    assert report.ok is (True if compared else None), str(report)


@pytest.mark.parametrize(("name", "source", "call", "where", "causes"), CASES)
def test_a_mistake_is_located_and_named(name, source, call, where, causes):
    report = checked(source, call)
    assert report.ok is False
    assert {f.argument for f in report.faults} <= {*where.split(), None}, str(report)
    for finding in report.faults:
        assert finding.kind in causes.split("|"), str(finding)
