"""Compiled steps of networks of images: what their programs say, and single cases."""

import re

import nets
import numpy as np
import pytest
from test_program import BUFFER, peak

from clearprop import Affine, Network, Relu
from clearprop.compiler import compile
from clearprop.compiler.tensor_products import CONTRACT, LAID_OUT
from clearprop.graph.recording import record
from clearprop.layers import Convolution, Flatten, Pooling
from clearprop.training import SGD
from clearprop.training.step import layered_step


def simple(filters=6, images=(16, 2, 12, 12), size=3, pad=1, dtype=np.float32):
    """A convolution, ReLU, a pool and an affine layer, and a batch."""
    rng = np.random.default_rng(0)
    n, c, h, w = images
    conv = Convolution.from_sizes(c, filters, size, pad=pad, rng=rng, dtype=dtype)
    conv.b[...] = rng.standard_normal(filters) / 4
    side = [(m + 2 * pad - size + 1) // 2 for m in (h, w)]
    W = rng.standard_normal((filters * side[0] * side[1], 3)).astype(dtype) / 10
    network = Network([conv, Relu(), Pooling(2, 2), Flatten(), Affine(W, np.zeros(3, dtype))])
    return network, rng.standard_normal(images).astype(dtype), rng.integers(3, size=n)


@pytest.fixture(scope="module")
def step():
    network, x, t = simple()
    step = compile(network, SGD(0.1))
    step(x, t)
    return step


def test_every_line_is_named_after_its_layer(step):
    lines = [line for line in step.source.splitlines() if "  # " in line]
    text = "\n".join(lines)
    for layer in ("Convolution1", "Relu1", "Pooling1", "Affine1", "loss"):
        assert f"# {layer}.forward" in text
        assert f"# {layer}.backward" in text
    assert re.search(r"np\.matmul\(.*# Convolution1\.forward", text)
    assert re.search(r"np\.maximum\(.*# Pooling1\.forward", text)
    assert re.search(r"np\.greater_equal\(.*# Pooling1\.forward", text)
    assert re.search(r"np\.matmul\(.*# Convolution1\.backward", text)


def test_a_pool_is_compared_block_by_block_and_a_bias_comes_behind_it(step):
    body = step.source.partition("def step(")[2]
    shapes = [np.shape(n.out) for n in step.graph.nodes if n.operation.name == "np.add"]
    assert (16, 6, 6, 6) in shapes  # and not the images before the pool
    assert (16, 6, 12, 12) not in shapes
    for function in ("argmax", "take_along_axis", "sliding_window_view", "where", "np.pad"):
        assert function not in body


def test_products_and_pools_run_over_long_stretches(step):
    """The batch is innermost, the places of a window outermost but for the filters."""
    source = step.source
    assert re.search(r"Convolution1_contract = arena\S+\.reshape\(\(6, 2, 2, 6, 6, 16\)\)", source)
    assert re.search(r"dPooling1_stack = arena\S+\.reshape\(\(6, 4, 6, 6, 16\)\)", source)
    assert "in_order" not in source  # no factor is copied


def test_a_step_of_images_allocates_no_arrays():
    network, x, t = simple(images=(32, 2, 24, 24), filters=20)
    step = compile(network, SGD(0.1))
    # A mask is read through a buffer, too.
    assert peak(lambda: step(x, t)) < 2 * BUFFER < x.nbytes


def test_the_same_seed_gives_the_same_bits():
    found = []
    for _ in range(2):
        network, x, t = simple(filters=12, images=(40, 1, 20, 20))
        step = compile(network, SGD(0.1))
        losses = [step(x, t) for _ in range(3)]
        found.append((losses, nets.copied(network)))
    assert found[0][0] == found[1][0]
    for name, array in found[0][1].items():
        np.testing.assert_array_equal(array, found[1][1][name])


def test_a_border_stays_zero_from_step_to_step():
    network, x, t = simple()
    other = simple()[0]
    step, layered = compile(network, SGD(0.1)), layered_step(other, SGD(0.1))
    for scale in (1, 100, -1):
        assert step(scale * x, t) == pytest.approx(layered(scale * x, t), rel=1e-4)


@pytest.mark.parametrize("images", [(1, 1, 6, 6), (1, 17, 7, 5), (64, 1, 5, 9), (7, 3, 8, 8)])
@pytest.mark.parametrize("pad", [0, 1])
def test_the_first_of_equal_maxima_gets_the_derivative(images, pad):
    """Pixels of few values and filters of whole numbers: many windows hold equal numbers."""

    def make():
        network, x, t = simple(images=images, pad=pad, dtype=np.float64)
        conv = network.layers["Convolution1"]
        conv.W[...] = np.rint(2 * conv.W)
        conv.b[...] = np.rint(2 * conv.b)
        return network, np.rint(x), t

    (network, x, t), (other, *_) = make(), make()
    loss = compile(network, SGD(0.1))(x, t)
    assert loss == pytest.approx(layered_step(other, SGD(0.1))(x, t), rel=1e-12)
    assert nets.largest_difference(network, other) < 1e-12


def test_small_products_over_a_long_axis_are_sums_of_many():
    network, x, t = simple(images=(100, 1, 28, 28), filters=30, size=5, pad=0)
    other = simple(images=(100, 1, 28, 28), filters=30, size=5, pad=0)[0]
    step = compile(network, SGD(0.1))
    assert step(x, t) == pytest.approx(layered_step(other, SGD(0.1))(x, t), rel=1e-5)
    assert nets.largest_difference(network, other) < 1e-4
    assert re.search(r"np\.add\.reduce\(dConvolution1_contract_matrix_pieces", step.source)


def test_pixels_that_stay_bytes_are_scaled_behind_the_product():
    network, x, t = simple(images=(20, 1, 12, 12))
    other = simple(images=(20, 1, 12, 12))[0]
    pixels = np.rint(255 * abs(x) / abs(x).max()).astype(np.uint8)
    step = compile(network, SGD(0.1))
    over, layered = step.over(pixels, t, 1 / 255), layered_step(other, SGD(0.1))
    for _ in range(2):
        loss = layered(pixels / np.float32(255), t)
        assert over(np.arange(20)) == pytest.approx(loss, rel=1e-5)
    assert nets.largest_difference(network, other) < 1e-4
    assert re.search(r"np\.matmul\(.*# Convolution1\.forward", step.source)


def test_predictions_are_laid_out_alike():
    network, x, _ = simple()
    predict = compile(network)
    np.testing.assert_allclose(predict(x), network.predict(x), rtol=1e-4, atol=1e-5)
    assert "Convolution1_contract_part" in predict.source
    assert "argmax" not in predict.source


def test_results_of_a_function_of_images_are_the_callers():
    """What is returned is new in each call, in whatever order it is computed."""

    def f(x, W):
        found = np.lib.stride_tricks.sliding_window_view(np.pad(x, 1), (3, 3), axis=(2, 3))
        out = np.einsum("nchwij,mcij->nmhw", found[1:-1, 1:-1], W)
        return out, np.pad(out, 2), np.stack([out * 2, out + 1])

    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((3, 2, 5, 4)), rng.standard_normal((4, 2, 3, 3))
    compiled = compile(f)
    first = compiled(x, W)
    kept = [a.copy() for a in first]
    compiled(2 * x, W)
    for a, b, c in zip(first, kept, f(x, W), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-12, atol=1e-12)


def test_arguments_may_lie_in_memory_as_they_like():
    def f(x, W):
        return np.tensordot(x * 1.5, W, axes=((1, 3), (0, 2))) @ np.ones((3, 2))

    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((3, 2, 5, 4)), rng.standard_normal((2, 3, 4))
    compiled = compile(f)
    expected = f(x, W)
    turned = np.asfortranarray(x), np.ascontiguousarray(W[:, :, ::-1])[:, :, ::-1]
    for arrays in ((x, W), turned, (x, W)):
        np.testing.assert_allclose(compiled(*arrays), expected, rtol=1e-12)


def test_what_is_computed_into_a_stack_lives_as_long_as_it_is_read():
    def f(x, W):
        p, q = x * 2, x * 3
        stacked = np.stack([p, q])
        u = np.tanh(stacked[0] + stacked[1])
        for _ in range(4):
            u = np.tanh(u @ W) - np.sin(u)
        return u + p

    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((6, 6)), rng.standard_normal((6, 6))
    compiled = compile(f)
    np.testing.assert_allclose(compiled(x, W), f(x, W), rtol=1e-12)
    assert re.search(r"f_multiply = f_stack\[0\]", compiled.source)


def test_orders_are_settled_before_views_are_taken():
    """The copy comes before the stack, in whose order it then has its axes."""

    def f(x, a, b):
        x = np.cumsum(x, axis=0)  # so that its windows are not taken of another copy
        found = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(2, 3))
        copied = record(LAID_OUT, (found,), {})
        W = np.stack([a * 2, b * 3], axis=-1)
        return record(CONTRACT, (copied, W), {"subscripts": "nchwij,mcij->nmhw"})

    rng = np.random.default_rng(0)
    x, a = rng.standard_normal((5, 3, 6, 4)), rng.standard_normal((4, 3, 2))
    sums = np.cumsum(x, axis=0)
    found = np.lib.stride_tricks.sliding_window_view(sums, (2, 2), axis=(2, 3))
    expected = np.einsum("nchwij,mcij->nmhw", found, np.stack([a * 2, a[::-1] * 3], axis=-1))
    compiled = compile(f)
    for _ in range(2):
        np.testing.assert_allclose(compiled(x, a, a[::-1]), expected, rtol=1e-12)
