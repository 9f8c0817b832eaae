import os

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from small_problem import make_network, weights

from clearprop.errors import DTypeError, FileFormatError, OutputError, ShapeError
from clearprop.networks import Network
from clearprop.training import load_weights, save_weights


@pytest.fixture
def path(tmp_path):
    return tmp_path / "w.safetensors"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_weights_come_back_bit_for_bit_and_in_place(path, dtype):
    saved, loaded = make_network(1, dtype=dtype), make_network(2, dtype=dtype)
    saved.params["W1"][0, :3] = [np.nan, -0.0, np.inf]
    arrays = dict(loaded.params)
    save_weights(path, saved)
    load_weights(path, loaded)
    assert weights(loaded) == weights(saved)
    assert all(loaded.params[name] is array for name, array in arrays.items())
    assert os.listdir(path.parent) == [path.name]


def test_the_file_is_what_others_read(path):
    network = make_network()
    save_weights(path, network)
    arrays = load_file(path)
    assert arrays.keys() == network.params.keys()
    np.testing.assert_array_equal(arrays["W2"], network.params["W2"])


def test_arrays_in_any_order_of_memory(path):
    saved, loaded = make_network(1), make_network(2)
    saved.params["W1"] = np.asfortranarray(saved.params["W1"])
    loaded.params["W2"] = np.asfortranarray(loaded.params["W2"])
    save_weights(path, saved)
    load_weights(path, loaded)
    np.testing.assert_array_equal(loaded.params["W1"], saved.params["W1"])
    np.testing.assert_array_equal(loaded.params["W2"], saved.params["W2"])


def test_the_same_weights_are_the_same_file(path):
    save_weights(path, make_network())
    first = path.read_bytes()
    save_weights(path, make_network())
    assert path.read_bytes() == first


class Scale:
    """A layer whose parameter is a single number."""

    params = ("s",)

    def __init__(self, s):
        self.s, self.ds = s, None

    def forward(self, x):
        return self.s * x

    def backward(self, dout):
        return self.s * dout


@pytest.mark.parametrize("kind", [np.float64, np.asarray])
def test_a_parameter_that_is_a_single_number(path, kind):
    saved, loaded = Network([Scale(kind(0.1 + 0.2))]), Network([Scale(kind(1.0))])
    save_weights(path, saved)
    load_weights(path, loaded)
    assert loaded.params["s1"] == 0.1 + 0.2
    assert type(loaded.params["s1"]) is type(kind(0.0))


def test_an_integer_parameter_is_not_saved_as_something_else(path):
    with pytest.raises(DTypeError, match="parameter s1 has dtype int64"):
        save_weights(path, Network([Scale(np.int64(2))]))
    assert not path.exists()


def test_every_truncation_is_refused(path):
    save_weights(path, make_network())
    content = path.read_bytes()
    network = make_network(2)
    before = weights(network)
    for end in [0, 1, 7, 8, 9, 100, len(content) // 2, len(content) - 1]:
        path.write_bytes(content[:end])
        with pytest.raises(FileFormatError, match=r"w\.safetensors is not a whole"):
            load_weights(path, network)
    assert weights(network) == before


@pytest.mark.parametrize(
    "content", [b"garbage" * 100, b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(8), b"\xff" * 64]
)
def test_garbage_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"w\.safetensors"):
        load_weights(path, make_network())


def test_dtypes_that_numpy_does_not_have_are_refused(path):
    header = b'{"W1":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    with pytest.raises((FileFormatError, ShapeError), match=r"w\.safetensors"):
        load_weights(path, make_network())


def test_no_file_and_no_folder(path):
    with pytest.raises(FileNotFoundError, match="no such weights file"):
        load_weights(path, make_network())
    with pytest.raises(FileFormatError, match="cannot be read"):
        load_weights(path.parent, make_network())
    with pytest.raises(OutputError, match="choose a folder"):
        save_weights(path / "deeper" / "w.safetensors", make_network())


def test_shapes_that_do_not_fit_name_the_parameter_and_change_nothing(path):
    # W1 and b1 fit; only the second layer does not.
    arrays = {n: np.array(v) + 1 for n, v in make_network().params.items()}
    save_file({**arrays, "W2": np.zeros((8, 4), np.float32)}, path)
    network = make_network()
    before = weights(network)
    with pytest.raises(ShapeError, match=r"W2 has shape \(8, 3\) in the network and \(8, 4\)"):
        load_weights(path, network)
    save_weights(path, make_network(sizes=(4, 8, 8, 3)))
    with pytest.raises(ShapeError, match=r"another network: .*W3 \(8, 3\)"):
        load_weights(path, network)
    assert weights(network) == before


def test_other_dtypes_are_refused_with_the_remedy(path):
    save_weights(path, make_network(dtype="float64"))
    network = make_network()
    before = weights(network)
    with pytest.raises(DTypeError, match=r"network\.astype\(np\.float64\)"):
        load_weights(path, network)
    assert weights(network) == before
    load_weights(path, network.astype(np.float64))


def test_a_read_only_parameter_is_refused_before_others_change(path):
    save_weights(path, make_network(1))
    network = make_network(2)
    network.params["b2"].flags.writeable = False
    before = weights(network)
    with pytest.raises(DTypeError, match="b2 is read-only"):
        load_weights(path, network)
    assert weights(network) == before
