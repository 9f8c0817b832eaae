"""What a learner does with a playing page, in a real browser: draw, ask, read, print, embed."""

import re
import sys
from base64 import b64encode
from html import escape
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "playing"))
from pad import PICTURES, STROKES, strokes, through
from test_browser_play import BEGUN, LOOK, after, rate
from test_play import convolutional, images

from clearprop import Affine, Network, Relu, TwoLayerNet, play
from clearprop.compiler import compile
from clearprop.datasets import mnist_dataset
from clearprop.training import SGD

TEXT = "document.getElementById('{}').innerText"
STEP = (("click", "#one"), after(1), ("waitFor", f"/→/.test({TEXT.format('when')})"))


def text(name):
    return ("eval", TEXT.format(name))


def two(n=80):
    x = np.random.default_rng(0).standard_normal((n, 2))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    page = tmp_path_factory.mktemp("plane") / "plane.html"
    network = TwoLayerNet(2, 8, 2, weight_init_std=0.7, rng=np.random.default_rng(0))
    play(network, page, *two(), batch=80, weights="kept", classes=["inside", "outside"])
    return page


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A network that has learned to read, and 100 digits."""
    data = mnist_dataset()
    network = TwoLayerNet(784, 50, 10, rng=np.random.default_rng(0)).astype(np.float32)
    step, rng = compile(network, SGD(0.3)), np.random.default_rng(1)
    for _ in range(1500):
        rows = rng.integers(60000, size=100)
        step(data.x_train[rows], data.t_train[rows])
    page = tmp_path_factory.mktemp("digits") / "digits.html"
    x, t = data.x_test[:100], data.t_test[:100]
    play(network, page, x, t, test=(x, t), weights="kept")
    return page, network, x


def test_a_step_is_shown_before_and_after(browser, plane):
    network = TwoLayerNet(2, 8, 2, weight_init_std=0.7, rng=np.random.default_rng(0))
    x, t = two()
    before, slope = network.loss(x, t), network.gradient(x, t)["W1"]
    for name, d in network.gradient(x, t).items():
        network.params[name] -= 0.1 * d
    after_it = network.loss(x, t)
    moved = 100 * 0.1 * np.linalg.norm(slope) / np.linalg.norm(network.params["W1"] + 0.1 * slope)
    said, layers = browser.visit(plane, BEGUN, *STEP, text("when"), text("layers")).results
    assert said == f"Step 1. Loss of its batch: {before:.3g} → {after_it:.3g}"
    size, again = (np.sqrt(np.mean(d**2)) for d in (slope, network.gradient(x, t)["W1"]))
    assert f"W1 {size:.3g} → {again:.3g}" in layers
    assert float(re.search(r"([\d.]+) % moved", layers)[1]) == pytest.approx(moved, rel=6e-3)


def test_the_pad_gives_what_the_network_has_learned_from(browser, digits):
    page, network, x = digits
    read = network.predict(x).argmax(axis=1)
    bytes_ = np.rint(255 * x).astype(np.uint8).tobytes()
    given = f'"{b64encode(bytes_).decode()}"'
    drawn = str([strokes(image) for image in x.reshape(-1, 28, 28)[:50]])
    for script, share in (
        (PICTURES % (given, "0, 0, 280, 280"), 0.96),
        (PICTURES % (given, "20, 120, 140, 140"), 0.96),
        (STROKES % drawn, 0.9),
    ):
        found = network.predict(through(browser, page, script)).argmax(axis=1)
        assert np.mean(found == read[: len(found)]) >= share, script[:20]


def test_one_draws_with_the_mouse_and_with_keys(browser, digits):
    page, *_ = digits
    state = ("eval", "[big.innerText, reading.children.length]")
    empty, one = (("waitFor", f"big.innerText === '{said}'") for said in "?1")
    clear = ("click", "#clear"), empty
    mouse = ("draw", "#pad", (0.5, 0.15), (0.5, 0.85))
    keys = [("eval", "pad.focus()"), *[("press", "ArrowDown")] * 18]
    found = browser.visit(
        page, BEGUN, *clear, state, mouse, one, state, *clear, *keys, one, state,
        ("press", "Escape"), empty, state,
    )  # fmt: skip
    before, by_mouse, _, by_keys, again = found.results
    assert before == again == ["?", 0]
    assert by_mouse == by_keys == ["1", 3]


def test_a_point_of_the_plane_is_asked_for(browser, plane):
    sample = text("sample")
    found = browser.visit(
        plane, BEGUN, ("wait", 300), ("draw", "#map", (0.25, 0.25)), ("wait", 300), sample,
        ("eval", "map.focus()"), ("press", "ArrowRight"), ("wait", 300), sample, text("classes"),
    ).results  # fmt: skip
    first, second, classes = found[0], found[2], found[3]
    (x1, y1), (x2, y2) = (
        map(float, re.findall(r"-?[\d.]+", said.replace("−", "-"))) for said in (first, second)
    )
    assert x2 > x1
    assert y2 == y1
    assert re.fullmatch(r"inside\s*outside", classes)


def test_the_dead_rest_until_one_starts_over(browser, tmp_path):
    page = tmp_path / "net.html"
    x, t = two()
    play(TwoLayerNet(2, 8, 2, weight_init_std=1.0), page, 1e3 * x, t, batch=40)
    dead = ("waitFor", "!died.hidden && go.disabled")
    told, asleep = browser.visit(
        page, BEGUN, rate(1.5), ("click", "#go"), dead, LOOK, ("click", "#again"),
        ("waitFor", "!go.disabled"), ("eval", "[died.hidden, steps.innerText]"),
    ).results[1:]  # fmt: skip
    assert "no longer a number" in told["died"]
    assert asleep == [True, "0"]


def test_no_task_of_the_page_holds_it_up(browser, digits):
    tasks = browser.visit(digits[0], BEGUN, ("click", "#go"), ("tasks", 1500)).results[-1]
    assert len(tasks) > 50
    assert max(used for _, used in tasks) < 50


NEAT = """(() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement, text = walk.currentNode.textContent.trim();
    if (!text || /SCRIPT|STYLE|OPTION/.test(e.tagName) || !e.getClientRects().length) continue;
    if (parseFloat(getComputedStyle(e).fontSize) < 11) found.push(`small: ${text}`);
    const range = document.createRange();
    range.selectNodeContents(walk.currentNode);
    const box = range.getBoundingClientRect();
    if (box.left < -0.5 || box.right > innerWidth + 0.5) found.push(`outside: ${text}`);
    for (let up = e; up; up = up.parentElement) {
      const around = up.getBoundingClientRect();
      const cuts = getComputedStyle(up).overflowX !== "visible" && box.right > around.right + 1;
      if (cuts) found.push(`cut: ${text}`);
    }
  }
  for (const row of document.querySelectorAll("tr, .row, .stats, header")) {
    const boxes = [...row.children].map((e) => e.getBoundingClientRect()).filter((b) => b.width);
    boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b) => {
      const across = a.left < b.right - 1 && b.left < a.right - 1;
      const down = a.top < b.bottom - 1 && b.top < a.bottom - 1;
      if (across && down) found.push(`over each other: ${row.innerText.slice(0, 40)}`);
    }));
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the window");
  return found;
})()"""


@pytest.mark.parametrize(("width", "language"), [(1280, "en"), (400, "zh"), (400, "ja")])
def test_nothing_is_cut_off_over_another_or_small(
    browser, plane, digits, tmp_path, width, language
):
    x, t = images(60)
    network = tmp_path / "net.html"
    play(convolutional(), network, x, t, test=(x, t), batch=20, classes=["a", "W" * 60])
    for page in (plane, digits[0], network):
        how = [BEGUN, ("select", "#language", language), *STEP, ("wait", 100), ("eval", NEAT)]
        shown = ("media", {"media": "print"}), ("wait", 100), ("eval", NEAT)
        assert browser.visit(page, *how, *shown, width=width).results == [[], []], page


DARK = """(() => {
  const { data } = curve.getContext('2d').getImageData(0, 0, curve.width, curve.height);
  const lit = [...data].filter((v, i) => i % 4 === 0 && data[i + 3] > 200);
  return [getComputedStyle(document.body).backgroundColor, Math.max(...lit)];
})()"""


def test_print_is_light_whatever_the_screen_is(browser, plane):
    printed = ("media", {"media": "print", "colorScheme": "dark"}), ("wait", 100), ("eval", DARK)
    (dark, faint), (light, _) = browser.visit(
        plane, BEGUN, *STEP, ("eval", DARK), *printed, scheme="dark", quiet=False
    ).results
    assert dark == "rgb(20, 23, 28)"
    assert light == "rgb(255, 255, 255)"
    assert faint > 100


@pytest.mark.parametrize("sandbox", ["", 'sandbox="allow-scripts"'])
def test_it_runs_in_a_frame(browser, plane, tmp_path, sandbox):
    page = tmp_path / "outer.html"
    inner = escape(plane.read_text("utf-8"), quote=True)
    page.write_text(f'<!doctype html><iframe {sandbox} srcdoc="{inner}"></iframe>', "utf-8")
    runs = """(async () => {
      const rest = () => new Promise((resume) => setTimeout(resume, 50));
      while (!layers.children.length) await rest();
      go.click();
      while (steps.innerText === "0") await rest();
      return true;
    })()"""
    assert browser.visit(page, ("inside", runs)).results == [True]


def test_hostile_names_do_not_run(browser, tmp_path):
    evil = '</script><img src=x onerror="alert(1)"><script>alert(2)</script>'
    layer = type(evil, (Relu,), {})
    first = Affine(np.eye(2), np.zeros(2))

    class Odd(Network):
        def __init__(self):
            super().__init__()
            self.parts = {evil: first, "*/ alert(3) /*": layer()}

        def forward(self, x):
            for part in self.parts.values():
                x = part(x)
            return x

    Odd.__name__ = evil
    page = tmp_path / "net.html"
    play(Odd(), page, *two(), classes=[evil, "b"])
    shown = browser.visit(page, BEGUN, *STEP, ("eval", "document.body.innerText")).results[-1]
    assert evil in shown
    count = ("eval", "document.querySelectorAll('img, body script').length")
    assert browser.visit(page, BEGUN, count).results == [3]
