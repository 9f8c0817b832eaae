"""Files to write that the user names: never one that is read, and named as what they are."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clearprop.cli.options import check_output
from clearprop.errors import ConfigError


@pytest.fixture
def run(clearprop):
    """A run on a table, `runs/1`, with the table and a network beside it."""
    rows = "".join(f"{i},{i * i % 7},{i % 5}\n" for i in range(12))
    Path("own.csv").write_text(f"a,b,y\n{rows}")
    assert clearprop("train", "own.csv", "--target", "y", "--iterations", 2, "-q").code == 0
    Path("net.py").write_text("def make(rng): ...\n")
    os.link("own.csv", "other.csv")
    Image.fromarray(np.zeros((30, 30), np.uint8)).save("own.png")
    return "runs/1"


@pytest.mark.parametrize(
    "command",
    [
        "predict runs/1 own.csv -o own.csv",
        "predict runs/1 own.csv -o other.csv",
        "predict runs/1 own.csv -o runs/1/config.json",
        "predict runs/1 own.png --show own.png",
        "source runs/1 -o runs/../runs/1/weights.safetensors",
        "source runs/1 --network net.py:make -o net.py",
        "export runs/1 runs/1/weights.safetensors",
        "draw --run runs/1 -o runs/1/config.json",
    ],
)
def test_what_is_read_is_not_overwritten(clearprop, run, command):
    file = Path(command.split()[-1])
    before = file.read_bytes()
    given = clearprop(*command.split())
    assert given.code == 2
    assert f"{file} is read by this command; write to another file" in given.err
    assert file.read_bytes() == before
    assert os.stat("own.csv").st_nlink == 2


@pytest.mark.parametrize(
    ("command", "end"),
    [
        ("compare runs/1 runs/2 -o cmp.svg", ".png"),
        ("compare runs/1 runs/2 -o cmp", ".png"),
        ("predict runs/1 own.png --show seen.txt", ".png"),
        ("play -o page.js", ".html"),
    ],
)
def test_a_name_says_what_is_written(clearprop, run, command, end):
    given = clearprop(*command.split())
    assert given.code == 2
    assert f"must end with {end}, for that is what is written" in given.err
    assert not Path(command.split()[-1]).exists()


def test_other_files_may_be_written(run):
    for name in ("new.csv", "runs/1/new.PNG", "net.py"):
        check_output(Path(name), Path(run), Path("own.csv"), None)
    check_output(Path("A.PNG"), end=".png")
    with pytest.raises(ConfigError):
        check_output(Path("net.py"), "net.py:make")
