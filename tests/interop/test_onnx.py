"""ONNX: what is written is checked, and gives in onnxruntime what the network predicts."""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from clearprop import (
    Affine,
    BatchNormalization,
    Convolution,
    Dropout,
    Elu,
    Embedding,
    Flatten,
    Gelu,
    GlobalAveragePooling,
    Layer,
    LeakyRelu,
    Network,
    Pooling,
    Relu,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
    TwoLayerNet,
)
from clearprop.errors import ConfigError, UnsupportedError
from clearprop.interop import to_onnx

sys.path.append(str(Path(__file__).parents[1] / "networks"))
from one_file_networks import CASES

missing = [name for name in ("onnx", "onnxruntime") if not find_spec(name)]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"{missing} not installed")
RNG = np.random.default_rng(0)


def convolutional():
    return Network(
        [
            Convolution.from_sizes(1, 3, 3, pad=1, rng=RNG),
            Relu(),
            Pooling(2, 2),
            Convolution.from_sizes(3, 4, 2, stride=2, pad=1, bias=False, rng=RNG),
            BatchNormalization.from_size(4),
            Pooling(3, 3, stride=2, pad=1),
            Pooling(2, 2, stride=1, pad=1, kind="average"),
            Flatten(),
            Affine.from_sizes(36, 5, rng=RNG),
            Dropout(0.3),
        ],
        rng=RNG,
    )


def around(layer, n=7):
    return Network([Affine.from_sizes(n, 5, rng=RNG), layer, Affine.from_sizes(5, 3, rng=RNG)])


def uneven():
    """Sizes, strides and padding that are others for rows than for columns."""
    return Network(
        [
            Convolution.from_sizes(2, 3, (3, 2), stride=(1, 2), pad=(0, 2), rng=RNG),
            Pooling(2, 3, stride=(1, 2), pad=(1, 0)),
            Pooling(3, 2, stride=(2, 1), pad=(1, 0), kind="average"),
            GlobalAveragePooling(),
            around(Relu(), 3),
        ]
    )


ACTIVATIONS = (Sigmoid, Tanh, Gelu, Elu, LeakyRelu, Softplus, Softmax)
OTHERS = {
    "convolutional": (convolutional, np.zeros((1, 1, 8, 8))),
    "uneven": (uneven, np.zeros((1, 2, 6, 9))),
    "pools": (
        lambda: Network([Pooling(2, 3, stride=1), GlobalAveragePooling(), around(Relu())]),
        np.zeros((1, 7, 4, 4)),
    ),
    "embedding": (
        lambda: Network([Embedding(RNG.random((9, 4))), Flatten(), Affine.from_sizes(12, 3)]),
        np.full((1, 3), 8),
    ),
    **{a.__name__: (lambda a=a: around(a()), np.zeros((1, 7))) for a in ACTIVATIONS},
}
ALL = {**{name: case[:2] for name, case in CASES.items()}, **OTHERS}


def batch(like, n):
    """A batch like one sample: numbers up to the largest, or real ones."""
    if isinstance(like, tuple):
        return tuple(batch(part, n) for part in like)
    shape = (n, *like.shape[1:])
    if like.dtype.kind == "i":
        return RNG.integers(like.max() + 1, size=shape)
    return RNG.standard_normal(shape).astype(np.float32)


def run(model, x):
    """What onnxruntime gives."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    parts = x if isinstance(x, tuple) else (x,)
    return session.run(None, {i.name: a for i, a in zip(session.get_inputs(), parts, strict=True)})


@pytest.mark.parametrize("name", ALL)
def test_onnxruntime_gives_what_the_network_predicts(name):
    make, x = ALL[name]
    network = make().astype(np.float32)
    if network.members.stateful:  # statistics that say something
        network.rng = np.random.default_rng(0)
        t = CASES[name][2] if name in CASES else np.arange(6) % 3
        network.gradient(batch(x, 6), t)
    model = to_onnx(network, batch(x, 1))
    for n in (1, 3, 8):
        given = batch(x, n)
        predicted = network.predict(given)
        wanted = predicted if isinstance(predicted, tuple) else (predicted,)
        for found, y in zip(run(model, given), wanted, strict=True):
            np.testing.assert_allclose(found, y, rtol=1e-5, atol=1e-5)
            assert found.dtype == y.dtype


def operators(model):
    return [node.op_type for node in model.graph.node]


def test_images_take_the_operators_that_runtimes_are_quick_at():
    found = operators(to_onnx(convolutional(), (1, 8, 8)))
    assert found.count("Conv") == 2
    assert found.count("MaxPool") == 2
    assert found.count("AveragePool") == 1
    assert "Gather" not in found
    found = operators(to_onnx(TwoLayerNet(7, 5, 3)))
    assert found == ["MatMul", "Add", "Relu", "MatMul", "Add", "Identity"]


def test_the_file_and_its_quantisation(tmp_path):
    from onnxruntime import InferenceSession
    from onnxruntime.quantization import quantize_dynamic

    network, path = TwoLayerNet(784, 50, 10, rng=RNG, weight_init_std="he"), tmp_path / "net.onnx"
    to_onnx(network, path=path)
    quantize_dynamic(path, tmp_path / "small.onnx")
    assert (tmp_path / "small.onnx").stat().st_size < 0.4 * path.stat().st_size
    x = RNG.random((9, 784), dtype=np.float32)
    for file, close in ((path, 1e-5), (tmp_path / "small.onnx", 0.2)):
        (found,) = InferenceSession(file).run(None, {"x": x})
        np.testing.assert_allclose(found, network.predict(x), atol=close)


def test_numbers_of_64_bits():
    network = Network([Affine(RNG.random((4, 3)), np.zeros(3)), Tanh()])
    x = RNG.random((5, 4))
    (found,) = run(to_onnx(network, dtype=np.float64), x)
    np.testing.assert_allclose(found, network.predict(x), rtol=1e-12)


class Multiplying(Layer):
    def forward(self, x):
        return np.cumprod(x, axis=1)


class Centring(Layer):
    def forward(self, x):
        return x - np.linspace(0, 1, len(x))[:, None]


def test_what_cannot_be_said_is_named():
    with pytest.raises(
        UnsupportedError, match=r"np\.cumprod in Multiplying1\.infer: ONNX has no operator"
    ):
        to_onnx(around(Multiplying()))
    with pytest.raises(UnsupportedError, match=r"Centring1.*depends on how many samples there are"):
        to_onnx(around(Centring()))
    with pytest.raises(ConfigError, match="say what goes in, x="):
        to_onnx(convolutional())
