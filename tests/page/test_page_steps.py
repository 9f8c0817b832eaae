"""What a page says: the numbers of each step are those of the graph."""

import numpy as np
import pytest
from graphs import apple, graphs, network
from hypothesis import given, settings

from clearprop import Affine, Relu, Sigmoid, Variable, graph
from clearprop.drawing.digest import number
from clearprop.page.nudge import nudged
from clearprop.page.values import ALL_CELLS, CELLS, Values
from clearprop.page.views import views_of


def steps(y, **options):
    views = views_of(graph(y), **options)
    return texts(views.views[views.start].data["steps"])


def blocks(step, kind):
    return [rest[0] for found, *rest in step["body"] if found == kind]


def texts(said):
    """What stands there at first, without the trees of what may change."""
    if isinstance(said, dict):
        return {key: texts(part) for key, part in said.items() if key != "e"}
    return [*map(texts, said)] if isinstance(said, list) else said


def by_key(found):
    return {step["key"]: step for step in found}


def test_the_shop_step_by_step():
    found = by_key(steps(apple()))
    assert blocks(found["f:n0"], "f") == [{"m": "u1 = apple · apple_num = 100 · 2 = 200"}]
    assert blocks(found["f:n1"], "f") == [{"m": "price = u1 · tax = 200 · 1.1 = 220"}]
    assert found["seed"]["title"][1]["d"] == {"m": "∂price/∂price = 1"}
    assert [c["numbers"] for c in blocks(found["b:n1"], "multiply")] == [
        ["1", "1.1", "1.1"],
        ["1", "200", "200"],
    ]
    to_apple, to_number = blocks(found["b:n0"], "multiply")
    assert to_apple["numbers"] == ["1.1", "2", "2.2"]
    assert to_apple["local"] == {"m": "apple_num"}
    assert to_apple["heard"] == {"m": "∂price/∂apple = ∂price/∂u1 · apple_num = 1.1 · 2 = 2.2"}
    assert to_number["numbers"] == ["1.1", "100", "110"]


def test_the_end_says_why_the_derivative_by_apple_is_what_it_is():
    leaf = blocks(steps(apple())[-1], "leaf")[0]
    assert leaf["d"] == {"m": "∂price/∂apple = 2.2"}
    assert leaf["chain"] == [
        {"m": "∂price/∂apple = ∂price/∂u1 · ∂u1/∂apple"},
        {"m": "∂price/∂apple = 1 · tax · apple_num = 1 · 1.1 · 2 = 2.2"},
    ]
    assert leaf["means"] == [
        "means",
        {"x": {"m": "apple"}, "y": {"m": "price"}, "d": {"m": "2.2"}},
    ]
    assert leaf["check"]["after"] == "222.2"


def test_a_sum_shows_what_came_from_where():
    x = Variable(3.0, "x")
    found = by_key(steps(x * x + x))
    assert blocks(found["s:x0"], "f") == [{"m": "∂y/∂x = 3 + 3 + 1 = 7"}]
    assert [c["part"] for c in blocks(found["b:n0"], "multiply")] == [True, True]


def test_arrays_have_formulas_and_shapes():
    x, W = Variable(np.ones((2, 3)), "x"), Variable(np.ones((3, 4)), "W")
    to_x, to_w = blocks(by_key(steps((x @ W).sum()))["b:n0"], "send")
    assert to_x["rule"] == {"m": "∂y/∂x = (∂y/∂u1) Wᵀ"}
    assert to_x["shapes"] == {"factors": "(2, 4) (4, 3)", "shape": "(2, 3)"}
    assert to_w["rule"] == {"m": "∂y/∂W = xᵀ (∂y/∂u1)"}


def test_layers_say_their_own_formulas():
    y = Relu()(Affine(np.ones((3, 4)), np.zeros(4))(Variable(np.ones((2, 3)), "x"))).sum()
    found = by_key(steps(y))
    assert blocks(found["f:n0"], "f") == [{"m": "u1 = x W + b"}]
    [send] = blocks(found["b:n1"], "send")
    assert send["rule"]["m"]["en"] == "∂y/∂u1 = ∂y/∂u2 where u1 > 0, else 0"
    assert send["rule"]["m"]["zh"] != send["rule"]["m"]["en"]


def test_what_was_broadcast_is_said():
    x, b = Variable(np.ones((2, 3)), "x"), Variable(np.ones(3), "b")
    _, to_b = blocks(by_key(steps((x + b).sum()))["b:n0"], "send")
    assert to_b["stretched"] == ["(3,)", "(2, 3)"]


def test_without_a_number_to_start_from_the_page_says_so():
    last = steps(Variable([1.0, 2.0], "x") * 2.0)[-1]
    assert last["body"] == [["p", "no_backward", {"y": [{"m": "y"}], "shape": "(2,)"}]]


def test_given_derivatives_are_shown():
    x = Variable([1.0, 2.0], "x")
    y = x * x
    y.backward(np.array([1.0, 10.0]))
    found = steps(y)
    seed = by_key(found)["seed"]
    assert seed["body"][0][1] == "seed_given"
    assert seed["body"][0][2]["l"] == {"m": "L"}


@settings(max_examples=8, deadline=None)
@given(graphs())
def test_numbers_are_those_of_the_backward_pass(g):
    """Each product on the page is what backward computes, to the last digit that is shown."""
    views = views_of(g)
    values = views.values.list
    for view in views.views:
        for step in view.data["steps"]:
            for card in blocks(step, "multiply"):
                up, local, down = (
                    float(
                        n.replace("−", "-").replace("×10", "e").translate(_LOW).replace("∞", "inf")
                    )
                    for n in card["numbers"]
                )
                if np.isfinite([up, local, down]).all():
                    np.testing.assert_allclose(up * local, down, rtol=2e-5, atol=1e-300)
        for peek in view.data["peeks"]:
            assert 0 <= peek["at"] < len(view.data["steps"])
            assert 0 <= peek["value"] < len(values)
            assert ("derivative" in peek) == ("back" in peek)


_LOW = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


@settings(max_examples=8, deadline=None)
@given(graphs())
def test_whole_values_are_those_of_backward(g):
    views = views_of(g)
    [view, *_] = views.views
    result = next((v for v in g.outputs if v.node), None)
    if result is None or len(g.outputs) > 1 or result.data.size != 1:
        return
    seed = None if result.grad is None else result.grad
    with np.errstate(all="ignore"):
        result.backward(seed)
    leaves = {f"x{i}": v for i, v in enumerate(g.leaves)}
    import re

    for id, index in re.findall(r'data-id="(x\d+)" data-peek="(\d+)"', view.picture.svg):
        peek = view.data["peeks"][int(index)]
        for key, wanted in (("value", leaves[id].data), ("derivative", leaves[id].grad)):
            said = views.values.list[peek[key]]
            assert read(said) == pytest.approx(
                np.ravel(wanted).tolist(), abs=said.get("left", 0), rel=0, nan_ok=True
            )


def read(value):
    """The numbers that a page holds of a value."""
    if "x" in value:
        return [float(value["x"])]
    return [float(text) for row in value["rows"] for text in row]


# Depths.


def test_depths_of_a_network():
    views = views_of(graph(network(backward=False))).views
    labels = [(v.data["label"][0], v.data["label"][1].get("node")) for v in views]
    assert labels[:2] == [("level_network", None), ("level_layers", None)]
    assert labels[-1] == ("level_primitives", None)
    opened = {node for label, node in labels if label == "level_opened"}
    assert opened == {"Affine1", "Relu1", "Affine2", "SoftmaxWithLoss"}


def test_what_is_opened_can_be_closed():
    views = views_of(graph(network(backward=False))).views
    for i, view in enumerate(views):
        for id, (there, name) in view.data["opens"].items():
            assert views[there].data["closes"][id] == [i, name]


def test_the_same_value_has_the_same_number_at_every_depth():
    views = views_of(graph(network(backward=False)))
    by_name = {}
    for view in views.views:
        for peek in view.data["peeks"]:
            if "x" in peek and not peek.get("share") and "derivative" in peek:
                kept = by_name.setdefault(str(peek["x"]), (peek["value"], peek["derivative"]))
                a, b = (views.values.list[n] for n in (kept[1], peek["derivative"]))
                if "said" not in a:
                    assert float(a["x"]) == pytest.approx(float(b["x"]))
                else:
                    assert a["shape"] == b["shape"]
                    assert read(a) == pytest.approx(read(b))


def test_many_layers_are_not_opened_one_by_one():
    x = Variable(np.ones((1, 2)), "x")
    for _ in range(30):
        x = Sigmoid()(x)
    labels = [view.data["label"][0] for view in views_of(graph(x.sum())).views]
    assert labels == ["level_layers", "level_primitives"]


def test_a_wish_comes_first():
    views = views_of(graph(network(backward=False)), open=["Affine1", "Relu1"])
    assert views.views[views.start].data["label"] == ["level_chosen", {}]
    assert "n0/n0/n0" in views.views[views.start].picture.svg


# Values and tests of derivatives.


def test_values_are_whole_to_the_last_digit():
    values = Values()
    third = values.list[values.add(np.float64(1) / 3)]
    assert float(third["x"]) == 1 / 3
    single = values.list[values.add(np.float32(0.1))]
    assert single["x"] == "0.1"
    rows = values.list[values.add(np.array([[0.1, 1 / 3], [np.nan, -np.inf]]))]["rows"]
    assert list(map(float, rows[0])) == [0.1, 1 / 3]
    assert rows[1] == ["nan", "-inf"]


def test_a_value_stands_there_once():
    values = Values()
    a = np.arange(10.0)
    assert values.add(a) == values.add(a) == values.add(a.copy())
    assert values.add(a) != values.add(a.astype(np.float32))
    assert values.add(1) != values.add(1.0)  # an integer is no float


def test_large_arrays_are_a_digest():
    values = Values()
    assert "rows" in values.list[values.add(np.zeros(CELLS))]
    large = values.list[values.add(np.zeros(CELLS + 1))]
    assert "rows" not in large
    assert large["said"] == ["all_equal", {"shape": f"({CELLS + 1},)", "value": "0"}]
    for i in range(ALL_CELLS // CELLS + 1):
        last = values.list[values.add(np.full(CELLS, i + 1.0))]
    assert "rows" not in last


def test_axes_beyond_the_second_have_their_place_beside_them():
    values = Values()
    value = values.list[values.add(np.arange(24.0).reshape(2, 3, 4))]
    assert len(value["rows"]) == 6
    assert value["heads"] == ["0, 0", "0, 1", "0, 2", "1, 0", "1, 1", "1, 2"]


@pytest.mark.parametrize(("size", "width"), [(10, 10), (25, 10), (784, 28)])
def test_a_long_row_is_broken(size, width):
    values = Values()
    value = values.list[values.add(np.arange(float(size)).reshape(1, size))]
    assert read(value) == list(range(size))
    assert {len(row) for row in value["rows"][:-1] or value["rows"]} == {width}
    if size > width:
        assert value["heads"] == [str(i) for i in range(0, size, width)]


@pytest.mark.parametrize(
    ("function", "at", "step"),
    [
        (lambda x: x * 7.0, 100.0, "1"),
        (lambda x: 1 / (1 + np.exp(-x)), 0.5, "0.001"),
        (lambda x: np.exp(x), 1.0, "0.0001"),
        (lambda x: -np.exp(x), 1.0, "0.0001"),
    ],
)
def test_a_derivative_is_put_to_the_test(function, at, step):
    x = Variable(at, "x")
    y = function(x)
    y.backward()
    found = nudged(graph(y), x, x.grad, [(y, 1.0)])
    assert found["dx"] == step
    assert found["d"] == number(x.grad)
    before, after = (float(found[key].replace("−", "-")) for key in ("before", "after"))
    assert after - before == pytest.approx(float(x.grad) * float(step), rel=2e-3)
    assert found["sign"] == ("=" if step == "1" else "≈")


def test_nothing_is_said_that_would_not_hold():
    x = Variable(0.0, "x")
    y = abs(x)
    assert nudged(graph(y), x, 0.0, [(y, 1.0)]) is None  # a kink: no slope to test
    y = np.maximum(x, 0.0)
    assert nudged(graph(y), x, 0.5, [(y, 1.0)]) is None
    steep = np.log(Variable(1e-9, "z"))
    assert nudged(graph(steep), graph(steep).leaves[0], 1e9, [(steep, 1.0)]) is None


def test_a_softmax_that_is_opened_is_told_in_named_steps():
    found = by_key(texts(views_of(graph(network()), open="primitives").views[-1].data["steps"]))
    named = {
        key: [block[1] for block in step["body"] if block[0] == "p" and "softmax" in block[1]]
        for key, step in found.items()
        if key.startswith("f:n1/")
    }
    assert [parts[0] for parts in named.values() if parts] == [
        *("softmax_shift", "softmax_shift", "softmax_exp", "softmax_sum"),
        *("softmax_log", "softmax_log", "softmax_pick"),
    ]


def test_the_derivative_by_an_array_is_put_to_the_test():
    x = Variable(np.array([[1.0, 2.0], [3.0, -4.0]]), "x")
    y = (x * x).sum()
    found = nudged(graph(y), x, 2 * x.data, [(y, 1.0)])
    assert found is not None
    assert (found["place"], found["from"], found["to"]) == ("[1, 1]", "−4", "−3.999")
    assert (found["before"], found["after"]) == ("30", "29.992")  # 30 − 8 · 0.001
    w = x * 3
    found = nudged(graph(w), x, 3 * np.ones((2, 2)), [(w, np.array([[1.0, 0], [0, 0]]))])
    assert found is not None
    assert (found["before"], found["after"], found["place"]) == ("3", "6", "[0, 0]")
