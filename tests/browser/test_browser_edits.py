"""Whatever is typed into a page, it then shows what a page written afresh shows.

`CLEARPROP_PAGES=30` looks at so many graphs of numbers and of arrays each, and a third of so many
networks.
"""

import os

import numpy as np
import pytest
from random_pages import EDITS, arrays, numbers, save, save_net
from seeing import SHOWN, compared

from clearprop import TwoLayerNet, Variable, graph

MANY = int(os.environ.get("CLEARPROP_PAGES", "2"))


def typed(name, value):
    return ("fill", f'input[aria-label="{name}"]', repr(float(value)))


OPEN = [
    ("eval", "document.querySelectorAll('#live details').forEach((d) => d.open = true)"),
    ("wait", 50),
]


@pytest.mark.parametrize("seed", range(MANY))
@pytest.mark.parametrize("kind", [numbers, arrays])
def test_graphs(browser, tmp_path, kind, seed):
    make, inputs = kind(seed)
    rng = np.random.default_rng(seed)
    page = save(tmp_path / "page.html", make, inputs)
    edits = []
    for _ in range(2):
        i = int(rng.integers(len(inputs)))
        value = float(rng.choice([*EDITS, np.round(rng.standard_normal(), 4)]))
        if np.ndim(inputs[i]):
            place = tuple(int(rng.integers(n)) for n in np.shape(inputs[i]))
            edits.append(typed(f"v{i}[{', '.join(map(str, place))}]", value))
            inputs[i] = inputs[i].copy()
            inputs[i][place] = value
        else:
            edits.append(typed(f"v{i}", value))
            inputs[i] = value
    edited = browser.visit(page, *OPEN, *edits, SHOWN).results[-1]
    afresh = browser.visit(save(tmp_path / "afresh.html", make, inputs), SHOWN).results[-1]
    compared(edited, afresh)


@pytest.mark.parametrize("seed", range(max(1, MANY // 3)))
def test_networks(browser, tmp_path, seed):
    page, network, x = save_net(tmp_path / "page.html", seed)
    rng = np.random.default_rng(seed)
    changes = []
    for name in ("x", rng.choice([*network.params])):
        array = x if name == "x" else network.params[name]
        place = tuple(int(rng.integers(n)) for n in array.shape)
        changes.append((str(name), place, float(np.round(rng.standard_normal(), 3))))
    edits = [typed(f"{n}[{', '.join(map(str, p))}]", v) for n, p, v in changes]
    edited = browser.visit(page, *OPEN, *edits, SHOWN).results[-1]
    afresh, *_ = save_net(tmp_path / "afresh.html", seed, changes)
    compared(edited, browser.visit(afresh, SHOWN).results[-1])


def large(path, changes=()):
    """The page of a network of 70,000 weights."""
    rng = np.random.default_rng(0)
    net = TwoLayerNet(100, 690, 3, weight_init_std="he", rng=rng, dtype=np.float64)
    x = rng.random((1, 100))
    for name, place, value in changes:
        (x if name == "x" else net.params[name])[place] = value
    loss = net.loss(Variable(x, "x"), np.array([2]))
    loss.name = "loss"
    graph(loss).save(path, open="layers")
    return path


def test_one_of_many_numbers(browser, tmp_path):
    """A large array shows one number at a time, at the place that is asked for."""
    changes = [("W1", (70, 400), 0.25), ("W2", (20, 1), -0.5), ("x", (0, 30), 2.0)]
    page = large(tmp_path / "page.html")
    assert page.stat().st_size < 2_000_000  # of which 750,000 are the weights
    edits = []
    for name, place, value in changes:
        index = ", ".join(map(str, place))
        if name[0] == "W":
            edits += [("fill", f'input[aria-label="{name}[]"]', "700, 3")]  # there is no such place
            edits += [("fill", f'input[aria-label="{name}[]"]', index)]
        edits.append(typed(f"{name}[{index}]", value))
    ends = ("eval", SHOWN[1].replace("let i = 0", "let i = Number(at('slider').max)"))
    edited = browser.visit(page, *OPEN, *edits, ends).results[-1]
    afresh = browser.visit(large(tmp_path / "afresh.html", changes), ends).results[-1]
    assert len(afresh) > 50
    compared(edited, afresh)


def test_a_page_of_too_many_numbers_says_so_and_what_to_do(browser, tmp_path):
    x, W = Variable(np.zeros((1, 1001)), "x"), Variable(np.zeros((1001, 1000)), "W")
    graph((x @ W).sum()).save(tmp_path / "page.html")
    text = ("eval", "document.getElementById('live').innerText")
    [said] = browser.visit(tmp_path / "page.html", text).results
    assert "its inputs are more than 1,000,000 numbers. Make the page of a smaller network" in said
