"""Layers in other authors' styles: the right ones raise no alarm, mistakes in them are named."""

import contextlib
import json
import linecache
import random

import numpy as np
import pytest
import strangers_called
import strangers_causes
import strangers_courses
import strangers_fixed
import strangers_frameworks
import strangers_functional
import strangers_habits
import strangers_images
import strangers_kept
import strangers_losses
import strangers_models
import strangers_steps

from clearprop import check
from clearprop.errors import ConfigError

STYLES = (
    strangers_called,
    strangers_causes,
    strangers_courses,
    strangers_fixed,
    strangers_frameworks,
    strangers_functional,
    strangers_habits,
    strangers_images,
    strangers_kept,
    strangers_losses,
    strangers_models,
    strangers_steps,
)
LAYERS = [entry for style in STYLES for entry in style.LAYERS]
CASES = [
    (name, source.replace(old, new), call, where, causes)
    for name, source, call, mistakes, _ in LAYERS
    for old, new, where, causes in mistakes
]


def defined(source, call):
    """What checks what a source defines; the source is kept, so that its lines can be shown."""
    file = f"<{hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    rng = np.random.default_rng(5)
    space = {"np": np, "r": rng, "n": lambda *shape: rng.normal(size=shape)}
    exec(compile(source, file, "exec"), space)
    space["F"] = lambda f, gradient, *inputs: lambda: check(f, *inputs, gradient=gradient)
    space["C"] = lambda thing, *inputs: lambda: check(thing, *inputs)
    return eval(call, space)


@pytest.mark.parametrize(
    ("source", "call", "compared"),
    [entry[1:3] + entry[4:] for entry in LAYERS],
    ids=[e[0] for e in LAYERS],
)
def test_no_alarm(source, call, compared):
    report = defined(source, call)()
    assert report.ok is (True if compared else None), str(report)


@pytest.mark.parametrize(("name", "source", "call", "where", "causes"), CASES)
def test_a_mistake_is_located_and_named(name, source, call, where, causes):
    report = defined(source, call)()
    assert report.ok is False
    assert {f.argument for f in report.faults} <= {*where.split(), None}, str(report)
    for finding in report.faults:
        assert finding.kind in causes.split("|"), str(finding)


SPOILED = [("axis=1", "axis=0"), ("+=", "="), ("return ", "return None, "), ("(x", "(x, y")]
SPOILED += [(".T", ""), ("dout", "dout[0]"), ("0", "1"), ("- ", "* 1j - "), ("np.", "np.linalg.")]
SPOILED += [("self.", "self.__class__."), ("* ", "@ "), ("= ", "= None if 1 else "), ("2", "'a'")]


@pytest.mark.parametrize("seed", range(60))
def test_no_exception_gets_out_of_a_check(seed):
    rng = random.Random(seed)
    _, source, call, *_ = rng.choice(LAYERS)
    lines = source.splitlines()
    old, new = rng.choice(SPOILED)
    places = [i for i, line in enumerate(lines) if old in line]
    if places and seed % 3:
        lines[places[0]] = lines[places[0]].replace(old, new, 1)
    else:
        lines.pop(rng.randrange(len(lines)))
    try:
        run = defined("\n".join(lines), call)
    except Exception:  # it cannot even be made
        return
    with contextlib.suppress(ConfigError):  # it lacks what is to be checked
        json.loads(run().to_json())
