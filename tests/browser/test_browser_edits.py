"""Whatever is typed into a page, it then shows what a page written afresh shows.

`CLEARPROP_PAGES=30` looks at so many graphs of numbers and of arrays each, and a third of so many
networks.
"""

import os

import numpy as np
import pytest
from random_pages import EDITS, arrays, numbers, save, save_net
from seeing import SHOWN, compared

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
