"""A graph shows the derivatives of its own results, not what another backward pass has left."""

import copy

import numpy as np
import pytest

from clearprop import Graph, Variable, graph
from clearprop.graph.belonging import belonging
from clearprop.page.backward import run_backward


@pytest.fixture
def xyz():
    x = Variable(3.0, "x")
    y, z = x * x, 5 * x
    y.name, z.name = "y", "z"
    return x, y, z


def shows_derivatives(v):
    """In each of the ways in which a graph is shown; they must agree."""
    g = graph(v)
    read = Graph.from_json(g.to_json())
    ways = {"∂" in str(g), "∂" in str(read), "← derivative of" in g.svg(), "∂" in g.svg()}
    (shown,) = ways
    return shown


def test_another_results_derivative_is_not_shown(xyz):
    x, y, z = xyz
    y.backward()
    assert shows_derivatives(y)
    assert not shows_derivatives(z)
    z.backward()
    assert shows_derivatives(z)
    assert x not in belonging([y])
    assert belonging([y]) == {y: 1.0}


def test_the_derivative_is_not_that_of_the_derivative(xyz):
    x, y, _ = xyz
    y.backward(record=True)
    gx = x.grad
    assert shows_derivatives(y)
    assert not shows_derivatives(gx)
    gx.backward()
    assert shows_derivatives(gx)
    assert belonging([gx])[x] == 2.0


def test_of_several_results_those_that_were_started_from(xyz):
    x, y, z = xyz
    y.backward()
    assert belonging([y, z]) == {y: 1.0, x: 6.0}
    z.backward()  # which drops what y left
    assert belonging([y, z]) == {y: 1.0, z: 1.0}
    y.backward(accumulate=True)
    assert belonging([y, z]) == {y: 2.0, z: 1.0, x: 11.0}
    assert belonging([z]) == {z: 1.0}


def test_what_came_from_further_on_is_not_that_of_the_part(xyz):
    _, y, _ = xyz
    (y * y).backward()
    assert not shows_derivatives(y)
    assert run_backward(graph(y)).starts_at_one


def test_a_result_between_starts_nothing(xyz):
    x, y, _ = xyz
    last = y * 2
    last.backward()
    assert belonging([y, last]) == {x: 12.0, y: 2.0, last: 1.0}


def test_results_of_one_node():
    a = Variable(np.array([[2.0, 1.0], [1.0, 3.0]]), "a")
    q, r = np.linalg.qr(a)
    np.sum(q).backward()
    assert not belonging([r])
    r.backward(np.ones((2, 2)))
    assert a in belonging([r])
    assert not belonging([q])


def test_copies_keep_what_their_derivatives_are_of(xyz):
    x, y, z = copy.deepcopy(xyz)
    y.backward()
    x, y, z = copy.deepcopy((x, y, z))
    assert belonging([y]) == {y: 1.0, x: 6.0}
    assert not belonging([z])


def test_json_keeps_what_derivatives_are_of(xyz):
    _, y, z = xyz
    y.backward()
    g = Graph.from_json(graph([y, z]).to_json())
    assert shows_derivatives(g.outputs[0])
    assert not shows_derivatives(g.outputs[1])
    z.backward(accumulate=True)
    alone = Graph.from_json(graph(y).to_json())  # which does not hold z
    assert list(belonging(alone.outputs)) == [alone.outputs[0]]
