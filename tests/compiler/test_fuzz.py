"""Random programs compute the same in every mode; a longer run is `python tools/fuzz.py`."""

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "tools" / "fuzz.py"
spec = importlib.util.spec_from_file_location("fuzz", FILE)
fuzz = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz)


@pytest.mark.parametrize("seed", range(0, 200, 50))
def test_no_silent_difference(seed):
    assert not fuzz.fuzz(50, seed)


def test_a_difference_is_found_and_made_small(monkeypatch):
    def wrong(f):
        def run(x, y):
            value, (dx, dy) = f(x, y)
            return value, (2 * dx, dy)

        return run

    monkeypatch.setattr(fuzz, "compile", wrong)
    lines = fuzz.fuzz(50).splitlines()
    assert len(lines) == 2, "one step is enough"
    assert lines[0].startswith("v0 = ")
    assert lines[1].startswith("compiled: ")
