"""Each simplification alone: the nodes before and after, and the same results."""

import numpy as np
import pytest
from nets import batch, dense
from traces import check_same, listing, trace_of

from clearprop.compiler import SIMPLIFICATIONS, compile, simplified
from clearprop.compiler.rewriting import simplifies
from clearprop.compiler.simplify import (
    common_subexpressions,
    labels_as_places,
    parts_side_by_side,
    raised_scalars,
    rectified,
    shared_softmax,
    sums_as_products,
    sunk_scalars,
    without_identities,
)
from clearprop.layers import SoftmaxWithLoss
from clearprop.primitives.indexing import put_at
from clearprop.primitives.labels import read_labels
from clearprop.training import SGD

X = np.linspace(-1, 1, 12).reshape(4, 3)
T = np.array([0, 2, 1, 2])


@pytest.mark.parametrize(
    ("f", "kept"),
    [
        (lambda x: x * 1 + x, ["add x x"]),
        (lambda x: 1.0 * x + x, ["add x x"]),
        (lambda x: x / 1 + x, ["add x x"]),
        (lambda x: (x + 0) * x, ["multiply x x"]),
        (lambda x: (0 + x) * x, ["multiply x x"]),
        (lambda x: (x - 0) * x, ["multiply x x"]),
        (lambda x: x.reshape(4, 3) * x, ["multiply x x"]),
        (lambda x: x.T.T * x, ["multiply x x"]),
        (lambda x: x.astype(np.float64) * x, ["multiply x x"]),
        (lambda x: np.broadcast_to(x, (4, 3)) * x, ["multiply x x"]),
        (lambda x: x.copy() * x, ["multiply x x"]),
    ],
)
def test_what_changes_nothing_is_left_out(f, kept):
    before = trace_of(f, X)
    after = without_identities(before)
    assert len(before.nodes) > len(kept)
    assert listing(after) == kept
    check_same(before, after)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 0 - x,
        lambda x: 1 / x,
        lambda x: x * 2,
        lambda x: x + 1,
        lambda x: x.reshape(3, 4),
        lambda x: x.astype(np.float64),
        lambda x: x * np.float64(1),  # which makes a float64 of a float32
        lambda x: np.broadcast_to(x, (2, 4, 3)),
        lambda x: x[0] + np.zeros((2, 3)),
        lambda x: np.transpose(x.reshape(2, 2, 3), (1, 2, 0)),
        lambda x: x.T.reshape(2, 6).T,
    ],
)
def test_what_changes_something_stays(f):
    before = trace_of(f, X.astype(np.float32))
    after = without_identities(before)
    assert listing(after) == listing(before)
    check_same(before, after)


def test_what_is_computed_twice_is_computed_once():
    def f(x):
        return np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)

    before = trace_of(f, X)
    after = common_subexpressions(before)
    assert sum(line.startswith("exp") for line in listing(before)) == 2
    assert listing(after) == ["exp x", "sum @0 axis=1 keepdims=True", "divide @0 @1"]
    check_same(before, after)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x, axis=0) + np.sum(x, axis=1)[:3],
        lambda x: x[1:] * x[:-1],
        lambda x: (x * 1) * (x * 1.0),
        lambda x: x * np.array([1.0, 2.0, 3.0]) + x * np.array([1.0, 2.0, 4.0]),
        lambda x: x[:, 1:] + x[:, :-1],
        lambda x: x.reshape(2, 6).sum() + x.reshape(6, 2).sum(),
    ],
)
def test_what_only_looks_alike_is_kept_apart(f):
    before = trace_of(f, X)
    after = common_subexpressions(before)
    assert listing(after) == listing(before)
    check_same(before, after)


def test_equal_constants_and_chains_are_shared():
    def f(x):
        a = (x * np.array([1.0, 2.0, 3.0])).sum(axis=0)
        b = (x * np.array([1.0, 2.0, 3.0])).sum(axis=0)
        return a * b

    after = common_subexpressions(trace_of(f, X))
    assert listing(after) == ["multiply x array(3,)", "sum @0 axis=0", "multiply @1 @1"]


def test_relu_is_a_maximum_and_its_mask_a_sign():
    def f(x, dout):
        mask = x <= 0
        return np.where(mask, 0, x), np.where(mask, 0, dout)

    before = trace_of(f, X, X[::-1])
    after = rectified(before)
    assert listing(after) == ["maximum x 0", "sign @0", "multiply dout @1"]
    check_same(before, after)
    special = np.resize([-0.0, 0.0, 5e-324, -5e-324, 1e300, -1e300], (4, 3))
    given = {"x": special, "dout": special[::-1]}
    for a, b in zip(before.evaluate(given), after.evaluate(given), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.where(x <= 1, 0, x),
        lambda x: np.where(x < 0, 0, x),
        lambda x: np.where(x <= 0, 1, x),
        lambda x: np.where(x <= 0, x, 0),
        lambda x: np.where(x <= 0, 0, x * 2),
        lambda x: np.where(x[:1] <= 0, 0, x),
    ],
)
def test_another_choice_than_relu_stays(f):
    before = trace_of(f, X)
    after = rectified(before)
    assert listing(after) == listing(before)


def test_probabilities_come_from_the_exponentials_of_the_logarithm():
    def f(x):
        s = x - np.max(x, axis=1, keepdims=True)
        log_sum = np.log(np.sum(np.exp(s), axis=1, keepdims=True))
        return np.exp(s - log_sum)

    before = trace_of(f, X)
    after = shared_softmax(before)
    assert listing(after)[2:] == ["exp @1", "sum @2 axis=1 keepdims=True", "divide @2 @3"]
    check_same(before, after, rtol=1e-15)


@pytest.mark.parametrize(
    "f",
    [
        lambda s: np.exp(s - np.log(np.sum(np.exp(2 * s), axis=1, keepdims=True))),
        lambda s: np.exp(s - np.log(np.sum(s * s, axis=1, keepdims=True))),
        lambda s: np.exp(s - np.log(np.mean(np.exp(s), axis=1, keepdims=True))),
        lambda s: np.exp(s - np.log10(np.sum(np.exp(s), axis=1, keepdims=True))),
        lambda s: np.exp(s + np.log(np.sum(np.exp(s), axis=1, keepdims=True))),
    ],
)
def test_what_is_no_softmax_stays(f):
    for g in (f, lambda x: f(x - np.max(x, axis=1, keepdims=True))):
        before = trace_of(g, X)
        assert listing(shared_softmax(before)) == listing(before)


@pytest.mark.parametrize("axis", [0, None])
def test_exponentials_that_may_overflow_stay(axis):
    def f(x):
        s = x - (0 if axis is None else np.max(x, axis=axis, keepdims=True))
        return np.exp(s - np.log(np.sum(np.exp(s), axis=1, keepdims=True)))

    before = trace_of(f, X)
    assert listing(shared_softmax(before)) == listing(before)
    with np.errstate(over="ignore"):
        x = np.array([[-1000.0, 1000.0], [1000.0, -1000.0]])
        np.testing.assert_array_equal(compile(f)(x), f(x))


def test_labels_say_where_to_look():
    def f(a, b, t):
        column = read_labels(t, (4, 3))[..., None]
        return np.take_along_axis(a - b, column, axis=-1), a - (column == np.arange(3))

    before = trace_of(f, X, X[:, :1], T)
    after = labels_as_places(before)
    assert [line.replace("clearprop.", "") for line in listing(after)[1:]] == [
        "pick_at a @0",
        "expand_dims @1 axis=1",
        "subtract @2 b",
        "subtract_at a @0 1",
    ]
    check_same(before, after)


@pytest.mark.parametrize(
    "f",
    [
        lambda a, t: a - (read_labels(t, (4, 3))[..., None] == np.array([0, 2, 1])),
        lambda a, t: a - (read_labels(t, (4, 3))[..., None] != np.arange(3)),
        lambda a, t: (read_labels(t, (4, 3))[..., None] == np.arange(3)) - a,
        lambda a, t: np.take_along_axis(a, read_labels(t, (4, 3))[None, :3], axis=0),
        # labels that nobody has checked: one out of range is none, or counts from the end
        lambda a, t: a - (t[..., None] == np.arange(3)),
        lambda a, t: np.take_along_axis(a, t[..., None], axis=-1),
    ],
)
def test_other_comparisons_and_places_stay(f):
    before = trace_of(f, X, T)
    assert listing(labels_as_places(before)) == listing(before)


def sizes_of(trace, *names):
    return sorted(np.size(n.out) for n in trace.nodes if n.operation.name in names)


def test_scalars_sink_to_the_smallest_operand():
    def f(x, dout, lr):
        return lr * (x.T @ (dout / 4))

    before = trace_of(f, np.ones((4, 30)), np.ones((4, 5)), np.float64(0.1))
    after = sunk_scalars(before)
    assert max(sizes_of(before, "np.multiply")) == 150
    assert max(sizes_of(after, "np.multiply", "np.divide")) == 20
    check_same(before, after, rtol=1e-14)


def test_a_scalar_does_not_compute_a_shared_product_twice():
    def f(x, W):
        product = x @ W
        return product, 2.0 * product

    before = trace_of(f, np.ones((2, 3)), np.ones((3, 50)))
    after = sunk_scalars(before)
    assert len(sizes_of(after, "np.matmul")) == 1
    check_same(before, after, rtol=1e-14)


def test_a_scalar_does_not_pass_what_is_needed_without_it():
    def f(x, total, W, V, lr):
        y = x / total
        return lr * np.concatenate([np.ravel(W @ y), np.ravel((y @ V) + 1)])

    shapes = (4, 20), (4, 1), (2, 4), (20, 3)
    before = trace_of(f, *(np.ones(shape) for shape in shapes), np.float64(0.1))
    after = sunk_scalars(before)
    assert sizes_of(after, "np.divide") == [80]
    assert sizes_of(after, "np.multiply") == [8, 12]  # lr · W, and not lr / total
    check_same(before, after, rtol=1e-14)


EVERY = slice(None)


@pytest.mark.parametrize(
    ("forms", "kept"),
    [
        ([(EVERY, slice(0, 2)), (EVERY, slice(2, 4))], ["concatenate"]),
        ([(EVERY, slice(2, None)), (..., slice(-9, 2))], ["concatenate"]),
        ([(slice(0, 2),), (2,), (slice(3, 4),)], ["put_at", "put_at", "put_at", "add", "add"]),
        ([(EVERY, 1), (EVERY, 3), (EVERY, -2), (EVERY, 0)], ["stack"]),
        ([(0,), (1,), (2,), (3,), (EVERY, 0)], ["put_at", "stack", "add"]),
        ([(EVERY, 0), (EVERY, 2), (EVERY, 3)], ["put_at", "put_at", "put_at", "add", "add"]),
        ([(slice(0, 3),), (slice(2, 4),)], ["put_at", "put_at", "add"]),
        ([(slice(0, 4, 2),), (slice(1, 4, 2),)], ["put_at", "put_at", "add"]),
        ([(0, EVERY), (slice(1, 4), slice(0, 2))], ["put_at", "put_at", "add"]),
    ],
)
def test_parts_that_fill_an_array_are_joined(forms, kept):
    def f(x):
        return sum(put_at(np.exp(x[form]), form=form, shape=(4, 4)) for form in forms) * 2

    before = trace_of(f, np.linspace(-1, 1, 16).reshape(4, 4))
    after = parts_side_by_side(without_identities(before))
    named = [line.split()[0].rpartition(".")[2] for line in listing(after)]
    assert [n for n in named if n in ("put_at", "stack", "concatenate", "add")] == kept
    check_same(before, after, rtol=1e-15)


def test_products_that_are_added_up_become_one():
    """As in the derivative by what every step of a sequence is multiplied with."""

    def f(x, y, W):
        steps = range(len(x))
        return sum(x[i].T @ np.exp(y[i]) for i in steps) + W, sum(x[i].T @ y[i] for i in steps[:3])

    before = trace_of(f, np.ones((6, 2, 10)), np.ones((6, 2, 9)), np.ones((10, 9)))
    after = parts_side_by_side(without_identities(before))
    names = [line.split()[0] for line in listing(after)]
    assert names.count("matmul") == 1 + 3  # three are too few
    assert names.count("concatenate") == 2
    assert names.count("add") == 1 + 2
    check_same(before, after, rtol=1e-14)


def test_terms_that_are_stretched_stay_apart():
    """Rows of several lengths cannot be put together, nor parts of arrays of other shapes."""

    def f(x, y, v):
        row = put_at(v[:2], form=(slice(0, 2),), shape=(9,))
        rest = put_at(y[0, :, 2:], form=(slice(None), slice(2, 9)), shape=(2, 9))
        return sum((x[i].T @ y[i] for i in range(4)), v[:1] @ y[0, :1]) + row + rest[0]

    before = trace_of(f, np.ones((4, 2, 8)), np.ones((4, 2, 9)), np.ones(9))
    check_same(before, parts_side_by_side(without_identities(before)), rtol=1e-14)

    def g(x, y, z):
        return x[0].T @ y[0, :, :1] + sum(x[i].T @ y[i] for i in range(1, 6)) + z.T @ y[0]

    arrays = np.ones((6, 2, 8)), np.ones((6, 2, 9)), np.ones((2, 1))
    before = trace_of(g, *arrays)
    check_same(before, parts_side_by_side(without_identities(before)), rtol=1e-14)


def test_products_whose_factors_are_larger_stay_apart():
    def f(x, y):
        return sum(x[i].T @ y[i] for i in range(6))

    before = trace_of(f, np.ones((6, 9, 10)), np.ones((6, 9, 9)))
    assert listing(parts_side_by_side(before)) == listing(before)


def test_a_part_that_is_needed_by_itself_stays():
    def f(x):
        left = put_at(x[:2], form=(slice(0, 2),), shape=(4, 4))
        return left + put_at(x[2:], form=(slice(2, 4),), shape=(4, 4)), left

    before = trace_of(f, np.ones((4, 4)))
    assert listing(parts_side_by_side(before)) == listing(before)


def test_a_scalar_stays_where_nothing_is_smaller():
    before = trace_of(lambda x: 2.0 * np.exp(x), X)
    assert listing(sunk_scalars(before)) == listing(before)


def test_a_scalar_that_widens_the_dtype_stays():
    def f(x, dout):
        return np.float64(0.1) * (x.T @ dout)

    single = [np.ones((4, 30), np.float32), np.ones((4, 5), np.float32)]
    before = trace_of(f, *single)
    after = sunk_scalars(before)
    assert listing(after) == listing(before)
    check_same(before, after)


MASK = np.arange(12).reshape(4, 3) % 5 > 0
SMALL = np.array([[40, -40, 3], [2, 41, -42]], np.int8)
HALF = np.full((3, 1), 3, np.float16)
WHOLE = {"dtype": np.int64, "casting": "unsafe"}


@pytest.mark.parametrize(
    ("f", "arrays"),
    [
        (lambda x: 2 * np.sum(x / 3, axis=0, initial=5.0), (X,)),
        (lambda x: 2 * np.add.reduce(3 * x, axis=1, initial=-1), (X,)),
        (lambda x, mask: 2 * np.sum(x * 3, axis=0, initial=5.0, where=mask), (X, MASK)),
        (lambda x: 2 * np.sum(x * 0.5, axis=0, dtype=np.int64), (np.full((4, 3), 3.0),)),
        (lambda x: 0.1 * np.sum(x * 0.3, axis=0, dtype=np.float64), (X.astype(np.float32),)),
        (lambda x: 2 * np.concatenate([x * 0.5, x * 0.5], **WHOLE), (np.full((4, 3), 3.0),)),
        (lambda x: 2 * np.sum(3 * x, axis=1), (SMALL,)),
        (lambda x: 3 * np.sum(x * 3, axis=1), (SMALL.astype(int) * 10**15,)),
        (lambda x, y: 2 * np.concatenate([3 * x, y], axis=1), (SMALL, np.ones((2, 5), int))),
        (lambda x, y: 2 * ((3 * x) @ y), (SMALL, np.ones((3, 9), int))),
        (lambda x, y: (4 * x) @ y, (np.tile(SMALL, (9, 3)), np.ones((9, 2), int))),
        (lambda x: 1e3 * np.sum(1e2 * x, axis=1), (HALF / 1000,)),
        (lambda x, y: 1e5 * (x / y), (HALF, np.ones((3, 9)))),
        (lambda x, y: 1e5 * (y / x), (HALF, np.ones((3, 9)))),
        (lambda x, y: 1e5 * (x * y), (HALF, np.ones((3, 9)))),
        (lambda x, y: 1e5 * np.concatenate([1.5 * x, y], axis=1), (HALF, np.ones((3, 9)))),
        (lambda x, y: 2.0 * (y / x), (np.full((3, 1), 3, np.int8), np.ones((3, 9), np.float32))),
    ],
)
def test_a_scalar_passes_only_what_is_linear_in_the_same_dtype(f, arrays):
    found, expected = compile(f)(*arrays), f(*arrays)
    np.testing.assert_allclose(found, expected, rtol=1e-14, strict=True)


def test_what_gives_another_dtype_replaces_nothing():
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
    for f in (
        lambda x: np.where(x <= 0, np.float64(0), x),
        lambda x: np.where(np.float64(1) * x <= 0, 0, x) * np.where(x <= 0, 0, x),
    ):
        np.testing.assert_array_equal(compile(f)(x), f(x), strict=True)
    widened = simplifies(np.exp)(lambda node, inputs: np.exp(inputs[0].astype(np.float64)))
    before = trace_of(lambda x: np.exp(x) * x, x)
    assert listing(widened(before)) == listing(before)


def test_scalars_rise_from_the_large_operand_of_a_product():
    def f(x, W, dout):
        pixels = x * 0.5
        return pixels @ W, pixels.T @ dout

    before = trace_of(f, np.ones((40, 30)), np.ones((30, 5)), np.ones((40, 5)))
    after = raised_scalars(before)
    assert max(sizes_of(before, "np.multiply")) == 1200
    assert max(sizes_of(after, "np.multiply")) <= 200
    check_same(before, after, rtol=1e-14)


def test_a_scalar_on_the_small_operand_stays():
    before = trace_of(lambda x, W: x @ (W * 0.5), np.ones((40, 30)), np.ones((30, 5)))
    assert listing(raised_scalars(before)) == listing(before)


def test_a_sum_over_the_batch_is_a_product_with_ones():
    before = trace_of(lambda x: np.sum(x, axis=0), X)
    after = sums_as_products(before)
    assert listing(after) == ["matmul array(4,) x"]
    check_same(before, after, rtol=1e-15)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: np.sum(x, axis=1), X),
        (lambda x: np.sum(x, axis=0, keepdims=True), X),
        (lambda x: np.sum(x), X),
        (lambda x: np.sum(x, axis=0), np.arange(12).reshape(4, 3)),
        (lambda x: np.sum(x, axis=0), np.ones((2, 3, 4))),
        (lambda x: np.sum(x, axis=0), np.ones(3)),
    ],
)
def test_other_sums_stay(f, x):
    before = trace_of(f, x)
    assert listing(sums_as_products(before)) == listing(before)


def softmax_step(x, W, b, t):
    """A step of one affine layer with its loss, written out."""
    layer = SoftmaxWithLoss()
    loss = layer.forward(x @ W + b, t)
    dout = layer.backward(1)
    return loss, 0.1 * (x.T @ dout), 0.1 * dout.sum(axis=0)


@pytest.mark.parametrize("simplification", SIMPLIFICATIONS, ids=lambda s: s.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_keeps_the_results_of_a_step(simplification, dtype):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in ((4, 6), (6, 3), (3,))]
    before = trace_of(softmax_step, *arrays, T)
    after = simplification(before)
    check_same(before, after, rtol=1e-6 if dtype is np.float32 else 1e-14)


def test_all_together_leave_no_more_than_is_needed():
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((4, 6), (6, 3), (3,))]
    before = trace_of(softmax_step, *arrays, T)
    after = simplified(before)
    check_same(before, after, rtol=1e-6)
    names = [n.operation.name for n in after.nodes]
    assert names.count("np.exp") == names.count("np.log") == 1
    assert "np.equal" not in names  # no one-hot
    assert names.count("np.matmul") == 3  # x W, xᵀ dout, and the sum over the batch
    assert max(sizes_of(after, "np.multiply", "np.divide")) <= 12  # not on dW, 6 × 3


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize("n", [1, 6, 100])
def test_nothing_is_left_to_do_in_a_step_and_every_node_has_a_label(n, activation):
    network = dense(7, 5, 4, 3, activation=activation)
    step = compile(network, SGD(0.1)).prepare(*batch(n, 7, 3))
    assert listing(simplified(step.graph)) == listing(step.graph)
    assert len(step.graph.nodes) < len(step.recorded.nodes)
    for trace in (step.recorded, step.graph):
        assert [
            line for line, n in zip(listing(trace), trace.nodes, strict=True) if not trace.labels[n]
        ] == []


def test_a_simplification_leaves_its_trace_alone():
    before = trace_of(softmax_step, X, np.ones((3, 3)), np.ones(3), T)
    lines = listing(before)
    simplified(before)
    assert listing(before) == lines
    assert set(before.labels) == set(before.nodes)


def test_what_simplifications_make_is_labelled():
    before = trace_of(softmax_step, X, np.ones((3, 3)), np.ones(3), T)
    assert all(label == "softmax_step" for label in simplified(before).labels.values())
