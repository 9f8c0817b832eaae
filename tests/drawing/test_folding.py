"""A wide picture folded into rows: nothing is lost, nothing overlaps, every line still arrives."""

import geometry
import numpy as np
import pytest
from geometry import points_along
from graphs import apple, chain, graphs, network
from hypothesis import HealthCheck, given, settings

from clearprop import graph
from clearprop.drawing import scene_of
from clearprop.drawing.folding import folded
from clearprop.errors import ConfigError

FAULTS = (geometry._outside, geometry._overlaps, geometry._cut_off, geometry._lines_over_things)


def wrong(scene):
    return [fault for look in FAULTS for fault in look(scene)]


def backward(y):
    y.backward()
    return graph(y)


def beside(scene, arrow, where):
    """The places of the ends of an arrow beside its source or its target, if that is drawn."""
    shapes = {shape.id: shape.box for shape in scene.shapes}
    box = shapes.get(getattr(arrow, where))
    start, end = arrow.forward.start, arrow.forward.curves[-1][-1]
    x, y = start if where == "source" else end
    return None if box is None else pytest.approx((x - box.x, y - box.y), abs=0.05)


@pytest.mark.parametrize("width", [420, 1180])
@pytest.mark.parametrize("level", ["layers", "primitives"])
def test_a_network_in_rows(level, width):
    scene = scene_of(graph(network()), level)
    rows = folded(scene, width)
    assert scene.width > width
    assert rows.width <= max(width, 440)
    assert rows.height > scene.height
    assert wrong(rows) == []
    assert [s.id for s in rows.shapes] == [s.id for s in scene.shapes]
    assert [label.id for label in rows.labels] == [label.id for label in scene.labels]
    for before, after in zip(scene.arrows, rows.arrows, strict=True):
        for where in ("source", "target"):
            found = beside(rows, after, where)
            assert found is None or found == beside(scene, before, where).expected
        for path in filter(None, (after.forward, after.backward)):
            steps = np.diff(list(points_along(path)), axis=0)
            assert np.abs(steps).max() < rows.height, "a line without gaps"


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(graphs())
def test_random_graphs_in_rows(g):
    with np.errstate(all="ignore"):
        assert [f for f in wrong(scene_of(g, "primitives", width=600)) if "note" not in f] == []


def test_what_is_narrow_stays_as_it_is():
    scene = scene_of(backward(apple()))
    assert folded(scene, scene.width) is scene


def test_words_are_at_least_as_large_as_they_were():
    scene = scene_of(graph(chain(60)), limit=200, width=500)
    sizes = [m.size for part in (*scene.shapes, *scene.labels) for m in part.marks if m.size]
    assert min(sizes) >= 11
    assert scene.width <= 500


def test_a_width_that_holds_nothing_is_refused():
    with pytest.raises(ConfigError, match="200 or more"):
        graph(apple()).svg(width=20)
