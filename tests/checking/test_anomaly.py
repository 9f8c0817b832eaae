"""The first value that is not finite, with its node, shapes and what went in."""

import numpy as np
import pytest

from clearprop import Affine, Network, Relu, Variable, check, graph
from clearprop.checking import Kind, first_anomaly
from clearprop.errors import GraphError


def test_all_finite():
    assert first_anomaly(np.exp, np.ones(3)) is None
    assert first_anomaly(Relu(), np.ones(3)) is None


def test_forward_names_the_operation_and_what_went_in():
    def f(x):
        shifted = x - 2
        return np.sqrt(np.log(shifted)).sum()

    anomaly = first_anomaly(f, np.array([[5.0, 4.0], [2.5, 9.0]]))
    assert anomaly is not None
    assert (anomaly.direction, anomaly.node, anomaly.index) == ("forward", "np.sqrt", (1, 0))
    assert (anomaly.shape, anomaly.count) == ((2, 2), 1)
    ((name, value),) = anomaly.inputs
    assert name == "x"
    assert value[1, 0] == np.log(0.5)


def test_backward_names_the_operation():
    def f(x):
        return np.sqrt(x * 3).sum()

    anomaly = first_anomaly(f, np.array([1.0, 0.0]))
    assert anomaly is not None
    assert (anomaly.direction, anomaly.node, anomaly.index) == ("backward", "np.sqrt", (1,))
    assert [name for name, _ in anomaly.inputs] == ["dout", "x"]
    assert "the derivative handed back of np.sqrt (2,) is inf at [1]" in str(anomaly)


def test_a_network_is_opened_down_to_the_operation():
    huge = np.full((2, 2), 1e200)
    net = Network({"first": Affine(np.eye(2), np.zeros(2)), "second": Affine(huge, np.zeros(2))})
    anomaly = first_anomaly(net, np.full((3, 2), 1e200), np.array([0, 1, 0]))
    assert anomaly is not None
    assert (anomaly.node, anomaly.inside) == ("np.matmul", ("Network", "second"))
    assert "inside second inside Network" in str(anomaly)


def test_a_layer_that_cannot_be_opened_is_named_itself():
    class Closed:
        def forward(self, x):
            out = np.zeros_like(x)
            out[...] = np.log(x)
            return out

        def backward(self, dout):
            return dout

    anomaly = first_anomaly(Closed(), np.array([1.0, 0.0]))
    assert anomaly is not None
    assert (anomaly.direction, anomaly.node, anomaly.value) == ("forward", "Closed", -np.inf)


def test_what_came_in_is_not_blamed_on_an_operation():
    anomaly = first_anomaly(np.exp, np.array([0.0, np.nan]))
    assert anomaly is not None
    assert (anomaly.direction, anomaly.node) == ("given", "input 1")
    net = Network([Affine(np.array([[np.inf]]), np.zeros(1))])
    anomaly = first_anomaly(net, np.ones((2, 1)), np.array([0, 0]))
    assert anomaly is not None
    assert anomaly.node == "the parameter W1"


def test_a_graph_and_a_variable_are_read_as_they_are():
    with np.errstate(all="ignore"):
        y = np.log(Variable([1.0, 0.0], "x")) + 1
    for thing in (y, graph(y)):
        anomaly = first_anomaly(thing)
        assert anomaly is not None
        assert anomaly.node == "np.log"


def test_several_outputs_and_a_dout_of_ones_own():
    def f(x):
        return x / 2, np.sqrt(x)

    x = np.array([0.0, 4.0])
    assert first_anomaly(f, x, dout=(np.ones(2), np.array([1.0, 1.0]))) is not None
    only_first = first_anomaly(lambda x: np.sqrt(x), x, dout=np.array([0.0, 1.0]))
    assert only_first is not None  # 0 · ∞ is NaN
    assert first_anomaly(lambda x: x / 2, x, dout=np.ones(2)) is None


def test_what_cannot_be_run_says_so():
    with pytest.raises(GraphError, match="could not be run: division by zero"):
        first_anomaly(lambda x: 1 / 0, np.ones(2))
    with pytest.raises(GraphError, match="does not come from recorded operations"):
        first_anomaly(lambda x: np.ones(3), np.ones(2))


def test_checks_tell_where_it_came_from():
    class Root:
        def forward(self, x):
            return np.sqrt(x - 1)

        def backward(self, dout):
            return dout

    (fault,) = check(Root(), np.array([2.0, 0.5])).faults
    assert fault.kind is Kind.NOT_FINITE
    assert "the output of np.sqrt inside Root (2,) is nan at [1]" in fault.message
    assert "x (2,) = -0.5 at [1]" in fault.message
