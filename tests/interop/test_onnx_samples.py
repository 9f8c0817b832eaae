"""ONNX: what depends on how many samples there are is right for all of them, or refused by name."""

from importlib.util import find_spec

import numpy as np
import pytest
from test_onnx import run

from clearprop import Layer, Network
from clearprop.errors import UnsupportedError
from clearprop.interop import to_onnx

missing = [name for name in ("onnx", "onnxruntime") if not find_spec(name)]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"{missing} not installed")
X = np.random.default_rng(0).standard_normal((40, 6))


def network_of(function):
    """A network of one layer that computes a function."""

    class Computed(Layer):
        params = ("W",)

        def __init__(self):
            self.W, self.dW = np.arange(600.0).reshape(100, 6), None

        def forward(self, x):
            return function(x, self.W)

    return Network([Computed()])


SAID = {
    "len": lambda x, W: x - x.sum(axis=0) / len(x),
    "size": lambda x, W: x * (x.size / 6),
    "factor": lambda x, W: x * (1 / x.shape[0]),
    "strong factor": lambda x, W: x * np.full((), 1 / len(x), x.dtype),
    "variance": lambda x, W: (x * x).sum(0) / (len(x) + 1),
    "root": lambda x, W: x / np.sqrt(len(x)),
    "pairs": lambda x, W: x + len(x) * (len(x) - 1) // 2,
    "compared": lambda x, W: np.where(x > 1 / len(x), x, 0),
    "whole numbers": lambda x, W: (x > 0).sum(axis=1) * len(x),
    "limit": lambda x, W: np.clip(x, 0, 1 / len(x)),
    "array of numbers": lambda x, W: x * np.array([1 / len(x), 2, 3, 4, 5, 6], x.dtype),
    "of a parameter": lambda x, W: x + W[0] / len(x),
    "rows of a parameter": lambda x, W: x + W[: len(x)],
    "places": lambda x, W: x + np.arange(len(x), dtype=x.dtype)[:, None],
    "places back": lambda x, W: x + np.arange(len(x))[::-1, None].astype(x.dtype),
    "picked by places": lambda x, W: x[np.arange(len(x) - 1, -1, -1)],
    "picked": lambda x, W: x[[len(x) - 1, 0]],
    "zeros": lambda x, W: np.concatenate([np.zeros((len(x), 2), x.dtype), x], axis=1),
    "rows": lambda x, W: np.hstack([np.tile(np.arange(2, dtype=x.dtype), (len(x), 1)), x]),
    "ones": lambda x, W: np.ones((1, len(x)), x.dtype) @ x / len(x),
    "nothing": lambda x, W: np.hstack([np.zeros((len(x), 0), x.dtype), x[:, :0], x]),
    "no sample": lambda x, W: np.concatenate([x[:0], x[len(x) :], x]) * 2,
    "eye": lambda x, W: np.eye(len(x), dtype=x.dtype) @ x,
    "centring": lambda x, W: (np.eye(len(x)) - 1 / len(x)).astype(x.dtype) @ x,
    "tri": lambda x, W: np.tri(len(x), dtype=x.dtype) @ x,
    "mask": lambda x, W: np.where(np.tri(len(x), dtype=bool), x @ x.T, -np.inf).max(axis=1),
    "last": lambda x, W: x - x[len(x) - 1],
    "all but the last": lambda x, W: x[: len(x) - 1] * 2,
    "reshape": lambda x, W: x.reshape(len(x) * 2, 3),
    "products": lambda x, W: (x[:, None] - x[None]).reshape(len(x) * len(x), 6),
    "the first, from the end": lambda x, W: x[-len(x)],
    "the last two": lambda x, W: x[-2:] * 2,
    "diagonal": lambda x, W: np.diagonal(x @ x.T, offset=-1),
    "variance among samples": lambda x, W: np.var(np.vstack([x, x]), axis=0, ddof=1),
    "sorted": lambda x, W: np.sort(x, axis=0),
    "rolled": lambda x, W: np.roll(x, (5, -2), axis=(0, 1)),
    "repeated": lambda x, W: np.repeat(x, len(x), axis=1),
    "tiled": lambda x, W: np.tile(x[:1], (len(x), 1)),
    "remainder": lambda x, W: np.mod(x, len(x)),
    "grid": lambda x, W: x[np.arange(len(x))[:, None], [0, 2]],
    "largest of each": lambda x, W: x[np.arange(len(x)), np.argmax(x, axis=1)],
    "distances": lambda x, W: np.linalg.norm(x[:, None] - x[None], axis=-1),
    "broadcast": lambda x, W: np.broadcast_to(x.sum(0), (len(x), 6)) * 2,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SAID)
def test_numbers_that_go_with_the_samples(name, dtype):
    network = network_of(SAID[name]).astype(dtype)
    model = to_onnx(network, (6,), dtype=dtype)
    close = 1e-5 if dtype is np.float32 else 1e-12
    for n in (1, 2, 4, 5, 6, 40):
        x = X[:n].astype(dtype)
        (found,), wanted = run(model, x), network.predict(x)
        np.testing.assert_allclose(found, wanted, rtol=close, atol=close)
        assert found.dtype == wanted.dtype


REFUSED = {
    "half": lambda x, W: x * (len(x) // 2),
    "odd": lambda x, W: x * (len(x) % 2),
    "at least": lambda x, W: x * max(len(x), 4),
    "at most": lambda x, W: x * min(len(x), 64),
    "logarithm": lambda x, W: x * np.log(len(x)),
    "linspace": lambda x, W: x - np.linspace(0, 1, len(x))[:, None],
    "branch": lambda x, W: x * 2 if len(x) > 2 else x * 3,
    "another way": lambda x, W: x.sum(axis=0) if len(x) < 100 else x.max(axis=0),
    "loop": lambda x, W: sum(x[i] for i in range(len(x))),
    "roll": lambda x, W: x[np.roll(np.arange(len(x)), 1)],
    "half of them": lambda x, W: x[: len(x) // 2],
    "clipped": lambda x, W: np.take(x, [0, 4], axis=0, mode="clip"),
    "median": lambda x, W: np.median(x, axis=0),
    "padding": lambda x, W: np.pad(x, ((0, max(0, 8 - len(x))), (0, 0))),
    "squeeze": lambda x, W: np.squeeze(x[:, :1]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_goes_with_them_in_another_way_is_named_with_its_layer(name):
    with pytest.raises(
        UnsupportedError, match=r"in Computed1\.infer: .*depends on how many samples there are"
    ):
        to_onnx(network_of(REFUSED[name]), (6,))


def test_a_large_batch_is_compared_where_memory_allows_it():
    capped = network_of(lambda x, W: x * min(len(x), 20))
    with pytest.raises(UnsupportedError, match="depends on how many samples there are"):
        to_onnx(capped, (100_000,))


def test_where_nothing_is_predicted_nothing_is_compared():
    def function(x, W):
        if len(x) < 2:
            raise ValueError("at least two samples")
        return x / (len(x) - 1)

    network = network_of(function).astype(np.float32)
    x = X[:9].astype(np.float32)
    (found,) = run(to_onnx(network, (6,)), x)
    np.testing.assert_allclose(found, network.predict(x), rtol=1e-5)


def test_the_number_is_shown():
    with pytest.raises(UnsupportedError, match=r"a number \(2 for 5 and 3 for 7\) depends on"):
        to_onnx(network_of(REFUSED["half"]), (6,))
