"""What a node keeps of other people's arrays: as it was, or refused when it is needed."""

import operator

import numpy as np
import pytest
from harness import ROWS, samples
from row_samples import SAMPLES, drawn

from clearprop.errors import GraphError
from clearprop.graph import Variable, constants, recording

KINDS = (np.ndarray, list, tuple, dict)


@pytest.fixture(autouse=True, params=[1, 2**20], ids=["compared", "copied"])
def large(request, monkeypatch):
    """Arrays of so many bytes are compared and not copied: all of them, or none here."""
    for module in (constants, recording):
        monkeypatch.setattr(module, "LARGE", request.param)


def arrays_in(value):
    """The arrays in a call, however deep."""
    if isinstance(value, np.ndarray):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [a for part in parts if isinstance(part, KINDS) for a in arrays_in(part)]


def mapped(f, value):
    """The call with others in place of its arrays."""
    if isinstance(value, np.ndarray):
        return f(value)
    if isinstance(value, dict):
        return {key: mapped(f, part) for key, part in value.items()}
    return type(value)(mapped(f, part) for part in value) if type(value) in KINDS else value


def write_into(array):
    array[...] = ~array if array.dtype.kind == "b" else 0 if array.dtype.kind in "iu" else array / 2


def derivative(f, call, learned, written):
    """That by one array of a call, where another was written into before it was worked out."""
    call = mapped(np.copy, call)
    arrays = arrays_in(call)
    x = Variable(arrays[learned])
    args, kwargs = mapped(lambda a: x if a is arrays[learned] else a, call)
    arrays[learned] = x.data
    out = f(*args, **kwargs)
    if written is not None and isinstance(arrays[written], np.ndarray):  # and no number
        write_into(arrays[written])
    try:
        sum(np.sum(o) for o in (out if isinstance(out, tuple | list) else (out,))).backward()
    except GraphError:
        return "refused"
    return x.grad


def hold(f, *args, **kwargs):
    """Fail where a derivative follows what was written into an array afterwards."""
    call = (args, kwargs)
    arrays = arrays_in(call)
    for learned in [i for i, a in enumerate(arrays_in(args)) if a.dtype.kind == "f" and a.size]:
        expected = derivative(f, call, learned, None)
        for written in [i for i, a in enumerate(arrays) if a.size]:
            found = derivative(f, call, learned, written)
            if not isinstance(found, str):
                np.testing.assert_array_equal(found, expected)


def calls(row):
    rng = np.random.default_rng(5)
    if row.name in SAMPLES:
        return [(drawn(args, rng), kwargs) for args, kwargs in SAMPLES[row.name]]
    return samples(row, rng)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_no_primitive_follows_an_array_that_is_written_into_afterwards(row):
    for args, kwargs in calls(row):
        with np.errstate(all="ignore"):
            hold(row.function, *args, **kwargs)


BINARY = ["add", "sub", "mul", "truediv", "mod", "pow", "matmul"]
PRODUCTS = [((4,), (4, 3)), ((1, 4), (4, 1)), ((2, 4, 3), (3, 2))]


@pytest.mark.parametrize("name", BINARY)
def test_so_with_operators_from_both_sides(name):
    f, rng = getattr(operator, name), np.random.default_rng(0)
    shapes = [((4,), (4,)), ((3, 4), (4,)), *(PRODUCTS if name == "matmul" else [])]
    for one, other in shapes:
        hold(f, rng.uniform(1, 2, one), rng.uniform(1, 2, other))
