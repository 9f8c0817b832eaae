"""A network trains in its page, in a real browser, and the numbers are Python's."""

import sys
from pathlib import Path

import numpy as np
import pytest

from clearprop import TwoLayerNet, play
from clearprop.training import SGD, Adam

sys.path.append(str(Path(__file__).parents[1] / "playing"))
from test_play import convolutional, images

rng = np.random.default_rng(0)
X = rng.standard_normal((80, 2))
T = (X[:, 0] * X[:, 1] > 0).astype(int)
STATE = """(() => {
  const at = (id) => document.getElementById(id);
  return { steps: Number(at('steps').textContent.replace(/\\D/g, '')),
    loss: Number(at('loss').textContent.replace('−', '-')),
    right: parseFloat(at('right').textContent),
    died: at('died').hidden ? '' : at('died').textContent, big: at('big').textContent,
    layers: at('layers').innerText };
})()"""
LOOK = ("eval", STATE)
BEGUN = ("waitFor", "document.getElementById('layers').children.length > 0")


def after(steps):
    told = "document.getElementById('steps').textContent.replace(/\\D/g, '')"
    return ("waitFor", f"Number({told}) >= {steps}")


def rate(power):
    return (
        "eval",
        "(() => { const rate = document.getElementById('rate'); "
        f"rate.value = {power}; rate.dispatchEvent(new Event('input')); }})()",
    )


@pytest.mark.parametrize("optimizer", [SGD(0.1), Adam(0.01)])
def test_steps_are_those_of_python(browser, tmp_path, optimizer):
    network = TwoLayerNet(2, 8, 2, weight_init_std=0.7, rng=np.random.default_rng(0))
    network = network.astype(np.float32)
    x = X.astype(np.float32)
    page = tmp_path / "net.html"
    play(network, page, x, T, optimizer=optimizer, batch=len(x), weights="kept")
    actions = [BEGUN, LOOK]
    for i in range(3):
        actions += [("click", "#one"), after(i + 1), ("wait", 60)]
    read = ("eval", "document.getElementById('layers').innerText")
    begun, layers = browser.visit(page, *actions, read).results
    assert begun["loss"] == pytest.approx(float(network.loss(x, T)), rel=2e-3)
    for _ in range(3):
        optimizer.update(network.params, network.gradient(x, T))
    wanted = network.gradient(x, T)
    for name in ("W1", "b1", "W2", "b2"):
        size = float(np.sqrt(np.mean(wanted[name] ** 2)))
        shown = [float(line) for line in layers.split() if line.replace(".", "").isdigit()]
        assert any(value == pytest.approx(size, rel=6e-3) for value in shown), (name, size, layers)
        assert f"±{np.abs(network.params[name]).max():.3g}" in layers


def test_it_learns_and_shows_the_plane(browser, tmp_path):
    page = tmp_path / "net.html"
    play(TwoLayerNet(2, 16, 2, rng=rng), page, X, T, test=(X, T), batch=40)
    seen = ("waitFor", "parseFloat(document.getElementById('right').textContent) > 90")
    actions = [
        BEGUN,
        rate(-0.3),
        ("click", "#go"),
        after(800),
        ("click", "#go"),
        seen,
        ("wait", 100),
    ]
    plane = "document.getElementById('map').getContext('2d').getImageData(9, 9, 1, 1).data[3]"
    *_, state, alpha = browser.visit(page, *actions, LOOK, ("eval", plane)).results
    assert state["right"] > 90
    assert state["loss"] < 0.4
    assert state["died"] == ""
    assert alpha > 0


def test_a_large_rate_kills_it_and_the_page_says_so(browser, tmp_path):
    page = tmp_path / "net.html"
    play(TwoLayerNet(2, 8, 2, weight_init_std=1.0, rng=rng), page, 100 * X, T, batch=40)
    dead = ("waitFor", "!document.getElementById('died').hidden")
    told = browser.visit(page, BEGUN, rate(1.5), ("click", "#go"), dead, LOOK).results[-1]
    assert "It has died" in told["died"]


@pytest.mark.parametrize("mobile", [False, True])
def test_images_are_drawn_and_read(browser, tmp_path, mobile):
    x, t = images(120)
    page = tmp_path / "net.html"
    play(convolutional(), page, x, t, test=(x, t), batch=20, classes=["tall", "flat"])
    draw = """(() => {
      const pad = document.getElementById('pad'), box = pad.getBoundingClientRect();
      pad.setPointerCapture = () => {};
      document.getElementById('clear').click();
      const send = (kind, x, y) => pad.dispatchEvent(new PointerEvent(kind, {
        clientX: box.x + x * box.width, clientY: box.y + y * box.height, pointerId: 1 }));
      send('pointerdown', 0.2, 0.5);
      for (let x = 0.2; x < 0.8; x += 0.02) for (const y of [0.45, 0.55]) send('pointermove', x, y);
      send('pointerup', 0.8, 0.5);
    })()"""
    seen = ("waitFor", "parseFloat(document.getElementById('right').textContent) > 90")
    actions = [
        BEGUN,
        rate(-1),
        ("click", "#go"),
        after(150),
        ("click", "#go"),
        seen,
        ("eval", draw),
    ]
    figures = ("eval", "document.querySelectorAll('#reading figure').length")
    filters = ("eval", "document.getElementById('filters').hidden")
    size = {"width": 400, "mobile": True} if mobile else {}
    read = ("waitFor", "document.getElementById('big').textContent === 'flat'")
    found = browser.visit(
        page, *actions, ("wait", 100), read, LOOK, figures, filters, **size
    ).results
    assert found[-3]["right"] > 90
    assert found[-3]["big"] == "flat"
    assert found[-2] >= 5
    assert found[-1] is False
