"""Nothing on a page is smaller than 11 px, cut off or under something else."""

import numpy as np
import pytest
from measuring import LOOK

from clearprop import SoftmaxWithLoss, TwoLayerNet, Variable, graph
from clearprop.networks.convolutional import conv_net


def apples():
    apple, apple_num = Variable(100, "apple"), Variable(2, "apple_num")
    orange, orange_num = Variable(150, "orange"), Variable(3, "orange_num")
    price = (apple * apple_num + orange * orange_num) * Variable(1.1, "tax")
    price.name = "price"
    return price, None


def softmax():
    scores = Variable(np.random.default_rng(0).standard_normal((2, 3)).round(1), "scores")
    return SoftmaxWithLoss()(scores, np.array([0, 2])), "primitives"


def two_layers():
    rng = np.random.default_rng(0)
    net = TwoLayerNet(30, 20, 10, rng=rng)
    return net.loss(Variable(rng.random((5, 30)), "x"), np.arange(5)), None


def convolutions():
    rng = np.random.default_rng(0)
    net = conv_net((1, 12, 12), filters=4, hidden=10, rng=rng)
    return net.loss(Variable(rng.random((2, 1, 12, 12)), "x"), np.arange(2)), None


PAGES = [apples, softmax, two_layers, convolutions]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layout")
    for make in PAGES:
        out, open = make()
        graph(out).save(folder / f"{make.__name__}.html", open=open)
    return folder


PAPER = [
    ("eval", "void dispatchEvent(new Event('beforeprint'))"),
    ("media", {"media": "print"}),
    ("wait", 50),
    LOOK,
]


@pytest.mark.parametrize("make", PAGES)
@pytest.mark.parametrize("width", [1280, 400])
def test_all_can_be_read(browser, written, make, width):
    middle = "document.getElementById('slider')"
    half = f"{middle}.value = {middle}.max * 0.6; void {middle}.dispatchEvent(new Event('input'))"
    steps = [LOOK, ("eval", half), ("wait", 50), LOOK, ("press", "End"), ("click", "#fit"), LOOK]
    scheme = {1280: "light", 400: "dark"}[width]
    page = written / f"{make.__name__}.html"
    found = browser.visit(page, *steps, width=width, scheme=scheme, mobile=width < 500).results
    assert [faults for faults in found if faults] == []


@pytest.mark.parametrize("make", PAGES)
def test_all_can_be_read_on_paper(browser, written, make):
    page = written / f"{make.__name__}.html"
    found = browser.visit(page, *PAPER, width=794, height=1123).results
    assert [faults for faults in found if faults] == []
    # Each text stands whole on one of the sheets.
    missing = """(() => {
      const on = new Set(), all = new Set();
      for (const svg of document.querySelectorAll('.paper svg')) {
        const sheet = svg.getBoundingClientRect();
        [...svg.querySelectorAll('text')].forEach((text, i) => {
          const box = text.getBoundingClientRect();
          all.add(i);
          if (box.top >= sheet.top - 2 && box.bottom <= sheet.bottom + 2) on.add(i);
        });
      }
      return [all.size, [...all].filter((i) => !on.has(i)).length];
    })()"""
    actions = [*PAPER[:3], ("eval", missing)]
    texts, lost = browser.visit(page, *actions, width=794, height=1123).results[-1]
    assert texts > 5
    assert lost == 0


def test_a_map_shows_what_is_in_sight(browser, written):
    here = (
        "(() => { const r = (s) => document.querySelector(s)?.getBoundingClientRect();"
        " const map = r('#map svg'), here = r('#map .here');"
        " return [(here.top - map.top) / map.height, here.height / map.height]; })()"
    )
    click = (
        "(() => { const map = document.querySelector('#map svg'), b = map.getBoundingClientRect();"
        " document.getElementById('map').dispatchEvent(new PointerEvent('pointerdown',"
        " { clientX: b.x + 5, clientY: b.bottom - 2, buttons: 1, bubbles: true })); })()"
    )
    look, move = ("eval", here), ("eval", click)
    start, _, end = browser.visit(written / "softmax.html", look, move, ("wait", 50), look).results
    assert start[0] == pytest.approx(0, abs=0.05)
    assert 0.1 < start[1] < 0.9
    assert end[0] + end[1] == pytest.approx(1, abs=0.05)
    hidden = ("eval", "document.getElementById('map').hidden")
    assert browser.visit(written / "apples.html", hidden).results == [True]


def test_what_cannot_be_read_is_seen(browser, written):
    small = "document.querySelector('#stage text').setAttribute('font-size', 7)"
    over = "document.getElementById('legend').style.marginTop = '-40px'"
    wide = "void document.body.append(Object.assign(document.createElement('div'), {textContent:"
    wide += " 'far out', style: 'position: absolute; left: 2000px'}))"
    page = written / "apples.html"
    for fault, said in ((small, "px: "), (over, "over one another"), (wide, "out of the window")):
        actions = [("press", "End"), ("eval", fault), ("wait", 50), LOOK]
        found = browser.visit(page, *actions).results[-1]
        assert any(said in text for text in found), (said, found)
