"""Every step of a page shows Python's numbers, whole and in their turn."""

import numpy as np
import pytest
from looking import LOOK, diamond, every_step, network, shop

from clearprop import graph
from clearprop.drawing.digest import number
from clearprop.page.views import views_of


@pytest.mark.parametrize("make", [shop, diamond])
def test_every_step_shows_the_numbers_of_python(browser, pages, make):
    y = make()
    g = graph(y)
    [view] = views_of(g).views
    told = view.data["steps"]
    y.backward()
    value = {f"x{i}": v for i, v in enumerate(g.leaves)}
    made = {v.node: v for v in g.variables if v.node}
    value |= {f"n{i}": made[node] for i, node in enumerate(g.nodes)}
    seen = browser.visit(pages(make), *every_step(len(told))).results
    assert len(seen) == len(told)
    before = set()
    for step, (shown, wanted) in enumerate(zip(seen, told, strict=True)):
        assert shown["slider"] == str(step)
        assert set(shown["lit"]) == set(wanted["lit"])
        assert before <= set(shown["labels"])  # nothing that was there goes away
        before = set(shown["labels"])
        for id, texts in shown["labels"].items():
            flow, _, kind = id.rpartition(":")
            if "+>" in flow:
                continue  # the share of a branch: see the sums
            v = value[flow]
            assert texts[-1] == number(v.data if kind == "value" else v.grad), id
        cards = [block[1]["numbers"] for block in wanted["body"] if block[0] == "multiply"]
        assert [[up, local, down] for up, _, local, _, down in shown["big"]] == cards
        formulas = [block[1]["m"] for block in wanted["body"] if block[0] == "f"]
        if step < len(told) - 1:
            assert shown["formulas"] == formulas
    # In the end every value and every derivative stands there.
    derivatives = {id.split(":")[0] for id in before if id.endswith(":derivative")}
    assert derivatives >= {id for id, v in value.items() if v.grad is not None}


def test_values_appear_going_forward_and_derivatives_going_back(browser, pages):
    seen = browser.visit(pages(shop), *every_step(11)).results
    values = [{id for id in s["labels"] if id.endswith(":value")} for s in seen]
    derivatives = [{id for id in s["labels"] if id.endswith(":derivative")} for s in seen]
    assert values[0] == {f"x{i}:value" for i in range(5)}
    assert [len(v) for v in values] == [5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9]
    assert [len(d) for d in derivatives] == [0, 0, 0, 0, 0, 1, 3, 5, 7, 9, 9]
    assert [len(s["backward"]) for s in seen] == [0, 0, 0, 0, 0, 1, 3, 5, 7, 9, 9]


def test_shares_at_a_fork_come_one_by_one_and_then_the_sum(browser, pages):
    y = diamond()
    x = graph(y).leaves[0]
    told = views_of(graph(y)).views[0].data["steps"]
    last = len(told) - 2
    assert told[last]["key"] == "s:x0"
    y.backward()
    shown = browser.visit(pages(diamond), ("press", "End"), ("press", "ArrowLeft"), LOOK).results[0]
    shares = [
        float(texts[-1].replace("−", "-"))
        for id, texts in shown["labels"].items()
        if id.startswith("x0+>")
    ]
    assert len(shares) == 4
    assert sum(shares) == pytest.approx(float(x.grad), rel=1e-5)
    assert number(x.grad) in shown["formulas"][0]


def test_whole_values_are_python_s_to_the_last_digit(browser, pages):
    y = shop()
    y.backward()
    hover = ("hover", '[data-id="x0:value"]')
    read = ("eval", "[...document.querySelectorAll('#peek dd')].map((d) => d.textContent)")
    away = ("hover", "#title")
    early, late = browser.visit(
        pages(shop), hover, read, away, ("press", "End"), hover, read
    ).results  # fmt: skip
    apple = graph(y).leaves[0]
    assert early == ["100", "not computed yet"]
    assert [float(text) for text in late] == [100.0, float(apple.grad)]


def test_an_array_is_shown_as_a_table(browser, pages):
    loss = network()
    loss.backward()
    W2 = graph(loss).parameters["W2"]
    cells = (
        "eval",
        "[...document.querySelectorAll('#peek table')].map((t) => [...t.rows].map((r) => "
        "[...r.cells].map((c) => [c.title, c.textContent])))",
    )
    name = next(f"x{i}" for i, v in enumerate(graph(loss).leaves) if v is W2)
    hover = ("hover", f'[data-view-no]:not([hidden]) [data-id="{name}"]')
    tables = browser.visit(pages(network), ("press", "End"), hover, cells).results[0]
    for table, array in zip(tables, (W2.data, W2.grad), strict=True):
        np.testing.assert_array_equal([[float(c[0]) for c in row] for row in table], array)
        short = [[float(c[1].replace("−", "-")) for c in row] for row in table]
        np.testing.assert_allclose(short, array, rtol=1e-5)
