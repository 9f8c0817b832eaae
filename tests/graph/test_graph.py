"""Graph: order, leaves, constants, and the same computation with other values."""

import numpy as np
import pytest

import clearprop
from clearprop import Affine, Graph, Variable, graph
from clearprop.errors import DTypeError, GraphError, ShapeError


def names(g):
    return [node.operation.name for node in g.nodes]


def shopping():
    apple, orange, tax = Variable(100.0, "apple"), Variable(150.0, "orange"), Variable(1.1, "tax")
    return (apple * 2 + orange * 3) * tax


def test_nodes_come_after_those_they_depend_on():
    g = graph(shopping())
    assert names(g) == ["np.multiply", "np.multiply", "np.add", "np.multiply"]
    place = {node: i for i, node in enumerate(g.nodes)}
    for node in g.nodes:
        for x in node.inputs:
            if isinstance(x, Variable) and x.node is not None:
                assert place[x.node] < place[node]


def test_leaves_and_constants():
    g = graph(shopping())
    assert [v.name for v in g.inputs] == ["apple", "orange", "tax"]
    assert g.constants == (2, 3)
    assert g.parameters == {}
    assert len(g) == 4
    assert repr(g) == "<Graph of 4 nodes: 3 inputs, 0 parameters, 1 outputs>"


def test_variables_are_leaves_first_then_results_in_order():
    price = shopping()
    g = graph(price)
    assert [v.name for v in g.variables[:3]] == ["apple", "orange", "tax"]
    assert g.variables[-1] is price
    assert [v.node for v in g.variables[3:]] == list(g.nodes)


def test_a_leaf_alone_is_a_graph():
    x = Variable([1.0, 2.0], "x")
    g = graph(x)
    assert (g.nodes, g.inputs, g.outputs) == ((), (x,), (x,))
    np.testing.assert_array_equal(g.evaluate(), [1, 2])
    np.testing.assert_array_equal(g.evaluate({"x": [3.0, 4.0]}), [3, 4])


def test_several_outputs_and_one_of_them_twice():
    x = Variable(2.0, "x")
    a, b = x * 3, x + 1
    for outputs in ((a, b, a), [a, b, a]):
        g = graph(outputs)
        assert len(g.nodes) == 2
        assert g.evaluate({"x": 10}) == (30, 11, 30)


def test_inputs_that_nothing_depends_on_are_listed_if_asked_for():
    x, unused = Variable(2.0, "x"), Variable(3.0, "unused")
    g = graph(x * 2, inputs=(unused, x))
    assert g.inputs == (unused, x)
    assert g.evaluate({"unused": 5.0}) == 4


@pytest.mark.parametrize("outputs", [3.0, None, [], (), "x", [1.0]])
def test_only_variables_make_a_graph(outputs):
    with pytest.raises(GraphError, match="made from Variables"):
        graph(outputs)


def test_only_leaves_are_inputs():
    x = Variable(1.0)
    for inputs in ((x * 2,), (3.0,)):
        with pytest.raises(GraphError, match="inputs of a graph"):
            graph(x * 2, inputs=inputs)


def test_a_graph_keeps_no_copy():
    price = shopping()
    assert graph(price).outputs[0] is price
    price.backward()
    assert [v.grad for v in graph(price).inputs] == pytest.approx([2.2, 3.3, 650])


class TestEvaluate:
    def test_by_variable_or_by_name(self):
        price = shopping()
        g = graph(price)
        assert g.evaluate() == price.item()
        assert g.evaluate({"apple": 200, g.inputs[2]: 1.0}) == 850

    def test_leaves_the_graph_as_it_was(self):
        g = graph(shopping())
        g.evaluate({"apple": 0})
        assert g.inputs[0].item() == 100
        assert g.evaluate() == pytest.approx(715)

    def test_with_arrays_of_another_length(self):
        x = Variable([1.0, 2.0], "x")
        g = graph(np.maximum(x - x.mean(), 0).sum())
        assert g.evaluate({"x": [1.0, 2.0, 4.0, 9.0]}) == 5

    @pytest.mark.parametrize(
        "f",
        [
            lambda x: x.sum() / len(x),
            lambda x: 1 / len(x) * x.sum(),
            lambda x: np.sum(x) * np.float32(3),
            lambda x: np.sum(x * np.arange(len(x))),
            lambda x: np.sum(x[: len(x)]),
            lambda x: np.broadcast_to(x.max(), (3,)),
            lambda x: sum(x[i] for i in range(3)),
            lambda x: Affine(np.ones((3, 2)), np.ones(2))(x) * len(x),
        ],
    )
    def test_sizes_that_were_recorded_as_numbers_are_refused(self, f):
        x = Variable(np.arange(3.0), "x")
        g = graph(f(x))
        assert np.all(g.evaluate({"x": np.arange(3.0) + 1}) == f(np.arange(3.0) + 1))
        with pytest.raises(ShapeError, match=r"x was recorded with shape \(3,\).*record .* anew"):
            g.evaluate({x: np.arange(4.0)})
        with pytest.raises(ShapeError, match="record the graph anew"):
            g.evaluate({x: Variable(np.arange(4.0))})

    def test_takes_other_branches_of_where(self):
        x = Variable([1.0, -1.0], "x")
        g = graph(np.where(x > 0, x, x * 10))
        np.testing.assert_array_equal(g.evaluate({"x": [-2.0, 2.0]}), [-20, 2])

    def test_a_python_number_takes_the_dtype_of_the_leaf(self):
        x = Variable(np.float32(2), "x")
        g = graph(x * 2)
        assert g.evaluate({"x": 3.5}).dtype == np.float32
        assert g.evaluate({"x": np.float64(3.5)}).dtype == np.float64

    def test_several_outputs_of_one_node(self):
        x = Variable(np.arange(6.0), "x")
        first, _, last = np.split(x, 3)
        g = graph((last, first))
        last, first = g.evaluate({"x": np.arange(6.0) * 10})
        np.testing.assert_array_equal(last, [40, 50])
        np.testing.assert_array_equal(first, [0, 10])

    def test_with_a_variable_it_is_recorded(self):
        g = graph(shopping())
        apple = Variable(300.0)
        price = g.evaluate({"apple": apple})
        assert isinstance(price, Variable)
        price.backward()
        assert apple.grad == pytest.approx(2.2)

    def test_names_that_are_not_there_or_not_unique(self):
        x, y = Variable(1.0, "x"), Variable(2.0, "x")
        g = graph(x * y)
        with pytest.raises(
            GraphError, match="no leaf of this graph is called 'z'; leaves: 'x', 'x'"
        ):
            g.evaluate({"z": 1})
        with pytest.raises(GraphError, match="2 leaves of this graph is called 'x'"):
            g.evaluate({"x": 1})
        with pytest.raises(GraphError, match="no leaf"):
            g.evaluate({x * 2: 1})
        assert g.evaluate({x: 5.0}) == 10

    def test_parameters_of_the_same_name_are_told_apart_by_number(self):
        one, two = clearprop.Affine(np.eye(2), np.ones(2)), clearprop.Affine(np.eye(2), np.ones(2))
        g = graph(two(one(Variable([[0.0, 0.0]]))))
        np.testing.assert_array_equal(g.evaluate({"b_2": [5.0, 5.0]}), [[6, 6]])
        np.testing.assert_array_equal(
            g.evaluate({"b": [7.0, 7.0], "W_2": 2 * np.eye(2)}), [[15, 15]]
        )

    def test_values_that_do_not_fit(self):
        g = graph(shopping())
        with pytest.raises(ShapeError, match=r"apple has 0 axes \(\), the new value 1 \(2,\)"):
            g.evaluate({"apple": [1.0, 2.0]})
        for value in ("text", 1j, None):
            with pytest.raises(DTypeError, match="apple cannot be of dtype"):
                g.evaluate({"apple": value})


def test_opening_a_graph_of_primitives_gives_the_same():
    x = Variable([1.0, 2.0], "x")
    g = graph(np.sum(np.exp(x) * x))
    again = g.opened()
    assert names(again) == names(g)
    assert again.inputs == g.inputs


def test_a_graph_is_called_under_its_public_name():
    x = Variable(1.0)
    assert isinstance(clearprop.graph(x * 2), Graph)
