"""PyTorch's weights: read, written, refused where names and shapes leave it open."""

import re

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from clearprop import (
    Affine,
    BatchNormalization,
    Convolution,
    Embedding,
    Flatten,
    Layer,
    Network,
    Pooling,
    Relu,
    Tanh,
    TwoLayerNet,
)
from clearprop.errors import ConfigError, DTypeError, FileFormatError, ShapeError
from clearprop.interop import load_state_dict, save_state_dict, state_dict, to_onnx
from clearprop.training import load_weights, save_weights

RNG = np.random.default_rng(0)


def convolutional():
    return Network(
        [
            Convolution.from_sizes(2, 3, 3, pad=1, rng=RNG),
            BatchNormalization.from_size(3),
            Relu(),
            Pooling(2, 2),
            Flatten(),
            Affine.from_sizes(12, 12, rng=RNG),
            Relu(),
            Affine.from_sizes(12, 12, rng=RNG),
        ]
    )


def torchs():
    from torch import nn

    layers = (nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2))
    rest = (nn.Flatten(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 12))
    return nn.Sequential(*layers, *rest)


def test_a_module_of_pytorch_and_back(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file as torch_load
    from safetensors.torch import save_file as torch_save

    module, network = torchs(), convolutional()
    x = RNG.standard_normal((6, 2, 4, 4)).astype(np.float32)
    with torch.no_grad():
        module(torch.tensor(x))  # running statistics that say something
        wanted = module.eval()(torch.tensor(x)).numpy()
    torch_save(module.state_dict(), tmp_path / "module.safetensors")
    load_weights(tmp_path / "module.safetensors", network)
    np.testing.assert_allclose(network.predict(x), wanted, rtol=1e-5, atol=1e-6)
    again = torchs().eval()
    save_state_dict(tmp_path / "back.safetensors", network)
    again.load_state_dict(torch_load(tmp_path / "back.safetensors"))
    with torch.no_grad():
        np.testing.assert_allclose(again(torch.tensor(x)).numpy(), wanted, rtol=1e-5, atol=1e-6)


def perceptrons():
    from torch import nn

    sizes = (nn.Linear(32, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 5))
    return nn.Sequential(nn.Flatten(), *sizes)


def dense():
    affines = [Affine.from_sizes(n, m, rng=RNG) for n, m in ((32, 12), (12, 12), (12, 5))]
    return Network([Flatten(), affines[0], Tanh(), affines[1], Tanh(), affines[2]])


@pytest.mark.parametrize(("theirs", "ours"), [(perceptrons, dense), (torchs, convolutional)])
def test_from_pytorch_by_way_of_a_run_to_onnxruntime(theirs, ours, tmp_path):
    torch = pytest.importorskip("torch")
    runtime = pytest.importorskip("onnxruntime")
    from safetensors.torch import save_file as torch_save

    module, network = theirs(), ours()
    x = RNG.standard_normal((6, 2, 4, 4)).astype(np.float32)
    with torch.no_grad():
        module(torch.tensor(x))
        wanted = module.eval()(torch.tensor(x)).numpy()
    torch_save(module.state_dict(), tmp_path / "module.safetensors")
    load_state_dict(tmp_path / "module.safetensors", network)
    save_weights(tmp_path / "run.safetensors", network)
    load_weights(tmp_path / "run.safetensors", again := ours())
    to_onnx(again, x[:1], tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    (got,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float64"])
def test_other_floats(kind, tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file as torch_save

    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    module = module.to(getattr(torch, kind))
    torch_save(module.state_dict(), tmp_path / "w")
    load_state_dict(tmp_path / "w", network := TwoLayerNet(4, 3, 2, dtype=np.float32))
    wanted = module[0].weight.detach().to(torch.float32).numpy()
    np.testing.assert_array_equal(network.params["W1"], wanted.T)
    assert network.params["W1"].dtype == np.float32


def saved(tmp_path, arrays):
    path = tmp_path / "weights.safetensors"
    save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, path)
    return path


def linears(**sizes):
    """The state of modules of PyTorch: name → (inputs, outputs)."""
    found = {}
    for name, (n, m) in sizes.items():
        found[f"{name}.weight"] = RNG.standard_normal((m, n)).astype(np.float32)
        found[f"{name}.bias"] = RNG.standard_normal(m).astype(np.float32)
    return found


def square(layers=3):
    return Network([Affine.from_sizes(4, 4, rng=RNG) for _ in range(layers)])


def test_those_that_are_alike_come_in_the_order_of_their_numbers(tmp_path):
    arrays = linears(**{f"layers.{i}": (4, 4) for i in (10, 2, 0)})
    load_weights(saved(tmp_path, arrays), network := square())
    for i, name in enumerate(("layers.0", "layers.2", "layers.10")):
        np.testing.assert_array_equal(network.params[f"W{i + 1}"], arrays[f"{name}.weight"].T)
        np.testing.assert_array_equal(network.params[f"b{i + 1}"], arrays[f"{name}.bias"])


def test_what_names_and_shapes_leave_open_is_refused_with_what_was_tried(tmp_path):
    network = square(2)
    before = network.params["W1"].copy()
    path = saved(tmp_path, arrays := linears(encoder=(4, 4), decoder=(4, 4)))
    with pytest.raises(ShapeError) as error:
        load_weights(path, network)
    assert "several ways: decoder, encoder fit Affine1, Affine2 alike" in str(error.value)
    assert "Tried: Affine1 ← decoder, Affine2 ← encoder" in str(error.value)
    np.testing.assert_array_equal(network.params["W1"], before)
    load_weights(path, network, names={"Affine1": "encoder"})
    np.testing.assert_array_equal(network.params["W1"], arrays["encoder.weight"].T)
    np.testing.assert_array_equal(network.params["W2"], arrays["decoder.weight"].T)
    single = {"W1": "decoder.weight", "b1": "decoder.bias", "Affine2": "encoder"}
    load_state_dict(path, network, single)
    np.testing.assert_array_equal(network.params["W1"], arrays["decoder.weight"].T)
    np.testing.assert_array_equal(network.params["b1"], arrays["decoder.bias"])


@pytest.mark.parametrize(
    ("arrays", "names", "match"),
    [
        (
            linears(a=(4, 3)),
            None,
            r"Affine2 needs a module with weight \(2, 3\), bias \(2,\), and it has none\. Tried",
        ),
        (linears(a=(4, 3), b=(3, 2), c=(9, 9)), None, r"c: .*weight \(9, 9\).* is left over"),
        (linears(a=(3, 4), b=(2, 3)), None, "does not fit the network"),
        (linears(a=(4, 3), b=(3, 2)), {"Affine1": "c"}, "no module 'c'; it has a: "),
        (linears(a=(4, 3), b=(3, 2)), {"Affine1": "b"}, "b in .* does not fit Affine1: it holds"),
        (linears(a=(4, 3), b=(3, 2)), {"W1": "a"}, "no array 'a'; it has a.bias"),
        (linears(a=(4, 3), b=(3, 2)), {"W1": "b.weight"}, r"b.weight \(2, 3\) .* does not fit W1"),
        (linears(a=(4, 3), b=(3, 2)), {"W9": "b.weight"}, "the network has no W9; it has Affine1"),
    ],
)
def test_what_does_not_fit(arrays, names, match, tmp_path):
    network = TwoLayerNet(4, 3, 2)
    before = {name: a.copy() for name, a in network.params.items()}
    with pytest.raises((ShapeError, ConfigError), match=match):
        load_weights(saved(tmp_path, arrays), network, names=names)
    for name, array in network.params.items():
        np.testing.assert_array_equal(array, before[name])


class Two(Network):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = (Affine.from_sizes(4, 4, rng=RNG) for _ in range(2))
        self.words = Embedding(np.zeros((4, 4), np.float32))

    def forward(self, x):
        return self.decoder(self.encoder(self.words(x)))


def test_modules_that_are_called_as_the_layers_are(tmp_path):
    arrays = linears(encoder=(4, 4), decoder=(4, 4))
    arrays["words.weight"] = RNG.standard_normal((4, 4)).astype(np.float32)
    load_weights(saved(tmp_path, arrays), network := Two())
    np.testing.assert_array_equal(network.encoder.W, arrays["encoder.weight"].T)
    np.testing.assert_array_equal(network.words.W, arrays["words.weight"])
    assert {name: a.tobytes() for name, a in state_dict(network).items()} == {
        name: a.tobytes() for name, a in arrays.items()
    }


class Twice(Layer):
    """Two layers that are alike, and named so that their order cannot be told."""

    def __init__(self):
        self.up, self.down = (Affine.from_sizes(4, 4, rng=RNG, dtype=np.float32) for _ in "ab")

    def forward(self, x):
        return self.down(self.up(x))


def test_layers_inside_a_chain_have_its_places_on_their_paths(tmp_path):
    def make():
        inner = Network([Relu(), Affine.from_sizes(4, 4, rng=RNG, dtype=np.float32)])
        return Network([Relu(), Twice(), inner])

    found = state_dict(network := make())
    assert list(found)[::2] == ["1.up.weight", "1.down.weight", "2.1.weight"]
    load_weights(saved(tmp_path, found), other := make())
    for name, array in network.params.items():
        np.testing.assert_array_equal(other.params[name], array)


def test_shared_layers():
    layer = Affine.from_sizes(4, 4, rng=RNG)
    network = Network([layer, Relu(), layer])
    found = state_dict(network)  # as `torch.nn.Sequential` names them, twice
    assert list(found) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    np.testing.assert_array_equal(found["0.weight"], found["2.weight"])


class Strange(Layer):
    params = ("gain",)

    def __init__(self):
        self.gain = np.ones(3)

    def forward(self, x):
        return x * self.gain


def test_layers_that_pytorch_knows_nothing_of():
    network = Network([Affine.from_sizes(4, 3), Strange()])
    with pytest.raises(ConfigError, match="Strange1 is a Strange, of which PyTorch knows nothing"):
        state_dict(network)
    with pytest.raises(ConfigError, match="the network has no Affine3; it has Affine1, Affine2"):
        state_dict(TwoLayerNet(4, 3, 2), {"Affine3": "x"})
    assert "x.weight" in state_dict(TwoLayerNet(4, 3, 2), {"Affine1": "x"})


@pytest.mark.parametrize(
    ("names", "one", "other"),
    [
        ({"Affine1": "enc", "Affine2": "enc"}, "Affine1 and Affine2", "enc.weight"),
        ({"Affine1": "1"}, "Affine1 and Affine2", "1.weight"),  # the second one's place
        ({"W1": "1.bias"}, "Affine1 and Affine2", "1.bias"),
        ({"W1": "x", "b1": "x"}, "Affine1 and Affine1", "x"),
    ],
)
def test_two_arrays_of_one_name_are_refused(tmp_path, names, one, other):
    with pytest.raises(ConfigError, match=f"{one} would both be {other}, and one of them would"):
        save_state_dict(tmp_path / "lost", square(2), names)
    assert not (tmp_path / "lost").exists()


class Turned(Layer):
    """Another reading of the same matrix."""

    params = ("W",)

    def __init__(self, W):
        self.W = W

    def forward(self, x):
        return x @ self.W


def test_a_shared_array_has_one_name_where_both_lay_it_out_alike():
    layer = Affine.from_sizes(4, 4, rng=RNG)
    layer.W[0] = np.nan  # which is equal to nothing
    assert list(state_dict(Network([layer, layer]), {"W1": "w", "b1": "b"})) == ["w", "b"]
    with pytest.raises(ConfigError, match="would both be w, and one"):
        state_dict(Network([layer, Turned(layer.W)]), {"W1": "w"})


class Norm(Layer):
    params = ("g", "b")

    def __init__(self):
        self.g, self.b = np.ones(4), np.zeros(4)

    def forward(self, x):
        return x * self.g + self.b


class WithNorm(Network):
    def __init__(self):
        super().__init__()
        self.fc, self.norm = Affine.from_sizes(4, 4, rng=RNG), Norm()
        self.bn = BatchNormalization.from_size(4)

    def forward(self, x):
        return self.bn(self.norm(self.fc(x)))


@pytest.mark.parametrize(
    ("names", "there"),
    [
        ({"norm.g": "ln.weight", "norm.b": "ln.bias"}, ["ln.weight", "ln.bias"]),
        ({"norm": "ln"}, ["ln.g", "ln.b"]),
        ({"norm.g": "g", "norm.b": "b", "bn": "x", "fc.b": "fc.c"}, ["g", "b"]),
    ],
)
def test_names_that_a_file_is_read_with_write_it_too(tmp_path, names, there):
    network, other = WithNorm(), WithNorm()
    save_state_dict(path := tmp_path / "named", network, names)
    assert {*there} <= load_file(path).keys()
    load_weights(path, other, names=names)
    for name, array in network.params.items():
        np.testing.assert_array_equal(other.params[name], array)
    with pytest.raises(ConfigError, match=r"norm is a Norm, .* names=\{'norm.b': ...\}"):
        state_dict(network, {"norm.g": "ln.weight"})


class Weight(Layer):
    """Calls its arrays as PyTorch does."""

    params = ("weight", "bias")

    def __init__(self):
        self.weight, self.bias = np.ones(4), np.zeros(4)

    def forward(self, x):
        return x * self.weight + self.bias


class Common(Network):
    """Some of its names are those that PyTorch gives."""

    def __init__(self):
        super().__init__()
        self.fc, self.ln = Affine.from_sizes(4, 4, rng=RNG), Weight()
        self.bn = BatchNormalization.from_size(4)

    def forward(self, x):
        return self.bn(self.ln(self.fc(x)))


def test_names_in_common_do_not_make_a_file_one_of_ours(tmp_path):
    arrays = linears(fc=(4, 4)) | {"ln.weight": np.full(4, 2.0), "ln.bias": np.full(4, 3.0)}
    arrays |= {"bn.weight": np.full(4, 4.0), "bn.bias": np.full(4, 5.0)}
    arrays |= {"bn.running_mean": np.full(4, 6.0), "bn.running_var": np.full(4, 7.0)}
    load_weights(saved(tmp_path, arrays), network := Common())
    np.testing.assert_array_equal(network.fc.W, arrays["fc.weight"].T)
    assert [a[0] for a in (network.ln.bias, network.bn.gamma, network.bn.running_var)] == [3, 4, 7]
    # ours are known by what they say, and nothing in them is turned
    save_weights(tmp_path / "own", network)
    load_weights(tmp_path / "own", again := Common())
    np.testing.assert_array_equal(again.fc.W, network.fc.W)
    with pytest.raises(ShapeError, match="belong to another network"):
        load_weights(tmp_path / "own", TwoLayerNet(4, 3, 2))


def test_files_of_torch_save_are_named(tmp_path):
    torch = pytest.importorskip("torch")
    for zipped in True, False:
        path = tmp_path / f"net{zipped}.pt"
        state = torch.nn.Linear(4, 3).state_dict()
        torch.save(state, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(
            FileFormatError, match=r"of torch\.save, .*safetensors\.torch\.save_file"
        ):
            load_weights(path, TwoLayerNet(4, 3, 2))


def test_numbers_that_the_network_cannot_hold(tmp_path):
    arrays = linears(**{"0": (4, 3), "2": (3, 2)})
    arrays["0.bias"] = np.full(3, 1e300)
    with pytest.raises(
        DTypeError, match=r"0.bias has numbers of float64 that float32 does not hold"
    ):
        load_weights(saved(tmp_path, arrays), TwoLayerNet(4, 3, 2, dtype=np.float32))


def test_own_files_are_read_as_before(tmp_path):
    network = TwoLayerNet(4, 3, 2)
    save_weights(tmp_path / "own", network)
    with pytest.raises(ShapeError, match=re.escape("make the network with the sizes")):
        load_weights(tmp_path / "own", TwoLayerNet(4, 5, 2))
    with pytest.raises(DTypeError, match=r"network\.astype"):
        load_weights(tmp_path / "own", network.astype(np.float16))
    assert list(load_file(tmp_path / "own")) == ["W1", "W2", "b1", "b2"]
    (tmp_path / "none").write_bytes(b"")
    with pytest.raises(FileFormatError):
        load_weights(tmp_path / "none", network, names={})
