"""The command line in this process, in a folder of its own."""

from types import SimpleNamespace

import pytest
from stripes import own_data

from clearprop.cli import main


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
