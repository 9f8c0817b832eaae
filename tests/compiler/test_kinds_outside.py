"""What stands outside of a program is heard whatever it is: of Python, hidden, or computed."""

import ctypes
import os
import queue
import weakref
from array import array
from contextvars import ContextVar
from functools import cached_property, wraps
from multiprocessing import Value
from os import getenv
from threading import Event, local
from types import SimpleNamespace

import numpy as np
import pytest
from nets import batch, check_heard

from clearprop import Affine, Layer, Network, Variable
from clearprop.compiler import compile
from clearprop.errors import RecordingWarning
from clearprop.training import SGD, Optimizer
from clearprop.training.step import layered_step

X = np.array([0.5, 2.0])
NUMBERS = {"k": 1.0}
CONTEXT = ContextVar("CONTEXT", default=1.0)
REBOUND = b"1"


class Held:
    def __init__(self):
        self.k = 1.0


class Named(dict):
    """A dict with an attribute."""


class Keeping:
    """A descriptor that holds its own value."""

    value = 1.0

    def __get__(self, owner, kind):
        return self.value


class Meta(type):
    scale = 1.0

    @property
    def k(cls):
        return cls.held

    def __getitem__(cls, i):
        return cls.row[i]


def made():
    """Classes made anew, so that each test has its own."""

    class Described:
        k = Keeping()

    class Metered(metaclass=Meta):
        held, row = 1.0, [1.0]

    class Classed:
        objects = [Held()]  # noqa: RUF012

    return SimpleNamespace(described=Described, metered=Metered, classed=Classed)


def of(thing, read, change):
    return lambda: (lambda x: x * read(thing), lambda patch: change(thing))


def attribute():
    def f(x):
        return x * f.scale

    f.scale = 1.0
    return f, lambda patch: setattr(f, "scale", 3.0)


def late_attribute():
    def f(x):
        return x * getattr(f, "scale", 1.0)

    return f, lambda patch: setattr(f, "scale", 3.0)


def of_a_wrapper():
    def scaled(g):
        @wraps(g)
        def wrapper(x):
            return g(x) * wrapper.scale

        wrapper.scale = 1.0
        return wrapper

    @scaled
    def f(x):
        return x

    return f, lambda patch: setattr(f, "scale", 3.0)


def wrapped_method():
    row = [1.0]

    def scaled(g):
        return wraps(g)(lambda self, x: g(self, x) * row[0])

    class Model:
        @scaled
        def __call__(self, x):
            return x

    return Model(), lambda patch: row.__setitem__(0, 3.0)


def environ(read):
    return lambda: (
        lambda x: x * float(read()),
        lambda patch: patch.setitem(os.environ, "CLEARPROP_OF_TESTS", "3"),
    )


def view():
    below = {"k": 1.0}
    values = below.values()
    return lambda x: x * sum(values), lambda patch: below.__setitem__("k", 3.0)


def proxied():
    held = Held()
    proxy, keep = weakref.proxy(held), held
    return lambda x: x * proxy.k, lambda patch: setattr(keep, "k", 3.0)


def referred():
    held = Held()
    r, keep = weakref.ref(held), held
    return lambda x: x * r().k, lambda patch: setattr(keep, "k", 3.0)


def in_a_weak_set():
    held = Held()
    few, keep = weakref.WeakSet([held]), held
    return lambda x: x * next(iter(few)).k, lambda patch: setattr(keep, "k", 3.0)


def of_a_metaclass(read, change):
    kind = made().metered
    return lambda x: x * read(kind), lambda patch: change(kind, patch)


def cached():
    class Model:
        @cached_property
        def k(self):
            return NUMBERS["k"]

    return lambda x: x * Model().k, lambda patch: patch.setitem(NUMBERS, "k", 3.0)


def filled(kind, *values):
    thing = kind()
    for value in values:
        thing.put(value)
    return thing


def filled_with_k(thing):
    thing.k = 1.0
    return thing


def masked():
    return np.ma.array([1.0, 2.0], mask=[False, True])


def set_k(thing):
    thing.k = 3.0


def set_value(thing):
    thing.value = 3.0


def set_first(thing):
    thing[0] = 3


def in_context(patch):
    token = CONTEXT.set(3.0)
    patch.setitem(CLEANUP, "token", token)


CLEANUP = {}
CASES = {
    "attribute of a function": attribute,
    "attribute of a function that comes late": late_attribute,
    "attribute of a wrapper": of_a_wrapper,
    "what the wrapper of a method captured": wrapped_method,
    "environment": environ(lambda: os.environ["CLEARPROP_OF_TESTS"]),
    "environment by getenv": environ(lambda: os.getenv("CLEARPROP_OF_TESTS")),
    "environment by a name of its own": environ(lambda: getenv("CLEARPROP_OF_TESTS")),
    "context": lambda: (lambda x: x * CONTEXT.get(), in_context),
    "attribute of a thread that comes late": of(local(), lambda t: getattr(t, "k", 1.0), set_k),
    "attribute of a thread": of(filled_with_k(local()), lambda t: t.k, set_k),
    "weak reference": referred,
    "weak proxy": proxied,
    "weak set": in_a_weak_set,
    "bytes": of(bytearray([1, 1]), lambda t: t[0], set_first),
    "array of Python": of(array("d", [1, 1]), lambda t: t[0], set_first),
    "array of Python through NumPy": of(array("d", [1]), lambda t: np.frombuffer(t)[0], set_first),
    "array of ctypes": of((ctypes.c_double * 2)(1, 1), lambda t: t[0], set_first),
    "number of ctypes": of(ctypes.c_double(1), lambda t: t.value, set_value),
    "number of processes": of(Value("d", 1), lambda t: t.value, set_value),
    "queue": of(filled(queue.Queue, 1.0), lambda t: t.queue[0], lambda t: set_first(t.queue)),
    "length of a queue": of(filled(queue.Queue, 1), lambda t: t.qsize(), lambda t: t.put(2)),
    "event": of(Event(), lambda t: 1.0 + t.is_set(), lambda t: t.set()),
    "Variable": of(Variable(1.0), lambda t: t.data, lambda t: setattr(t, "data", np.float64(3))),
    "Variable in place": of(Variable(np.ones(2)), lambda t: t.data, lambda t: set_first(t.data)),
    "mask": of(masked(), lambda t: float(t.sum()), lambda t: setattr(t, "mask", False)),
    "view of a dict": view,
    "objects in a set": of({Held()}, lambda t: sum(h.k for h in t), lambda t: set_k(next(iter(t)))),
    "attribute of a dict": of(filled_with_k(Named(k=1.0)), lambda t: t.k, set_k),
    "bytes that are exchanged": lambda: (
        lambda x: x * REBOUND[0],
        lambda patch: patch.setitem(globals(), "REBOUND", b"3"),
    ),
    "descriptor": of(
        made().described(), lambda t: t.k, lambda t: setattr(vars(type(t))["k"], "value", 3.0)
    ),
    "cached property": cached,
    "property of a metaclass": lambda: of_a_metaclass(
        lambda kind: kind.k, lambda kind, patch: setattr(kind, "held", 3.0)
    ),
    "attribute of a metaclass": lambda: of_a_metaclass(
        lambda kind: kind.scale, lambda kind, patch: patch.setattr(Meta, "scale", 3.0)
    ),
    "operator of a metaclass": lambda: of_a_metaclass(
        lambda kind: kind[0], lambda kind, patch: set_first(kind.row)
    ),
    "objects of a class": of(
        made().classed(), lambda t: t.objects[0].k, lambda t: set_k(t.objects[0])
    ),
}


@pytest.fixture
def patch(monkeypatch):
    monkeypatch.setitem(os.environ, "CLEARPROP_OF_TESTS", "1")
    yield monkeypatch
    if "token" in CLEANUP:
        CONTEXT.reset(CLEANUP.pop("token"))


@pytest.mark.parametrize("name", CASES)
def test_a_function_hears_it_and_is_recorded_no_oftener(name, patch):
    f, change = CASES[name]()
    check_heard(f, X, lambda: change(patch))


class Attributed(Layer):
    def forward(self, x):
        return x * type(self).forward.k

    def backward(self, dout):
        return dout * type(self).forward.k


class Attributing(Optimizer):
    @staticmethod
    def change(p, g, *, step, lr):
        return p - lr * g * factor.k


def factor():
    """A function that holds a number."""


@pytest.mark.parametrize("kind", [SGD, Attributing])
def test_steps_hear_attributes_of_functions(kind):
    Attributed.forward.k = factor.k = 1.0
    ends = [
        Network([Affine.from_sizes(4, 3, rng=np.random.default_rng(0)), Attributed()])
        for _ in range(2)
    ]
    layered, step = layered_step(ends[0], kind(lr=0.1)), compile(ends[1], kind(lr=0.1))
    predict, (x, t) = compile(ends[1]), batch(10, 4, 3)
    for i in range(4):
        Attributed.forward.k = factor.k = 1.0 + (i > 1)
        assert step(x, t) == pytest.approx(float(layered(x, t)), rel=1e-5)
        np.testing.assert_allclose(predict(x), ends[1].predict(x), rtol=1e-5)
    np.testing.assert_allclose(ends[1].params["W1"], ends[0].params["W1"], atol=1e-6)


def test_a_count_on_a_function_is_told_and_left_as_it_was():
    def f(x):
        f.calls += 1
        return x * 2

    f.calls = 0
    with pytest.warns(RecordingWarning, match=r"changes f\.calls outside of itself"):
        compile(f)(X)
    assert f.calls == 0
