"""Graphs that the tests of pages look at, and what a page shows of itself."""

import numpy as np

from clearprop import TwoLayerNet, Variable

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


def every_step(steps):
    return [LOOK, *([RIGHT, LOOK] * (steps - 1))]
