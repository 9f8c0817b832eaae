"""Weights from NumPy's own archives: those with the network's names are read, others are named."""

import zipfile

import numpy as np
import pytest

from clearprop import Network, TwoLayerNet
from clearprop.errors import ConfigError, FileFormatError, ShapeError
from clearprop.layers import Affine
from clearprop.training import load_weights


def net(seed=0, square=False):
    rng = np.random.default_rng(seed)
    if square:
        return Network([Affine.from_sizes(3, 3, rng=rng)])
    return TwoLayerNet(4, 5, 3, rng=rng, dtype=np.float32)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("square", [False, True])
def test_what_the_network_names_is_read_as_it_is(tmp_path, save, square):
    one, two = net(1, square), net(2, square)
    save(tmp_path / "w.npz", **one.params)
    load_weights(tmp_path / "w.npz", two)
    for name, array in one.params.items():
        np.testing.assert_array_equal(two.params[name], array)


def test_the_order_of_bytes_does_not_count(tmp_path):
    one, two = net(1), net(2)
    np.savez(tmp_path / "w.npz", **{n: a.astype(">f4") for n, a in one.params.items()})
    load_weights(tmp_path / "w.npz", two)
    np.testing.assert_array_equal(two.params["W1"], one.params["W1"])
    assert two.params["W1"].dtype.isnative


def written(path, what):
    if what == "names":
        np.savez(path, a=np.ones((4, 5)), b=np.ones(5))
    elif what == "no names":
        np.savez(path, *net().params.values())
    elif what == "objects":
        np.savez(path, W1=np.array([{}], object))
    elif what == "complex":
        np.savez(path, W1=np.ones(2, complex))
    elif what == "cut off":
        np.savez(path, **net().params)
        path.write_bytes(path.read_bytes()[:300])
    elif what == "one array":
        with path.open("wb") as file:
            np.save(file, np.ones(3))
    else:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("archive/data.pkl", b"x")


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [
        ("names", ShapeError, r"belong to another network: they are a \(4, 5\)"),
        ("no names", ShapeError, r"belong to another network: they are arr_0"),
        ("objects", FileFormatError, "archive of NumPy that cannot be read .Object arrays"),
        ("complex", FileFormatError, "W1 has dtype complex128, and weights are real numbers"),
        ("cut off", FileFormatError, "archive of NumPy that cannot be read"),
        ("one array", FileFormatError, r"one array without a name; .*np.savez\(path"),
        ("torch", FileFormatError, "one of torch.save"),
    ],
)
def test_what_is_not_read_is_named_and_nothing_is_changed(tmp_path, what, error, words):
    network, path = net(), tmp_path / "w.npz"
    before = {name: array.copy() for name, array in network.params.items()}
    written(path, what)
    with pytest.raises(error, match=words):
        load_weights(path, network)
    for name, array in before.items():
        np.testing.assert_array_equal(network.params[name], array)


def test_names_of_modules_are_not_for_archives(tmp_path):
    network = net(square=True)
    np.savez(tmp_path / "w.npz", **network.params)
    with pytest.raises(ConfigError, match="is an archive of NumPy, and names= is for the modules"):
        load_weights(tmp_path / "w.npz", network, names={"Affine1": "fc"})
