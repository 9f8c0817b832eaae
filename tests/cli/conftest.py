"""The command line in this process, in a folder of its own."""

from types import SimpleNamespace

import numpy as np
import pytest

from clearprop.cli import main
from clearprop.datasets import write_idx


@pytest.fixture
def clearprop(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder: `clearprop("train", "--seed", 1)` → code, out, err."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments):
        code = main([str(a) for a in arguments])
        return SimpleNamespace(code=code, **capsys.readouterr()._asdict())

    return run


def own_data(folder, side=8, classes=3, count=60, **change):
    """A small data set in MNIST's naming: the class is where the bright stripe is."""
    rng = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    for part in "train", "t10k":
        labels = np.arange(count, dtype=np.uint8) % classes
        images = rng.integers(60, size=(count, side, side), dtype=np.uint8)
        images[np.arange(count), labels] = 255
        arrays = {f"{part}-images-idx3-ubyte": images, f"{part}-labels-idx1-ubyte": labels}
        for name, array in arrays.items():
            write_idx(folder / name, change.get(name.replace("-", "_"), array))
    return folder


@pytest.fixture
def data(tmp_path):
    """A folder with a small data set of images of 8×8, three classes."""
    return own_data(tmp_path / "data")
