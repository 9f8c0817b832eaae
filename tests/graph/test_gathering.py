"""`np.array([v, w])`, `np.r_`, lists in reductions: they stay on the graph, number by number."""

import numpy as np
import pytest

from clearprop import Layer, Variable, check, grad, jacobian
from clearprop.errors import LeavesGraphError
from clearprop.graph.gathering import gathered

X = np.array([0.5, -1.2, 2.0])
C = np.array([1.0, 2.0, -3.0])

FUNCTIONS = {
    "np.array of numbers": lambda x: np.array([x[0], x[1] ** 2, 1.0]) @ C,
    "np.array of rows": lambda x: (np.array([x, x**2, C]) * x).sum(),
    "np.asarray": lambda x: np.exp(np.asarray(x)) @ x,
    "np.sum of a list": lambda x: np.sum([x[0] * x[1], x[2], 2.0]),
    "np.max of a list": lambda x: np.max([x[0], x[1], x[2] ** 2]),
    "np.prod of a list": lambda x: np.prod([x[0], x[1], x[2]]),
    "np.linalg.norm of a list": lambda x: np.linalg.norm([x[0], x[1] * x[2]]),
    "np.dot of lists": lambda x: np.dot([x[0], x[1]], [x[2], 3.0]),
    "np.r_": lambda x: (np.r_[x, x[0], 1:3] ** 2).sum() * x[1],
    "np.c_": lambda x: (np.c_[x, C] @ np.c_[x, C].T).sum(),
    "np.full": lambda x: np.full(3, x[0]) @ x,
    "a list as operand": lambda x: (x * [x[1], 2.0, x[0]]).sum(),
    "np.where": lambda x: np.where(np.array([x[0], x[1]]) > 0, 1.0, x[:2] ** 2).sum(),
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_arrays_of_variables_are_differentiated(f):
    assert check(f, X).ok
    value = f(Variable(X))
    np.testing.assert_allclose(value.data, f(X))


def test_what_a_function_gives_may_be_such_an_array():
    found = jacobian(lambda x: np.array([x[0] * x[1], x[2]]))(X)
    np.testing.assert_allclose(found, [[X[1], X[0], 0], [0, 0, 1]])
    assert grad(lambda s: np.array([s])[0] ** 2)(3.0) == 6
    # The second derivative goes the same way.
    assert grad(grad(lambda s: np.sum([s**3, s])))(2.0) == 12


def test_a_layer_may_give_such_an_array():
    class Both(Layer):
        def forward(self, x):
            self.x = x
            return np.array([x.sum(), (x**2).sum()])

        def backward(self, dout):
            return dout[0] + 2 * dout[1] * self.x

    assert check(Both(), X).ok


def test_nothing_else_is_touched():
    objects = np.array([None, "a"], object)
    assert gathered(objects) is objects
    assert gathered(X) is X
    v = Variable(1.0)
    with pytest.raises(LeavesGraphError, match=r"np\.stack"):
        Variable([v, v])
