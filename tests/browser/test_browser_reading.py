"""A page can be read in frames, on phones, on paper, in the dark, without a script, by ear."""

import re

import pytest
from looking import RIGHT, diamond, hostile, network, shop

from clearprop import graph


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
