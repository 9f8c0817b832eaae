"""Functions that move elements about."""

import numpy as np
import pytest
from agreement import agree, agree_twice, keeps_float32

from clearprop.errors import ClearpropError, UnsupportedError
from clearprop.graph import Variable

rng = np.random.default_rng(3)
x = rng.standard_normal((2, 3, 4))
m = rng.standard_normal((3, 4))

ARRAYS = {
    "ordinary": x,
    "Fortran": np.asfortranarray(x),
    "backwards": x[::-1, :, ::-2],
    "apart": rng.standard_normal((4, 6, 8))[::2, ::2, ::2],
    "empty": np.zeros((2, 0, 3)),
    "ints": np.arange(24).reshape(2, 3, 4),
}

FORMS = {
    "reshape row": lambda a: np.reshape(a, -1),
    "reshape C": lambda a: np.reshape(a, (a.shape[1], a.size // max(a.shape[1], 1))),
    "reshape F": lambda a: np.reshape(a, (a.shape[1], a.size // max(a.shape[1], 1)), order="F"),
    "reshape A": lambda a: np.reshape(a, (a.shape[1], a.size // max(a.shape[1], 1)), order="A"),
    "method": lambda a: a.reshape(a.shape[2], 1, a.shape[0], a.shape[1]).transpose(1, 3, 0, 2),
    "ravel": np.ravel,
    "ravel F": lambda a: np.ravel(a, "F"),
    "ravel A": lambda a: np.ravel(a, order="A"),
    "transpose": np.transpose,
    "transpose negative": lambda a: np.transpose(a, (-1, 0, 1)),
    "matrix_transpose": np.matrix_transpose,
    "linalg.matrix_transpose": np.linalg.matrix_transpose,
    "swapaxes": lambda a: np.swapaxes(a, -1, 0),
    "moveaxis": lambda a: np.moveaxis(a, (0, 1), (-1, 0)),
    "rollaxis": lambda a: np.rollaxis(a, 2),
    "rollaxis back": lambda a: np.rollaxis(a, -3, -1),
    "expand_dims": lambda a: np.expand_dims(a, (0, -1)),
    "squeeze": lambda a: np.squeeze(a[:1, ..., None], (0, -1)),
    "squeeze all": lambda a: np.squeeze(a[:, None]),
    "broadcast_to": lambda a: np.broadcast_to(a[:, None, :1], (a.shape[0], 5, *a.shape[1:])),
    "broadcast_arrays": lambda a: np.broadcast_arrays(a, a[:1], 2.0),
    "atleast_3d": lambda a: np.atleast_3d(a[0], a[0, :, 0], 3.0),
    "atleast_2d": lambda a: np.atleast_2d(a[0, :, 0]),
    "atleast_1d": lambda a: np.atleast_1d(np.sum(a), a),
    "flip": np.flip,
    "flip axes": lambda a: np.flip(a, (0, -1)),
    "fliplr": np.fliplr,
    "flipud": np.flipud,
    "roll": lambda a: np.roll(a, 5),
    "roll axes": lambda a: np.roll(a, (1, -2), (0, -1)),
    "roll one shift": lambda a: np.roll(a, 1, (0, 2)),
    "rot90": np.rot90,
    "rot90 axes": lambda a: np.rot90(a, -1, (2, 0)),
    "tile": lambda a: np.tile(a, (2, 1, 3)),
    "tile more": lambda a: np.tile(a, (2, 1, 1, 3)),
    "tile none": lambda a: np.tile(a, 0),
    "repeat": lambda a: np.repeat(a, 2),
    "repeat axis": lambda a: np.repeat(a, 3, axis=-2),
    "repeat none": lambda a: np.repeat(a, 0, axis=0),
    "repeat counts": lambda a: np.repeat(a, [2, 1][: a.shape[0]], axis=0),
    "resize": lambda a: np.resize(a, (3, 5)),
    "copy": np.copy,
    "diagonal": lambda a: np.linalg.diagonal(a, offset=1),
    "unstack": lambda a: np.unstack(a, axis=-1),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_values_and_derivatives(form, array):
    agree(form, array)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_second_derivatives_and_float32(form):
    agree_twice(lambda a: np.multiply(*2 * [np.sum(first(form(a)))]), x)
    keeps_float32(lambda a: first(form(a)), x)


def first(out):
    return out[0] if isinstance(out, tuple) else out


@pytest.mark.parametrize(
    ("numpy", "torch"),
    [
        (lambda a: np.tile(a, (2, 1, 3)), lambda a: a.tile(2, 1, 3)),
        (lambda a: np.repeat(a, [2, 0, 1], 1), lambda a: a[:, [0, 0, 2]]),
        (lambda a: np.roll(a, (1, -2), (0, 2)), lambda a: a.roll((1, -2), (0, 2))),
        (lambda a: np.rot90(a, 1, (1, 2)), lambda a: a.rot90(1, (1, 2))),
        (lambda a: np.transpose(a, (2, 0, 1)), lambda a: a.permute(2, 0, 1)),
        (lambda a: np.broadcast_to(a, (5, 2, 3, 4)), lambda a: a.expand(5, 2, 3, 4)),
    ],
)
def test_as_pytorch(numpy, torch):
    agree(numpy, x, torch=torch)


@pytest.mark.parametrize("function", [np.ravel, np.transpose, np.copy, np.squeeze])
def test_a_single_number(function):
    agree(function, 2.5)


def test_forms_for_a_single_number():
    agree(lambda a: np.tile(a, (2, 2)), 2.5)
    agree(lambda a: np.broadcast_to(a, (2, 3)), 2.5)
    agree(lambda a: np.repeat(a, 3), 2.5)
    agree(lambda a: np.reshape(a, (1, 1)), 2.5)
    agree(lambda a: np.expand_dims(a, 0), 2.5)


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_meshgrid(indexing, sparse, n):
    arrays = [rng.standard_normal(k + 2) for k in range(n)]
    agree(lambda *xi: np.meshgrid(*xi, indexing=indexing, sparse=sparse), *arrays)


def test_ix_takes_numbers_and_masks():
    rows, columns = np.ix_(Variable([0, 2]), np.array([True, False, True]))
    np.testing.assert_array_equal(rows.data, [[0], [2]])
    np.testing.assert_array_equal(columns, [[0, 2]])


def test_order_is_that_of_the_array_also_when_the_argument_names_are_given():
    a = np.asfortranarray(m)
    agree(lambda v: np.reshape(v, shape=(2, 6), order="A"), a)
    assert np.reshape(Variable(a), (2, 6), order="A").node.params["order"] == "F"
    assert np.reshape(Variable(m), (2, 6), order="A").node.params["order"] == "C"


def test_order_k_is_refused_where_it_would_depend_on_memory():
    agree(lambda v: np.ravel(np.transpose(v), order="K"), m)
    with pytest.raises(UnsupportedError, match=r"np\.ravel: order='K'.*order='C' or order='F'"):
        np.ravel(Variable(x).transpose(1, 0, 2), order="K")


def test_astype_casts_the_derivative_back_and_stops_at_integers():
    v = Variable(np.array([1.5, 2.5], np.float32))
    wide = v.astype(np.float64)
    assert wide.dtype == np.float64
    np.sum(wide * 3).backward()
    assert v.grad.dtype == np.float32
    np.testing.assert_array_equal(v.grad, [3, 3])
    w = Variable(np.array([1.5, 2.5]))
    np.sum(w.astype(int) * w).backward()
    np.testing.assert_array_equal(w.grad, [1, 2])
    n = Variable([1, 2])
    np.sum(n.astype(np.int32) * n.astype(np.float32)).backward()
    np.testing.assert_array_equal(n.grad, [2, 4])
    assert Variable(2.5).astype("float32").dtype == np.float32
    assert np.astype(Variable(2.5), np.dtype(np.float32)).dtype == np.float32


def test_what_numpy_refuses_is_refused():
    v = Variable(x)
    for wrong in (
        lambda: np.reshape(v, (5, 5)),
        lambda: np.transpose(v, (0, 1)),
        lambda: np.squeeze(v, 0),
        lambda: np.rollaxis(v, 3),
        lambda: np.rot90(v, 1, (0, 3)),
        lambda: np.meshgrid(v, indexing="no"),
        lambda: np.broadcast_to(v, (2, 3)),
    ):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(ClearpropError, match=r"np\.fliplr.*two axes"):
        np.fliplr(v[0, 0])
    with pytest.raises(ClearpropError, match=r"np\.flipud.*single number"):
        np.flipud(v[0, 0, 0])
    with pytest.raises(ClearpropError, match=r"np\.unstack.*single number"):
        np.unstack(v[0, 0, 0])
