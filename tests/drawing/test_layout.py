"""Columns, order, heights: what makes a picture a good one."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from geometry import points, points_along
from graphs import apple, network
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import Variable, graph
from clearprop.drawing import scene_of
from clearprop.drawing.layout.ordering import Columns, crossings, order_columns
from clearprop.drawing.routes import stagger


def place(picture, id):
    box = next(s.box for s in (*picture.frames, *picture.shapes) if s.id == id)
    return box.x + box.width / 2, box.y + box.height / 2


def test_inputs_stand_left_in_the_order_in_which_they_are_used():
    picture = scene_of(graph(apple()))
    boxes = [next(s.box for s in picture.shapes if s.id == f"x{i}") for i in range(3)]
    assert max(box.right for box in boxes) - min(box.right for box in boxes) < 0.1
    assert boxes[0].y < boxes[1].y < boxes[2].y
    assert boxes[0].right < min(s.box.x for s in picture.shapes if s.kind == "operation")


def test_the_main_line_is_straight():
    picture = scene_of(graph(apple()))
    heights = {place(picture, id)[1] for id in ("n0", "n1", "out0")}
    assert len(heights) == 1


@pytest.mark.parametrize("level", ["network", "layers", "primitives"])
def test_the_main_line_of_a_network_is_straight(level):
    picture = scene_of(graph(network()), level)
    x = next(a for a in picture.arrows if a.source == "x0")
    assert {y for _, y in points(x.forward)} == {x.forward.start[1]}


def test_the_first_operand_is_above_the_second():
    x, y = Variable(1.0, "x"), Variable(2.0, "y")
    for out in (x - y, y - x, (x - 1) / (y - 3)):
        picture = scene_of(graph(out))
        node = f"n{len(graph(out).nodes) - 1}"
        coming = sorted(
            (a for a in picture.arrows if a.target == node), key=lambda a: a.end.operand
        )
        ends = [points(a.forward)[-1][1] for a in coming]
        assert ends == sorted(ends)


def test_operands_that_come_in_another_order_are_numbered():
    x, y = Variable(1.0, "x"), Variable(2.0, "y")
    out = (x - y) * (y - x) / (x + y) + y / x
    picture = scene_of(graph(out))
    seen = 0
    for shape in picture.shapes:
        if shape.kind != "operation":
            continue
        coming = [a for a in picture.arrows if a.target == shape.id]
        by_height = sorted(coming, key=lambda a: points(a.forward)[-1][1])
        operands = [a.end.operand for a in by_height]
        digits = (m for m in shape.marks[1:] if m.content.isdigit())
        numbers = sorted(digits, key=lambda m: m.y)
        if shape.marks[0].content in "−/" and operands != sorted(operands):
            assert [int(m.content) - 1 for m in numbers] == operands
            seen += 1
        else:
            assert numbers == []
    assert seen


def expressions(leaves):
    """Expressions in which every value is used once."""
    return st.recursive(leaves, lambda x: st.tuples(x, x) | st.tuples(x), max_leaves=12)


@settings(max_examples=30, deadline=None)
@given(expressions(st.just(0)))
def test_no_lines_cross_where_nothing_is_shared(shape):
    count = iter(range(100))

    def value(part):
        if part == 0:
            return Variable(1.0, f"x{next(count)}")
        return np.tanh(value(part[0])) if len(part) == 1 else value(part[0]) + value(part[1])

    picture = scene_of(graph(-value(shape)))
    lines = [list(points_along(a.forward)) for a in picture.arrows]
    for one, two in combinations(lines, 2):
        assert not crossing(one, two)


def crossing(one, two):
    """Whether two lines that both run to the right change sides."""
    left, right = max(one[0][0], two[0][0]), min(one[-1][0], two[-1][0])
    if right <= left:
        return False
    xs = np.linspace(left, right, 60)
    (x1, y1), (x2, y2) = (np.array(line).T for line in (one, two))
    difference = np.interp(xs, x1, y1) - np.interp(xs, x2, y2)
    return bool(difference.min() < -0.5 and difference.max() > 0.5)


def test_crossing_lines_are_seen():
    assert crossing([(0, 0), (10, 10)], [(0, 10), (10, 0)])
    assert not crossing([(0, 0), (10, 10)], [(0, 5), (10, 15)])


def columns(edges, sizes):
    """A graph of columns of these sizes, edges from (column, place) to the next column's place."""
    number = {}
    found = Columns(sum(sizes), [[] for _ in sizes])
    for c, size in enumerate(sizes):
        for i in range(size):
            number[c, i] = found.add(c)
    for c, i, j in edges:
        found.right[number[c, i]].append(len(found.tail))
        found.left[number[c + 1, j]].append(len(found.tail))
        found.tail.append(number[c, i])
        found.head.append(number[c + 1, j])
        found.tail_at.append(0.0)
        found.head_at.append(0.0)
    found.number()
    return found


def test_crossings_are_counted():
    assert crossings(columns([(0, 0, 1), (0, 1, 0)], [2, 2])) == 1
    assert crossings(columns([(0, 0, 0), (0, 1, 1)], [2, 2])) == 0
    every = [(0, i, j) for i in range(3) for j in range(3)]
    assert crossings(columns(every, [3, 3])) == 9


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_ordering_only_ever_takes_crossings_away(data):
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=5))
    edges = [
        (c, i, j)
        for c, (a, b) in enumerate(pairwise(sizes))
        for i in range(a)
        for j in range(b)
        if data.draw(st.integers(0, 2)) == 0
    ]
    found = columns(edges, sizes)
    vertices = [sorted(column) for column in found.order]
    order_columns(found)
    assert [sorted(column) for column in found.order] == vertices
    pairs = [
        (s, t)
        for s, t in combinations(range(len(found.tail)), 2)
        if found.column[found.tail[s]] == found.column[found.tail[t]]
    ]
    place = found.position
    brute = sum(
        (place[found.tail[s]] - place[found.tail[t]])
        * (place[found.head[s]] - place[found.head[t]])
        < 0
        for s, t in pairs
    )
    assert crossings(found) == brute


def test_two_crossed_pairs_are_put_straight():
    found = columns([(0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0)], [2, 2, 2])
    order_columns(found)
    assert crossings(found) == 0


def test_lines_that_climb_together_turn_one_after_the_other():
    turns = stagger([(0.0, 0.0), (400.0, 20.0), (300.0, 0.0), (0.0, 300.0), (100.0, 400.0)])
    assert turns[0] == 0.5
    assert turns[2] < turns[1]  # of two that climb, the upper one first
    assert turns[4] < turns[3]  # of two that fall, the lower one first


def test_opening_a_layer_does_not_shuffle_the_rest():
    g = graph(network())
    closed, opened = scene_of(g, "layers"), scene_of(g, ["TwoLayerNet", "Relu1"])
    order = [["n0/n0", "n0/n1", "n0/n2"], ["n1", "out0"]]
    for ids in order:
        for picture in (closed, opened):
            xs = [place(picture, id)[0] for id in ids]
            assert xs == sorted(xs)
    for picture in (closed, opened):
        assert place(picture, "x1")[1] < place(picture, "x2")[1]  # W1 above b1
