"""Lists of Variables that NumPy takes apart are put together again as they were."""

import numpy as np
import pytest

from clearprop import Variable, compile, grad
from clearprop.graph.gathering import gathered


def operations(v):
    found, waiting = {}, [v]
    while waiting:
        node = waiting.pop().node
        if node is not None and id(node) not in found:
            found[id(node)] = node.operation.name
            waiting += [x for x in node.inputs if isinstance(x, Variable)]
    return sorted(found.values())


def pair():
    return Variable(np.arange(6.0).reshape(2, 3)), Variable(-np.ones((2, 3)))


def test_whole_variables_are_stacked():
    v, w = pair()
    assert operations(gathered(np.array([v, w]))) == ["np.stack"]
    assert operations(gathered(np.array([v, w])[::-1])) == ["np.stack"]
    nested = gathered(np.array([[v, w], [w, v]]))
    assert operations(nested) == ["np.reshape", "np.stack"]
    np.testing.assert_array_equal(nested.data, [[v.data, w.data], [w.data, v.data]])


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.T,
        lambda a: a[:, ::-1],
        lambda a: a[:, :1],
        lambda a: a.reshape(3, 4),
        lambda a: np.where(np.arange(3) > 0, a, a[::-1]),
        lambda a: a[[0, 0]],
    ],
)
def test_parts_and_others_keep_their_places(change):
    v, w = pair()
    found = gathered(change(np.array([v, w])))
    np.testing.assert_array_equal(found.data, change(np.array([v.data, w.data])))
    found.backward(np.arange(1.0, found.data.size + 1).reshape(found.data.shape))
    places = change(np.arange(12).reshape(2, 2, 3)).ravel()
    due = np.bincount(places, np.arange(1.0, places.size + 1), 12).reshape(2, 2, 3)
    np.testing.assert_array_equal(v.grad if v.grad is not None else 0, due[0])
    np.testing.assert_array_equal(w.grad if w.grad is not None else 0, due[1])


def test_a_loop_that_collects_its_steps():
    def states(x):
        h, found = np.zeros(3), []
        for row in x:
            h = np.tanh(h + row)
            found.append(h)
        return np.array(found)

    x = np.random.default_rng(0).standard_normal((4, 3))
    f = grad(lambda x: np.sum(states(x) ** 2))
    due = grad(lambda x: np.sum(np.stack(list(states(x))) ** 2))(x)
    np.testing.assert_array_equal(f(x), due)
    np.testing.assert_allclose(compile(f)(x), due, rtol=1e-12)
