"""A Variable: its value, name, derivative, and how it shows itself."""

import copy
import math
import pickle

import numpy as np
import pytest

from clearprop import Affine, Relu, Variable, grad, graph
from clearprop.errors import (
    ClearpropError,
    DTypeError,
    GraphError,
    LeavesGraphError,
    ShapeError,
)


def test_a_new_variable_was_made_by_nothing_and_has_no_derivative_yet():
    x = Variable([1, 2], "x")
    assert x.node is None
    assert x.grad is None
    assert x.name == "x"
    np.testing.assert_array_equal(x.data, np.array([1, 2]), strict=True)


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f2", "f4", "f8", "g", ">f8", ">i4"])
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0, 3)])
def test_dtype_and_shape_are_those_of_the_value(dtype, shape):
    value = np.ones(shape, dtype)
    x = Variable(value)
    expected = np.dtype(dtype) if shape else np.dtype(dtype).newbyteorder("=")
    assert (x.dtype, x.shape, x.ndim, x.size) == (expected, shape, len(shape), value.size)
    np.testing.assert_array_equal(x.data, value)


def test_a_single_number_is_kept_as_a_number_of_numpy():
    assert type(Variable(2).data) is np.int64
    assert type(Variable(2.0).data) is np.float64
    assert type(Variable(np.array(2.0, np.float32)).data) is np.float32


def test_the_value_is_a_copy():
    value = np.array([1.0, 2.0])
    x = Variable(value)
    value[0] = 100
    np.testing.assert_array_equal(x.data, [1, 2])


@pytest.mark.parametrize("size", [3, 2**14, 2**18])
@pytest.mark.parametrize("how", ["in place", "a new array that changes", "through a view"])
def test_what_was_recorded_keeps_its_values_when_the_data_change(size, how):
    """Values are copied; of large ones a change is seen when they are needed."""
    x = Variable(np.full(size, 2.0))
    if how == "a new array that changes":
        x.data = given = np.full(size, 2.0)
    y = x[1:] if how == "through a view" else x
    out = (y * y + Relu()(y)).sum()
    changed = given if how == "a new array that changes" else x.data
    changed -= 1
    if size < 2**18:
        out.backward()
        assert x.grad[-1] == 5
    else:
        with pytest.raises(GraphError, match="written into afterwards"):
            out.backward()
    (x * x).sum().backward()
    assert x.grad[-1] == 2 * x.data[-1]
    x.data -= 0.25 * x.grad
    assert x.data[-1] == 0.5


def test_copies_and_pickles():
    w = Variable([1.0, 2.0], "w")
    (y := (w * w).sum()).backward()
    best, loaded = copy.deepcopy({"w": w})["w"], pickle.loads(pickle.dumps(w))
    w.data = w.data - 0.1 * w.grad
    for other in (best, loaded):
        assert (other.data.tolist(), other.grad.tolist(), other.name) == ([1, 2], [2, 4], "w")
    for other in (copy.deepcopy(graph(y)), pickle.loads(pickle.dumps(graph(y)))):
        (v,) = other.inputs
        assert v is not w
        other.outputs[0].backward()
        assert other.evaluate({"w": np.array([3.0, 4.0])}) == 25
    assert pickle.loads(pickle.dumps(y)).data == 5


def test_a_result_cannot_be_written_into_either():
    x = Variable([1.0, 2.0])
    for y in (x * 2, np.exp(x), x.reshape(2, 1), x[:1], x.sum(keepdims=True), x.astype(np.int64)):
        with pytest.raises(ValueError, match="read-only"):
            y.data[...] = 0


@pytest.mark.parametrize(
    ("value", "error", "match"),
    [
        (1j, DTypeError, "complex128"),
        ("text", DTypeError, "real numbers"),
        (None, DTypeError, "object"),
        (np.array([object()]), DTypeError, "object"),
        (np.array("2024-01-01", "M8[D]"), DTypeError, "datetime64"),
        ([[1.0], [1.0, 2.0]], ShapeError, "cannot be made an array"),
        (np.ma.array([1.0, 2.0], mask=[True, False]), DTypeError, "masked"),
    ],
    ids=["complex", "text", "None", "objects", "dates", "ragged", "masked"],
)
def test_what_is_not_real_is_refused(value, error, match):
    with pytest.raises(error, match=match):
        Variable(value)


def test_a_variable_is_not_wrapped_again():
    x = Variable(1.0)
    with pytest.raises(LeavesGraphError, match=r"Variable\(v.data\)"):
        Variable(x)
    with pytest.raises(LeavesGraphError, match=r"np\.stack"):
        Variable([x, x])


def test_repr_shows_value_name_shape_origin_and_derivative():
    x = Variable([1.0, 2.0], "x")
    assert repr(x) == "Variable([1., 2.], name='x', shape=(2,), derivative not computed yet)"
    y = (x * x).sum()
    assert repr(y) == "Variable(5.0, from Σ, derivative not computed yet)"
    y.backward()
    assert repr(x) == "Variable([1., 2.], name='x', shape=(2,), derivative [2., 4.])"
    assert repr(y) == "Variable(5.0, from Σ, derivative 1.0)"
    assert (
        repr(Variable(np.float32(1))) == "Variable(1.0, dtype=float32, derivative not computed yet)"
    )


def test_repr_of_a_large_array_is_short():
    assert len(repr(Variable(np.zeros((1000, 1000))))) < 160


def test_repr_of_a_recorded_derivative():
    x = Variable(3.0)
    (x * x).backward(record=True)
    assert repr(x) == "Variable(3.0, derivative 6.0)"


def test_formatting_a_single_number():
    x = Variable(2.0)
    assert (f"{x:.3f}", f"{x:>6.1f}") == ("2.000", "   2.0")
    assert f"{x}" == str(x) == repr(x)
    assert f"{Variable([1.0]):.1f}" == "1.0"


def test_going_off_the_graph_by_request():
    x = Variable([[1.5, 2.5]])
    assert x.tolist() == [[1.5, 2.5]]
    assert x.item(1) == 2.5
    assert type(Variable(2.5).item()) is float
    assert math.sin(Variable(0.0).item()) == 0


def test_a_variable_is_compared_as_arrays_are_and_hashed_by_identity():
    x, y = Variable([1.0, 2.0]), Variable([1.0, 3.0])
    assert (x == y).data.tolist() == [True, False]
    assert (x != y).data.tolist() == [False, True]
    assert len({x, y, x}) == 2
    assert {x: 1}[x] == 1
    assert (Variable(1.0) == None).item() is False  # noqa: E711


def test_truth_is_that_of_the_value():
    assert Variable(2.0)
    assert not Variable(0)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(Variable([1.0, 2.0]))


def test_length_iteration_and_membership():
    x = Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert len(x) == 3
    rows = list(x)
    assert [row.tolist() for row in rows] == [[1, 2], [3, 4], [5, 6]]
    first, *_ = x
    (first * 10).sum().backward()
    np.testing.assert_array_equal(x.grad, [[10, 10], [0, 0], [0, 0]])
    assert 2.0 in Variable([1.0, 2.0])
    assert 9.0 not in Variable([1.0, 2.0])


def test_a_single_number_has_no_length():
    with pytest.raises(TypeError, match=r"single number.*item"):
        len(Variable(1.0))
    with pytest.raises(TypeError, match="single number"):
        iter(Variable(1.0))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("record", [True, False])
def test_deep_copies_of_results_have_graphs_of_their_own(order, record):
    x = Variable(3.0, "x")
    y = x * x
    z = y * x
    z.backward(record=record)
    assert copy.copy(y) is y
    z2, y2, x2 = copy.deepcopy((z, y, x)[::order])[::order]
    assert x2.grad == x.grad
    x2.data = np.float64(7.0)  # as with an original, what was recorded stays
    z2.backward()
    assert (x2.grad, y2.grad, x2.name) == (27, 3, "x")
    assert isinstance(x.grad, Variable) is record
    x.grad = None
    y2.backward()
    assert (x2.grad, x.grad, y.data) == (6, None, 9)
    assert x2 is not x


def test_deep_copies_of_long_graphs_and_of_layers():
    x = y = Variable(np.ones(2), "x")
    for _ in range(3000):
        y = y + x
    np.sum(y).backward(record=True)
    x2, y2 = copy.deepcopy((x, y))
    y2.backward(np.ones(2))
    np.testing.assert_array_equal(x2.grad, [3001, 3001])
    assert isinstance(x.grad, Variable)
    layer = Affine(np.ones((2, 2)), np.zeros(2))
    x2, y2 = copy.deepcopy((x, layer(x)))
    y2.backward(np.ones(2))
    np.testing.assert_array_equal(x2.grad, [2, 2])


@pytest.mark.parametrize("x", [3.0, Variable(3.0)])
@pytest.mark.parametrize("f", [lambda x: copy.deepcopy(x) ** 2, lambda x: copy.deepcopy(x * x)])
def test_in_a_function_that_is_differentiated_copies_are_themselves(f, x):
    assert grad(f)(x) == 6


def test_what_an_array_has_and_a_variable_has_not_is_named():
    x = Variable([1.0])
    with pytest.raises(
        AttributeError, match=r"no 'tobytes'; v\.data\.tobytes is that of the value"
    ):
        x.tobytes()
    with pytest.raises(AttributeError, match=r"no 'colour'$"):
        x.colour  # noqa: B018


def test_a_subclass_gives_variables():
    class Named(Variable):
        pass

    x = Named(2.0, "x")
    y = x * x
    y.backward()
    assert type(y) is Variable
    assert x.grad == 4


@pytest.mark.parametrize("name", ["fill", "partition", "put", "resize", "sort", "itemset"])
def test_methods_that_write_are_refused(name):
    with pytest.raises(LeavesGraphError, match=rf"v\.{name}\(\) would overwrite.*np\.where"):
        getattr(Variable([2.0, 1.0]), name)(0)


def test_elements_are_not_assigned_or_deleted():
    x = Variable([1.0, 2.0])
    with pytest.raises(LeavesGraphError, match=r"np\.where"):
        x[0] = 5
    with pytest.raises(LeavesGraphError, match=r"del v"):
        del x[0]
    with pytest.raises(LeavesGraphError, match=r"np\.where"):
        x[0] += 5


def test_adding_to_a_name_rebinds_it():
    x = Variable([1.0, 2.0])
    y = x
    y += 1
    y *= x
    y -= 1
    y /= 2
    y **= 2
    y @= np.ones(2)
    assert x.tolist() == [1, 2]
    expected = sum(((a + 1) * a - 1) ** 2 / 4 for a in (1, 2))
    assert y.item() == expected
    y.backward()
    np.testing.assert_allclose(x.grad, [((a + 1) * a - 1) / 2 * (2 * a + 1) for a in (1, 2)])


def test_backward_needs_something_to_go_back_to():
    with pytest.raises(GraphError, match="'x' was not computed from anything"):
        Variable(1.0, "x").backward()


def test_every_error_is_one_of_ours():
    with pytest.raises(ClearpropError):
        Variable([1.0, 2.0]).sum(axis=0).backward(np.ones(3))
