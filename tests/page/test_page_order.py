"""The order of the steps: every value after those it is computed from, and back again."""

import warnings

import numpy as np
from graphs import graphs, network
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import MulLayer, Variable, graph
from clearprop.drawing.building import outline
from clearprop.drawing.compose import compose
from clearprop.explaining.story import tell
from clearprop.page.backward import run_backward
from clearprop.page.names import Names
from clearprop.page.order import Timetable
from clearprop.page.painting import Painter
from clearprop.page.views import _mark_starts


def timetable(g, open=0, limit=300):
    passed = run_backward(g)
    scope = outline(g, open, limit, passed.derivative)
    return Timetable(scope, _mark_starts(scope, passed))


def said(table):
    """The moments in short: what happens, and where."""
    return [
        f"{m.phase} {m.item.id if m.item else m.flow.id}" if m.item or m.flow else m.phase
        for m in table.moments
    ]


def test_the_shop():
    apple, number, tax = Variable(100, "apple"), Variable(2, "apple_num"), Variable(1.1, "tax")
    assert said(timetable(graph(apple * number * tax))) == [
        *("start", "forward n0", "forward n1", "seed", "backward n1", "backward n0", "end"),
    ]


def test_a_fork_is_summed_once_all_of_it_has_come_back():
    x = Variable(3.0, "x")
    square = x * x
    y = square * x + np.exp(square)
    assert said(timetable(graph(y))) == [
        *("start", "forward n0", "forward n1", "forward n2", "forward n3", "seed"),
        *("backward n3", "backward n2", "backward n1", "sum n0", "backward n0", "sum x0", "end"),
    ]


def test_what_has_no_derivative_is_not_walked_back():
    x = Variable([1.0, -1.0], "x")
    moments = said(timetable(graph(np.where(x > 0, x, 0.0).sum())))
    assert "forward n0" in moments  # the comparison
    assert "backward n0" not in moments


def test_an_output_that_goes_on_counts_what_comes_back_to_it():
    x = Variable(2.0, "x")
    u = x * x
    table = timetable(graph((u, u + 1)))
    assert said(table) == [
        *("start", "forward n0", "forward n1", "seed", "backward n1", "backward n0", "sum x0"),
        "end",
    ]


def test_inside_an_opened_layer_the_steps_go_on():
    x, y = Variable(3.0, "x"), Variable(4.0, "y")
    table = timetable(graph(MulLayer()(x, y) + x), "primitives")
    assert said(table) == [
        *("start", "forward n0/n0", "forward n1", "seed"),
        *("backward n1", "backward n0/n0", "sum x0", "end"),
    ]


@settings(max_examples=30, deadline=None)
@given(graphs(), st.sampled_from([0, "layers", "primitives"]), st.sampled_from([300, 12]))
def test_every_step_has_what_it_needs(g, open, limit):
    table = timetable(g, open, limit)
    back = {m.item: i for i, m in enumerate(table.moments) if m.phase == "backward"}
    for item, step in table.step_of.items():
        for flow, end in table.coming.get(item, {}).values():
            assert table.value_at[flow] < step or item.kind == "fold"
            if end in table.share_at and item.kind != "fold":
                assert table.share_at[end] == back[item]
        for flow in table.going.get(item, {}).values():
            assert table.value_at[flow] == step
            if item in back and flow in table.total_at and item.kind != "fold":
                assert table.total_at[flow] < back[item]
    for flow in table.flows:
        shares = table.shares(flow)
        if flow.derivative is None:
            assert not shares or flow not in table.total_at
        elif shares and all(end in table.share_at for end in shares):
            last = max(table.share_at[end] for end in shares)
            if len(shares) == 1:
                assert table.total_at[flow] == last
            else:
                assert table.moments[table.total_at[flow]].flow is flow
                assert table.total_at[flow] > last
        assert (flow in table.total_at) == (flow.derivative is not None)


@settings(max_examples=25, deadline=None)
@given(graphs(), st.sampled_from([0, "primitives"]))
@np.errstate(all="ignore")  # a root at 0 has the derivative ∞
def test_shares_add_up(g, open):
    table = timetable(g, open)
    for flow in table.flows:
        shares = [end.derivative for end in table.shares(flow)]
        if len(shares) > 1 and all(share is not None for share in shares):
            total = sum(shares[1:], shares[0])
            np.testing.assert_allclose(total, flow.derivative, rtol=1e-9, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(graphs(), st.sampled_from([0, "layers", "primitives"]))
def test_every_part_of_the_picture_appears_in_some_step(g, open):
    table = timetable(g, open)
    Names().give(table.scope, table)
    scene = compose(table.scope, legend=False)
    painter = Painter(scene, table)
    picture = painter.paint("", {}, {}, {})
    ids = {part.id for part in (*scene.shapes, *scene.arrows, *scene.labels, *scene.frames)}
    ids |= {f"{arrow.id}:back" for arrow in scene.arrows if arrow.backward is not None}
    assert len(picture.lit) == len(table.moments)
    for arrow in scene.arrows:
        if arrow.backward is not None:
            assert 0 < table.back_at(arrow.flow, arrow.end) <= table.end
    for item, step in table.step_of.items():
        assert item.id in picture.lit[step]
    assert {id for part in picture.lit for id in part} <= ids


# The pass beside the graph.


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_the_pass_beside_the_graph_gives_what_backward_gives(g):
    passed = run_backward(g)
    if len(passed.seeds) != 1:
        return
    [(result, seed)] = passed.seeds
    found = {v: passed.derivative(v) for v in g.variables}
    before = [v.grad for v in g.variables]
    assert all(a is b for a, b in zip(before, [v.grad for v in g.variables], strict=True))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NaN behind a choice
        result.backward(seed)
    for v in g.variables:
        if found[v] is not None:
            np.testing.assert_array_equal(found[v], v.grad)
        elif v.node is not None:  # what no derivative comes to has none here, and 0 there
            assert v.grad is None or not np.any(v.grad)
        else:
            assert v.grad is None


def test_it_starts_as_the_last_pass_did():
    x = Variable([1.0, 2.0], "x")
    y = x * 3.0
    assert run_backward(graph(y)).seeds == ()
    y.backward(np.array([1.0, 10.0]))
    np.testing.assert_array_equal(run_backward(graph(y)).derivative(x), [3.0, 30.0])


def test_of_several_outputs_the_last_ones_start_it():
    x = Variable(2.0, "x")
    u = x * x
    passed = run_backward(graph((u, u * 3, u + 1)))
    assert [seed for _, seed in passed.seeds] == [1.0, 1.0]
    assert passed.derivative(x) == 3 * 4 + 4
    assert not passed.starts_at_one


# Names.


def names(*graphs_and_depths):
    given = Names()
    for g, open in graphs_and_depths:
        table = timetable(g, open)
        given.give(table.scope, table)
    return given.known


def test_names_are_those_of_explain():
    a, b = Variable(2.0, "a"), Variable(3.0)
    y = np.exp(a * b) + (a - b)
    story = tell(y)
    told = {place.name.text for place in (*story.leaves, *(s.outputs[0] for s in story.steps))}
    assert set(names((graph(y), 0)).values()) == told == {"a", "x", "u1", "u2", "u3", "y"}


def test_a_value_keeps_its_name_at_every_depth():
    g = graph(network(backward=False))
    closed, opened = names((g, "layers")), names((g, "layers"), (g, "primitives"), (g, 0))
    assert closed.items() <= opened.items()
    named = [name for name in opened.values() if name]
    assert len(named) == len(set(named))


def test_names_that_come_twice_are_numbered():
    y = Variable(2.0, "x") * Variable(3.0, "x") * Variable(4.0, "u1")
    known = names((graph(y), 0))
    assert known == {"x0": "x1", "x1": "x2", "x2": "u1", "n0": "u2", "n1": "y"}
