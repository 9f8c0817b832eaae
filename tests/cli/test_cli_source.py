"""`clearprop source`: the program of a run, as text and as a file that runs."""

import runpy

import numpy as np
import pytest

from clearprop.training import SGD, RunFolder
from clearprop.training.step import layered_step


@pytest.fixture
def run(clearprop, data):
    clearprop("train", "--data", data, "--hidden", 6, "--batch", 10, "--iterations", 3, "-q")
    return RunFolder("runs/1")


def test_it_prints_the_step_line_by_line(clearprop, run):
    printed = clearprop("source", run.path)
    assert (printed.code, printed.err) == (0, "")
    assert "batches (10, 64)" in printed.out
    assert "import clearprop" not in printed.out
    for label in (
        "Affine1.forward",
        "Relu1.backward",
        "Affine2.backward",
        "loss.forward",
        "update",
    ):
        assert f"# {label}" in printed.out, label


def test_another_size_of_batch(clearprop, run):
    assert "batches (7, 64)" in clearprop("source", run.path, "--batch", 7).out


def test_the_file_is_the_step_and_needs_numpy_alone(clearprop, run, tmp_path):
    printed = clearprop("source", run.path, "-o", "step.py")
    assert (printed.code, printed.out) == (0, "step.py\n")
    assert (tmp_path / "step.py").read_text() == clearprop("source", run.path).out
    network = run.load_network()
    P = np.concatenate([np.ravel(array) for array in network.params.values()])
    rng = np.random.default_rng(0)
    x, t = rng.random((10, 64), np.float32), rng.integers(3, size=10)
    # run from its file, away from the package
    step = runpy.run_path(str(tmp_path / "step.py"))["make"](P)
    loss, done = step(x, t, np.float32(0.1))
    assert done
    np.testing.assert_allclose(loss, layered_step(network, SGD(0.1))(x, t), rtol=1e-6)
    expected = np.concatenate([np.ravel(array) for array in network.params.values()])
    np.testing.assert_allclose(P, expected, atol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("nowhere",), "not the folder of a run"),
        (("runs/1", "--batch", "0"), "--batch"),
        (("runs/1", "-o", "missing/step.py"), "step.py cannot be written"),
    ],
)
def test_what_cannot_be_done_is_named(clearprop, run, arguments, named):
    printed = clearprop("source", *arguments)
    assert printed.code == 2
    assert printed.out == ""
    assert named in printed.err
