"""The benchmarks run where nothing but clearprop and what it needs is installed."""

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
PEERS = {"torch", "jax", "mygrad", "autograd", "sklearn"}


@pytest.fixture
def training(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in PEERS else find_spec(name)
    )
    yield importlib.import_module("training")
    for name in ("training", "timing", "worker", "costs", "contestants"):
        sys.modules.pop(name, None)


def test_steps_run_and_peers_that_are_missing_are_named(training, monkeypatch, capsys):
    names = ["as written", "float64", "floor", "eager", "scan", "mygrad", "autograd", "sci"]
    command = ["training.py", "--quick", "--only", "steps", "--contestants", *names]
    monkeypatch.setattr(sys, "argv", command)
    assert training.main() == 0
    printed = capsys.readouterr().out
    for name in PEERS:
        assert f"{name} is not installed" in printed
    for name in ("compiled", "layers as written", "book's algorithm, float64", "floor"):
        assert name in printed.partition("### Step of 784-50-10, batch 100")[2]


def test_networks_of_images_run_and_agree_with_the_layers(training, monkeypatch, capsys):
    command = ["training.py", "--quick", "--only", "images", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", command)
    assert training.main() == 0
    printed = capsys.readouterr().out
    assert "Left out: PyTorch eager: torch is not installed" in printed
    assert "### Step of SimpleConvNet, batch 100" in printed
    assert "| clearprop, layers as written | one |" in printed


def test_models_of_language_run(training, monkeypatch, capsys):
    command = ["training.py", "--quick", "--only", "language", "--rounds", "2"]
    monkeypatch.setattr(sys, "argv", command)
    assert training.main() == 0
    printed = capsys.readouterr().out
    assert printed.count("| clearprop, compiled | own choice |") == 2
    assert "### Step of an LSTM" in printed
    assert "### Step of two transformer blocks" in printed


def test_the_costs_beside_the_steps_are_measured(training, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["training.py", "--quick", "--only", "importing"])
    assert training.main() == 0
    assert "import clearprop beyond NumPy" in capsys.readouterr().out


def test_contestants_that_compute_something_else_are_not_timed(training):
    ours, _, other, *_ = training.CONTESTANTS
    losses = {(ours, "own choice"): 2.3, (other, "default"): 2.2999}
    training.check(losses)
    losses[other, "default"] = 2.29
    with pytest.raises(AssertionError, match=r"clearprop, .*computes something else"):
        training.check(losses)


def test_the_better_of_both_numbers_of_threads_counts(training):
    ours = [training.Turn(5.0, 1.0, 1.0)] * 3
    torch = next(c for c in training.CONTESTANTS if c.name == "PyTorch eager")
    rows = [
        training.row(torch, threads, [training.Turn(9.0, 1.0, wall)] * 3, ours)
        for threads, wall in (("default", 3.0), ("one", 2.0))
    ]
    assert training.best(rows, "PyTorch eager").ratio.median == 2.0
    assert training.best(rows, "PyTorch eager, default thread").ratio.median == 3.0
    assert training.best(rows, "something else") is None
