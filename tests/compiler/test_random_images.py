"""Random networks of images: convolutions, pools and what stands between them, compiled."""

import nets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from clearprop import Affine, Layer, Network, Relu, Sigmoid
from clearprop.compiler import compile
from clearprop.errors import ShapeError
from clearprop.layers import Convolution, Dropout, Flatten, GlobalAveragePooling, Pooling, Tanh


class OwnConvolution:
    """Written with sums over axes; its derivative by x is a convolution with the filters turned."""

    params = ("W", "b")

    def __init__(self, W, b, product):
        self.W, self.b, self.product = W, b, product

    def convolve(self, x, W):
        found = sliding_window_view(x, W.shape[2:], axis=(2, 3))
        if self.product == "einsum":
            return found, np.einsum("nchwij,mcij->nmhw", found, W)
        return found, np.tensordot(found, W, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)

    def forward(self, x):
        self.found, out = self.convolve(x, self.W)
        return out + self.b.reshape(1, -1, 1, 1)

    def backward(self, dout):
        self.db = dout.sum(axis=(0, 2, 3))
        self.dW = np.tensordot(dout, self.found, axes=((0, 2, 3), (0, 2, 3)))
        h, w = self.W.shape[2:]
        padded = np.pad(dout, ((0, 0), (0, 0), (h - 1, h - 1), (w - 1, w - 1)))
        return self.convolve(padded, self.W[:, :, ::-1, ::-1].transpose(1, 0, 2, 3))[1]


class OwnPool:
    """The largest of blocks of 2 × 2, and its share for each that is the largest."""

    def forward(self, x):
        n, c, h, w = self.shape = x.shape
        x = x[:, :, : h // 2 * 2, : w // 2 * 2]
        self.blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
        self.out = self.blocks.max(axis=(3, 5), keepdims=True)
        return self.out[:, :, :, 0, :, 0]

    def backward(self, dout):
        n, c, h, w = self.shape
        same = self.blocks == self.out
        share = dout[:, :, :, None, :, None] / same.sum(axis=(3, 5), keepdims=True)
        dx = (same * share).astype(dout.dtype).reshape(n, c, h // 2 * 2, w // 2 * 2)
        return np.pad(dx, ((0, 0), (0, 0), (0, h % 2), (0, w % 2)))


class Residual(Layer):
    """Adds what a convolution makes of an image to it."""

    def __init__(self, convolution):
        self.convolution, self.relu = convolution, Relu()

    def forward(self, x):
        return np.maximum(self.relu(self.convolution(x)) + x, 0)


sizes = st.integers(1, 3)
LAYERS = st.one_of(
    st.tuples(
        st.just("convolution"),
        st.sampled_from([1, 2, 5, 17]),
        st.tuples(sizes, sizes),
        st.tuples(st.integers(1, 2), st.integers(1, 3)),
        st.tuples(st.integers(0, 2), st.integers(0, 1)),
        st.booleans(),
    ),
    st.tuples(st.just("own"), st.sampled_from([2, 3]), sizes, st.sampled_from(["einsum", "dot"])),
    st.tuples(
        st.just("pool"), sizes, sizes, st.sampled_from([None, 1, 2, (2, 1), 4]), st.booleans()
    ),
    st.tuples(st.just("average"), sizes, sizes, st.sampled_from([None, 1, 2])),
    st.sampled_from(
        [("relu",), ("sigmoid",), ("tanh",), ("own pool",), ("dropout",), ("residual",)]
    ),
)


def layers_for(specs, channels, rng, dtype):
    """Layers of these kinds, the channels of one fitting those of the next."""

    def filters(m, fh, fw):
        W = rng.standard_normal((m, channels, fh, fw)) / np.sqrt(channels * fh * fw)
        return W.astype(dtype), (rng.standard_normal(m) / 4).astype(dtype)

    for kind, *how in specs:
        if kind == "convolution":
            m, size, stride, pad, bias = how
            W, b = filters(m, *size)
            yield Convolution(W, b if bias else None, stride, pad)
            channels = m
        elif kind == "own":
            m, size, product = how
            yield OwnConvolution(*filters(m, size, size), product)
            channels = m
        elif kind == "residual":
            yield Residual(Convolution(*filters(channels, 3, 3), pad=1))
        elif kind == "pool":
            h, w, stride, pad = how
            yield Pooling(h, w, stride, pad=(h // 2, w // 2) if pad else 0)
        elif kind == "average":
            yield Pooling(*how, kind="average")
        else:
            made = {"relu": Relu, "sigmoid": Sigmoid, "tanh": Tanh, "own pool": OwnPool}
            yield made.get(kind, lambda: Dropout(0.3))()


def network(specs, shape, seed, dtype, flat):
    """A network of these layers and one affine layer; nothing if the images become too small."""
    rng = np.random.default_rng(seed)
    layers = list(layers_for(specs, shape[1], rng, dtype))
    layers.append(Flatten() if flat else GlobalAveragePooling())
    x = np.zeros(shape, dtype)
    try:
        for layer in layers:
            x = layer.forward(x)
            if not x.size:
                return None
    except (ShapeError, ValueError):
        return None
    W = rng.standard_normal((x.shape[1], 3)) / np.sqrt(x.shape[1])
    return Network([*layers, Affine(W.astype(dtype), np.zeros(3, dtype))])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(LAYERS, min_size=1, max_size=6),
    st.tuples(
        st.sampled_from([1, 2, 17]),
        st.sampled_from([1, 3, 17]),
        st.integers(4, 11),
        st.integers(4, 11),
    ),
    st.integers(0, 99),
    st.booleans(),
    st.booleans(),
)
def test_steps_of_random_networks_of_images(specs, shape, seed, flat, single):
    dtype = np.float32 if single else np.float64

    def make():
        return network(specs, shape, seed, dtype, flat)

    if make() is None:
        return
    (written, layered), (compiled, step) = nets.both(make, 0.05)
    rng = np.random.default_rng(seed)
    rounding = 2e-4 if single else 1e-9
    for _ in range(2):
        x = rng.standard_normal(shape).astype(dtype)
        t = rng.integers(3, size=len(x))
        assert step(x, t) == pytest.approx(layered(x, t), rel=rounding)
    assert nets.largest_difference(written, compiled) < rounding
    assert step.as_written == {}
    assert compile(compiled)(x) == pytest.approx(compiled.predict(x), rel=rounding, abs=rounding)
