"""No trace is lost: everything works on the graph, or fails and says what to write instead."""

import array
import cmath
import ctypes
import decimal
import json
import math
import operator
import statistics
import struct

import numpy as np
import pytest

from clearprop import Variable, compile, graph
from clearprop.errors import ClearpropError, LeavesGraphError, UnsupportedError

v = Variable([1.0, 2.0], "v")
w = Variable([3.0, 4.0], "w")
s = Variable(2.0, "s")
n = Variable(1, "n")


def fresh():
    return np.zeros(2)


def assign_all():
    buf = fresh()
    buf[:] = v


def assign_some():
    buf = fresh()
    buf[0:1] = v[:1]


def add_in_place():
    buf = fresh()
    buf += v


def multiply_in_place():
    buf = fresh()
    buf[:] *= v


STACK = r"np\.stack\(\[\.\.\.\]\).*np\.where"

REFUSED = {
    # NumPy makes a plain array of its argument
    "np.asarray of a dtype": (lambda: np.asarray(v, float), r"np\.asarray\(v, float\).*v\.data"),
    "np.array of a dtype": (
        lambda: np.array([v, w], float),
        rf"np\.array\(\[v, w\], float.*{STACK}",
    ),
    "np.asarray of many": (
        lambda: np.asarray(Variable(np.zeros(1001))),
        r"np\.asarray\(Variable.*v\.data",
    ),
    "np.mean of a list": (lambda: np.mean([s, s]), rf"np\.mean\(\[s, s\]\).*{STACK}"),
    "np.array of one": (lambda: np.array(v), r"np\.array\(v\).*v\.data"),
    "np.float32": (lambda: np.float32(s), r"use v\.astype\(np\.float32\)"),
    "np.arange": (lambda: np.arange(s), r"np\.arange"),
    "np.float64": (lambda: np.float64(s), r"np\.float64"),
    "a method of an array": (lambda: fresh().dot(v), r"fresh\(\)\.dot\(v\)"),
    "an index of an array": (lambda: fresh()[n], r"fresh\(\)\[n\]"),
    "np.ma": (lambda: np.ma.array(v), r"np\.ma\.array"),
    "np.ma plus": (lambda: np.ma.array([1.0, 2.0]) + v, r"np\.ma\.array\(\[1\.0, 2\.0\]\) \+ v"),
    "np.random": (lambda: np.random.default_rng(0).normal(v), r"normal\(v\)"),
    "np.random with a number": (lambda: np.random.default_rng(0).normal(s), r"normal\(s\)"),
    "array.array": (lambda: array.array("d", v), r"array\.array\('d', v\)|array\.array"),
    # writing
    "buf[:] = v": (assign_all, rf"`buf\[:\] = v`.*{STACK}"),
    "buf[a:b] = v": (assign_some, rf"`buf\[0:1\] = v\[:1\]`.*{STACK}"),
    "buf += v": (add_in_place, r"np\.add: writing into an existing array.*y = x \+ v"),
    "buf[:] *= v": (multiply_in_place, r"np\.multiply: writing into an existing array"),
    "out=v": (lambda: np.exp(fresh(), out=v), r"np\.exp: writing into an existing array"),
    "out=array": (lambda: np.exp(v, out=fresh()), r"np\.exp: writing into an existing array"),
    "out=v in a function": (lambda: np.sum(fresh(), out=s), r"np\.\w+: writing into"),
    "out=array in a function": (lambda: np.sum(v, out=fresh()), r"np\.sum: writing into"),
    "out= in a product": (lambda: np.dot(v, w, out=fresh()), r"np\.dot: "),
    "ufunc.reduce with out=": (lambda: np.add.reduce(v, out=fresh()), r"np\.add\.reduce: writing"),
    "ufunc.at": (lambda: np.add.at(fresh(), [0, 1], v), r"np\.add\.at .*np\.bincount"),
    "ufunc.at on v": (lambda: np.add.at(v, [0, 1], 1.0), r"np\.add\.at .*np\.where"),
    "np.copyto": (lambda: np.copyto(fresh(), v), r"np\.copyto .*np\.where"),
    "np.put": (lambda: np.put(v, 0, 1.0), r"np\.put .*np\.where"),
    "np.place": (lambda: np.place(v, v > 1, 0.0), r"np\.place .*np\.where"),
    "np.fill_diagonal": (lambda: np.fill_diagonal(v, 0), r"np\.fill_diagonal .*np\.where"),
    "array.put": (lambda: fresh().put([0], s), r"put\(\[0\], s\)"),
    "v[0] = ...": (lambda: operator.setitem(v, 0, 1.0), r"np\.where"),
    # Python takes a number
    "math.sin": (lambda: math.sin(s), r"math\.sin\(s\).*np\.sin, not math\.sin"),
    "math.exp of an expression": (
        lambda: math.exp(s * 2),
        r"math\.exp\(s \* 2\).*a NumPy",
    ),
    "math.floor": (lambda: math.floor(s), r"math\.floor.*a NumPy function"),
    "math.pow": (lambda: math.pow(2, s), r"math\.pow.*a NumPy function"),
    "math.hypot": (lambda: math.hypot(s, s), r"math\.hypot.*a NumPy function"),
    "math.fsum": (lambda: math.fsum(v), r"math\.fsum.*a NumPy function"),
    "cmath.sin": (lambda: cmath.sin(s), r"cmath\.sin\(s\).*np\.sin"),
    "complex": (lambda: complex(s), r"complex\(s\)"),
    "float": (lambda: float(s), r"float\(s\).*v\.data"),
    "int": (lambda: int(n), r"int\(n\).*v\.data"),
    "float, by map": (lambda: list(map(float, [s])), r"map\(float, \[s\]\)"),
    "float of many": (lambda: float(v), r"float\(v\).*v\.data"),
    "int of many": (lambda: int(v), r"int\(v\).*v\.data"),
    "%f": (lambda: "%f" % s, r"\"%f\" % s"),  # noqa: UP031
    "range": (lambda: range(n), r"range\(n\).*v\.data"),
    "an index of a list": (lambda: [1, 2][n], r"\[1, 2\]\[n\].*v\.data"),
    "ctypes": (lambda: ctypes.c_double(s), r"ctypes\.c_double"),
    # functions without a rule
    "np.unique": (lambda: np.unique(v), r"np\.unique cannot be recorded"),
    "np.apply_along_axis": (lambda: np.apply_along_axis(sum, 0, v), r"np\.apply_along_axis"),
    "np.histogram": (lambda: np.histogram(v), r"np\.histogram.*v\.data"),
    "np.fft.fft": (lambda: np.fft.fft(v), r"np\.fft\.fft"),
    "np.save": (lambda: np.save("nowhere.npy", v), r"np\.save.*v\.data"),
    "ufunc.reduceat": (lambda: np.add.reduceat(v, [0]), r"np\.add\.reduceat"),
    "where= of a ufunc": (lambda: np.exp(v, where=v > 1), r"np\.exp.*where"),
    "dtype= of a ufunc": (lambda: np.exp(v, dtype=np.float32), r"np\.exp.*dtype"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_with_the_function_and_what_to_write_instead(kind):
    action, message = REFUSED[kind]
    with pytest.raises(ClearpropError, match=message) as caught:
        action()
    assert isinstance(caught.value, LeavesGraphError | UnsupportedError)


@pytest.mark.parametrize(
    "action",
    [
        lambda: operator.setitem(fresh(), 0, s),
        lambda: fresh().fill(s),
        lambda: np.fromiter([s, s], float),
    ],
    ids=["buf[0] = s", "buf.fill(s)", "np.fromiter"],
)
def test_where_numpy_puts_its_own_error_in_front_ours_stands_behind_it(action):
    with pytest.raises(ValueError, match="setting an array element") as caught:
        action()
    assert isinstance(caught.value.__cause__, LeavesGraphError)
    assert "takes a Variable off the graph" in str(caught.value.__cause__)


def test_assigning_one_element_names_the_line_and_the_remedy():
    buf = fresh()
    with pytest.raises(ValueError, match="setting an array element") as caught:
        buf[1] = s * 2
    assert "`buf[1] = s * 2`" in str(caught.value.__cause__)
    assert "np.stack" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "action",
    [
        lambda: memoryview(v),
        lambda: np.frombuffer(v),
        lambda: "%d" % s,  # noqa: UP031
        lambda: np.zeros(n),
        lambda: decimal.Decimal(s),
        lambda: json.dumps(s),
        lambda: struct.pack("d", s),
        lambda: statistics.mean([s, s]),
    ],
)
def test_other_ways_out_fail_too(action):
    with pytest.raises((TypeError, struct.error)):
        action()


@pytest.mark.filterwarnings("ignore:you are shuffling")
def test_shuffling_writes_into_v():
    with pytest.raises(LeavesGraphError, match=r"np\.where"):
        np.random.default_rng(0).shuffle(v)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_matrices_are_refused():
    matrix = np.matrix([[1.0, 2.0]])
    for action in (lambda: matrix * v, lambda: v * matrix, lambda: v + matrix, lambda: matrix + v):
        with pytest.raises(UnsupportedError, match=r"numpy\.matrix cannot be mixed with Variables"):
            action()
    with pytest.raises(LeavesGraphError, match=r"np\.matrix\(v\)"):
        np.matrix(v)


def test_masked_arrays_are_refused():
    masked = np.ma.array([1.0, 2.0], mask=[True, False])
    for action in (
        lambda: v * masked,
        lambda: np.add(v, masked),
        lambda: np.concatenate([v, masked]),
    ):
        with pytest.raises(ClearpropError, match=r"is a MaskedArray, whose masked"):
            action()
    with pytest.raises(ClearpropError):
        masked * v


class Tensor:
    """Stands in for an array of another library, with a graph of its own."""

    def __init__(self, data):
        self.data = data

    def __add__(self, other):
        return NotImplemented

    __radd__ = __mul__ = __rmul__ = __add__

    def __array__(self, dtype=None, copy=None):
        return np.array(self.data)


class Duck:
    """Stands in for an array type that obeys NumPy's protocols."""

    __array_priority__ = 1000

    def __array_ufunc__(self, *args, **kwargs):
        return NotImplemented

    def __array_function__(self, *args, **kwargs):
        return NotImplemented


class Series:
    """Stands in for a table column, which converts whatever it meets."""

    def __init__(self, values):
        self.values = np.asarray(values, float)

    def __add__(self, other):
        return Series(self.values + np.asarray(other, float))

    __radd__ = __add__


@pytest.mark.parametrize(
    "other", [Tensor([1.0, 2.0]), Duck(), object()], ids=["tensor", "duck", "object"]
)
@pytest.mark.parametrize(
    "mix",
    [
        lambda v, x: v + x,
        lambda v, x: x + v,
        lambda v, x: x * v,
        lambda v, x: v @ x,
        lambda v, x: v < x,
        lambda v, x: np.add(v, x),
        lambda v, x: np.add(x, v),
        lambda v, x: np.where(v > 1, v, x),
        lambda v, x: np.concatenate([v, x]),
        lambda v, x: np.stack([v, x]),
        lambda v, x: np.einsum("i,i", v, x),
        lambda v, x: np.sum(v, where=x),
    ],
)
def test_arrays_of_other_libraries_are_not_mixed_in(mix, other):
    with pytest.raises(
        TypeError, match=r"cannot be mixed with Variables|no implementation|not support"
    ):
        mix(v, other)


def test_a_library_that_converts_is_told_where_it_happens():
    with pytest.raises(LeavesGraphError, match=r"np\.asarray\(other, float\)"):
        Series([1.0, 2.0]) + v
    with pytest.raises(LeavesGraphError, match=r"np\.asarray\(values, float\)"):
        Series(v)
    with pytest.raises(UnsupportedError, match=r"Series cannot be mixed with Variables"):
        v + Series([1.0, 2.0])


def test_pytorch():
    torch = pytest.importorskip("torch")
    tensor = torch.ones(2, requires_grad=True)
    for mix in (lambda: tensor + v, lambda: v * tensor, lambda: np.add(v, tensor.detach())):
        with pytest.raises(UnsupportedError, match=r"a torch\.Tensor cannot be mixed"):
            mix()
    for convert in (torch.tensor, torch.as_tensor, torch.from_numpy, torch.sin):
        with pytest.raises(TypeError):
            convert(v)


WORKS = {
    "v += 1": lambda x: operator.iadd(x, 1),
    "sum of a list": lambda x: sum([x, x * 2]),
    "largest by Python": lambda x: max(x[0], x[1], key=lambda e: e.item()) + 0 * x,
    "sorted": lambda x: np.stack(sorted(x)),
    "a loop": lambda x: np.stack([e * i for i, e in enumerate(x)]),
    "np.stack": lambda x: np.stack([x, x]),
    "np.full_like": lambda x: x[0] * np.ones_like(x),
    "an array's operators": lambda x: np.ones(2) + x,
    "an array's product": lambda x: np.ones((3, 2)) @ x,
    "ufunc.reduce": lambda x: np.add.reduce(x),
    "ufunc.outer": lambda x: np.multiply.outer(x, x),
    "ufunc.accumulate": lambda x: np.add.accumulate(x),
    "a NumPy number first": lambda x: np.float64(2) * x,
    "a whole number of NumPy first": lambda x: np.int8(2) * x,
    "reduce": lambda x: __import__("functools").reduce(operator.mul, [x, x, x]),
    "math.prod": lambda x: math.prod([x, x]),
    "sumprod": lambda x: sum(map(operator.mul, x, x)) * np.ones(1),
}


@pytest.mark.parametrize("kind", WORKS)
def test_what_works_stays_on_the_graph(kind):
    x = Variable([1.0, 2.0])
    out = WORKS[kind](x)
    assert isinstance(out, Variable)
    assert x in set(graph(out).inputs)
    np.testing.assert_allclose(out.data, _plain(WORKS[kind](np.array([1.0, 2.0]))))
    np.sum(out).backward()
    assert np.any(x.grad)


def _plain(value):
    return value.data if isinstance(value, Variable) else value


def test_numbers_by_request():
    assert s.item() == 2.0
    assert int(Variable(2.9).item()) == 2
    assert math.sin(s.item()) == math.sin(2.0)
    assert f"{s:.1f}" == "2.0"
    assert v.tolist() == [1.0, 2.0]


def test_without_source_the_remedies_are_still_told():
    """As at a prompt of some consoles."""
    with pytest.raises(LeavesGraphError, match=rf"^this line takes .*{STACK}.*v\.data"):
        exec("math.sin(s)", {"math": math, "s": s})


def test_what_is_named_for_a_plain_table_works_everywhere():
    line, matrix, i = np.arange(5) * 10, np.arange(10.0).reshape(5, 2), np.array([1, 3, 3])
    written = (
        (lambda v: np.take_along_axis(line, v, axis=0), line[i]),
        (lambda v: np.take_along_axis(matrix, v[:, None], axis=0), matrix[i]),
    )
    with pytest.raises(LeavesGraphError, match=r"np\.take_along_axis\(table, v, axis=0\)"):
        line[Variable(i)]
    for f, expected in written:
        np.testing.assert_array_equal(f(i), expected)
        np.testing.assert_array_equal(f(Variable(i)).data, expected)
        for engine in ("numpy", "c"):
            np.testing.assert_array_equal(compile(f, engine=engine)(i), expected)


def test_a_variable_made_in_a_compiled_function_is_refused():
    table = np.arange(5.0)
    with pytest.raises(UnsupportedError, match="none of its arguments"):
        compile(lambda i: Variable(table)[i])(np.array([1, 2]))
