"""`sum_to` undoes broadcasting, for every pair of shapes that NumPy broadcasts."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop.errors import ShapeError
from clearprop.primitives.broadcasting import broadcast_shape, sum_to

PAIRS = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3, min_side=0)


@given(PAIRS, st.integers(0, 2**32 - 1))
def test_it_is_the_transpose_of_broadcasting(shapes, seed):
    # ⟨broadcast(x), d⟩ = ⟨x, sum_to(d)⟩ for all x and d defines the transpose.
    rng = np.random.default_rng(seed)
    for shape in shapes.input_shapes:
        x, dout = rng.standard_normal(shape), rng.standard_normal(shapes.result_shape)
        summed = sum_to(dout, shape)
        assert np.shape(summed) == shape
        left, right = (np.broadcast_to(x, dout.shape) * dout).sum(), (x * summed).sum()
        np.testing.assert_allclose(left, right, rtol=1e-10, atol=1e-12)


@given(PAIRS)
def test_ones_are_counted(shapes):
    for shape in shapes.input_shapes:
        assume(np.prod(shape))
        copies = np.prod(shapes.result_shape) / np.prod(shape)
        summed = sum_to(np.ones(shapes.result_shape), shape)
        np.testing.assert_array_equal(summed, np.full(shape, copies))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept(dtype):
    for shape in ((3,), (4, 1), (), (1, 1), (4, 3)):
        assert sum_to(np.ones((4, 3), dtype), shape).dtype == dtype


def test_dout_is_left_alone():
    dout = np.arange(6.0).reshape(2, 3)
    dout.flags.writeable = False
    sum_to(dout, (3,))
    np.testing.assert_array_equal(dout, [[0, 1, 2], [3, 4, 5]])


def test_python_numbers_pass():
    assert sum_to(2.5, ()) == 2.5
    assert type(sum_to(2, ())) is int


@pytest.mark.parametrize(
    ("found", "shape"),
    [
        ((2, 3), (3, 2)),
        ((3,), (4, 3)),
        ((), (3,)),
        ((4, 3), (2,)),
        ((1, 3), (4, 3)),
        ((6,), (2, 3)),
    ],
)
def test_a_shape_that_does_not_broadcast_is_refused_not_reshaped(found, shape):
    with pytest.raises(ShapeError, match=r"sum_to: a derivative of shape \(.*\) cannot be that of"):
        sum_to(np.ones(found), shape)


@given(PAIRS)
def test_broadcast_shape_is_numpys(shapes):
    assert broadcast_shape(*shapes.input_shapes, "x") == shapes.result_shape


def test_broadcast_shape_names_who_asks():
    with pytest.raises(ShapeError, match=r"MulLayer: x \(2, 3\) and y \(2,\) do not broadcast"):
        broadcast_shape((2, 3), (2,), "MulLayer")
