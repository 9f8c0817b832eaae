"""The page in a real browser: every step shows Python's numbers, keys work, nothing leaves it."""

import itertools
import json
import re

import numpy as np
import pytest

from clearprop import TwoLayerNet, Variable, graph
from clearprop.drawing.digest import number
from clearprop.page.views import views_of

RIGHT = ("press", "ArrowRight")
SEEN = """
() => {
  const view = document.querySelector('[data-view-no]:not([hidden])');
  const visible = (g) => getComputedStyle(g).visibility === 'visible';
  const labels = [...view.querySelectorAll('g.g-label')].filter(visible);
  const texts = (g) => [...g.querySelectorAll('text')].map((t) => t.textContent);
  return {
    labels: Object.fromEntries(labels.map((g) => [g.dataset.id, texts(g)])),
    backward: [...view.querySelectorAll('g.g-back')].filter(visible).map((g) => g.dataset.id),
    lit: [...view.querySelectorAll('.lit')].map((g) => g.dataset.id),
    said: document.getElementById('said').innerText,
    big: [...document.querySelectorAll('.sum')].map(
      (grid) => [...grid.querySelectorAll('.big')].map((cell) => cell.textContent)),
    formulas: [...document.querySelectorAll('#said .formula')].map((p) => p.textContent),
    count: document.getElementById('count').textContent,
    slider: document.getElementById('slider').value,
  };
}
"""
LOOK = ("eval", f"({SEEN})()")


def shop():
    apple, apple_num = Variable(100, "apple"), Variable(2, "apple_num")
    orange, orange_num = Variable(150, "orange"), Variable(3, "orange_num")
    tax = Variable(1.1, "tax")
    price = (apple * apple_num + orange * orange_num) * tax
    price.name = "price"
    return price


def diamond():
    x = Variable(1.5, "x")
    y = x * x + np.exp(-x) * x
    y.name = "y"
    return y


def network():
    rng = np.random.default_rng(0)
    net = TwoLayerNet(6, 4, 3, weight_init_std=0.5, rng=rng)
    return net.loss(Variable(rng.standard_normal((3, 6)), "x"), np.array([0, 1, 2]))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Files of some graphs, each written once."""
    folder = tmp_path_factory.mktemp("pages")
    written = {}

    def write(make, **options):
        key = (make, json.dumps(options))
        if key not in written:
            path = folder / f"{make.__name__}{len(written)}.html"
            graph(make()).save(path, **options)
            written[key] = path
        return written[key]

    return write


def every_step(steps):
    return [LOOK, *([RIGHT, LOOK] * (steps - 1))]


# Numbers.


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


# Keys, buttons, slider.


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


# Depth.


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


# Closed to the outside, and to what names may say.


HOSTILE = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 1</script>",
    "--></title></style></svg><img src=x onerror='window.hacked = 1'>",
    '" onfocus="window.hacked = 1" autofocus x="',
    "javascript:window.hacked=1",
    "}</style><style>body{display:none}",
    "url(https://example.invalid/x.png)",
    "half \ud800 \u2028 \u202e",
)


def hostile():
    y = Variable(2.0, HOSTILE[0])
    for name in HOSTILE[1:]:
        y = y * Variable(2.0, name)
    y.name = HOSTILE[1]
    return y


def test_hostile_names_do_not_run(browser, pages):
    steps = len(views_of(graph(hostile())).views[0].data["steps"])
    seen = browser.visit(
        pages(hostile),
        *every_step(steps),
        ("eval", "[...document.querySelectorAll('svg g[tabindex]')].forEach((g) => g.focus())"),
        ("hover", '[data-id="x0"]'),
        ("click", "#show"),
        ("eval", "window.hacked ?? null"),
        ("eval", "getComputedStyle(document.body).display"),
        ("eval", "document.querySelectorAll('#stage script, #said script, #said img').length"),
    ).results
    assert seen[-3:] == [None, "block", 0]
    assert HOSTILE[0] in seen[steps - 1]["said"]


def test_the_policy_stops_what_would_be_slipped_in(browser, pages):
    """Even where a script or an image came into the page, it would not run or be fetched."""
    slip = """(() => {
      const script = document.createElement('script');
      script.textContent = 'window.hacked = 1';
      const image = document.createElement('img');
      image.src = 'https://example.invalid/x.png';
      document.body.append(script, image);
      return fetch('https://example.invalid/').then(() => 'sent', () => 'refused');
    })()"""
    seen = browser.visit(
        pages(shop),
        *(("eval", slip), ("wait", 200), ("eval", "window.hacked ?? null")),
        quiet=False,
    )
    assert seen.results == ["refused", None]
    assert seen.errors == []
    assert len([line for line in seen.console if "Content Security Policy" in line]) >= 3


# Frames, phones, paper, the dark, no script.


def test_in_a_notebook_s_frame(browser, tmp_path):
    shown = graph(shop()).explore(height=500)._repr_html_()
    outer = tmp_path / "notebook.html"
    outer.write_text(f"<!doctype html><body><p>cell</p>{shown}", "utf-8")
    read = "document.getElementById('said').innerText"
    seen = browser.visit(
        outer,
        ("wait", 300),
        ("inside", "document.getElementById('next').click()"),
        ("inside", read),
        ("inside", "document.documentElement.scrollWidth <= innerWidth"),
        ("eval", "document.querySelector('iframe').getBoundingClientRect().height"),
        ("inside", "(() => { try { return parent.document.title } catch { return 'closed' } })()"),
        quiet=False,
    )
    assert "u1 = apple · apple_num = 100 · 2 = 200" in seen.results[1]
    assert seen.results[2:] == [True, 500, "closed"]
    assert seen.errors == []
    assert [url for url in seen.requests if not url.startswith("about:")] == []


@pytest.mark.parametrize("make", [shop, diamond, network, hostile])
@pytest.mark.parametrize("width", [320, 390, 820])
def test_nothing_sticks_out_on_a_phone(browser, pages, make, width):
    fits = ("eval", "[document.documentElement.scrollWidth, innerWidth]")
    seen = browser.visit(
        pages(make), fits, *[RIGHT] * 3, fits, ("press", "End"), fits, width=width, height=800,
        mobile=True,
    )  # fmt: skip
    assert seen.results == [[width, width]] * 3


def test_what_happens_is_in_sight_on_a_phone(browser, pages):
    """In a picture wider than the phone, the node of each step is scrolled into the window."""
    where = (
        "eval",
        "(() => { const g = document.querySelector('.lit.g-layer, .lit.g-operation');"
        " if (!g) return [0, 0, 1, 1];"
        " const a = g.getBoundingClientRect(), b = document.getElementById('stage')"
        ".getBoundingClientRect();"
        " return [b.left, a.left, a.right, b.right]; })()",
    )
    steps = [part for _ in range(9) for part in (RIGHT, where)]
    for low, left, right, high in browser.visit(
        pages(network), *steps, width=390, mobile=True
    ).results:
        assert low <= left < right <= high


def test_a_finger_shows_a_value(browser, pages):
    seen = browser.visit(
        pages(shop), ("tap", '[data-id="x0:value"]'),
        ("eval", "document.getElementById('peek').innerText"), width=390, mobile=True,
    )  # fmt: skip
    assert "100" in seen.results[0]


def test_on_paper_everything_stands(browser, pages):
    shown = (
        "eval",
        "(() => { const seen = (e) => e.getClientRects().length > 0 &&"
        " getComputedStyle(e).visibility === 'visible' && getComputedStyle(e).opacity === '1';"
        " const parts = '.paper .g-label, .paper .g-back, .paper .g-arrow';"
        " const all = [...document.querySelectorAll(parts)];"
        " return [all.every(seen), all.length, seen(document.getElementById('controls')),"
        " seen(document.getElementById('steps')), document.body.innerText.includes('Try it'),"
        " getComputedStyle(document.body).backgroundColor] })()",
    )
    seen = browser.visit(
        pages(shop), RIGHT, ("media", {"media": "print"}),
        ("eval", "dispatchEvent(new Event('beforeprint')) && null"), ("wait", 400), shown,
        ("eval", "dispatchEvent(new Event('afterprint')) && null"),
        ("eval", "document.getElementById('slider').value"), scheme="dark",
    ).results  # fmt: skip
    assert seen[1] == [True, 36, False, True, True, "rgb(255, 255, 255)"]
    assert seen[3] == "1"


def test_it_prints(browser, pages):
    assert browser.visit(pages(shop), ("pdf",)).results[0] > 10_000


def luminance(text):
    parts = [int(n) / 255 for n in text.strip("rgb()").split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_in_the_light_and_in_the_dark(browser, pages, scheme):
    colours = (
        "eval",
        "(() => { const style = (s) => getComputedStyle(document.querySelector(s));"
        " return [style('body').backgroundColor, style('body').color, style('.remark').color,"
        " style('.back-text').color, style('.g-label.derivative text').fill,"
        " style('.g-label.value text').fill, style('#keys').color] })()",
    )
    [paper, *inks] = browser.visit(
        pages(shop), *[RIGHT] * 6, colours, scheme=scheme
    ).results[0]  # fmt: skip
    dark = luminance(paper)
    assert (dark < 0.1) == (scheme == "dark")
    for ink in inks:
        low, high = sorted((dark, luminance(ink)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, ink  # WCAG 2, AA


def test_nothing_moves_for_those_who_ask_for_it(browser, pages):
    read = (
        "eval",
        "[...new Set([...document.querySelectorAll('g[data-at]')]"
        ".map((g) => getComputedStyle(g).transitionDuration))]",
    )
    assert browser.visit(pages(shop), read, motion="reduce").results[0] == ["0s"]
    assert browser.visit(pages(shop), read, motion="no-preference").results[0] == ["0.25s"]


def test_without_a_script_the_picture_stands_whole(browser, pages):
    """Where a viewer strips scripts, all values and derivatives are there."""
    path = pages(shop)
    text = path.read_text("utf-8")
    bare = path.with_name("bare.html")
    start, end = text.index("<script>"), text.rindex("</script>")
    bare.write_text(text[:start] + text[end + len("</script>") :], "utf-8")
    seen = browser.visit(
        bare,
        ("eval", "[...document.querySelectorAll('.g-label')].every((g) => "
         "getComputedStyle(g).visibility === 'visible')"),
        ("eval", "getComputedStyle(document.getElementById('controls')).display"),
    ).results  # fmt: skip
    assert seen == [True, "none"]


def test_a_screen_reader_is_told(browser, pages):
    seen = browser.visit(
        pages(shop),
        RIGHT,
        ("eval", "document.getElementById('said').getAttribute('aria-live')"),
        ("eval", "[...document.querySelectorAll('button, select, input')].filter((e) => "
         "!(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length)).length"),
        ("eval", "document.querySelector('[data-id=n0]').getAttribute('aria-label')"),
        ("press", "End"),
        ("press", "ArrowLeft"),
        ("eval", "document.querySelector('.card .sr').textContent"),
    ).results  # fmt: skip
    assert seen[0] == "polite"
    assert seen[1] == 0
    assert seen[2] == "×: u1 = apple · apple_num = 100 · 2 = 200"
    assert seen[3] == "∂price/∂apple = ∂price/∂u1 · apple_num = 1.1 · 2 = 2.2"


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


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_no_english_is_left_over_in_another_language(browser, tmp_path, language):
    graph(network()).save(tmp_path / "page.html", language=language)
    texts = """(() => {
      const found = new Set(), at = (id) => document.getElementById(id);
      for (const option of at('depth').options) {
        at('depth').value = option.value;
        at('depth').dispatchEvent(new Event('change'));
        for (let i = 0; i <= Number(at('slider').max); i++) {
          at('slider').value = i;
          at('slider').dispatchEvent(new Event('input'));
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            const { data, parentElement: e } = walker.currentNode;
            const names = 'script, style, select, template, title, code, .m, .node, .shape, .b';
            if (!e.closest(names)) found.add(data.trim());
          }
        }
      }
      return [...found];
    })()"""
    [found] = browser.visit(tmp_path / "page.html", ("eval", texts)).results
    words = {w for text in found for w in re.findall("[A-Za-z_]{3,}", text)}
    known = {"Softmax", "SoftmaxWithLoss", "Affine", "Relu", "TwoLayerNet", "exp", "log", "max"}
    known |= {"dout", "loss", "Tab", "Enter", "Home", "End", "read_labels", "take_along_axis"}
    known |= {"English", "maximum", "where", "True", "False"}
    assert words <= known
