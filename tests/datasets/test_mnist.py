"""MNIST in the box: the real data, in both forms, and never damaged data."""

import hashlib
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clearprop.datasets import Dataset, load_mnist, mnist, mnist_dataset, write_idx
from clearprop.errors import DTypeError, FileFormatError

DATA = Path(mnist.__file__).with_name("data")

# MD5 of the original files, unpacked, as published.
MD5 = {
    "x_train": "6bbc9ace898e44ae57da46a324031adb",
    "t_train": "a25bea736e30d166cdddb491f175f624",
    "x_test": "2646ac647ad5339dbf082846283269ea",
    "t_test": "27ae3e4e09519cfbb04c329615203637",
}


@pytest.fixture(scope="module")
def pixels() -> dict[str, np.ndarray]:
    """The data as they were published: uint8 images (N, 28, 28) and labels (N,)."""
    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=False)
    images = {"x_train": x_train.reshape(-1, 28, 28), "x_test": x_test.reshape(-1, 28, 28)}
    arrays = {**images, "t_train": t_train, "t_test": t_test}
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


@pytest.fixture
def unpacked(pixels: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    """The forms are made from what was unpacked before, which takes longer than the form."""
    parts = {part: (pixels[f"x_{part}"], pixels[f"t_{part}"]) for part in ("train", "test")}
    copies = lambda part: tuple(array.copy() for array in parts[part])  # noqa: E731
    monkeypatch.setattr(mnist, "_load_part", copies)


@pytest.mark.parametrize("name", MD5)
def test_the_data_are_the_published_ones(
    pixels: dict[str, np.ndarray], name: str, tmp_path: Path
) -> None:
    write_idx(tmp_path / name, pixels[name])
    content = (tmp_path / name).read_bytes()
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == MD5[name]


def test_known_facts(pixels: dict[str, np.ndarray]) -> None:
    assert pixels["t_train"][:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert pixels["t_test"][:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(pixels["t_train"]).tolist() == train
    assert np.bincount(pixels["t_test"]).tolist() == test
    # The mean and standard deviation that everybody normalises with.
    assert round(float(pixels["x_train"].mean() / 255), 4) == 0.1307
    assert round(float(pixels["x_train"].std() / 255), 4) == 0.3081


@pytest.mark.parametrize("one_hot_label", [False, True])
@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.usefixtures("unpacked")
def test_every_form_of_load_mnist(
    pixels: dict[str, np.ndarray], normalize: bool, flatten: bool, one_hot_label: bool
) -> None:
    parts = load_mnist(normalize, flatten, one_hot_label)
    for (x, t), name, count in zip(parts, ("train", "test"), (60_000, 10_000), strict=True):
        assert x.shape == ((count, 784) if flatten else (count, 1, 28, 28))
        assert x.dtype == (np.float32 if normalize else np.uint8)
        same = pixels[f"x_{name}"].reshape(x.shape)
        assert np.array_equal(x, same.astype(np.float32) / np.float32(255) if normalize else same)

        labels = pixels[f"t_{name}"]
        assert t.shape == ((count, 10) if one_hot_label else (count,))
        assert t.dtype == (np.float64 if one_hot_label else np.uint8)
        if one_hot_label:
            assert np.array_equal(t.argmax(axis=1), labels)
            assert np.count_nonzero(t) == count
            assert (t.max(axis=1) == 1).all()
        else:
            assert np.array_equal(t, labels)

        for array in x, t:
            assert array.flags.c_contiguous
            assert array.flags.writeable


def test_defaults_are_the_books() -> None:
    (x_train, t_train), _ = load_mnist()
    assert (x_train.shape, x_train.dtype) == ((60_000, 784), np.float32)
    assert (x_train.min(), x_train.max()) == (0, 1)
    assert (t_train.shape, t_train.dtype) == ((60_000,), np.uint8)


def test_arrays_are_the_callers_own() -> None:
    (_, _), (x, t) = load_mnist(normalize=False)
    x[:], t[:] = 77, 3
    (_, _), (again, labels) = load_mnist(normalize=False)
    assert again[0, 0] == 0
    assert labels[0] == 7


@pytest.mark.parametrize("flatten", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, "float64"])
@pytest.mark.usefixtures("unpacked")
def test_mnist_dataset(pixels: dict[str, np.ndarray], dtype, flatten: bool) -> None:
    data = mnist_dataset(dtype, flatten=flatten)
    assert isinstance(data, Dataset)
    for x, t, name in (
        (data.x_train, data.t_train, "train"),
        (data.x_test, data.t_test, "test"),
    ):
        assert x.dtype == dtype
        assert x.shape == (len(t), *((784,) if flatten else (1, 28, 28)))
        expected = pixels[f"x_{name}"].reshape(x.shape).astype(dtype) / np.dtype(dtype).type(255)
        assert np.array_equal(x, expected)
        assert t.dtype == np.int64
        assert np.array_equal(t, pixels[f"t_{name}"])
        assert x.flags.c_contiguous
        assert x.flags.writeable
        assert t.flags.writeable


def test_mnist_dataset_defaults() -> None:
    data = mnist_dataset()
    assert data.x_train.dtype == np.float32
    assert data.x_train.shape == (60_000, 784)


@pytest.mark.parametrize("flatten", [True, False])
def test_mnist_dataset_as_bytes(pixels: dict[str, np.ndarray], flatten: bool) -> None:
    data = mnist_dataset(np.uint8, flatten=flatten)
    for x, name in (data.x_train, "train"), (data.x_test, "test"):
        assert x.dtype == np.uint8
        assert np.array_equal(x, pixels[f"x_{name}"].reshape(x.shape))
        assert x.flags.writeable
    assert data.x_train.min() == 0
    assert data.x_train.max() == 255


@pytest.mark.parametrize("dtype", [int, np.int8, bool, complex])
def test_mnist_dataset_needs_a_type_that_holds_pixels(dtype) -> None:
    with pytest.raises(DTypeError, match=rf"as {np.dtype(dtype)}; .*float32, float64 or uint8"):
        mnist_dataset(dtype)


# Damage


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the data folder, which load_mnist reads instead."""
    copy = tmp_path / "data"
    shutil.copytree(DATA, copy)
    monkeypatch.setattr(mnist, "_DATA", copy)
    return copy


def damaged(file: Path, *words: str) -> None:
    for load in load_mnist, mnist_dataset:
        with pytest.raises(FileFormatError) as caught:
            load()
        for word in (str(file), "installation", "damaged", "--force-reinstall", *words):
            assert word in str(caught.value)


@pytest.mark.parametrize("name", ["mnist-train.npz", "mnist-test.npz"])
@pytest.mark.parametrize("where", [0, 1000, -1])
def test_one_wrong_bit(data: Path, name: str, where: int) -> None:
    content = bytearray((data / name).read_bytes())
    sha = hashlib.sha256(content).hexdigest()
    content[where] ^= 1
    (data / name).write_bytes(content)
    damaged(data / name, f"expected SHA-256 {sha}", hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("length", [0, 1, 500_000])
def test_truncated_data(data: Path, length: int) -> None:
    file = data / "mnist-test.npz"
    file.write_bytes(file.read_bytes()[:length])
    damaged(file, "expected SHA-256")


@pytest.mark.parametrize("name", ["mnist-train.npz", "mnist-test.npz", "SHA256SUMS"])
def test_missing_data(data: Path, name: str) -> None:
    (data / name).unlink()
    damaged(data / name, "found none")


@pytest.mark.parametrize("content", [b"", b"\xff\x00 rubbish", b"00  mnist-train.npz\n"])
def test_damaged_checksums(data: Path, content: bytes) -> None:
    (data / "SHA256SUMS").write_bytes(content)
    damaged(data / "mnist-train.npz", "SHA256SUMS")


def test_checksums_with_other_line_ends(data: Path) -> None:
    sums = data / "SHA256SUMS"
    sums.write_bytes(sums.read_bytes().replace(b"\n", b"\r\n"))
    load_mnist()


# What it costs


def test_size_and_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(file.stat().st_size for file in DATA.iterdir()) < 10_000_000

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    load_mnist()


def test_import_reads_no_data_and_loads_only_numpy() -> None:
    script = """
import os, sys, numpy, numpy.random
before = set(sys.modules)
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)

def data_files():
    folder = os.path.join("datasets", "data", "")
    return sorted({path.rpartition(folder)[2] for path in opened if folder in path})

import clearprop.datasets
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(new - {"numpy", "clearprop", *sys.stdlib_module_names}, data_files())
clearprop.datasets.load_mnist()
print(data_files())
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "set() []",
        "['SHA256SUMS', 'mnist-test.npz', 'mnist-train.npz']",
    ]
