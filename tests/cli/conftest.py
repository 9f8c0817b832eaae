"""The command line in this process, in a folder of its own."""

from functools import cache
from types import SimpleNamespace

import pytest
from stripes import own_data

from clearprop.cli import main
from clearprop.datasets import mnist

unpacked = cache(mnist._load_part)


@pytest.fixture(scope="module", autouse=True)
def mnist_is_unpacked_once():
    """Give copies of MNIST as it was unpacked first, which takes longer than many a command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mnist, "_load_part", lambda part: tuple(a.copy() for a in unpacked(part)))
        yield


@pytest.fixture
def clearprop(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder: `clearprop("train", "--seed", 1)` → code, out, err."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments):
        code = main([str(a) for a in arguments])
        return SimpleNamespace(code=code, **capsys.readouterr()._asdict())

    return run


@pytest.fixture
def data(tmp_path):
    """A folder with a small data set of images of 8×8, three classes."""
    return own_data(tmp_path / "data")
