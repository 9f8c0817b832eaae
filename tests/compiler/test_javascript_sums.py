"""Sums in JavaScript have the bits of NumPy's, whatever lies where in memory."""

import shutil

import numpy as np
import pytest

from clearprop.compiler import compile
from clearprop.compiler.engines.script_sums import grouped

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")

SHAPES = [
    *((1,), (7,), (8,), (9,), (127,), (128,), (129,), (1000,), (20_000,)),
    *((3, 5), (40, 3), (5, 300), (2, 9000), (3000, 4), (100, 50), (128, 10), (1, 9)),
    *((20, 3, 7), (3, 20, 17), (9, 1, 130), (2, 3, 4, 5), (10, 4, 7, 7), (3, 2, 50, 60)),
]
VIEWS = {
    "as it is": lambda x: x,
    "turned": lambda x: x.T,
    "every second": lambda x: x[..., ::2],
    "backwards": lambda x: np.flip(x, -1),
    "repeated": lambda x: np.broadcast_to(x, (3, *x.shape)),
    "computed from what was turned": lambda x: x.T + 1,
}


def axes_of(ndim):
    found = {None, 0, ndim - 1}
    if ndim > 1:
        found |= {(0, ndim - 1), (ndim - 2, ndim - 1)}
    return sorted(found | ({(0, *range(2, ndim))} if ndim > 2 else set()), key=str)


def drawn(shape, dtype):
    """Numbers of very different sizes, whose sum depends on the order."""
    rng = np.random.default_rng([*shape])
    return (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype)


def all_of(view, ndim):
    axes = axes_of(ndim)

    def f(x):
        y = view(x)
        sums = [np.sum(y, axis=axis) for axis in axes]
        means = [np.mean(y, axis=axis, keepdims=True) for axis in axes]
        return (*sums, *means, *(np.std(y, axis=axis) for axis in axes))

    return f


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_means_and_deviations_are_the_same_bits(dtype, view):
    for shape in SHAPES:
        x = drawn(shape, dtype)
        f = all_of(VIEWS[view], len(shape) + (view == "repeated"))
        for wanted, found in zip(f(x), compile(f, engine="javascript")(x), strict=True):
            np.testing.assert_array_equal(found, wanted, err_msg=f"{shape}", strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_so_are_products_and_what_has_been_summed_so_far(dtype):
    def f(x):
        return np.prod(x, axis=0), np.prod(x), np.cumsum(x, axis=1), np.cumprod(x), x.sum(0) * x

    for shape in ((3, 5), (40, 3), (7, 130)):
        x = drawn(shape, dtype) / 100
        with np.errstate(all="ignore"):
            wanted = f(x)
        for a, b in zip(wanted, compile(f, engine="javascript")(x), strict=True):
            np.testing.assert_array_equal(b, a, strict=True)


def test_the_order_matters_to_these_numbers():
    """Plain sums, one number after the other, have other bits in most places."""
    x = drawn((40, 300), np.float32)
    plain = np.cumsum(x, axis=1)[:, -1]
    assert (x.sum(axis=1) != plain).mean() > 0.5
    assert (x.T.sum(axis=0) != x.sum(axis=1)).sum() == 0  # memory decides, not the axes' numbers


def test_a_derivative_of_biases_is_summed_by_images():
    x = np.empty((10, 4, 7, 7), np.float32)
    assert grouped(x, (0, 2, 3)) == ([0], [2, 3], 49)
    assert grouped(x[..., ::2], (0, 2, 3)) == ([0], [2, 3], 8192 // 28 * 28)
    assert grouped(np.broadcast_to(x, (99, *x.shape)), (0, 1, 2, 3, 4))[2] == 8192 // 1960 * 1960
