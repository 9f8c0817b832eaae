"""The backward pass: every path once, sums at fan-outs, and the same again on a second call."""

import itertools
import weakref

import numpy as np
import pytest
from differences import assert_slopes

from clearprop import Variable, graph
from clearprop.errors import DTypeError, GraphError, LeavesGraphError, ShapeError


def test_the_chapters_shopping():
    apple, apple_num = Variable(100, "apple"), Variable(2, "apple_num")
    orange, orange_num, tax = (
        Variable(150, "orange"),
        Variable(3, "orange_num"),
        Variable(1.1, "tax"),
    )
    price = (apple * apple_num + orange * orange_num) * tax
    price.backward()
    assert price.item() == pytest.approx(715)
    derivatives = [v.grad for v in (apple, apple_num, orange, orange_num, tax)]
    assert derivatives == pytest.approx([2.2, 110, 3.3, 165, 650])


def test_derivatives_are_unknown_until_a_pass_has_been_through():
    x, other = Variable(3.0), Variable(4.0)
    y = x * x
    assert x.grad is None
    assert y.grad is None
    y.backward()
    assert x.grad == 6
    assert y.grad == 1
    assert other.grad is None


def test_a_second_pass_computes_the_same_again():
    x = Variable([1.0, 2.0])
    h = x * x
    y = (h * x).sum()
    for _ in range(3):
        y.backward()
        np.testing.assert_array_equal(x.grad, [3, 12])
        np.testing.assert_array_equal(h.grad, [1, 2])


def test_adding_to_what_is_there_is_asked_for():
    x = Variable([1.0, 2.0])
    (x * 3).sum().backward(accumulate=True)
    (x * x).sum().backward(accumulate=True)
    np.testing.assert_array_equal(x.grad, [5, 7])
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad, [3, 3])


def test_several_losses_sum_as_their_sum_does():
    x = Variable([0.3, 0.7])
    shared = np.exp(x)
    losses = [(shared * k).sum() for k in (1.0, 2.0, 3.0)]
    for loss in losses:
        loss.backward(accumulate=True)
    one_by_one = x.grad
    (losses[0] + losses[1] + losses[2]).backward()
    np.testing.assert_allclose(x.grad, one_by_one, rtol=1e-15)


def test_a_diamond():
    x = Variable(3.0)
    a = x * 2
    b, c = a + 1, a * a
    (b * c).backward()
    assert x.grad == 2 * (6 * 6) + 7 * (2 * 6 * 2)
    assert a.grad == 36 + 7 * 12


def test_diamonds_in_a_row_are_walked_once_each():
    """2^60 paths lead from the end to the start; 60 nodes do."""
    x = y = Variable(1.0)
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


def test_a_value_used_at_different_depths():
    x = Variable(2.0)
    a = x * 3
    b = a * x
    c = b * a * x
    (c + a).backward()
    assert x.grad == 9 * 4 * x.data**3 + 3


def test_the_same_input_twice():
    x = Variable([1.0, 2.0, 3.0])
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 4, 6])
    (x - x).sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0, 0])
    (x / x).sum().backward()
    np.testing.assert_allclose(x.grad, 0, atol=1e-15)
    np.einsum("i,i->", x, x).backward()
    np.testing.assert_array_equal(x.grad, [2, 4, 6])
    np.einsum("i,j,i->", x, x, x).backward()
    assert_slopes(lambda x: np.einsum("i,j,i->", x, x, x), [1.0, 2.0, 3.0])
    (x @ x).backward()
    np.testing.assert_array_equal(x.grad, [2, 4, 6])
    assert_slopes(lambda x: np.sum(np.concatenate([x, x, 2 * x]) ** 2), [1.0, 2.0, 3.0])
    assert_slopes(lambda x: np.sum(np.where(x > 1.5, x, x * x)), [1.0, 2.0, 3.0])
    assert_slopes(lambda x: x**x, 1.3)


def test_a_result_that_nothing_uses_does_no_harm():
    x = Variable([1.0, 2.0])
    unused = np.exp(x)
    (x * 2).sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 2])
    assert unused.grad is None


class TestSeveralOutputs:
    X = np.arange(6.0).reshape(2, 3) ** 1.3 + np.eye(2, 3)

    def test_only_one_of_them_is_used(self):
        assert_slopes(lambda x: np.sum(np.split(x, 3, axis=1)[1] ** 2), self.X)
        assert_slopes(lambda x: np.sum(np.linalg.qr(x.T)[1] ** 2 * np.ones((2, 2))), self.X)
        assert_slopes(lambda x: np.sum(np.linalg.qr(x.T)[0] * np.arange(6.0).reshape(3, 2)), self.X)

    def test_all_are_used_and_one_twice(self):
        def f(x):
            Q, R = np.linalg.qr(x.T)
            return np.sum(Q * np.sin(R[0, 0])) + np.sum(np.triu(R) ** 2) + np.sum(Q[0])

        assert_slopes(f, self.X)

    def test_two_names_for_one_output(self):
        """The backward pass gathers by output, not by the name it is held under."""
        x = Variable(self.X)
        result = np.linalg.qr(x.T)
        again = graph((result.Q, result.R)).outputs
        ((result.R[0] * 1.0).sum() + (again[1][0] * 2.0).sum()).backward()
        once = x.grad
        (result.R[0] * 3.0).sum().backward()
        np.testing.assert_allclose(once, x.grad, rtol=1e-13)

    def test_outputs_of_different_shape(self):
        def f(a):
            w, V = np.linalg.eigh(a + a.T)
            return np.sum(w**2 * np.array([1.0, 2.0])) + np.sum(np.abs(V))

        assert_slopes(f, np.array([[2.0, 0.3], [0.1, 1.0]]))

    def test_names_are_kept(self):
        Q, R = (result := np.linalg.qr(Variable(self.X)))
        assert result.Q is Q
        assert result.R is R
        assert isinstance(np.split(Variable(self.X), 3, axis=1), list)


def test_steps_have_the_derivative_0_and_no_earlier_one_stays():
    """A pass through `floor` gives 0, also where another pass had left a number."""
    x = Variable([1.5, 2.5])
    (x * x).sum().backward()
    np.floor(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0])
    y = Variable(np.float32(2))
    ((y > 1) * 1.0).backward()
    assert y.grad == 0
    assert y.grad.dtype == np.float32
    assert (np.argmax(x) * 1.0).backward() is None


class TestDerivativeFromUpstream:
    def test_scales_the_result(self):
        x = Variable([1.0, 2.0, 3.0])
        y = x * x
        y.backward([1, 10, 100])
        np.testing.assert_array_equal(x.grad, [2.0, 40.0, 600.0], strict=True)
        y.backward(np.zeros(3))
        np.testing.assert_array_equal(x.grad, np.zeros(3))

    def test_is_one_for_a_single_number(self):
        for shape in ((), (1,), (1, 1)):
            x = Variable(np.full(shape, 3.0))
            (x * 2).backward()
            np.testing.assert_array_equal(x.grad, np.full(shape, 2.0))

    def test_is_not_written_into(self):
        x, dout = Variable([1.0, 2.0]), np.array([1.0, 1.0])
        y = x + 1
        y.backward(dout)
        dout[:] = 100
        np.testing.assert_array_equal(x.grad, [1, 1])

    def test_has_the_dtype_of_the_value(self):
        x = Variable(np.ones(2, np.float32))
        (x * 2).backward(np.array([1.0, 2.0]))
        assert x.grad.dtype == np.float32

    @pytest.mark.parametrize("shape", [(), (2,), (1, 3), (3, 1), (4,), (0,)])
    def test_of_another_shape_is_refused(self, shape):
        y = Variable([1.0, 2.0, 3.0]) * 2
        with pytest.raises(ShapeError, match=r"dout has shape .* has shape \(3,\)"):
            y.backward(np.ones(shape))

    def test_is_needed_where_there_are_many(self):
        y = Variable([1.0, 2.0], "v") * 2
        with pytest.raises(ShapeError, match=r"shape \(2,\).*np\.ones_like.*v\.sum\(\)"):
            y.backward()

    def test_must_be_real(self):
        with pytest.raises(DTypeError, match="complex"):
            (Variable([1.0]) * 2).backward([1j])

    def test_may_be_a_variable_where_the_pass_is_recorded(self):
        x, dout = Variable([1.0, 2.0]), Variable([3.0, 4.0], "dout")
        y = x * x
        with pytest.raises(LeavesGraphError, match="record=True"):
            y.backward(dout)
        with pytest.raises(ShapeError):
            y.backward(Variable([1.0]), record=True)
        y.backward(dout, record=True)
        np.sum(x.grad).backward()
        np.testing.assert_array_equal(dout.grad, [2, 4])


class TestRecorded:
    def test_derivatives_are_variables_and_can_be_differentiated(self):
        x = Variable(2.0)
        (x**3).backward(record=True)
        assert isinstance(x.grad, Variable)
        assert x.grad.item() == 12
        x.grad.backward()
        assert x.grad == 12  # 6x, at 2

    def test_the_numbers_are_those_of_the_plain_pass(self):
        rng = np.random.default_rng(0)
        x, W = Variable(rng.standard_normal((4, 3))), Variable(rng.standard_normal((3, 2)))
        y = np.sum(np.log1p(np.exp(x @ W)) / np.sqrt(1 + x[:, :1] ** 2))
        y.backward()
        plain = [x.grad, W.grad]
        y.backward(record=True)
        for v, expected in zip((x, W), plain, strict=True):
            np.testing.assert_allclose(v.grad.data, expected, rtol=1e-14)

    def test_a_derivative_that_depends_on_nothing_is_a_variable_all_the_same(self):
        x = Variable([1.0, 2.0])
        (x * 3).sum().backward(record=True)
        assert isinstance(x.grad, Variable)
        np.testing.assert_array_equal(x.grad.data, [3, 3])

    def test_the_backward_pass_is_a_graph_like_any_other(self):
        x = Variable([1.0, 2.0], "x")
        np.sum(np.sin(x)).backward(record=True)
        backward = graph(x.grad)
        assert "np.cos" in [node.operation.name for node in backward.nodes]
        np.testing.assert_allclose(backward.evaluate({"x": [0.0, np.pi]}), [1, -1])

    def test_adding_up_recorded_passes(self):
        x = Variable(2.0)
        (x**2).backward(record=True)
        (x**3).backward(accumulate=True, record=True)
        assert x.grad.item() == 4 + 12
        x.grad.backward()
        assert x.grad == 2 + 12

    def test_float32_is_kept(self):
        x = Variable(np.array([0.5, 2.0], np.float32))
        np.sum(np.exp(x) * x**2).backward(record=True)
        assert x.grad.dtype == np.float32
        np.sum(x.grad * x.grad).backward()
        assert x.grad.dtype == np.float32

    def test_whole_numbers(self):
        x = Variable([2, 3])
        (x**3).sum().backward(record=True)
        np.testing.assert_array_equal(x.grad.data, [12.0, 27.0])
        x.grad.sum().backward()
        np.testing.assert_array_equal(x.grad, [12.0, 18.0])


def test_derivatives_cannot_be_written_into():
    """One array may be the derivative of several Variables."""
    x, y = Variable([1.0, 2.0]), Variable([3.0, 4.0])
    (x + y).sum().backward()
    for v in (x, y):
        with pytest.raises(ValueError, match="read-only"):
            v.grad[0] = 5


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (0,), (2, 0)])
def test_a_derivative_has_the_shape_of_its_variable(shape):
    x = Variable(np.ones(shape))
    for y in (x + np.ones((2, 2, 3)) if shape in ((), (1,), (3,), (2, 3)) else x, x.T, x.ravel()):
        np.sum(y * 2).backward()
        assert np.shape(x.grad) == shape


SHAPES = [(), (1,), (3,), (2, 1), (1, 3), (2, 3), (1, 1, 1), (4, 1, 3), (4, 2, 1)]


@pytest.mark.parametrize(("a", "b"), [*itertools.combinations(SHAPES, 2)])
def test_broadcasting_is_undone_in_every_position(a, b):
    try:
        shape = np.broadcast_shapes(a, b)
    except ValueError:
        pytest.skip("these do not broadcast")
    weights = np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape)
    x, y = Variable(np.full(a, 2.0)), Variable(np.full(b, 3.0))
    np.sum(x * y * weights).backward()
    wanted = weights
    for v, factor in ((x, 3.0), (y, 2.0)):
        extra = wanted.ndim - v.ndim
        ones = tuple(extra + i for i, n in enumerate(v.shape) if n == 1)
        expected = factor * wanted.sum(axis=(*range(extra), *ones)).reshape(v.shape)
        np.testing.assert_allclose(v.grad, expected, rtol=1e-13)


def test_infinite_and_undefined_values_pass_through_unharmed():
    x = Variable([0.0, 1.0, np.inf])
    y = x * 2
    np.sum(y[1:2]).backward()
    np.testing.assert_array_equal(x.grad, [0, 2, 0])
    np.sum(np.sqrt(x[:2])).backward()
    np.testing.assert_array_equal(x.grad, [np.inf, 0.5, 0])


def test_what_was_recorded_cannot_change_afterwards():
    """A small constant was copied; a large one is compared, and a change is refused by name."""
    x, small, large = Variable(2.0), np.ones(3), np.ones((400, 400))
    y = np.sum(x * small)
    small[:] = 100
    y.backward()
    assert x.grad == 3
    z = np.sum(x * large)
    z.backward()
    assert x.grad == 160_000
    large[7, 7] = 2
    with pytest.raises(GraphError, match=r"\(400, 400\) that went into np\.multiply.*x\.copy\(\)"):
        z.backward()
    with pytest.raises(GraphError, match="written into"):
        graph(z)
    large[7, 7] = 1
    z.backward()
    assert x.grad == 160_000


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
def test_every_change_of_a_large_array_is_noticed(order, dtype):
    rng = np.random.default_rng(0)
    large = np.asarray(rng.integers(-9, 9, (1230, 901)).astype(dtype), order=order)
    y = np.sum(Variable(1.0) * large)
    kept = large.copy()

    def swap(a, i, j):
        a[i], a[j] = a[j].copy(), a[i].copy()

    changes = [
        lambda: large.__setitem__((-1, -1), 11),
        lambda: rng.shuffle(large),
        lambda: swap(large, 0, 1),
        lambda: swap(large.T, 0, 1),
        lambda: swap(large, (0, 0), (0, int(np.argmax(large[0] != large[0, 0])))),
        lambda: large.sort(axis=1),
        lambda: np.negative(large, out=large),
    ]
    for change in changes:
        change()
        assert not np.array_equal(large, kept)
        with pytest.raises(GraphError, match="written into"):
            y.backward()
        large[...] = kept
        y.backward()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("n", [3, 100])
def test_one_copy_serves_all_nodes_until_the_array_changes(n, order):
    """Whatever was recorded before a change keeps the values that it had."""
    array, x = np.asarray(np.ones((n, n + 1)), order=order), Variable(2.0)
    leaf = Variable(array)
    first, again = x * array, x * array
    ours, ours_again = x * leaf, x * leaf
    array[1, 2] = leaf.data[1, 2] = 5
    after, ours_after = x * array, x * leaf
    for a, b, c in ((first, again, after), (ours, ours_again, ours_after)):
        kept, same, new = (y.node.values[1] for y in (a, b, c))
        assert (kept is same) == (n == 100)
        assert kept.flags.c_contiguous == array.flags.c_contiguous
        np.testing.assert_array_equal(new, array)
        for y, total in ((a, array.size), (b, array.size), (c, array.size + 4)):
            np.sum(y).backward()
            assert x.grad == total


def test_a_copy_is_dropped_with_the_last_node_that_needs_it():
    array = np.ones((200, 200))
    y = Variable(1.0) * array
    kept = weakref.ref(y.node.values[1])
    assert kept() is not None
    del y
    assert kept() is None


def test_read_only_arrays_and_views_of_them_are_shared():
    fixed = np.ones((200, 200))
    fixed.flags.writeable = False
    y = Variable(1.0) * fixed
    assert y.node.values[1] is fixed
    assert y.node.marks is None
    view = np.ones(3)[:]
    view.flags.writeable = False  # what it looks at can be written into
    z = Variable(1.0) * view
    view.base[:] = 5
    np.sum(z).backward()
    assert z.node.inputs[0].grad == 3
