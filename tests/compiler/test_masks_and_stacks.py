"""Choices by a mask, products of stacks, rows added at their numbers: the same, and sooner."""

import numpy as np
import pytest
from traces import check_same, listing, trace_of

from clearprop import compile
from clearprop.compiler.simplify import without_identities
from clearprop.compiler.simplify_tensors import stacks_as_matrices
from clearprop.primitives.indexing import Place, put_at

R = np.random.default_rng(5)


def choices(x, y):
    lower = np.tril(np.ones(x.shape, bool))
    twice = x * 2
    return (
        np.where(x > 0, x, 0),
        np.where(x > y, twice, y),
        np.where(x > 0, y[:1], 0),
        np.where(x > 0, 0, y),
        np.where(x > 0, -0.0, y),
        np.where(x > 0, y, -0.0),
        np.where(lower, x, -1e4),
        np.where(lower, 0, y * 3),
        np.where(x[:1] > 0, y + 1, 0) * 2,
        np.where(twice > 0, twice, y[:, :1]),
        np.where(x > 0, 0, 0 * y[:1]),
        np.where(True, x, 0),
    )


@pytest.mark.parametrize("engine", ["numpy", "c"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_a_mask_chooses_is_the_same_bit_for_bit(dtype, engine):
    """Whatever is not chosen leaves no trace, be it ∞ or NaN; zeros keep their signs."""
    x, y = R.standard_normal((2, 7, 5)).astype(dtype)
    x[0], x[1], x[2, :2], y[3] = np.inf, np.nan, -0.0, -np.inf
    program = compile(choices, engine=engine)
    for _ in range(2):
        for found, due in zip(program(x, y), choices(x, y), strict=True):
            assert found.dtype == due.dtype
            assert found.tobytes() == due.tobytes()
    if engine == "numpy":
        assert "np.multiply(x0_bits, choices_greater" in program.source


def test_stacks_are_multiplied_as_one_matrix():
    x, W = R.standard_normal((3, 4, 5)), R.standard_normal((5, 2))
    before = trace_of(lambda x, W: np.tanh(x @ W) @ W.T, x, W)
    after = without_identities(stacks_as_matrices(before))
    products = [node for node in after.nodes if node.operation.name == "np.matmul"]
    assert [node.out.shape for node in products] == [(12, 2), (12, 5)]
    check_same(before, after)


@pytest.mark.parametrize(
    ("x", "W"),
    [
        (R.standard_normal((4, 5)), R.standard_normal((5, 2))),
        (R.standard_normal((3, 4, 5)), R.standard_normal((3, 5, 2))),
        (R.standard_normal((3, 4, 5)), R.standard_normal(5)),
        (np.empty((0, 4, 5)), R.standard_normal((5, 2))),
        (R.standard_normal((4, 3, 5)).swapaxes(0, 1), R.standard_normal((5, 2))),
    ],
)
def test_other_products_stay(x, W):
    before = trace_of(lambda x, W: x @ W, x, W)
    assert listing(stacks_as_matrices(before)) == listing(before)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_rows_are_added_in_the_order_in_which_they_come(kind):
    """Bit for bit what `np.add.at` gives, which is what runs where nothing is compiled."""
    places = R.integers(0, 7, (5, 40)).astype(kind)
    if kind is np.int32:
        places -= 7  # from the end
    dout = R.standard_normal((5, 40, 3)).astype(np.float32)

    def rows(dout, places):
        return put_at(2 * dout, places, form=(Place(0),), shape=(7, 3))

    due = np.zeros((7, 3), np.float32)
    np.add.at(due, places, 2 * dout)
    program = compile(rows, engine="numpy")
    assert program(dout, places).tobytes() == due.tobytes()
    assert "rows_put_at_places" in program.source
