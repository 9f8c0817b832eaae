"""Jacobians, Hessians, derivatives along a direction; arguments that are dicts and lists."""

from typing import NamedTuple

import numpy as np
import pytest

from clearprop import Variable, grad, hessian, jacobian, jvp, value_and_grad
from clearprop.errors import DTypeError, GraphError, LeavesGraphError, ShapeError

RNG = np.random.default_rng(3)
A = RNG.standard_normal((3, 4))


def differences(f, x, step=1e-6):
    """∂f/∂x by differences, of shape f's + x's."""
    columns = []
    for i in np.ndindex(np.shape(x)):
        move = np.zeros(np.shape(x))
        move[i] = step
        columns.append((np.asarray(f(x + move)) - np.asarray(f(x - move))) / (2 * step))
    return np.moveaxis(np.array(columns), 0, -1).reshape(np.shape(f(x)) + np.shape(x))


FUNCTIONS = {
    "matrix to vector": (lambda x: np.tanh(A @ x).sum(axis=0), RNG.standard_normal((4, 2))),
    "vector to matrix": (lambda x: np.outer(x, x**2), RNG.standard_normal(3)),
    "vector to number": (lambda x: np.prod(x), RNG.standard_normal(3)),
    "number to vector": (lambda x: np.array([1.0, 2.0]) * np.sin(x), 0.7),
    "number to number": (lambda x: x**3, 2.0),
    "some of it": (lambda x: np.maximum(x[:2], 0.1), RNG.standard_normal(4)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobians_agree_with_differences(name):
    f, x = FUNCTIONS[name]
    found = jacobian(f)(x)
    np.testing.assert_allclose(found, differences(f, x), atol=1e-8)
    assert isinstance(found, np.ndarray | np.generic)
    direction = RNG.standard_normal(np.shape(x))
    value, moved = jvp(f, x, direction)
    np.testing.assert_array_equal(value, f(x))
    np.testing.assert_allclose(moved, np.tensordot(found, direction, np.ndim(x)), atol=1e-12)


def test_hessians_agree_with_differences_of_the_gradient():
    def f(x):
        return np.sum(np.sin(A @ x) ** 2) * x[0]

    x = RNG.standard_normal(4)
    found = hessian(f)(x)
    np.testing.assert_allclose(found, differences(grad(f), x), atol=1e-8)
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    by_two = hessian(lambda w, x: np.sum(w * x) ** 2, argument=1)(np.ones(4), x)
    np.testing.assert_allclose(by_two, 2 * np.ones((4, 4)))


def test_float32_stays_float32():
    x = np.array([1.0, 2.0], np.float32)
    assert jacobian(lambda x: x**2)(x).dtype == np.float32
    assert hessian(lambda x: np.sum(x**3))(x).dtype == np.float32


def test_they_nest():
    x = RNG.standard_normal(3)

    def size_of_jacobian(x):
        return np.sum(jacobian(lambda x: np.sin(x) * x[0])(x) ** 2)

    np.testing.assert_allclose(grad(size_of_jacobian)(x), differences(size_of_jacobian, x), 1e-6)
    v = Variable(x)
    rows = jacobian(lambda x: x**2)(v)
    np.sum(rows).backward()
    np.testing.assert_allclose(v.grad, [2, 2, 2])


def test_several_arguments_and_names():
    def f(w, *, x):
        return w * x**2

    w, x = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    by_w, by_x = jacobian(f, argument=(0, "x"))(w, x=x)
    np.testing.assert_allclose(by_w, np.diag(x**2))
    np.testing.assert_allclose(by_x, np.diag(2 * w * x))
    np.testing.assert_array_equal(grad(lambda w, x: np.sum(w * x), "x")(w, x=x), w)
    with pytest.raises(GraphError, match="by argument 'y'"):
        grad(f, "y")(w, x=x)
    with pytest.raises(GraphError, match="by argument 2"):
        grad(f, 2)(w, x=x)


class Pair(NamedTuple):
    W: np.ndarray
    b: float


STRUCTURES = {
    "dict": {"W": A, "b": 0.5},
    "list": [A, np.ones(3)],
    "tuple": (A, 2.0),
    "named": Pair(A, 0.5),
    "nested": {"layers": [{"W": A}, {"W": 2 * A, "b": [0.1, 0.2]}], "scale": np.float64(3.0)},
    "numbers": [1.0, 2.0],
    "rows of numbers": [[1.0, 2.0], [3.0, 4.0]],
}


def total(p):
    """Σ x³ over all that is in a structure."""
    if isinstance(p, dict):
        return sum(map(total, p.values()))
    if isinstance(p, list | tuple):
        return sum(map(total, p))
    return np.sum(p**3)


def cubes(p):
    if isinstance(p, dict):
        return {key: cubes(v) for key, v in p.items()}
    if isinstance(p, tuple) and hasattr(p, "_fields"):
        return type(p)(*map(cubes, p))
    if isinstance(p, list | tuple) and any(np.ndim(v) and hasattr(v, "shape") for v in p):
        return type(p)(map(cubes, p))
    if isinstance(p, list) and any(isinstance(v, dict) for v in p):
        return [cubes(v) for v in p]
    return 3 * np.square(p)


@pytest.mark.parametrize("name", STRUCTURES)
def test_derivatives_have_the_form_of_the_argument(name):
    p = STRUCTURES[name]
    value, found = value_and_grad(total)(p)
    expected = cubes(p)
    assert type(found) is type(expected)
    np.testing.assert_equal(found, expected)
    assert isinstance(value, float)


def test_structures_in_jacobians_and_directions():
    p = {"W": A, "b": [np.ones(3), 0.5]}

    def f(p):
        return p["W"].sum(axis=1) * p["b"][0] + p["b"][1] ** 2

    found = jacobian(f)(p)
    assert found["W"].shape == (3, 3, 4)
    np.testing.assert_allclose(found["b"][0], np.diag(A.sum(axis=1)))
    np.testing.assert_allclose(found["b"][1], np.ones(3))
    _, moved = jvp(f, p, {"W": 0 * A, "b": [np.ones(3), 1.0]})
    np.testing.assert_allclose(moved, A.sum(axis=1) + 1)


def test_a_direction_has_the_form_of_what_moves_and_the_change_that_of_what_is_given():
    p, way = {"W": A, "b": np.ones(4)}, {"b": np.ones(4), "W": 0 * A}  # told by its keys

    def f(p):
        return np.sum(np.tanh(p["W"] @ p["b"]) ** 2)

    value, moved = jvp(grad(f), p, way)
    assert [*value] == [*moved] == ["W", "b"]
    for by in p:
        np.testing.assert_allclose(value[by], grad(f)(p)[by])
        np.testing.assert_allclose(moved[by], hessian(f)(p)[by]["b"] @ np.ones(4), rtol=1e-12)
    assert jvp(lambda x: (2 * x, [x**2, x**3]), 3.0, 1.0) == ((6, [9, 27]), (2, [6, 27]))


@pytest.mark.parametrize("way", [{"W": A}, {"W": A, "c": np.ones(4)}, [A, np.ones(4)], A])
def test_a_direction_of_another_form_is_refused(way):
    with pytest.raises(ShapeError, match=r"direction is a.*and x is a dict of 'W', 'b'"):
        jvp(lambda p: p["W"] @ p["b"], {"W": A, "b": np.ones(4)}, way)


def test_what_does_not_matter_has_the_derivative_0():
    found = jacobian(lambda p: p["a"] ** 2)({"a": np.ones(2), "b": np.ones(3)})
    assert found["b"].shape == (2, 3)
    assert not found["b"].any()
    _, moved = jvp(lambda x: np.floor(x), np.ones(2), np.ones(2))
    assert not moved.any()


def test_what_cannot_be_is_named():
    with pytest.raises(GraphError, match="jacobian: the function gives a ndarray"):
        jacobian(lambda x: np.ones(3))(np.ones(2))
    with pytest.raises(ShapeError, match=r"direction has shapes \[\(3,\)\]"):
        jvp(lambda x: x**2, np.ones(2), np.ones(3))
    with pytest.raises(ShapeError, match="or use jacobian"):
        grad(lambda x: x**2)(np.ones(2))


def test_nothing_recorded_is_left_behind():
    x = np.ones(2)
    jacobian(lambda x: x**2)(x)
    x += 1  # it is nobody's
    np.testing.assert_array_equal(jacobian(lambda x: x**2)(x), np.diag([4.0, 4.0]))


def rebinding(p):
    p["a"] = p["a"] * 2
    p["b"].append(p["b"].pop(0) * p.pop("c"))
    return np.sum(p["a"] ** 2 + p["b"][-1])


def test_a_function_may_rebind_the_entries_of_its_argument():
    p = {"a": 3.0, "b": [np.array([1.0, 2.0]), 5.0], "c": 4.0}
    expected = {"a": 48.0, "b": [np.array([4.0, 4.0]), 0.0], "c": 3.0}
    value, found = value_and_grad(rebinding)(p)
    assert value == 84
    np.testing.assert_equal(found, expected)
    np.testing.assert_equal(jacobian(rebinding)(p), expected)
    np.testing.assert_equal(grad(lambda q, p: rebinding(p), "p")(0.0, p=p), expected)
    assert p["a"] == 3  # it is the caller's
    assert len(p) == 3


def test_directions_can_be_differentiated():
    def cube(p):
        return p**3

    assert grad(lambda x: jvp(cube, x, 1.0)[1])(2.0) == 12
    assert grad(lambda x: jvp(cube, x, 1.0)[0])(2.0) == 12
    assert grad(lambda w: jvp(lambda p: w * cube(p), 2.0, 1.0)[1])(1.5) == 12
    assert grad(lambda d: jvp(cube, 2.0, d)[1])(1.0) == 12
    assert grad(lambda d: jvp(cube, 2.0, d)[0])(1.0) == 0
    assert jvp(lambda x: jvp(cube, x, 1.0)[1], 2.0, 1.0) == (12, 12)
    assert grad(grad(lambda x: jvp(cube, x, x)[1]))(2.0) == 9 * 2 * 2
    x, d = RNG.standard_normal((2, 4))
    by_x = jacobian(lambda x: jvp(lambda p: np.sin(A @ p) * p[0], x, d)[1])(x)
    expected = differences(lambda x: jvp(lambda p: np.sin(A @ p) * p[0], x, d)[1], x)
    np.testing.assert_allclose(by_x, expected, atol=1e-8)
    by_d = jacobian(lambda d: jvp(lambda p: A @ p, x, d)[1])(d)
    np.testing.assert_allclose(by_d, A)
    found = grad(lambda way: np.sum(jvp(lambda p: p["a"] ** 2, {"a": x}, way)[1]))({"a": d})
    np.testing.assert_allclose(found["a"], 2 * x)
    v = Variable(2.0)
    jvp(cube, v, 1.0)[1].backward()
    assert v.grad == 12


def test_what_comes_of_variables_is_a_variable_be_it_constant():
    v = Variable(np.ones(2))
    for found in (
        *jvp(np.floor, v, np.ones(2)),
        *value_and_grad(lambda x: x @ np.ones(2))(v),
        *value_and_grad(lambda x: 3.0)(v),
        jacobian(lambda x: 2 * x)(v),
        jacobian(np.floor)(v),
        grad(lambda p: np.sum(p["a"] * v))({"a": np.ones(2), "b": 1.0})["b"],
    ):
        assert isinstance(found, Variable)
    assert not isinstance(jvp(np.floor, v.data, np.ones(2))[1], Variable)


def test_second_derivatives_of_what_is_linear_are_0():
    linear = {"product": lambda a: a @ np.ones(2), "number": lambda a: 3.0}
    for f in linear.values():
        found = hessian(f)(np.ones(2))
        np.testing.assert_array_equal(found, np.zeros((2, 2)))
        assert type(found) is np.ndarray
    found = jacobian(jacobian(lambda a: A @ a))(np.ones(4))
    np.testing.assert_array_equal(found, np.zeros((3, 4, 4)))
    assert jvp(jacobian(lambda a: 2 * a), 1.0, 1.0) == (2, 0)
    assert hessian(lambda a: a * np.float32(2))(np.float32(1)).dtype == np.float32


def test_hessians_by_several_arguments():
    (pp, pq), (qp, qq) = hessian(lambda p, q: p**2 * q, argument=(0, 1))(3.0, 2.0)
    assert (pp, pq, qp, qq) == (4, 6, 6, 0)


def test_hessians_by_a_dict():
    found = hessian(lambda p: np.sum(p["a"] ** 2) * p["b"])({"a": np.array([1.0, 2.0]), "b": 2.0})
    np.testing.assert_array_equal(found["a"]["a"], 4 * np.eye(2))
    np.testing.assert_array_equal(found["a"]["b"], [2, 4])
    np.testing.assert_array_equal(found["b"]["a"], [2, 4])
    assert found["b"]["b"] == 0


def test_functions_that_give_several_arrays():
    x = np.array([1.0, 2.0])
    one, other = jacobian(lambda x: [x[0] * x[1], x * x])(x)
    np.testing.assert_array_equal(one, [2, 1])
    np.testing.assert_array_equal(other, [[2, 0], [0, 4]])
    assert jacobian(lambda p, q: {"sum": p + q, "product": p * q}, (0, 1))(3.0, 4.0) == {
        "sum": (1, 1),
        "product": (4, 3),
    }
    assert grad(lambda x: jacobian(lambda z: (z**3,))(x)[0])(2.0) == 12


@pytest.mark.parametrize("make", [grad, value_and_grad, jacobian, hessian])
def test_what_is_no_function_and_no_argument_is_refused_at_once(make):
    with pytest.raises(GraphError, match="got a int; give a function"):
        make(3)
    for argument in (3.0, None, (), (0, 1.5), np.ones(2)):
        with pytest.raises(GraphError, match="which argument"):
            make(np.sum, argument)


def test_refusals_speak_of_what_was_written():
    with pytest.raises(GraphError, match="gives a tuple of 2 values, not one number"):
        grad(lambda x: (x, x))(2.0)
    with pytest.raises(GraphError, match="gives a dict of 1 values"):
        grad(lambda x: {"a": x})(2.0)
    with pytest.raises(AttributeError, match="a Variable has no 'foo'"):
        grad(lambda x: x.foo)(1.0)
    for f in (lambda x: x**-2, lambda x: 2**-x):
        with pytest.raises(DTypeError, match="as a float"):
            grad(f)(2)
    for f in (np.linalg.det, np.linalg.inv, np.linalg.eigvalsh):
        with pytest.raises(LeavesGraphError, match=r"np\.stack"):
            grad(lambda a, f=f: np.sum(f(np.array([[a, 1.0], [2.0, a]]))))(3.0)
