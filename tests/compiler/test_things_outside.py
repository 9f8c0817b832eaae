"""What stands outside of a program is heard by what it is: bound, in part, wrapped, nested."""

from collections import ChainMap, UserDict
from enum import Enum
from functools import lru_cache, partial
from types import MappingProxyType, MethodType, SimpleNamespace

import numpy as np
import pytest
from nets import batch, check_heard

from clearprop import Affine, Layer, Network, Relu, grad
from clearprop.compiler import compile
from clearprop.errors import UnsupportedError
from clearprop.training import SGD

NUMBERS = {"k": 1.0}


class Model:
    scale = 1.0

    def __init__(self):
        self.v, self.a = 1.0, np.ones(2)

    def run(self, x):
        return x * self.v

    def with_array(self, x):
        return x * self.a

    def scaled(self, x):
        return x * self.scale

    def __call__(self, x):
        return x * self.v

    def __matmul__(self, x):
        return x * NUMBERS["k"]


class Slots:
    __slots__ = ("v",)

    def __init__(self):
        self.v = 1.0

    def __call__(self, x):
        return x * self.v


class Base:
    scale = 1.0

    @classmethod
    def by_class(cls, x):
        return cls.again(x) * cls.scale

    @classmethod
    def again(cls, x):
        return x

    @staticmethod
    def by_name(x):
        return x * Base.scale


class Child(Base):
    pass


class One:
    k = 1.0


class Two:
    k = 2.0


class Mode(Enum):
    PLAIN = 1
    DOUBLE = 2


CLASS, FUNCTION, LAYER, MODE = One, np.tanh, Relu(), Mode.PLAIN


def swap(name, value):
    return lambda patch: patch.setitem(globals(), name, value)


def case(make):
    """A function and what changes it, made anew for each test."""
    m, row, ns = Model(), [1.0], SimpleNamespace(k=1.0)
    return make(m, row, ns)


def third(row):
    return lambda patch: row.__setitem__(0, 3.0)


def other_v(m):
    return lambda patch: setattr(m, "v", 3.0)


@lru_cache
def numbers():
    return NUMBERS


def other_k(patch):
    patch.setitem(NUMBERS, "k", 3.0)


def other_scale(kind):
    return lambda patch: patch.setattr(kind, "scale", 3.0, raising=False)


def held(container, find):
    return lambda x: x * find(container)


def in_dicts(m, row, ns):
    nested = {"first": {"second": row}, "other": {"m": m}}
    return lambda x: x * nested["first"]["second"][0] * nested["other"]["m"].v


def slotted():
    one = Slots()
    return one, other_v(one)


def proxied():
    below = {"k": 1.0}
    proxy = MappingProxyType(below)
    return lambda x: x * proxy["k"], lambda patch: below.__setitem__("k", 3.0)


def chained(kind):
    below = kind({"k": 1.0})
    return lambda x: x * below["k"], lambda patch: below.__setitem__("k", 3.0)


def integers():
    many = {"i": np.zeros(5000, int)}
    return lambda x: x * (1 + np.sum(many["i"])), lambda patch: many["i"].__setitem__(2500, 7)


def beside_a_layer():
    mixed = [1.0, Relu()]
    return lambda x: mixed[1](x) * mixed[0], third(mixed)


def of_a_dict():
    get = NUMBERS.get
    return lambda x: x * get("k"), other_k


def two_places():
    shared, one, two = [1.0, Model()], SimpleNamespace(), SimpleNamespace()
    one.row = two.row = shared
    return (
        lambda x: x * one.row[0] * two.row[0],
        lambda patch: setattr(two, "row", [3.0, shared[1]]),
    )


def of_a_layer(change, make=lambda affine: lambda x: affine.forward(x[None])):
    affine = Affine(np.eye(2), np.zeros(2))
    return make(affine), lambda patch: change(affine)


CASES = {
    "bound method": lambda: case(lambda m, row, ns: (m.run, other_v(m))),
    "array of a bound method": lambda: case(
        lambda m, row, ns: (m.with_array, lambda patch: m.a.__setitem__(0, 3.0))
    ),
    "callable object": lambda: case(lambda m, row, ns: (m, other_v(m))),
    "callable object with slots": slotted,
    "operator of an object": lambda: case(lambda m, row, ns: (lambda x: m @ x, other_k)),
    "in part, a list": lambda: case(
        lambda m, row, ns: (partial(lambda k, x: x * k[0], row), third(row))
    ),
    "in part, by name": lambda: case(
        lambda m, row, ns: (partial(lambda x, k: x * k[0], k=row), third(row))
    ),
    "in part, an object": lambda: case(
        lambda m, row, ns: (partial(lambda k, x: x * k.v, m), other_v(m))
    ),
    "in part, a method": lambda: case(lambda m, row, ns: (partial(m.run), other_v(m))),
    "derivative of one in part": lambda: case(
        lambda m, row, ns: (grad(partial(lambda k, x: np.sum(x * k[0]), row)), third(row))
    ),
    "derivative of a method": lambda: case(
        lambda m, row, ns: (grad(lambda x: np.sum(m.run(x))), other_v(m))
    ),
    "class method": lambda: (lambda x: Child.by_class(x), other_scale(Child)),
    "bound class method": lambda: (Child.by_class, other_scale(Child)),
    "inherited by a class method": lambda: (lambda x: Child.by_class(x), other_scale(Base)),
    "static method": lambda: (lambda x: Child.by_name(x), other_scale(Base)),
    "attribute of a class that is called": lambda: (
        lambda x: Model().scaled(x),
        other_scale(Model),
    ),
    "another class": lambda: (lambda x: x * CLASS.k, swap("CLASS", Two)),
    "another function of NumPy": lambda: (lambda x: FUNCTION(x), swap("FUNCTION", np.sin)),
    "another layer": lambda: (lambda x: LAYER(x - 1), swap("LAYER", lambda x: x)),
    "another of an enumeration": lambda: (
        lambda x: x * (2 if MODE is Mode.DOUBLE else 1),
        swap("MODE", Mode.DOUBLE),
    ),
    "cached": lambda: (lambda x: x * numbers()["k"], other_k),
    "method of a dict": of_a_dict,
    "list in a dict in a dict": lambda: case(lambda m, row, ns: (in_dicts(m, row, ns), third(row))),
    "object in a dict in a dict": lambda: case(
        lambda m, row, ns: (in_dicts(m, row, ns), other_v(m))
    ),
    "list in a tuple": lambda: case(
        lambda m, row, ns: (held((row,), lambda c: c[0][0]), third(row))
    ),
    "proxy": proxied,
    "chain of dicts": lambda: chained(ChainMap),
    "dict of another kind": lambda: chained(UserDict),
    "many whole numbers": integers,
    "number beside a layer": beside_a_layer,
    "list at two places": two_places,
    "array of a layer": lambda: of_a_layer(lambda affine: setattr(affine, "W", 3 * np.eye(2))),
    "array of a layer in place": lambda: of_a_layer(lambda affine: affine.W.fill(3.0)),
    "array of a layer that is bound": lambda: of_a_layer(
        lambda affine: affine.W.fill(3.0),
        lambda affine: MethodType(lambda self, x: x[None] @ self.W, affine),
    ),
}
X = np.array([0.5, 2.0])


@pytest.mark.parametrize("name", CASES)
def test_a_function_hears_it_and_is_recorded_no_oftener(name, monkeypatch):
    f, change = CASES[name]()
    check_heard(f, X, lambda: change(monkeypatch))


class Calls(Layer):
    def __init__(self, called):
        self.called = called

    def forward(self, x):
        return self.called(x)


OF_LAYERS = [name for name in CASES if "layer" not in name and "derivative" not in name]


@pytest.mark.parametrize("name", OF_LAYERS)
def test_so_does_what_a_layer_holds(name, monkeypatch):
    f, change = CASES[name]()
    net = Network([Affine(np.array([[1.0, 2], [3, 5]]), np.zeros(2)), Calls(f)])
    x, t = np.ones((3, 2)), np.array([0, 1, 0])
    predict, step = compile(net), compile(net, SGD(1e-9))
    before = predict(x), step(x, t)
    plans = predict._last, step._last
    predict(x), step(x, t)
    assert (predict._last, step._last) == plans
    assert not step.as_written
    change(monkeypatch)
    np.testing.assert_allclose(predict(x), net.predict(x), rtol=1e-12)
    assert step(x, t) == pytest.approx(net.loss(x, t), rel=1e-6)
    assert np.any(predict(x) != before[0])


def test_what_is_assigned_in_place_of_a_method_is_refused_by_a_step_and_taken_by_a_prediction():
    relu = Relu()
    net = Network([Affine.from_sizes(4, 3, rng=np.random.default_rng(0)), relu])
    x, t = batch(10, 4, 3)
    predict, step = compile(net), compile(net, SGD(0.1))
    predict(x), step(x, t)
    relu.forward = MethodType(lambda self, x: x * 100, relu)
    np.testing.assert_allclose(predict(x), net.predict(x), rtol=1e-6)
    with pytest.raises(UnsupportedError, match="Relu1 has had a forward assigned to it"):
        step(x, t)


def test_what_is_assigned_to_an_optimizer_is_refused():
    net, optimizer = Network([Affine.from_sizes(4, 3)]), SGD(0.1)
    step = compile(net, optimizer)
    step(*batch(10, 4, 3))
    optimizer.change = lambda p, g, **how: p
    with pytest.raises(UnsupportedError, match="the optimizer has had a change assigned to it"):
        step(*batch(10, 4, 3))
