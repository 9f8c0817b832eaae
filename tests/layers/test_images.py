"""Layers of images agree with PyTorch, and say what does not fit."""

import itertools

import numpy as np
import pytest

from clearprop import (
    Affine,
    BatchNormalization,
    Convolution,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Network,
    Pooling,
    Relu,
    TransposedConvolution,
    check,
    compile,
)
from clearprop.errors import ConfigError, DTypeError, ShapeError
from clearprop.layers import col2im, im2col
from clearprop.training import SGD, Adam, Trainer

RNG = np.random.default_rng(0)


def agree(layer, theirs, x):
    """Output and all derivatives, under a random dout; `theirs` takes x and the parameters."""
    torch = pytest.importorskip("torch")
    arrays = [x, *(getattr(layer, name) for name in layer.params)]
    given = [torch.tensor(a, requires_grad=True) for a in arrays]
    expected = theirs(torch.nn.functional, *given)
    out = layer.forward(x)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-9, atol=1e-13)
    dout = RNG.standard_normal(out.shape)
    expected.backward(torch.tensor(dout))
    found = [layer.backward(dout), *(getattr(layer, f"d{name}") for name in layer.params)]
    for dx, v in zip(found, given, strict=True):
        np.testing.assert_allclose(dx, v.grad.numpy(), rtol=1e-9, atol=1e-12)


SIZES = [(5, 7), (4, 4), (1, 3), (3, 1), (6, 5)]
FILTERS = [(1, 1), (2, 3), (3, 3), (3, 2), "whole"]
HOW = [(1, 0), (2, 0), (3, 1), (1, 2), ((2, 1), (0, 1)), ((1, 3), (1, 0))]


def cases():
    for size, filter_, (stride, pad) in itertools.product(SIZES, FILTERS, HOW):
        shape = size if filter_ == "whole" else filter_
        pads = pad if isinstance(pad, tuple) else (pad, pad)
        if all(n + 2 * p >= f for n, p, f in zip(size, pads, shape, strict=True)):
            yield size, shape, stride, pad


@pytest.mark.parametrize(("size", "shape", "stride", "pad"), list(cases()))
@pytest.mark.parametrize(("n", "c", "m"), [(1, 1, 1), (2, 3, 2)])
def test_convolutions(size, shape, stride, pad, n, c, m):
    x = RNG.standard_normal((n, c, *size))
    W, b = RNG.standard_normal((m, c, *shape)), RNG.standard_normal(m)
    how = {"stride": stride, "padding": pad}
    agree(Convolution(W, b, stride, pad), lambda F, x, W, b: F.conv2d(x, W, b, **how), x)
    agree(Convolution(W, None, stride, pad), lambda F, x, W: F.conv2d(x, W, **how), x)
    columns = im2col(x, *shape, stride, pad)
    assert columns.shape[1] == c * shape[0] * shape[1]
    # the reverse: ⟨im2col x, y⟩ = ⟨x, col2im y⟩
    y = RNG.standard_normal(columns.shape)
    back = col2im(y, x.shape, *shape, stride, pad)
    np.testing.assert_allclose(np.sum(columns * y), np.sum(x * back), rtol=1e-10)


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 0), (3, 1), ((2, 1), (0, 1))])
@pytest.mark.parametrize(("n", "c", "m"), [(1, 1, 1), (2, 3, 2)])
def test_transposed_convolutions(stride, pad, n, c, m):
    for size, shape in itertools.product([(2, 3), (1, 1), (4, 2)], [(3, 3), (3, 4)]):
        x = RNG.standard_normal((n, c, *size))
        W, b = RNG.standard_normal((c, m, *shape)), RNG.standard_normal(m)
        layer = TransposedConvolution(W, b, stride, pad)
        how = {"stride": stride, "padding": pad}
        agree(layer, lambda F, x, W, b, how=how: F.conv_transpose2d(x, W, b, **how), x)


@pytest.mark.parametrize(("size", "shape", "stride", "pad"), list(cases()))
def test_poolings(size, shape, stride, pad):
    pads = pad if isinstance(pad, tuple) else (pad, pad)
    if any(2 * p > n for p, n in zip(pads, shape, strict=True)):
        with pytest.raises(ConfigError, match="more than half"):
            Pooling(*shape, stride, pad)
        return
    x = RNG.standard_normal((2, 3, *size))
    how = {"kernel_size": shape, "stride": stride, "padding": pad}
    agree(Pooling(*shape, stride, pad), lambda F, x: F.max_pool2d(x, **how), x)
    agree(Pooling(*shape, stride, pad, "average"), lambda F, x: F.avg_pool2d(x, **how), x)


def test_of_equal_maxima_the_first_gets_the_derivative():
    pool = Pooling(2, 2)
    np.testing.assert_array_equal(pool.forward(np.zeros((1, 1, 2, 2))), [[[[0]]]])
    np.testing.assert_array_equal(pool.backward(np.ones((1, 1, 1, 1))), [[[[1, 0], [0, 0]]]])
    x = np.array([[[[1.0, 2.0], [2.0, np.nan]]]])
    assert np.isnan(pool.forward(x)).all()


def test_flatten_and_the_mean_of_channels():
    x = RNG.standard_normal((2, 3, 4, 5))
    agree(Flatten(), lambda F, x: x.flatten(1), x)
    agree(GlobalAveragePooling(), lambda F, x: F.adaptive_avg_pool2d(x, 1).flatten(1), x)


def convolution_net(dtype=np.float64, noise=True):
    rng = np.random.default_rng(0)
    layers = [
        Convolution.from_sizes(1, 4, 3, pad=1, rng=rng, dtype=dtype),
        BatchNormalization.from_size(4, dtype=dtype),
        Relu(),
        Pooling(2, 2),
        Convolution.from_sizes(4, 3, 3, stride=2, bias=False, rng=rng, dtype=dtype),
        Relu(),
        *([Dropout(0.25)] if noise else []),
        Affine.from_sizes(12, 3, rng=rng, dtype=dtype),
    ]
    return Network(layers, rng=np.random.default_rng(1))


def stripes(n=30, dtype=np.float64):
    """Images with a bright row; the class is where."""
    t = np.arange(n) % 3
    x = 0.2 * RNG.standard_normal((n, 1, 10, 10))
    x[np.arange(n), 0, 2 + 3 * t] += 1
    return x.astype(dtype), t


def test_a_network_of_them_is_checked_and_compiled():
    network, (x, t) = convolution_net(), stripes(6)
    assert check(network, x, t).ok
    one, two = convolution_net(), convolution_net()
    step = compile(one, SGD(0.1))
    assert not step.as_written
    for _ in range(3):
        gradient = two.gradient(x, t)
        step(x, t)
        for name, dW in gradient.items():
            two.params[name] -= 0.1 * dW
            np.testing.assert_allclose(one.params[name], two.params[name], rtol=1e-9, atol=1e-12)


def test_a_network_of_them_learns():
    x, t = stripes(90, np.float32)
    network = convolution_net(np.float32)
    history = Trainer(network, x, t, batch_size=30, optimizer=Adam(0.01), rng=0).train(epochs=25)
    assert history.train_accuracy[-1] > 0.95
    assert network.params["W1"].dtype == np.float32


def images(*shape):
    return np.ones(shape)


BAD = {
    "a filter larger than the image": (
        lambda: Convolution(images(1, 1, 5, 5)).forward(images(1, 1, 4, 6)), ShapeError,
        "5 × 5 is larger than the image 4 × 6",
    ),
    "a stride of 0": (lambda: Convolution(images(1, 1, 2, 2), stride=0), ConfigError, "strides 0"),
    "half a stride": (lambda: Pooling(2, 2, stride=1.5), ConfigError, "strides 1.5"),
    "a negative pad": (lambda: Convolution(images(1, 1, 2, 2), pad=-1), ConfigError, "pad"),
    "channels that do not fit": (
        lambda: Convolution(images(2, 3, 2, 2)).forward(images(1, 4, 4, 4)), ShapeError,
        r"must be images \(N, 3, H, W\)",
    ),
    "one image alone": (
        lambda: Convolution(images(2, 3, 2, 2)).forward(images(3, 4, 4)), ShapeError, "newaxis",
    ),
    "a bias of another length": (
        lambda: Convolution(images(2, 3, 2, 2), np.ones(3)), ShapeError, "b a vector",
    ),
    "a dout of another shape": (
        lambda: (c := Convolution(images(2, 1, 2, 2))).forward(images(1, 1, 3, 3)) is None
        or c.backward(images(1, 2, 3, 3)), ShapeError, r"\(1, 2, 2, 2\) of the output",
    ),
    "complex images": (
        lambda: Convolution(images(1, 1, 1, 1)).forward(1j * images(1, 1, 2, 2)), DTypeError,
        "complex",
    ),
    "pooling rows": (lambda: Pooling(2, 2).forward(images(3, 4)), ShapeError, "N, C, H, W"),
    "a window larger than the image": (
        lambda: Pooling(3, 3).forward(images(1, 1, 2, 5)), ShapeError, "larger than the image",
    ),
    "an unknown kind": (lambda: Pooling(2, 2, kind="median"), ConfigError, "'max' or 'average'"),
    "columns of other images": (
        lambda: col2im(images(4, 4), (1, 2, 3, 3), 2, 2), ShapeError, r"\(4, 8\)",
    ),
    "nothing left": (
        lambda: TransposedConvolution(images(1, 1, 1, 1), pad=1).forward(images(1, 1, 2, 2)),
        ShapeError, "leaves nothing",
    ),
    "a mean of rows": (
        lambda: GlobalAveragePooling().forward(images(2, 3)), ShapeError, "N, C, H, W",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_named(case):
    do, error, words = BAD[case]
    with pytest.raises(error, match=words):
        do()
