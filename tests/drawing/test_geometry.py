"""Nothing overlaps, nothing is cut off, everything stands where it belongs: over random graphs."""

from dataclasses import replace

import numpy as np
import pytest
from geometry import faults, points_along
from graphs import apple, chain, graphs, network
from hypothesis import HealthCheck, given, settings

from clearprop import Relu, Softmax, Variable, graph
from clearprop.drawing import scene_of
from clearprop.drawing.scene import Block, Box, Scene, Shape
from clearprop.drawing.shapes import RADIUS, Body, arrivals

LEVELS = ["network", "layers", "primitives"]


# The same graphs in every run: what is found here by chance would be nobody's change.
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(graphs())
def test_random_graphs(g):
    with np.errstate(all="ignore"):
        for level in ("network", "primitives"):
            assert faults(scene_of(g, level)) == []


@pytest.mark.parametrize("level", [*LEVELS, "Affine2", ["Relu1", "SoftmaxWithLoss"]])
def test_a_network(level):
    assert faults(scene_of(graph(network()), level)) == []


def test_a_folded_graph():
    assert faults(scene_of(graph(chain(400)), limit=40)) == []


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9, 30])
def test_many_inputs_at_one_node(n):
    x = [Variable(float(i), f"x{i}") for i in range(n)]
    total = np.stack(x).sum()
    total.backward()
    assert faults(scene_of(graph(total))) == []


@pytest.mark.parametrize("n", [2, 3, 9])
def test_one_value_used_many_times(n):
    x = Variable(3.0, "x")
    total = sum(x * i for i in range(1, n)) * x
    total.backward()
    assert faults(scene_of(graph(total))) == []


@pytest.mark.parametrize("steps", [[Relu(), Softmax()], [Softmax(), Relu()]])
def test_a_narrow_frame_in_the_column_of_a_wide_one(steps):
    """The line to the narrow frame is level beside the wide one, however far it climbed."""
    x = Variable(np.linspace(0.5, 2, 9), "x")
    picture = scene_of(graph([step(x) for step in steps]), "primitives")
    narrow, wide = sorted(picture.frames, key=lambda frame: frame.box.width)
    assert wide.box.x < narrow.box.x - 20 < narrow.box.right < wide.box.right
    (arrow,) = (arrow for arrow in picture.arrows if arrow.target == narrow.id)
    points = list(points_along(arrow.forward))
    assert len({y for _, y in points}) > 1
    assert len({y for x, y in points if x >= wide.box.x}) == 1
    assert faults(picture) == []


@pytest.mark.parametrize(
    "heights",
    [[-300, -200], [200, 300], [-300, 300], [-300, -200, -100], [0, 200, 300], [-300, -200, 0]],
)
def test_lines_from_far_above_or_below_keep_off_the_next_node(heights):
    """They meet a round node apart from each other and not so steeply as to cross a neighbour."""
    body = Body(2 * RADIUS, 2 * RADIUS, Block(), RADIUS, round=True)
    angles = [a.angle for a in arrivals(body, 0.0, 0.0, heights, [40.0] * len(heights), 0.0)]
    assert np.diff(angles).min() > 0.85
    assert max(map(abs, angles)) < 1.0 + 1e-9


def test_a_graph_without_any_node():
    picture = scene_of(graph(Variable(1.0, "alone")))
    assert [shape.id for shape in picture.shapes] == ["x0", "out0"]
    assert [[mark.content for mark in label.marks] for label in picture.labels] == [["1"]]
    assert faults(picture) == []


def test_an_input_that_nothing_uses_is_shown():
    x, y = Variable(1.0, "x"), Variable(2.0, "y")
    picture = scene_of(graph(x * 2, inputs=[x, y]))
    assert {"x", "y"} <= {mark.content for shape in picture.shapes for mark in shape.marks}
    assert faults(picture) == []


def test_faults_are_seen():
    """The checks above can fail."""
    good = scene_of(graph(apple()))
    n0, n1 = (next(s for s in good.shapes if s.id == id) for id in ("n0", "n1"))
    moved = Shape("n1", "operation", replace(n0.box, x=n0.box.x + 5, y=n0.box.y + 5), (), "")
    for scene in (
        Scene(good.width, good.height, shapes=[n0, moved]),
        Scene(60, 60, shapes=[n0]),
        Scene(
            good.width,
            good.height,
            shapes=[n1],
            arrows=[a for a in good.arrows if "x2" in a.id]
            + [next(a for a in good.arrows if a.id == "n0>n1.0")],
            labels=[],
        ),
    ):
        if scene.arrows:  # a thing in the way of a line
            x, y = scene.arrows[-1].forward.start
            scene.shapes.append(Shape("box", "operation", Box(x + 10, y - 20, 20, 40), (), ""))
        assert faults(scene)
