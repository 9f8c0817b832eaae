"""`clearprop compare`."""

import re
import sys

import pytest

from clearprop.training import RunFolder


@pytest.fixture
def runs(clearprop, data):
    common = ("train", "--data", data, "--batch", 10, "-q")
    clearprop(*common, "--epochs", 3)
    clearprop(*common, "--epochs", 5, "--rate", 0.5)
    return "runs/1", "runs/2"


def rows(out):
    """The lines of the table: its first column → the others."""
    split = (re.split(r"\s{2,}", line.strip()) for line in out.splitlines())
    return {first: rest for first, *rest in split if rest}


def test_what_differs_and_what_came_of_it(clearprop, runs):
    run = clearprop("compare", *runs)
    assert run.code == 0
    found = rows(run.out)
    assert found["rate"] == ["0.1", "0.5"]
    assert found["iterations"] == ["18", "30"]
    assert not {"seed", "batch", "network"} & found.keys()
    assert found["iterations done"] == ["18", "30"]
    assert all("%" in each for each in found["accuracy on test data"])
    assert all("(epoch" in each for each in found["best on test data"])
    losses = [RunFolder(path).read_history().test_loss[-1] for path in runs]
    assert found["loss on test data"] == [f"{loss:.4f}" for loss in losses]


def test_the_curves_of_all(clearprop, runs, tmp_path):
    assert clearprop("compare", *runs, "-o", "curves.png").code == 0
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_a_run_that_is_not_over(clearprop, runs):
    from pathlib import Path

    history = Path("runs/1/history.jsonl")
    history.write_text(history.read_text().splitlines(keepends=True)[0])
    found = rows(clearprop("compare", *runs).out)
    assert found["iterations done"] == ["1", "30"]
    history.write_text("")
    assert rows(clearprop("compare", *runs).out)["iterations done"] == ["0", "30"]
    assert clearprop("compare", *runs, "-o", "curves.png").code == 0


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["runs/1"], "two different runs"),
        (["runs/1", "runs/1"], "two different runs"),
        (["runs/1", "runs/3"], "not the folder of a run"),
    ],
)
def test_what_cannot_be_compared_is_named(clearprop, runs, given, named):
    run = clearprop("compare", *given)
    assert run.code == 2
    assert named in run.err


def test_without_the_package_that_paints(clearprop, runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    run = clearprop("compare", *runs, "-o", "curves.png")
    assert run.code == 2
    assert "resvg-py" in run.err
