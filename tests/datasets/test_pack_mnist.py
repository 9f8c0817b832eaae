"""The tool that made the data files makes them again from the four originals."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clearprop.datasets import load_mnist, mnist, write_idx

TOOL = Path(__file__).parents[2] / "tools" / "pack_mnist.py"
DATA = Path(mnist.__file__).with_name("data")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four files as they were published (test_mnist.py checks their MD5)."""
    folder = tmp_path_factory.mktemp("originals")
    for part, (x, t) in zip(("train", "t10k"), load_mnist(normalize=False), strict=True):
        write_idx(folder / f"{part}-images-idx3-ubyte", x.reshape(-1, 28, 28))
        write_idx(folder / f"{part}-labels-idx1-ubyte", t)
    return folder


def pack(folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), str(folder), "--out", str(out), "--level", "1"]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_same_data_come_out(
    originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = pack(originals, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    # What is in the files, not their bytes: those depend on the version of zlib.
    for name in "mnist-train.npz", "mnist-test.npz":
        with np.load(tmp_path / name) as made, np.load(DATA / name) as shipped:
            assert sorted(made) == sorted(shipped)
            for key in made:
                assert np.array_equal(made[key], shipped[key])
    monkeypatch.setattr(mnist, "_DATA", tmp_path)
    load_mnist()  # the new SHA256SUMS fits the new files


def test_other_data_are_refused(originals: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    for file in originals.iterdir():
        (folder / file.name).hardlink_to(file)
    labels = folder / "train-labels-idx1-ubyte"
    labels.unlink()
    write_idx(labels, np.zeros(60_000, np.uint8))
    result = pack(folder, out)
    assert result.returncode == 1
    assert str(labels) in result.stderr
    assert "a25bea736e30d166cdddb491f175f624" in result.stderr
    assert list(out.iterdir()) == []
