"""Each simplification of products over several axes, windows and pools: before and after."""

import re

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from traces import check_same, listing, trace_of

from clearprop.compiler.simplify import OF_IMAGES, OF_POOLS, common_subexpressions, simplified
from clearprop.compiler.simplify_pools import (
    largest_by_place,
    largest_first,
    routed_by_masks,
    scaled_before_routing,
    signs_as_masks,
    sums_before_routing,
)
from clearprop.compiler.simplify_tensors import (
    exchanged_products,
    products_over_axes,
    risen_views,
    scalars_before_views,
    sums_over_axes,
)
from clearprop.compiler.simplify_windows import (
    images_laid_out,
    risen_windows,
    windows_added_last,
)
from clearprop.compiler.tensor_products import CONTRACT, LAID_OUT, compact, contract, laid_out
from clearprop.graph.recording import record
from clearprop.primitives.windows import add_windows

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((2, 3, 6, 5))
FILTERS = RNG.standard_normal((4, 3, 2, 2))
POOLED = RNG.standard_normal((2, 3, 4, 4))
OF_A_POOL = RNG.standard_normal((2, 3, 2, 2, 2, 2))
DOUT = RNG.standard_normal((2, 3, 2, 2))


def product(x, W, subscripts):
    return record(CONTRACT, (x, W), {"subscripts": subscripts})


def functions(trace):
    """The names of the functions, in the order in which they are called."""
    return [line.split()[0].rpartition(".")[2] for line in listing(trace)]


def windows(x, n=2, step=2):
    return sliding_window_view(x, (n, n), axis=(2, 3))[:, :, ::step, ::step]


@pytest.mark.parametrize(
    ("f", "arrays", "subscripts"),
    [
        (
            lambda x, W: (
                windows(x, step=1).transpose(0, 2, 3, 1, 4, 5).reshape(40, 12) @ W.reshape(4, 12).T
            ),
            (IMAGES, FILTERS),
            "abcdef,gbef->acdg",
        ),
        (
            lambda x, W: np.tensordot(x, W, axes=((1,), (1,))),
            (IMAGES, FILTERS),
            "abcd,ebgh->acdegh",
        ),
        (lambda x, W: np.einsum("nchw,mcij->nmhwij", x, W), (IMAGES, FILTERS), "nchw,mcij->nmhwij"),
        (lambda x, W: np.einsum("...h,h", x, W), (IMAGES, np.ones(5)), "abch,h->abc"),
    ],
)
def test_products_go_over_axes(f, arrays, subscripts):
    before = trace_of(f, *arrays)
    after = products_over_axes(before)
    (line,) = (line for line in listing(after) if "contract" in line)
    assert line.endswith(f"subscripts={subscripts}")
    check_same(before, after, rtol=1e-13)


@pytest.mark.parametrize(
    ("f", "arrays"),
    [
        (lambda x, W: x @ W, (np.ones((4, 3)), np.ones((3, 2)))),
        (lambda x, W: x.reshape(2, 90) @ W, (IMAGES, np.ones((90, 2)))),  # one side alone
        (lambda x, W: x.reshape(30, 6) @ W.reshape(6, 8), (IMAGES, FILTERS)),  # merged otherwise
        (lambda x, W: np.einsum("nchw,mcij->nhw", x, W), (IMAGES, FILTERS)),  # sums one alone
        (lambda x, W: np.einsum("nchw,nc->nchw", x, W), (IMAGES, np.ones((2, 3)))),  # a batch
        (lambda x, W: np.einsum("nchw,ncii->nh", x, W), (IMAGES, np.ones((2, 3, 2, 2)))),
        (lambda x, W: np.einsum("nchw,mc->nmhw", x, W), (IMAGES, np.ones((4, 1)))),  # broadcast
        (lambda x, W: np.einsum("nchw,nchw", x, W), (IMAGES, IMAGES)),  # a number
        (lambda x, W: np.einsum("nchw,mc->nmhw", x, W), (IMAGES, np.ones((4, 3), np.float32))),
        (lambda x, W: np.einsum("nchw,mchw->nm", x, W), (IMAGES.astype(int), IMAGES.astype(int))),
    ],
)
def test_other_products_stay(f, arrays):
    before = trace_of(f, *arrays)
    assert listing(products_over_axes(before)) == listing(before)


def test_a_factor_is_scaled_before_it_is_shown_as_a_matrix():
    def f(x, W):
        rows = x.transpose(0, 2, 3, 1).reshape(60, 3)
        return rows @ (0.5 * W.reshape(4, 12).T[:3]), rows @ (
            (W.transpose(1, 0, 2, 3).reshape(3, 16)) * 0.5
        )

    before = trace_of(f, IMAGES, FILTERS)
    after = scalars_before_views(before)
    names = functions(after)
    assert names.index("multiply") < max(i for i, n in enumerate(names) if n == "reshape")
    assert "contract" in functions(products_over_axes(after))
    assert "contract" not in functions(products_over_axes(before))
    check_same(before, after)
    kept = trace_of(lambda W: (0.5 * W.reshape(4, 12)).T, FILTERS)
    assert listing(scalars_before_views(kept)) == listing(kept)


def test_sums_go_over_axes():
    def f(x):
        rows = x.transpose(0, 2, 3, 1).reshape(60, 3)
        return np.ones(60) @ rows, rows.sum(axis=0), rows.sum(axis=1)

    before = trace_of(f, IMAGES)
    after = sums_over_axes(before)
    assert functions(after)[-4:] == ["sum", "sum", "sum", "reshape"]
    assert "matmul" not in functions(after)
    check_same(before, after, rtol=1e-13)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.arange(60.0) @ x.reshape(60, 3),
        lambda x: x.sum(axis=(0, 2)),
        lambda x: x.reshape(60, 3).sum(axis=0, keepdims=True),
        lambda x: x.reshape(3, 10, 6).sum(axis=0),
        lambda x: x.transpose(3, 2, 1, 0).reshape(30, 6).sum(axis=1),
    ],
)
def test_other_sums_stay(f):
    before = trace_of(f, IMAGES)
    found = sums_over_axes(before)
    check_same(before, found, rtol=1e-13)
    if "sum" in functions(before):
        assert functions(found).count("transpose") == functions(before).count("transpose")


def test_products_give_their_axes_in_any_order():
    def f(x, W):
        return product(x, W, "nchw,mcij->nhwmij").transpose(0, 3, 1, 2, 4, 5)

    before = trace_of(f, IMAGES, FILTERS)
    after = exchanged_products(before)
    assert functions(after) == ["contract"]
    check_same(before, after, rtol=1e-13)


def test_a_product_that_is_wanted_twice_is_computed_once():
    def f(x, W):
        out = product(x, W, "nchw,mcij->nhwmij")
        return out.transpose(0, 3, 1, 2, 4, 5), out * 2

    before = trace_of(f, IMAGES, FILTERS)
    assert listing(exchanged_products(before)) == listing(before)


def test_views_rise_above_a_bias():
    def f(x, W, b):
        out = product(x, W, "nchw,mcij->nhwmij").reshape(60, 16) + b
        return out.reshape(2, 6, 5, 16)

    before = trace_of(f, IMAGES, FILTERS, np.arange(16.0))
    after = risen_views(before)
    assert functions(after)[-1] == "add"
    check_same(before, after)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, b: (x.reshape(60, 3) + b.reshape(60, 1)).reshape(2, 30, 3),
        lambda x, b: (x.reshape(6, 30) + b[:6].reshape(6, 1)).reshape(2, 3, 30),
        lambda x, b: (x.reshape(60, 3) + b[:3]).T,
        lambda x, b: (x.transpose(1, 0, 3, 2) + b[:6]).reshape(3, 60),
        lambda x, b: np.maximum(x.reshape(30, 6), 0).reshape(180),
        lambda x, b: (x.reshape(60, 3) + b[:3]).reshape(180),  # b would have to be repeated
        lambda x, b: (x.reshape(20, 9) + 2.0).reshape(4, 45),
    ],
)
def test_whatever_rises_computes_the_same(f):
    before = trace_of(f, IMAGES, np.arange(60.0))
    check_same(before, risen_views(before))


def pool(x, W, n, step):
    out = np.maximum(product(x, W, "nchw,mc->nmhw") + np.ones((1, 4, 1, 1)), 0)
    return windows(out, n, step) * 2.0


@pytest.mark.parametrize(("n", "step"), [(2, 2), (2, 3), (3, 3)])
def test_windows_rise_to_the_images(n, step):
    before = trace_of(lambda x, W: pool(x, W, n, step), IMAGES, np.ones((4, 3)))
    after = before
    for _ in range(3):
        after = common_subexpressions(risen_windows(after))
    names = functions(after)
    assert names.index("sliding_window_view") < names.index("contract") < names.index("maximum")
    check_same(before, after, rtol=1e-13)


def test_windows_that_overlap_or_are_not_all_that_is_wanted_stay():
    overlapping = trace_of(lambda x, W: pool(x, W, 3, 2), IMAGES, np.ones((4, 3)))
    assert listing(risen_windows(overlapping)) == listing(overlapping)

    def f(x):
        out = np.maximum(x, 0)
        return windows(out), out.sum()

    both = trace_of(f, IMAGES)
    assert listing(risen_windows(both)) == listing(both)


@pytest.mark.parametrize("size", [4, 5])  # at 5 a row and a column are in no window
def test_windows_are_added_up_last_or_not_at_all(size):
    shape = (2, 3, size, size)
    x = RNG.standard_normal(shape)

    def f(d, s, W):
        dx = add_windows(d, shape=shape, axes=(2, 3), steps=(2, 2)) * np.sign(s)
        return product(dx, W, "nchw,nmhw->cm"), np.sum(dx, axis=(0, 2, 3))

    before = trace_of(f, OF_A_POOL, x, RNG.standard_normal((2, 4, size, size)))
    after = windows_added_last(windows_added_last(before))
    assert "add_windows" not in functions(after)
    check_same(before, after, rtol=1e-13)


@pytest.mark.parametrize(
    "f",
    [
        # overlapping
        lambda d, s: add_windows(d, shape=(2, 3, 3, 3), axes=(2, 3)) * s[:, :, :3, :3],
        # a factor of another shape, and one that is not multiplied
        lambda d, s: add_windows(d, shape=(2, 3, 4, 4), axes=(2, 3), steps=(2, 2)) + s,
        # sums over other axes
        lambda d, s: np.sum(add_windows(d, shape=(2, 3, 4, 4), axes=(2, 3), steps=(2, 2)), axis=2),
    ],
)
def test_other_windows_are_added_up_as_they_were(f):
    before = trace_of(f, OF_A_POOL, POOLED)
    assert listing(windows_added_last(before)) == listing(before)


def row(x):
    return x.reshape(2, 3, 2, 2, 4)


def sent(x, dout):
    places = np.argmax(row(x), axis=-1)[..., None]
    return np.where(np.arange(4) == places, dout[..., None], 0)


def test_the_element_at_the_place_of_the_largest_is_the_largest():
    def f(x):
        return np.take_along_axis(x, np.argmax(x, axis=-1)[..., None], axis=-1)[..., 0]

    before = trace_of(f, IMAGES)
    after = largest_by_place(before)
    assert functions(after) == ["max"]
    check_same(before, after)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.take_along_axis(x, np.argmin(x, axis=-1)[..., None], axis=-1),
        lambda x: np.take_along_axis(x, np.argmax(-x, axis=-1)[..., None], axis=-1),
        lambda x: np.take_along_axis(x, np.argmax(x, axis=0)[None], axis=0),
        lambda x: np.expand_dims(x, 0)[..., 0],
    ],
)
def test_elements_at_other_places_stay(f):
    before = trace_of(f, IMAGES)
    assert listing(largest_by_place(before)) == listing(before)


def test_the_largest_is_taken_first():
    def f(x, b):
        return np.max(row(np.maximum(x + b, 0)), axis=-1)

    before = trace_of(f, OF_A_POOL, np.ones((1, 3, 1, 1, 1, 1)))
    after = before
    for _ in range(3):
        after = largest_first(after)
    assert functions(after)[-3:] == ["maximum", "add", "maximum"]
    check_same(before, after)  # to the last bit


@pytest.mark.parametrize(
    "f",
    [
        lambda x, b: np.max(row(b - x), axis=-1),  # turns the order round
        lambda x, b: np.max(row(x + np.arange(2.0)), axis=-1),  # another b in a window
        lambda x, b: np.max(row(x * b), axis=-1),
    ],
)
def test_what_may_change_the_order_comes_first(f):
    before = trace_of(f, OF_A_POOL, np.ones((1, 3, 1, 1, 1, 1)))
    after = largest_first(before)
    assert functions(after)[-1] == "maximum"  # by pairs
    assert listing(after)[: len(before.nodes) - 2] == listing(before)[:-2]
    check_same(before, after)


@pytest.mark.parametrize("size", [(2, 2), (3, 3), (1, 3), (5, 1)])
def test_derivatives_go_to_the_first_of_the_largest(size):
    n = size[0] * size[1]
    x = RNG.integers(3, size=(2, 3, 4, 4, *size)).astype(float)  # with many that are equal

    def f(x, dout):
        places = np.argmax(x.reshape(2, 3, 4, 4, n), axis=-1)[..., None]
        return np.where(np.arange(n) == places, dout[..., None], 0)

    before = trace_of(f, x, RNG.standard_normal((2, 3, 4, 4)))
    after = routed_by_masks(before)
    assert "where" not in functions(after)
    given = dict(zip(before.leaves, (x, before.leaves[1].data), strict=True))
    np.testing.assert_array_equal(before.evaluate(given), after.evaluate(given))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, dout: np.where(
            np.arange(4) != np.argmax(row(x), -1)[..., None], dout[..., None], 0
        ),
        lambda x, dout: np.where(
            np.arange(1, 5) == np.argmax(row(x), -1)[..., None], dout[..., None], 0
        ),
        lambda x, dout: np.where(
            np.arange(4) == np.argmin(row(x), -1)[..., None], dout[..., None], 0
        ),
        lambda x, dout: np.where(
            np.arange(4) == np.argmax(row(x), -1)[..., None], dout[..., None], 1
        ),
    ],
)
def test_derivatives_that_go_elsewhere_stay(f):
    before = trace_of(f, OF_A_POOL, DOUT)
    assert listing(routed_by_masks(before)) == listing(before)


def test_a_maximum_is_left_out_of_the_comparison_only_if_it_stops_derivatives():
    x = RNG.integers(-3, 2, size=OF_A_POOL.shape).astype(float)  # often nothing is above 0

    def bare(x, dout):
        return sent(np.maximum(x, 0), dout)

    def stopped(x, dout):
        there = np.maximum(x, 0)
        return sent(there, dout * np.sign(np.max(row(there), axis=-1)))

    for f, kept in ((bare, x.shape), (stopped, DOUT.shape)):
        before = common_subexpressions(trace_of(f, x, DOUT))
        after = largest_first(largest_first(largest_first(routed_by_masks(before))))
        given = dict(zip(before.leaves, (x, DOUT), strict=True))
        np.testing.assert_array_equal(before.evaluate(given), after.evaluate(given))
        lines = zip(listing(after), after.nodes, strict=True)
        zeros = [np.shape(n.out) for line, n in lines if re.match(r"maximum \S+ 0$", line)]
        assert zeros == [kept]


def test_derivatives_are_scaled_and_summed_before_they_are_sent():
    def f(x, dout):
        there = sent(x, dout).reshape(x.shape)
        return there * np.sign(x), np.sum(there, axis=(0, 2, 3, 4, 5))

    before = trace_of(f, OF_A_POOL, DOUT)
    scaled = scaled_before_routing(before)
    assert [np.shape(n.out) for n in scaled.nodes if n.operation.name == "np.multiply"] == [
        DOUT.shape
    ]
    summed = sums_before_routing(scaled)
    check_same(before, scaled)
    check_same(before, summed, rtol=1e-13)
    assert any(line.startswith("sum dout axis=(0, 2, 3)") for line in listing(summed))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, dout: sent(x, dout).reshape(x.shape) * np.sign(x * 2),
        lambda x, dout: sent(x, dout).reshape(x.shape) * (x + x[..., :1]),
        lambda x, dout: np.sum(sent(x, dout).reshape(x.shape), axis=(0, 2, 3, 4)),
    ],
)
def test_what_differs_within_a_window_waits(f):
    before = trace_of(f, OF_A_POOL, DOUT)
    for simplification in (scaled_before_routing, sums_before_routing):
        assert listing(simplification(before)) == listing(before)


def test_a_sign_is_a_mask_where_arrays_are_large():
    def f(x, dout):
        return dout * np.sign(np.maximum(x, 0)), dout * np.sign(x)

    large = RNG.standard_normal((200, 200))
    before = trace_of(f, large, large[::-1])
    after = signs_as_masks(before)
    assert functions(after).count("sign") == functions(after).count("greater") == 1
    check_same(before, after)
    small = trace_of(f, large[:3], large[:3])
    assert listing(signs_as_masks(small)) == listing(small)


def test_images_are_laid_out_once_where_they_come_from_outside():
    before = trace_of(lambda x: record(LAID_OUT, (windows(x),), {}), IMAGES)
    after = images_laid_out(before)
    assert functions(after)[0] == "laid_out"
    check_same(before, after)
    made = trace_of(lambda x: windows(np.cumsum(x, axis=0)), IMAGES)
    assert listing(images_laid_out(made)) == listing(made)


def test_windows_are_copied_before_a_product_and_other_views_are_not():
    v = trace_of(lambda x: windows(x), IMAGES).outputs[0]
    assert compact(v).node.operation is LAID_OUT
    plain = trace_of(lambda x: x.transpose(1, 0, 2, 3), IMAGES).outputs[0]
    assert compact(plain) is plain


def test_the_functions_have_derivatives():
    x, W = IMAGES, FILTERS
    dout = RNG.standard_normal((2, 4, 6, 5, 2, 2))
    subscripts = "nchw,mcij->nmhwij"
    dx, dW = CONTRACT.vjp((0, 1), dout, None, (x, W), {"subscripts": subscripts})
    np.testing.assert_allclose(dx, np.einsum("nmhwij,mcij->nchw", dout, W))
    np.testing.assert_allclose(dW, np.einsum("nmhwij,nchw->mcij", dout, x))
    assert contract(x, W, subscripts=subscripts).shape == dout.shape
    assert LAID_OUT.vjp((0,), dout, None, (dout,), {}) == [dout]
    np.testing.assert_array_equal(laid_out(x), x)


@pytest.mark.parametrize(
    "simplification", dict.fromkeys((*OF_IMAGES, *OF_POOLS)), ids=lambda s: s.__name__
)
def test_each_alone_keeps_what_a_convolution_and_a_pool_compute(simplification):
    def f(x, W, b, dout):
        rows = windows(x, step=1).transpose(0, 2, 3, 1, 4, 5).reshape(40, 12)
        out = (rows @ W.reshape(4, 12).T + b).reshape(2, 5, 4, 4).transpose(0, 3, 1, 2)
        out = np.where(out <= 0, 0, out)
        found = row_of_four(windows(out))
        largest = np.argmax(found, axis=-1)[..., None]
        pooled = np.take_along_axis(found, largest, axis=-1)[..., 0]
        d = np.where(np.arange(4) == largest, dout[..., None], 0).reshape(2, 4, 2, 2, 2, 2)
        d = add_windows(d, shape=(2, 4, 5, 4), axes=(2, 3), steps=(2, 2)) * np.sign(out)
        d = d.transpose(0, 2, 3, 1).reshape(40, 4)
        return pooled, np.ones(40) @ d, d.T @ rows, d @ W.reshape(4, 12)

    before = trace_of(f, IMAGES, FILTERS, np.ones(4), RNG.standard_normal((2, 4, 2, 2)))
    check_same(before, simplification(before), rtol=1e-12)
    after = simplified(before)
    check_same(before, after, rtol=1e-12)
    assert "argmax" not in functions(after)
    assert listing(simplified(after)) == listing(after)  # nothing is left to do


def row_of_four(x):
    return x.reshape(*x.shape[:4], 4)
