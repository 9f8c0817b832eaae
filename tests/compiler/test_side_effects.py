"""What a function changes outside of itself is told, and nothing invented is left there."""

import warnings
from collections import ChainMap, OrderedDict, UserDict, defaultdict
from functools import partial, singledispatch
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

from clearprop import Tanh, Variable, grad
from clearprop.compiler import compile
from clearprop.errors import RecordingWarning, UnsupportedError

LOG: list = []
LAST: dict = {"h": "nothing yet"}
COUNT = 0
HELD = None


class Model:
    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return np.tanh(x).sum()


class Keeping:
    def forward(self, x):
        self.y, self.row = np.tanh(x), [x]
        return self.y

    def backward(self, dout):
        return dout * (1 - self.y**2)


def appends(x):
    LOG.append(1)
    return np.tanh(x).sum()


def keeps(x):
    h = np.tanh(x)
    LAST["h"] = h
    return h.sum()


def counts(x):
    global COUNT
    COUNT += 1
    return np.tanh(x).sum()


def holds(x):
    global HELD
    HELD = np.tanh(x)
    return HELD.sum()


def captured():
    h, inner = None, {"rows": [[1, 2], [3]]}

    def f(x):
        nonlocal h
        h = np.tanh(x)
        inner["rows"][1].append(x)
        return h.sum()

    return f, lambda: (h, inner)


def of_an_object():
    model = Model()
    return lambda x: model(x), lambda: vars(model)


def of_a_namespace():
    space = SimpleNamespace(seen=set())

    def f(x):
        space.seen.add(len(space.seen))
        return np.tanh(x).sum()

    return f, lambda: space


def by_default(x, kept=[]):  # noqa: B006
    kept.append(x)
    return np.tanh(x).sum()


KINDS = {
    "list": lambda: (appends, lambda: LOG),
    "dict": lambda: (keeps, lambda: LAST),
    "count": lambda: (counts, lambda: COUNT),
    "global": lambda: (holds, lambda: HELD),
    "captured": captured,
    "object": of_an_object,
    "namespace": of_a_namespace,
    "default": lambda: (by_default, lambda: by_default.__defaults__),
}
NAMES = {
    "list": "the variable LOG of test_side_effects",
    "dict": "the variable LAST of test_side_effects",
    "count": "the variable COUNT of test_side_effects",
    "global": "the variable HELD of test_side_effects",
    "captured": "the variable (h|inner)",
    "object": r"Model\.calls",
    "namespace": "space|seen",
    "default": "by_default",
}


@pytest.mark.parametrize("derivative", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_told_and_undone(kind, derivative):
    f, kept = KINDS[kind]()
    before = repr(kept())
    compiled = compile(grad(f) if derivative else f)
    with pytest.warns(RecordingWarning, match=rf"changes .*({NAMES[kind]}).* outside of itself"):
        compiled(np.zeros(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(3):
            x = np.full(2, float(i))
            expected = 1 - np.tanh(x) ** 2 if derivative else np.tanh(x).sum()
            np.testing.assert_allclose(compiled(x), expected)
    assert repr(kept()) == before


@pytest.mark.parametrize("make", [Keeping, Tanh])
def test_what_methods_keep_for_each_other_goes_without_a_word(make):
    layer = make()
    before = {**vars(layer)}

    def f(x):
        y = layer.forward(x)
        return layer.backward(y)

    x = np.ones(3)
    expected = np.tanh(x) * (1 - np.tanh(x) ** 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(compile(f)(x), expected)
    # A layer may keep the arrays of the call that the recording was compared with.
    assert not any(isinstance(v, Variable) for v in vars(layer).values())
    assert vars(layer).keys() <= before.keys() | {"out", "out_shape", "y", "row"}


def test_nor_is_anything_left_by_what_is_refused():
    kept = {}

    def f(x):
        kept["x"] = x
        return x if x[0] > 0 else -x

    with pytest.raises(UnsupportedError, match="branches"):
        compile(f)(np.ones(2))
    assert kept == {}


def test_a_cache_of_constants_is_left_alone():
    cache = {}

    def f(x):
        n = len(x)
        if n not in cache:
            cache[n] = np.arange(float(n))
        return cache[n] * x

    compiled = compile(f)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in (2, 3, 2):
            np.testing.assert_array_equal(compiled(np.ones(n)), np.arange(float(n)))
    assert set(cache) == {2, 3}


def test_what_is_made_within_is_its_own():
    def f(x):
        found = []
        found.append(np.tanh(x[0]))
        found.append(np.tanh(x[1]))
        return np.stack(found)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(compile(f)(np.ones((2, 3))), np.tanh(np.ones((2, 3))))


@singledispatch
def scaled(by, x):
    return x * by


@scaled.register
def _(by: str, x):
    return x * len(by)


OF_TYPES = {
    "by the type of the first": lambda x: scaled("abc", x),
    "by any other": lambda x: scaled(3.0, x),
    "a view of a dict": lambda x: VIEW[int](x),
    "several dicts": lambda x: CHAIN[int](x) + CHAIN[2](x) - CHAIN[2](x),
    "a dict of a user": lambda x: OWN[int, 2](x),
}
VIEW = MappingProxyType({int: lambda x: 3 * x})
CHAIN = ChainMap({int: lambda x: 3 * x}, {2: np.tanh})
OWN = UserDict({(int, 2): lambda x: 3 * x})


@pytest.mark.parametrize("kind", OF_TYPES)
def test_functions_may_be_found_by_keys_of_all_kinds(kind):
    program = compile(OF_TYPES[kind])
    np.testing.assert_array_equal(program(np.arange(3.0)), [0, 3, 6])


@pytest.mark.parametrize("make", [dict, UserDict, ChainMap, OrderedDict, partial(defaultdict, int)])
def test_what_is_written_into_any_dict_is_undone(make):
    kept = make()

    def f(x):
        kept["x"], kept[int] = x, kept.get(int, 0) + 1
        return 2 * x

    with pytest.warns(RecordingWarning, match="changes the variable kept"):
        np.testing.assert_array_equal(compile(f)(np.ones(2)), [2, 2])
    assert dict(kept) == {}
