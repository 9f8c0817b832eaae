"""Joining, splitting and padding."""

import numpy as np
import pytest
from agreement import agree, agree_twice, keeps_float32

from clearprop.errors import ClearpropError, LeavesGraphError, UnsupportedError
from clearprop.graph import Variable

rng = np.random.default_rng(4)
a, b = rng.standard_normal((2, 3)), rng.standard_normal((2, 3))
cube = rng.standard_normal((2, 3, 4))

JOINS = {
    "concatenate": lambda x, y: np.concatenate([x, y]),
    "concatenate last": lambda x, y: np.concatenate((x, y, x), axis=-1),
    "concatenate flat": lambda x, y: np.concatenate([x, y], axis=None),
    "concatenate constant": lambda x, y: np.concatenate([[[1, 2, 3]], x, np.ones((0, 3)), y]),
    "stack": lambda x, y: np.stack([x, y]),
    "stack middle": lambda x, y: np.stack([x, y, x], 1),
    "stack last": lambda x, y: np.stack((y, x), axis=-1),
    "vstack": lambda x, y: np.vstack([x, y[0], [1, 2, 3]]),
    "hstack": lambda x, y: np.hstack([x, y]),
    "hstack rows": lambda x, y: np.hstack([x[0], y[1], 5.0]),
    "dstack": lambda x, y: np.dstack([x, y]),
    "column_stack": lambda x, y: np.column_stack([x[:, 0], y, [7, 8]]),
    "append": lambda x, y: np.append(x, y),
    "append axis": lambda x, y: np.append(x, y, axis=1),
    "block": lambda x, y: np.block([[x, y], [np.zeros((1, 3)), y[:1]]]),
    "block numbers": lambda x, y: np.block([x[0, 0], y[0], 2.0]),
    "insert": lambda x, y: np.insert(x, 1, y[0], axis=0),
    "insert column": lambda x, y: np.insert(x, -1, y[:, 0], axis=1),
    "insert flat": lambda x, y: np.insert(x, [1, 1, 4], y[0]),
    "insert slice": lambda x, y: np.insert(x, slice(0, 2), y[0, 0], axis=1),
    "delete": lambda x, y: np.delete(x * y, [0, -1], axis=1),
    "delete flat": lambda x, y: np.delete(x * y, 2),
}


@pytest.mark.parametrize("join", JOINS.values(), ids=JOINS)
def test_joins(join):
    agree(join, a, b)
    agree(join, a[::-1], np.asfortranarray(b))
    keeps_float32(join, a, b)
    agree_twice(lambda x, y: np.sum(join(x * y, y)) ** 2, a, b)


def test_joins_keep_and_mix_dtypes():
    x = Variable(np.ones(2, np.float32))
    assert np.concatenate([x, x]).dtype == np.float32
    joined = np.concatenate([x, np.ones(1)])
    assert joined.dtype == np.float64
    np.sum(joined * [1, 2, 3]).backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [1, 2])
    agree(lambda u, v: np.concatenate([u, v]), a, np.arange(6).reshape(2, 3))
    whole = np.arange(6).reshape(2, 3)
    agree(lambda u, v: np.concatenate([u, v]), whole, whole)
    n = Variable([1, 2])
    np.sum(np.stack([n, n], dtype=np.int64) * 3).backward()
    np.testing.assert_array_equal(n.grad, [6, 6])
    narrow = np.concatenate([x, np.ones(1)], dtype=np.dtype(np.float32), casting="same_kind")
    assert narrow.dtype == np.float32


def test_what_is_rounded_to_integers_has_no_derivative():
    x = Variable([1.5, 2.5])
    whole = np.concatenate([x, [1.0]], dtype=int, casting="unsafe")
    np.sum(whole * 2 + np.sum(x)).backward()
    np.testing.assert_array_equal(x.grad, [3, 3])
    stacked = np.stack([x, x], dtype=int, casting="unsafe")
    np.sum(stacked * 2 + np.sum(x)).backward()
    np.testing.assert_array_equal(x.grad, [4, 4])
    inserted = np.insert(Variable([1, 2]), 1, x[0])
    np.testing.assert_array_equal(inserted.data, np.insert([1, 2], 1, 1.5))


def test_a_variable_is_a_list_of_its_rows():
    agree(lambda x: np.concatenate(x), cube)
    agree(lambda x: np.stack(x, axis=-1), cube)
    agree(lambda x: np.vstack(x), cube)


@pytest.mark.parametrize(
    "places", [1, 0, -1, 3, 5, [1], [0, 2], [1, 1, 3], [-1, 0], [], slice(1, 2)]
)
@pytest.mark.parametrize("axis", [None, 0, 1, -1, 2])
@pytest.mark.parametrize(
    "values",
    [9.0, [7.0, 8.0], [7.0, 8.0, 9.0], [1.0, 2.0, 3.0, 4.0], [[1.0], [2.0], [3.0]]],
)
def test_insert_and_delete_do_what_numpy_does(places, axis, values):
    x = np.arange(12.0).reshape(3, 4)
    _same(lambda v: np.insert(v, places, values, axis), x)
    _same(lambda v: np.delete(v, places, axis), x)


def _same(f, x):
    try:
        expected = f(x)
    except (ValueError, IndexError):
        with pytest.raises((ValueError, IndexError)):
            f(Variable(x))
    else:
        np.testing.assert_array_equal(f(Variable(x)).data, expected, strict=True)


SPLITS = {
    "split": lambda x: np.split(x, 2),
    "split at": lambda x: np.split(x, [1, 3, 2, 9], axis=2),
    "array_split": lambda x: np.array_split(x, 3, axis=-1),
    "hsplit": lambda x: np.hsplit(x, 3),
    "hsplit row": lambda x: np.hsplit(x[0, 0], [1, -1]),
    "vsplit": lambda x: np.vsplit(x, [1]),
    "dsplit": lambda x: np.dsplit(x, 2),
}


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
def test_splits(split):
    agree(split, cube)
    agree(split, cube[::-1])
    keeps_float32(split, cube)


def test_split_gives_a_list_as_numpy_does_and_refuses_as_numpy_does():
    x = Variable(cube)
    assert type(np.split(x, 2)) is list
    with pytest.raises(ValueError, match="equal division"):
        np.split(x, 3)
    with pytest.raises(ClearpropError, match=r"np\.dsplit.*at least 3 axes"):
        np.dsplit(x[0], 2)
    with pytest.raises(ClearpropError, match=r"np\.vsplit.*at least 2 axes"):
        np.vsplit(x[0, 0], 2)
    with pytest.raises(ClearpropError, match=r"np\.hsplit.*single number"):
        np.hsplit(x[0, 0, 0], 2)
    with pytest.raises(ValueError):
        np.split(x, 2, axis=3)


# NumPy 2.2 does not take them yet.
WIDTHS_BY_AXIS = [{1: 2}, {-2: (1, 0)}] if np.lib.NumpyVersion(np.__version__) >= "2.3.0" else []
MODES = ["constant", "edge", "reflect", "symmetric", "wrap"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "width", [0, 2, (1, 3), ((0, 2), (5, 1)), ((7, 0),), *WIDTHS_BY_AXIS], ids=str
)
def test_pad(mode, width):
    x = a[:, ::-1]
    agree(lambda v: np.pad(v, width, mode), x)
    keeps_float32(lambda v: np.pad(v, width, mode), x)


@pytest.mark.parametrize("mode", MODES)
def test_pad_twice(mode):
    agree_twice(lambda v: np.sum(np.pad(v, 2, mode=mode) ** 2 * np.arange(42).reshape(6, 7)), a)


def test_pad_constants_and_empty():
    agree(lambda v: np.pad(v, 1, constant_values=3.0), a)
    agree(lambda v: np.pad(v, 1, constant_values=((1, 2), (3, 4))), a)
    agree(lambda v: np.pad(v, 1), np.zeros((0, 2)))


@pytest.mark.parametrize(
    ("mode", "name"), [("reflect", "reflect"), ("edge", "replicate"), ("wrap", "circular")]
)
def test_pad_as_pytorch(mode, name):
    def with_torch(v):
        import torch

        return torch.nn.functional.pad(v[None], (1, 2), mode=name)[0]

    agree(lambda v: np.pad(v, ((0, 0), (1, 2)), mode), a, torch=with_torch)


def test_the_remedies_for_pad_are_right():
    x = Variable(a)
    with pytest.raises(UnsupportedError, match=r"linear_ramp.*np\.concatenate"):
        np.pad(x, 1, "linear_ramp")
    with pytest.raises(UnsupportedError, match=r"2 \* np\.pad\(x, w, mode='edge'\)"):
        np.pad(x, 1, "reflect", reflect_type="odd")
    odd = np.pad(a, ((0, 0), (1, 2)), "reflect", reflect_type="odd")
    w = ((0, 0), (1, 2))
    np.testing.assert_allclose(2 * np.pad(a, w, mode="edge") - np.pad(a, w, mode="reflect"), odd)
    c = Variable(3.0)
    with pytest.raises(UnsupportedError, match=r"np\.pad\(np\.zeros\(x\.shape\), w, constant_"):
        np.pad(x, 1, constant_values=c)
    agree(lambda v, c: np.pad(v, 1) + c * np.pad(np.zeros(v.shape), 1, constant_values=1), a, 3.0)


def test_what_cannot_be_joined_is_refused():
    x = Variable(a)
    for wrong in (
        lambda: np.concatenate([x, np.ones((2, 2))]),
        lambda: np.stack([x, x[0]]),
        lambda: np.concatenate([x, x], axis=2),
        lambda: np.block([[x], [x[:, :1]]]),
        lambda: np.insert(x, 7, 1.0),
    ):
        with pytest.raises((ValueError, IndexError)):
            wrong()
    with pytest.raises(LeavesGraphError, match=r"out="):
        np.concatenate([x, x], 0, np.empty((4, 3)))
    with pytest.raises(LeavesGraphError, match=r"out="):
        np.stack([x, x], 0, np.empty((2, 2, 3)))
    with pytest.raises(ClearpropError, match=r"np\.block: lists are nested \[0, 1\] deep"):
        np.block([[x], x])
    with pytest.raises(ClearpropError, match=r"np\.block: an empty list"):
        np.block([x, []])
    with pytest.raises(ClearpropError, match=r"np\.block: a tuple"):
        np.block([x, (x, x)])
