"""Random programs compute the same in every mode; a longer run is `python tools/fuzz.py`."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import fuzz
from fuzz_programs import EXACT, IMAGES, MATRICES, STIMULI, Program, random_program

PROGRAMS = {"numpy": 200, "javascript": 60, "c": 40, "jax": 8}
"""How many are tried by each engine; few where compiling takes long."""


@pytest.mark.parametrize("engine", fuzz.runs_here())
def test_no_silent_difference(engine):
    said = Counter()
    programs = PROGRAMS[engine]
    assert not fuzz.fuzz(programs, 0, [engine], said)
    assert said[f"compiled by {engine}"] > programs / 2, "refused, and so not compared"


def test_every_kind_of_program_is_tried():
    found = [random_program(np.random.default_rng(n)) for n in range(1000)]
    tried = {operation for p in found for operation in (p.operations[f] for f, *_ in p.steps)}
    assert tried == {*MATRICES, *IMAGES}
    assert {p.stimulus for p in found} == {*STIMULI}


def planted(wrong):
    """What `compile` would be with a mistake in what it gives."""

    def compile(f, engine):
        def run(x, y):
            out = f(x, y)
            return wrong(*out) if isinstance(out, tuple) else wrong(out, (x, y))[0]

        return run

    return compile


@pytest.mark.parametrize(
    "wrong",
    [
        lambda value, slopes: (value, (2 * slopes[0], slopes[1])),
        lambda value, slopes: (value * (1 + 1e-5), slopes),
        lambda value, slopes: (np.float32(value), slopes),
        lambda value, slopes: (value, (slopes[0], slopes[1][::-1])),
    ],
)
def test_a_difference_is_found_and_made_small(monkeypatch, wrong):
    monkeypatch.setattr(fuzz, "compile", planted(wrong))
    lines = fuzz.fuzz(50).splitlines()
    assert len(lines) == 3, "one step is enough"
    assert lines[1].startswith("v0 = ")
    assert lines[2].startswith("compiled by numpy: ")


def test_no_number_in_place_of_a_number_is_found(monkeypatch):
    monkeypatch.setattr(fuzz, "compile", planted(lambda value, _: (np.nan_to_num(value),)))
    program = Program((3, 4), "special", ((EXACT.index(EXACT[0]), 0, 1),))
    assert "in place of np.float64(nan)" in fuzz.difference(program, 0)
