"""A page is walked through by keys, buttons and slider, to any depth, in any language."""

import itertools

import numpy as np
from looking import RIGHT, network, shop

from clearprop import Variable, graph
from clearprop.page.views import views_of


def steps_after(*actions):
    read = ("eval", "document.getElementById('slider').value")
    return [part for action in actions for part in (action, read)]


def test_keys(browser, pages):
    keys = ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home", "ArrowLeft"]
    seen = browser.visit(pages(shop), *steps_after(*(("press", key) for key in keys)))
    assert seen.results == ["1", "2", "1", "10", "10", "0", "0"]


def test_buttons_and_slider(browser, pages):
    seen = browser.visit(
        pages(shop),
        *steps_after(
            *(("click", "#next"), ("click", "#last"), ("click", "#back"), ("click", "#first")),
            ("fill", "#slider", "7"),
        ),
        ("eval", "document.getElementById('slider').getAttribute('aria-valuetext')"),
        ("eval", "document.getElementById('said').innerText"),
    )
    assert seen.results[:5] == ["1", "10", "9", "0", "7"]
    assert seen.results[5] == "Backward: + ∂price/∂u1 = 1.1, ∂price/∂u2 = 1.1"
    assert "∂price/∂u3 = 1.1" in seen.results[6]


def test_space_plays_and_stops(browser, pages):
    at_least = "document.getElementById('slider').value >= 2"
    seen = browser.visit(
        pages(shop),
        ("press", " "),
        ("eval", "document.getElementById('play').textContent"),
        ("waitFor", at_least),
        ("press", " "),
        ("eval", "document.getElementById('play').textContent"),
    )
    assert "Pause" in seen.results[0]
    assert "Play" in seen.results[1]


def test_a_node_can_be_reached_by_keyboard_and_leads_to_its_step(browser, pages):
    order = "[...document.querySelectorAll('svg g[tabindex]')].map((g) => g.dataset.id)"
    focused = "document.activeElement.dataset.id"
    tabs = [("press", "Tab")] * 6
    seen = browser.visit(
        pages(shop),
        ("eval", order),
        ("eval", "document.querySelector('[data-id=x4]').focus()"),
        ("press", "Tab"),
        ("eval", focused),
        ("press", "Enter"),
        ("eval", "document.getElementById('said').innerText"),
        *tabs,
    )
    leaves, nodes = seen.results[0][:5], seen.results[0][5:]
    assert set(leaves) == {f"x{i}" for i in range(5)}
    assert nodes == ["n0", "n1", "n2", "n3", "out0"]
    assert seen.results[2] == "n0"
    assert "u1 = apple · apple_num = 100 · 2 = 200" in seen.results[3]


def test_the_focus_shows_the_value(browser, pages):
    seen = browser.visit(
        pages(shop),
        ("eval", "document.getElementById('stage').focus()"),
        ("press", "Tab"),
        ("eval", "document.getElementById('peek').innerText"),
        ("press", "Escape"),
        ("eval", "document.getElementById('peek').hidden"),
    )
    assert "100" in seen.results[1]
    assert seen.results[2] is True


def test_depth_and_opening(browser, pages):
    state = (
        "eval",
        "[document.getElementById('depth').selectedOptions[0].textContent,"
        " new Set([...document.querySelectorAll('[data-view-no]:not([hidden]) .g-frame')]"
        ".map((g) => g.dataset.id)).size,"
        " document.querySelector('#said h2').textContent]",
    )
    views = views_of(graph(network())).views
    labels = [view.data["label"][0] for view in views]
    layers = labels.index("level_layers")
    all_ = labels.index("level_primitives")
    seen = browser.visit(
        pages(network),
        state,
        *[RIGHT] * 2,
        state,
        ("press", "o"),
        state,
        ("press", "c"),
        state,
        ("select", "#depth", str(all_)),
        state,
        ("select", "#depth", str(layers)),
        ("click", '[data-view-no]:not([hidden]) .sign[data-of="n0/n0"]'),
        state,
        ("click", '[data-view-no]:not([hidden]) .sign[data-of="n0/n0"]'),
        state,
    ).results
    names, frames, steps = zip(*seen, strict=True)
    assert names == (
        *("Layers", "Layers", "Relu1 opened", "Layers", "Single operations", "Affine1 opened"),
        "Layers",
    )
    assert frames[:4] == (1, 1, 2, 1)
    assert frames[4] == 5
    assert "Relu1" in steps[1]
    assert "≤" in steps[2] or ">" in steps[2]  # the first step inside
    assert "Relu1" in steps[3]


def test_every_view_can_be_walked_through(browser, pages):
    walk = """(() => {
      const view = document.querySelector('[data-view-no]:not([hidden])');
      const next = document.getElementById('next'), seen = [];
      document.getElementById('first').click();
      for (;;) {
        const labels = [...view.querySelectorAll('.g-label')];
        seen.push([
          [...view.querySelectorAll('.lit')].map((g) => g.dataset.id).sort(),
          labels.filter((g) => !g.matches('.later')).map((g) => g.dataset.id),
        ]);
        if (next.disabled) return [seen, labels.length];
        next.click();
      }
    })()"""
    views = views_of(graph(network())).views
    looks = [
        part for i in range(len(views)) for part in (("select", "#depth", str(i)), ("eval", walk))
    ]
    found = browser.visit(pages(network), *looks).results
    for view, (seen, labels) in zip(views, found, strict=True):
        assert [lit for lit, _ in seen] == [sorted(set(s["lit"])) for s in view.data["steps"]]
        assert len(seen[-1][1]) == labels
        for (_, before), (_, after) in itertools.pairwise(seen):
            assert set(before) <= set(after)


def test_languages(browser, pages):
    title = ("eval", "document.querySelector('#title').textContent + document.documentElement.lang")
    seen = browser.visit(
        pages(shop, language="ja"),
        *(title, ("select", "#language", "zh"), title, ("select", "#language", "en"), title),
        ("eval", "document.body.innerText.includes('undefined')"),
    ).results
    assert "から price を計算する" in seen[0]
    assert "price 如何由" in seen[1]
    assert seen[2].startswith("How price comes from")
    assert [text[-2:] for text in (seen[0], seen[2])] == ["ja", "en"]
    assert seen[3] is False


def long():
    rng = np.random.default_rng(1)
    values = [Variable(float(i + 1), f"v{i}") for i in range(6)]
    while len(values) < 246:
        a, b = (values[i] for i in rng.integers(max(0, len(values) - 10), len(values), 2))
        values.append([lambda a=a, b=b: a + b, lambda a=a, b=b: np.tanh(a)][len(values) % 2]())
    used = {x for v in values if v.node for x in v.node.inputs}
    return sum(v for v in values if v not in used)


def test_a_step_is_quick_in_a_large_graph(browser, pages):
    assert len(graph(long()).nodes) > 240
    walk = """(() => {
      const next = document.getElementById('next'), start = performance.now();
      for (let i = 0; i < 100; i++) next.click();
      document.body.getBoundingClientRect();
      return (performance.now() - start) / 100;
    })()"""
    assert browser.visit(pages(long), ("eval", walk)).results[0] < 50  # milliseconds
