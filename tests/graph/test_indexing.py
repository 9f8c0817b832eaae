"""Every form of index gives the elements that NumPy gives, and derivatives find their way back."""

import numpy as np
import pytest

from clearprop import Variable
from clearprop.errors import LeavesGraphError

X = np.arange(24.0).reshape(2, 3, 4) ** 1.5
ARRAY = np.array([0, 2, 0])

INDICES = {
    "number": 1,
    "from the end": -1,
    "NumPy number": np.int64(1),
    "small NumPy number": np.uint8(1),
    "all numbers": (1, 2, 3),
    "too few numbers": (1, 2),
    "slice": slice(1, None),
    "slice with a step": (slice(None), slice(None), slice(None, None, 2)),
    "backwards": slice(None, None, -1),
    "backwards in part": (slice(None), slice(2, 0, -1), slice(3, None, -2)),
    "empty slice": (slice(None), slice(2, 2)),
    "beyond the end": slice(1, 99),
    "None": None,
    "None inside": (slice(None), None, 1),
    "Ellipsis": Ellipsis,
    "Ellipsis before": (Ellipsis, 1),
    "Ellipsis between": (1, Ellipsis, slice(1, 3)),
    "empty tuple": (),
    "list": [1, 0],
    "list with repeats": [1, 1, 0, 1],
    "empty list": [],
    "list after a slice": (slice(None), [2, 0, 2]),
    "list, slice, list": ([0, 1, 1], slice(None), [3, 3, 0]),
    "array": np.array([[1, 0], [1, 1]]),
    "array of small numbers": np.array([1, 0, 1], np.int8),
    "empty array": np.array([], np.intp),
    "arrays that broadcast": (np.array([0, 1])[:, None], np.array([2, 2, 0])),
    "array and number": (slice(None), ARRAY, 1),
    "array, None, slice": (1, ARRAY, None, slice(None, None, 2)),
    "from the end, in an array": (0, np.array([-1, 2, -1])),
    "tuples inside": ((0, 1, 1), (2, 2, 2)),
    "one tuple inside": ((1, 1),),
    "mask": X > 20,
    "mask of nothing": X > 1e9,
    "mask of one axis": (slice(None), np.array([True, False, True])),
    "mask as a list": [True, False],
    "mask of two axes": (X[:, :, 0] > 10, slice(1, 3)),
    "mask and array": (np.array([True, False]), np.array([0, 0])),
    "mask and number": (1, np.array([True, False, True]), 2),
    "true": True,
    "false": np.False_,
    "mask of no axes": np.array(True),
}


def put_back(shape, index, dout):
    """What the derivative must be: dout added at the index, repeats included."""
    total = np.zeros(shape)
    np.add.at(total, index, dout)
    return total


@pytest.mark.parametrize("kind", INDICES)
def test_values_and_derivatives(kind):
    index, x = INDICES[kind], Variable(X)
    expected = X[index]
    out = x[index]
    np.testing.assert_array_equal(out.data, expected, strict=True)
    dout = np.cos(np.arange(expected.size)).reshape(expected.shape)
    out.backward(dout)
    np.testing.assert_allclose(x.grad, put_back(X.shape, index, dout), rtol=1e-15, strict=True)


@pytest.mark.parametrize("kind", INDICES)
def test_second_derivatives(kind):
    """f = Σ w x[index]²: the derivative of Σ (∂f/∂x)² is 8 g² x, g the weights put back."""
    index, x = INDICES[kind], Variable(X)
    w = 1 + np.arange(X[index].size).reshape(X[index].shape) / 10
    np.sum(w * x[index] ** 2).backward(record=True)
    np.sum(x.grad**2).backward()
    weights = put_back(X.shape, index, w)
    np.testing.assert_allclose(x.grad, 8 * weights**2 * X, rtol=1e-13)


@pytest.mark.parametrize("kind", INDICES)
def test_agrees_with_pytorch(kind):
    torch = pytest.importorskip("torch")
    index = INDICES[kind]
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, slice) and (part.step or 1) < 0 for part in parts):
        pytest.skip("PyTorch has no negative steps")
    if any(isinstance(part, np.ndarray) and part.dtype in (np.int8, np.uint8) for part in parts):
        pytest.skip("PyTorch does not index by small numbers")

    def of_torch(part):
        part = list(part) if isinstance(part, tuple) else part
        part = part.item() if isinstance(part, np.generic) else part
        return torch.tensor(part) if isinstance(part, np.ndarray) else part

    theirs = torch.tensor(X, requires_grad=True)
    out = theirs[tuple(map(of_torch, parts))]
    ours = Variable(X)
    np.sum(np.sin(ours[index])).backward()
    torch.sin(out).sum().backward()
    np.testing.assert_array_equal(ours[index].data, out.detach().numpy())
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-12)


VARIABLE_INDICES = {
    "number": Variable(1),
    "array": Variable([1, 0, 1]),
    "mask": Variable(X > 20),
    "array after a number": (1, Variable([2, 2, 0])),
    "two": (Variable([0, 1, 1]), Variable([2, 0, 0])),
    "with a slice": (slice(None), Variable([0, 0]), slice(None, None, -1)),
    "inside a tuple": (Variable(1),),
}


def plain(index):
    if isinstance(index, tuple):
        return tuple(map(plain, index))
    return index.data if isinstance(index, Variable) else index


@pytest.mark.parametrize("kind", VARIABLE_INDICES)
def test_variables_as_indices(kind):
    index, x = VARIABLE_INDICES[kind], Variable(X)
    out = x[index]
    np.testing.assert_array_equal(out.data, X[plain(index)], strict=True)
    dout = np.ones(out.shape)
    out.backward(dout)
    np.testing.assert_array_equal(x.grad, put_back(X.shape, plain(index), dout))


def test_an_index_computed_on_the_graph():
    x = Variable([3.0, 1.0, 2.0])
    best = x[x.argmax()]
    best.backward()
    np.testing.assert_array_equal(x.grad, [1, 0, 0])
    (x[x > 1.5] ** 2).sum().backward()
    np.testing.assert_array_equal(x.grad, [6, 0, 4])


def test_an_element_named_twice_sums_its_derivatives():
    x = Variable([1.0, 2.0, 3.0])
    (x[[0, 0, 2]] * np.array([1.0, 10.0, 100.0])).sum().backward()
    np.testing.assert_array_equal(x.grad, [11, 0, 100])


def test_the_same_variable_indexed_twice():
    x = Variable([1.0, 2.0, 3.0])
    (x[1:] * x[:-1]).sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 4, 2])


def test_an_index_array_may_be_written_into_afterwards():
    x, index = Variable([1.0, 2.0, 3.0]), np.array([0, 1])
    y = x[index].sum()
    index[:] = 2
    y.backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 0])


@pytest.mark.parametrize("index", [5, 1.5, "a", (0, 0, 0, 0), [9], np.array([0.5]), Variable(1.0)])
def test_an_index_that_numpy_refuses(index):
    with pytest.raises(IndexError):
        Variable(X)[index]


def test_a_plain_array_is_not_indexed_by_a_variable():
    with pytest.raises(LeavesGraphError, match=r"X\[Variable\(1\)\]"):
        X[Variable(1)]


def test_float32_and_whole_numbers():
    x = Variable(np.arange(4, dtype=np.float32))
    x[[1, 1]].sum().backward()
    np.testing.assert_array_equal(x.grad, np.array([0, 2, 0, 0], np.float32), strict=True)
    n = Variable(np.arange(4))
    (n[1:] * 2).sum().backward()
    np.testing.assert_array_equal(n.grad, [0.0, 2.0, 2.0, 2.0], strict=True)
