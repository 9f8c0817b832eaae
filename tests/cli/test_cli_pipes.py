"""Output ends quietly where its reader goes, and the work is done all the same."""

import subprocess
import sys

import pytest

from clearprop.training import RunFolder

CASES = {
    "help": ["train", "--help"],
    "version": ["--version"],
    "explain": ["explain", "x * y", "x=2", "y=3"],
    "check": ["check", "clearprop.layers:Relu"],
    "wrong": ["train", "--nonsense"],
}


def left(*arguments, errors=True, cwd=None, lines=0):
    """The exit status, and what is on stderr, where the reader goes after some lines."""
    with subprocess.Popen(
        [sys.executable, "-m", "clearprop", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if errors else subprocess.PIPE,
        cwd=cwd,
    ) as run:
        for _ in range(lines):
            run.stdout.readline()
        run.stdout.close()
        said = b"" if errors else run.stderr.read()
        return run.wait(), said


@pytest.mark.parametrize("errors", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_it_is_quiet(name, errors, tmp_path):
    whole = subprocess.run([sys.executable, "-m", "clearprop", *CASES[name]], capture_output=True)
    code, said = left(*CASES[name], errors=errors, cwd=tmp_path)
    assert code == whole.returncode
    assert said == (b"" if errors else whole.stderr)


def test_a_training_goes_on_to_its_end(data, tmp_path):
    code, _ = left(
        *("train", "--data", data, "--batch", 10, "--epochs", 3, "--folder", tmp_path / "run"),
        lines=1,
    )
    assert code == 0
    assert len(RunFolder(tmp_path / "run").read_history()) == 18


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev/stdout")
def test_a_file_that_is_a_pipe_is_written_to_and_may_be_left(data, tmp_path):
    assert left(
        "train", "--data", data, "--batch", 10, "--epochs", 1, "--folder", "r", cwd=tmp_path
    )
    ask = "source", "r", "-o", "/dev/stdout"
    whole = subprocess.run(
        [sys.executable, "-m", "clearprop", *ask], capture_output=True, cwd=tmp_path
    )
    assert (whole.returncode, b"import numpy" in whole.stdout) == (0, True), whole.stderr
    assert left(*ask, errors=False, cwd=tmp_path) == (0, b"")
