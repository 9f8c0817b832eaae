"""Dicts, lists and tuples of arrays go into a compiled function, and come out, leaf by leaf."""

import copy
from collections import namedtuple

import numpy as np
import pytest

from clearprop import grad, hessian, jacobian, jvp, value_and_grad
from clearprop.compiler import compile, engines
from clearprop.errors import UnsupportedError

Pair = namedtuple("Pair", "W b")
X = np.arange(6.0).reshape(3, 2) / 5
P = {"W": np.array([[1.0, 2], [3, 4]]) / 4, "b": np.array([0.5, -0.5])}
V = {"W": np.array([[0.0, 1], [-1, 2]]), "b": np.ones(2)}
NESTED = {"first": [P, (np.ones(2), 2.0)], "second": {"b": 3 * np.ones(2)}}


def loss(p, x):
    return np.sum(np.tanh(x @ p["W"] + p["b"]) ** 2)


def of_nested(q):
    (p, (a, k)), b = q["first"], q["second"]["b"]
    return loss(p, X) * k + np.sum(a * b)


CASES = {
    "a list is joined": (lambda q: np.sum(np.concatenate(q + q)), [np.ones(2), 2 * np.ones(2)]),
    "a list is repeated": (lambda q: np.sum((q * 2)[0]), [np.ones(2), 3 * np.ones(2)]),
    "list": (lambda q: q[0] @ q[1], [np.ones((2, 2)), np.ones(2)]),
    "tuple": (lambda q: q[0] @ q[1], (np.ones((2, 2)), np.ones(2))),
    "named tuple": (lambda q: q.W @ q.b, Pair(np.ones((2, 2)), np.ones(2))),
    "dict": (lambda p: loss(p, X), P),
    "odd keys": (lambda p: p["fc.W"] * p[0] + p[1, "a"], {"fc.W": X, 0: 2.0, (1, "a"): X}),
    "names that meet": (lambda p: p["a_b"] - p["a"]["b"], {"a_b": X, "a": {"b": 2 * X}}),
    "nested": (of_nested, NESTED),
    "a dict comes out": (lambda x: {"a": x * 2, "b": [x, 3.0]}, X),
    "a dict comes back": (lambda p: {k: v * 2 for k, v in p.items()}, P),
    "an entry is exchanged": (lambda p: [p.pop("b"), p.setdefault("c", p["W"])], P),
    "value and derivative": (value_and_grad(lambda p: loss(p, X)), P),
    "derivative of a list": (grad(lambda q: np.sum(q[0] @ q[1])), [np.ones((2, 2)), np.ones(2)]),
    "derivative of nested": (grad(of_nested), NESTED),
    "jacobian": (jacobian(lambda p: np.tanh(X @ p["W"] + p["b"])), P),
    "hessian": (hessian(lambda p: loss(p, X)), P),
    "derivative in a direction": (lambda p: jvp(grad(lambda p: loss(p, X)), p, V), P),
    "numbers are an array": (lambda q: np.sum(np.multiply(q, 2)), [1.0, 2.0]),
    "numbers within": (lambda p: np.sum(np.multiply(p["a"], p["b"])), {"a": [1.0, 2.0], "b": X}),
}


def check_same(found, wanted):
    if isinstance(wanted, dict):
        assert type(found) is dict
        assert [*found] == [*wanted]
        found, wanted = [*found.values()], [*wanted.values()]
    elif isinstance(wanted, list | tuple):
        assert type(found) is type(wanted)
    else:
        assert np.shape(found) == np.shape(wanted)
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
        return
    for one, other in zip(found, wanted, strict=True):
        check_same(one, other)


@pytest.mark.parametrize("name", CASES)
def test_it_gives_what_the_function_gives(name):
    f, given = CASES[name]
    compiled = compile(f)
    for _ in range(2):
        check_same(compiled(given), f(copy.deepcopy(given)))


def test_by_keyword_too_and_each_form_has_a_program():
    def f(x, *, p, act="none"):
        return np.sum(x) + sum(np.sum(v) for v in (p.values() if isinstance(p, dict) else p))

    compiled = compile(f)
    for p in (P, V, {"b": P["b"], "W": P["W"]}, [P["W"], P["b"]], (P["W"], P["b"])):
        assert compiled(X, p=p) == pytest.approx(f(X, p=p))
    assert len(compiled._plans) == 4  # P and V have one form
    compiled(X, p=P, act="other")
    assert len(compiled._plans) == 5


def test_arrays_are_called_by_where_they_stand():
    compiled = compile(loss)
    compiled(P, X)
    assert all(name in compiled.source for name in ("x0_W", "x0_b", "x1"))


@pytest.mark.parametrize("engine", engines())
def test_in_every_engine(engine):
    if engine == "jax":
        pytest.importorskip("jax")
    f = value_and_grad(lambda p, x: loss(p, x))
    check = compile(f, engine=engine)(P, X)
    np.testing.assert_allclose(check[1]["W"], f(P, X)[1]["W"], rtol=1e-10)
    np.testing.assert_allclose(check[1]["b"], f(P, X)[1]["b"], rtol=1e-10)


@pytest.mark.parametrize("given", [[1.0, 2.0], {"q": [1.0, 2.0], "x": X}])
def test_a_list_of_numbers_that_is_no_array_for_the_function_is_refused(given):
    def f(q):
        row = q["q"] if isinstance(q, dict) else q
        return np.mean(np.stack([*(row + row)]))

    with pytest.raises(UnsupportedError, match="otherwise with a list of numbers"):
        compile(f)(given)
