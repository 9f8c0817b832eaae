"""A layer that turns its array into numbers: right in every reading, or refused with the line."""

import copy
import functools
import json
import math
import operator
import pickle
import re
import statistics

import numpy as np
import pytest
from differences import slopes

from clearprop import Layer, Network, Variable, compile, graph
from clearprop.errors import ClearpropError, LeavesGraphError

CONVERSIONS = {
    "asarray": lambda x: np.asarray(x) * 2,
    "array": lambda x: np.array(x) * 2,
    "array of float": lambda x: np.array(x, dtype=float) * 2,
    "ascontiguousarray": lambda x: np.ascontiguousarray(x) * 2,
    "__array__": lambda x: x.__array__() * 2,
    "array of two": lambda x: np.array([x, x]) * 2,
    "array of a list": lambda x: np.array(list(x)) * 2,
    "array of elements": lambda x: np.array([[x[0, 0], 1.0], [x[0, 1], 2.0]]),
    "array of floats": lambda x: np.array([float(v) for v in x.ravel()]),
    "fromiter": lambda x: np.fromiter(x.ravel(), float) * 2,
    "vectorize": lambda x: np.vectorize(lambda v: float(v) * 2)(x),
    "full": lambda x: np.full((2, 2), x.sum()),
    "float": lambda x: x * float(x.sum()),
    "float64": lambda x: x * np.float64(x.sum()),
    "float by name": lambda x: x * x.sum().__float__(),
    "int": lambda x: x * int(x.sum() * 10),
    "complex": lambda x: x * complex(x.sum()).real,
    "item": lambda x: x * x.sum().item(),
    "item of a place": lambda x: x * x.item(0),
    "tolist": lambda x: np.array(x.tolist()) * 2,
    "tolist, summed": lambda x: x * sum(map(sum, x.tolist())),
    "json": lambda x: x * json.loads(json.dumps(x.tolist()))[0][0],
    "list": lambda x: np.stack(list(x)) * 2,
    "unpacked": lambda x: functools.reduce(operator.mul, [*x]),
    "sum": lambda x: sum(x) * 2,
    "max": lambda x: x * max(x.ravel()),
    "round": lambda x: x * round(x.sum(), 3),
    "sqrt": lambda x: x * math.sqrt((x * x).sum()),
    "fsum": lambda x: x * math.fsum(x.ravel()),
    "mean": lambda x: x * statistics.fmean(x.ravel()),
    "range": lambda x: x * len(range(int(10 + x.sum()))),
    "format": lambda x: x * float(f"{x.sum():.17g}"),
    "format by name": lambda x: x * float(format(x.sum(), "e")),
    "str.format": lambda x: x * float("{:.17g}".format(x.sum())),  # noqa: UP032
    "percent": lambda x: x * float("%.17g" % x.sum()),  # noqa: UP031
    "str": lambda x: x * float(str(x.sum())),
    "array2string": lambda x: x * float(np.array2string(np.sum(x))),
    "format_float": lambda x: x * float(np.format_float_positional(x.sum())),
    "copy": lambda x: copy.copy(x) * x,
    "deepcopy": lambda x: copy.deepcopy(x) * x,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)) * x,
    "written, all": lambda x: written(x, ...),
    "written, a row": lambda x: written(x[0], 0),
    "written, an element": lambda x: written(x[0, 0], (0, 0)),
    "added": lambda x: operator.iadd(np.zeros((2, 3)), x) * 2,
    "equal": lambda x: x * np.array_equal(x, x) + x * np.allclose(x, 0),
}
AS_TEXT = ("format", "format by name", "str.format", "str", "array2string")
RNG = np.random.default_rng(3)
X, OTHER = RNG.standard_normal((2, 3)), RNG.standard_normal((2, 3))


def written(value, place):
    out = np.zeros((2, 3))
    out[place] = value
    return out * 2


class Converts(Layer):
    """Its formula turns what it was given, and what it has learned, into numbers."""

    params = ("W",)

    def __init__(self, function):
        self.function, self.W = function, X * 0.5

    def forward(self, x):
        return self.function(x).sum() + x * self.function(self.W).sum()


def weighed(out):
    return (out * np.arange(1.0, 7).reshape(2, 3)).sum()


def of(x, out):
    """The value, and the derivatives by x and, where it is there, W."""
    out.backward()
    return out.data, x.grad, *(v.grad for v in graph(out).leaves if v.shape and v is not x)


def closed(layer):
    x = Variable(X)
    return of(x, weighed(layer(x)))


def opened(layer):
    out = graph(weighed(layer(Variable(X, "x")))).opened().outputs[0]
    x = next(v for v in graph(out).leaves if v.name == "x")
    return of(x, out)


def recorded(layer):
    x, y = Variable(OTHER), Variable(X)
    return of(y, graph(weighed(layer(x))).evaluate({x: y}))


def compiled(layer):
    predict = compile(Network([layer]))
    predict(OTHER)
    return (weighed(predict(X)),)


def as_function(layer):
    f = compile(lambda x: weighed(layer.forward(x)))
    f(OTHER)
    return (f(X),)


def answer(reading, layer):
    """The numbers, or the refusal."""
    try:
        return reading(layer)
    except ClearpropError as error:
        return error
    except ValueError as error:  # a text that is no number, since it tells what it is
        if not re.search(r"'(Variable|Traced)\(", str(error)):
            raise
        return LeavesGraphError(f"`{error}`")


@pytest.mark.parametrize("reading", [closed, opened, recorded, compiled, as_function])
@pytest.mark.parametrize("kind", CONVERSIONS)
@pytest.mark.filterwarnings("ignore")
def test_numbers_are_right_or_refused(kind, reading):
    layer = Converts(CONVERSIONS[kind])
    found = answer(reading, layer)
    if isinstance(found, ClearpropError):
        told = kind in AS_TEXT and "to float" in str(found)
        assert told or reading not in (closed, compiled), "it runs as it is written"
        assert reading is as_function or "`" in str(found) or "np." in str(found)
        return

    def value(x, W):
        layer.W = W
        return weighed(layer.forward(x))

    wanted = (value(X, X * 0.5), *slopes(value, X, X * 0.5))
    assert len(found) == 3 or reading not in (closed, opened)
    for a, b in zip(found, wanted, strict=False):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_outside_of_layers_they_leave_on_request():
    v = Variable([1.5, 2.5])
    assert (v.item(1), v.tolist(), v.sum().item()) == (2.5, [1.5, 2.5], 4.0)
