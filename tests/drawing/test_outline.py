"""What a picture shows: values and derivatives at every depth, what is opened, what is folded."""

import numpy as np
import pytest
from graphs import apple, chain, network
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import Affine, Layer, Relu, Variable, graph
from clearprop.drawing import scene_of
from clearprop.drawing.building import outline
from clearprop.drawing.diagrams import links
from clearprop.errors import ConfigError, GraphError, UnsupportedError
from clearprop.graph.shares import shares


def flows(scope):
    return {flow.id: flow for s in scope.walk() for flow in s.flows}


def items(scope):
    return {item.id: item for s in scope.walk() for item in s.items}


def test_ids_are_what_the_scene_says():
    found = items(outline(graph(network()), "primitives"))
    assert {"x0", "x1", "n0", "n1", "out0", "n0/n0", "n0/n0/n0"} <= found.keys()
    assert [found[id].kind for id in ("x0", "x1", "n0", "out0")] == [
        *("input", "parameter", "frame", "output")
    ]
    constants = items(outline(graph(apple() * 3)))
    assert constants["n2.1"].value == 3


def test_ids_do_not_change_when_something_is_opened():
    g = graph(network())
    closed, opened = (items(outline(g, level)).keys() for level in ("layers", "primitives"))
    assert closed <= opened


def test_before_a_backward_pass_there_are_no_derivatives():
    scene = scene_of(graph(network(backward=False)), "primitives")
    assert all(arrow.backward is None for arrow in scene.arrows)
    assert all(label.kind == "value" for label in scene.labels)


def test_the_apples():
    price = apple()
    price.backward()
    found = flows(outline(graph(price)))
    known = {id: (float(f.value), float(f.derivative)) for id, f in found.items()}
    assert known == {
        "x0": (100, 2.2),
        "x1": (2, pytest.approx(110)),
        "n0": (200, 1.1),
        "x2": (1.1, 200),
        "n1": (pytest.approx(220), 1),
    }


@pytest.mark.parametrize("level", ["layers", "primitives", 1, 2, 7, True])
def test_inside_what_is_opened_values_and_derivatives_are_those_of_this_pass(level):
    """The derivatives by the same things through the opened graph, which is another way there."""
    loss = network()
    g = graph(loss)
    wanted = {v.name: v.grad for v in g.leaves}
    scope = outline(g, level)
    for flow in flows(scope).values():
        if flow.source is not None and flow.source.kind in ("input", "parameter"):
            np.testing.assert_allclose(flow.derivative, wanted[flow.source.name], rtol=1e-9)
    expanded = g.opened()
    expanded.outputs[0].backward()
    for v in expanded.leaves:
        np.testing.assert_allclose(v.grad, wanted[v.name], rtol=1e-9, atol=1e-15)
    found = flows(scope)
    if level not in ("layers", 1):
        # The derivative of the scores, from inside the loss: (y − t) / N.
        outer = found["n0"]
        inner = next(f for f in found.values() if f.origin == "n0" and f is not outer)
        np.testing.assert_allclose(inner.derivative, outer.derivative, rtol=1e-9, atol=1e-17)
        np.testing.assert_array_equal(inner.value, outer.value)


def test_every_share_is_right_and_they_sum_to_the_whole():
    """In a network opened all the way: at each fork, what comes back adds up."""
    scope = outline(graph(network()), "primitives")
    forks = 0
    for s in scope.walk():
        for flow in s.flows:
            if flow.derivative is None or len(flow.ends) < 2:
                continue
            parts = [end.derivative for end in flow.ends if end.derivative is not None]
            np.testing.assert_allclose(sum(parts), flow.derivative, rtol=1e-9, atol=1e-15)
            forks += 1
    assert forks == 3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_shares_sum_to_the_derivative_in_random_graphs(seed):
    rng = np.random.default_rng(seed)
    values = [Variable(rng.uniform(0.5, 2, shape)) for shape in ((), (3,), (2, 3))]
    for _ in range(8):
        a, b = (values[i] for i in rng.integers(len(values), size=2))
        values.append((np.multiply, np.add, np.maximum, np.subtract)[rng.integers(4)](a, b))
    total = sum((v.sum() for v in values[1:]), values[0])
    total.backward()
    for flow in outline(graph(total)).flows:
        if len(flow.ends) > 1:
            parts = sum(end.derivative for end in flow.ends)
            np.testing.assert_allclose(parts, flow.derivative, rtol=1e-9, atol=1e-9)


def test_shares_of_a_node():
    a, b = Variable([1.0, 2.0]), Variable(3.0)
    assert [x.tolist() for x in shares((a * b).node, (np.ones(2),))] == [[3.0, 3.0], 3.0]
    assert shares((a * 2).node, (np.ones(2),))[1] is None
    assert shares((a * b).node, (None,)) == [None, None]


def test_parameters_stand_inside_the_one_layer_that_uses_them():
    scope = outline(graph(network()), "primitives")
    of_network = next(i for i in scope.items if i.id == "n0").inside
    affine = next(i for i in of_network.items if i.id == "n0/n0").inside
    assert {i.name for i in affine.items if i.kind == "parameter"} == {"W1", "b1"}
    assert not any(i.kind == "parameter" for i in (*scope.items, *of_network.items))


def test_a_parameter_that_two_layers_use_stands_outside_both():
    affine = Affine(np.eye(2), np.zeros(2))
    out = affine(affine(Variable([[1.0, 2.0]], "x"))).sum()
    out.backward()
    scope = outline(graph(out), "primitives")
    assert {i.name for i in scope.items if i.kind == "parameter"} == {"W", "b"}
    w = next(f for f in scope.flows if f.source.name == "W")
    np.testing.assert_allclose(sum(end.derivative for end in w.ends), w.derivative)


@pytest.mark.parametrize(
    ("level", "frames"),
    [
        (0, []),
        (False, []),
        ("network", []),
        (1, ["n0", "n1"]),
        ("layers", ["n0"]),
        (2, ["n0", "n1", "n0/n0", "n0/n1", "n0/n2"]),
        ("primitives", ["n0", "n1", "n0/n0", "n0/n1", "n0/n2"]),
        ("Relu1", ["n0", "n0/n1"]),
        ("n0/n2", ["n0", "n0/n2"]),
        (["Affine1", "SoftmaxWithLoss"], ["n0", "n1", "n0/n0"]),
        ([], []),
    ],
)
def test_what_is_opened(level, frames):
    found = items(outline(graph(network()), level))
    assert sorted(i.id for i in found.values() if i.kind == "frame") == sorted(frames)


def test_a_node_can_be_opened_itself():
    g = graph(network())
    found = items(outline(g, g.nodes[1]))
    assert [i.id for i in found.values() if i.kind == "frame"] == ["n1"]


@pytest.mark.parametrize(
    ("level", "error", "says"),
    [
        ("Afine1", GraphError, "'Afine1'; it has: 'TwoLayerNet', 'Affine1', 'Relu1', 'Affine2'"),
        (["Relu1", "Tanh"], GraphError, "no layer or network 'Tanh'"),
        (-1, ConfigError, "0 .nothing is opened. or more"),
        (1.5, ConfigError, "open=1.5"),
        ([1], ConfigError, "1 is neither the name of a layer nor a node"),
        (None, ConfigError, "open=None"),
    ],
)
def test_an_open_that_makes_no_sense_is_refused(level, error, says):
    with pytest.raises(error, match=says):
        outline(graph(network()), level)


class InPlace(Layer):
    def forward(self, x):
        out = np.zeros(3)
        out[:] = x
        return out

    def backward(self, dout):
        return dout


def test_a_layer_that_cannot_be_opened_stays_closed_and_says_why():
    out = InPlace()(Relu()(Variable(np.ones(3), "x")))
    found = items(outline(graph(out), "primitives"))
    assert (found["n0"].kind, found["n1"].kind) == ("frame", "layer")
    assert "cannot be opened" in found["n1"].why_closed
    scene = scene_of(graph(out), "primitives")
    assert any("InPlace: cannot be opened" in note.content for note in scene.notes)
    with pytest.raises(UnsupportedError, match="InPlace cannot be opened"):
        outline(graph(out), "InPlace")


def test_links_go_through_the_borders_of_frames():
    loss = network()
    found = list(links(outline(graph(loss), "primitives")))
    assert all(link.source.inside is None and link.target.inside is None for link in found)
    pairs = {(link.source.id, link.target.id) for link in found}
    assert {("x0", "n0/n0/n0"), ("n0/n0/n0", "n0/n0/n1"), ("x1", "n0/n0/n0")} <= pairs
    assert any(target == "out0" for _, target in pairs)


@pytest.mark.parametrize("limit", [10, 50, 300])
def test_a_large_graph_is_folded(limit):
    scope = outline(graph(chain(1000)), limit=limit)
    assert limit - 3 <= len([*scope.all_items()]) <= limit
    fold = next(i for i in scope.items if i.kind == "fold")
    shown = sum(i.kind == "operation" for i in scope.items)
    assert fold.name == f"{1000 - shown:,} more nodes"
    ends = {end.item for f in scope.flows for end in f.ends}
    assert fold in ends
    assert fold in {f.source for f in scope.flows}


def test_a_graph_that_just_fits_is_not_folded():
    scope = outline(graph(chain(100)), limit=202)  # 100 nodes and constants, an input, an output
    assert len([*scope.all_items()]) == 202
    assert all(i.kind != "fold" for i in scope.items)


def test_inputs_that_only_folded_nodes_use_are_counted():
    total = Variable(0.0)
    for i in range(500):
        total = total + Variable(float(i))
    scope = outline(graph(total), limit=100)
    fold = next(i for i in scope.items if i.kind == "fold")
    shown = sum(i.kind == "input" for i in scope.items)
    assert fold.name.endswith(f"and {501 - shown} of the inputs")
    assert len([*scope.all_items()]) <= 100


def test_what_would_be_too_much_is_left_closed():
    x = Variable(np.ones(3), "x")
    for _ in range(30):
        x = Relu()(x)
    scene = scene_of(graph(x), "primitives", limit=60)
    assert 0 < len(scene.frames) < 30
    assert any("left closed" in note.content for note in scene.notes)


def test_an_impossible_limit_is_refused():
    with pytest.raises(ConfigError, match="limit=3"):
        outline(graph(apple()), limit=3)


class Random(Layer):
    rng = np.random.default_rng(0)

    def forward(self, x):
        return x * self.rng.random(3)

    def backward(self, dout):
        return dout


def test_a_layer_that_is_not_the_same_twice_is_noticed():
    out = Random()(Variable(np.ones(3), "x"))
    with pytest.raises(UnsupportedError, match="Random cannot be opened: run again"):
        outline(graph(out), "Random")
    assert items(outline(graph(out), "primitives"))["n0"].kind == "layer"


def test_training_on_does_not_change_what_is_drawn():
    affine = Affine(np.eye(2), np.zeros(2))
    g = graph(affine(Variable([[1.0, 2.0]], "x")))
    before = [g.svg(open=level) for level in (0, 1)]
    affine.W[...] = 7.0
    assert [g.svg(open=level) for level in (0, 1)] == before


def test_a_function_with_several_results():
    x = Variable(np.array([[2.0, 1.0], [1.0, 3.0]]), "x")
    _, R = np.linalg.qr(x)
    total = (R * R).sum()
    total.backward()
    found = flows(outline(graph(total)))
    assert {id for id in found if id.startswith("n0")} == {"n0:1"}
    np.testing.assert_array_equal(found["n0:1"].value, R.data)
    np.testing.assert_allclose(found["n0:1"].derivative, 2 * R.data)
    assert "n0:1" in {arrow.flow.id for arrow in scene_of(graph(total)).arrows}


def test_a_graph_from_a_file_is_drawn_like_its_original():
    from clearprop import Graph

    g = graph(network())
    copy = Graph.from_json(g.to_json())
    for level in ("network", "layers", "primitives"):
        assert copy.svg(open=level) == g.svg(open=level)


def test_a_derivative_that_is_on_a_graph_itself():
    x = Variable(3.0, "x")
    y = x**2
    y.backward(record=True)
    assert float(flows(outline(graph(y)))["x0"].derivative) == 6.0
    assert graph(x.grad).svg().startswith("<svg")
