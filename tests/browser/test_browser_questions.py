"""Ten questions about backpropagation are answered on the pages, in words.

Each is asked of one page, and answered by sentences that stand together in one of its steps.
"""

import numpy as np
import pytest

from clearprop import Affine, Network, Sigmoid, SoftmaxWithLoss, TwoLayerNet, Variable, graph

STEPS = """
(() => {
  const at = (id) => document.getElementById(id), found = [];
  const tell = (id, kind, value) => {
    at(id).value = value;
    at(id).dispatchEvent(new Event(kind));
  };
  for (const option of at('depth').options) {
    tell('depth', 'change', option.value);
    for (let i = 0; i <= Number(at('slider').max); i++) {
      tell('slider', 'input', i);
      found.push(at('said').innerText.replace(/\\s+/g, ' '));
    }
  }
  return found;
})()
"""


def apples():
    values = {"apple": 100, "apple_num": 2, "orange": 150, "orange_num": 3, "tax": 1.1}
    a, n, o, m, tax = (Variable(value, name) for name, value in values.items())
    price = (a * n + o * m) * tax
    price.name = "price"
    return price


def loss_of(network):
    x = Variable(np.array([[0.5, -1.0, 0.25], [1.0, 2.0, -0.5]]), "x")
    loss = network.loss(x, np.array([0, 1]))
    loss.name = "loss"
    return loss


def two_layers():
    return loss_of(TwoLayerNet(3, 4, 2, weight_init_std="he", rng=np.random.default_rng(0)))


def sigmoids():
    rng = np.random.default_rng(1)
    W1, W2 = rng.standard_normal((3, 3)), rng.standard_normal((3, 2))
    layers = [Affine(W1, np.zeros(3)), Sigmoid(), Affine(W2, np.zeros(2))]
    return loss_of(Network(layers, SoftmaxWithLoss()))


def branch():
    x = Variable(3.0, "x")
    y = x * x + x
    y.name = "y"
    return y


QUESTIONS = {
    "Why is the derivative by apple 2.2?": (
        apples,
        "∂price/∂apple = ∂price/∂u1 · apple_num = 1.1 · 2 = 2.2",
        "If apple grows a little, u1 grows 2 times as much, and price grows 1.1 times as much as "
        "u1: 2.2 times as much as apple.",
    ),
    "Where does 650 come from?": (
        apples,
        "the local derivative by one factor is the other factor",
        "∂price/∂tax = ∂price/∂price · u3 = 1 · 650 = 650",
        "If tax grows a little, price grows 650 times as much.",
    ),
    "Why does a product swap its inputs?": (
        apples,
        "if one grows by 1, the product grows by the other",
    ),
    "Why does a sum pass on what comes?": (
        apples,
        "A sum hands the derivative on unchanged: if a summand grows by 1, so does the sum",
    ),
    "Why the transposes?": (
        two_layers,
        "backward, the same weight leads the other way",
        "inputs and outputs change places, which is what a transpose does",
        "∂loss/∂W2 = u2ᵀ (∂loss/∂u3)",
    ),
    "Why is db a sum?": (
        two_layers,
        "The bias was copied to every row of the batch, so its derivative is the sum over the "
        "rows: all its effects add up.",
        "∂loss/∂b2 = Σ_n (∂loss/∂u3)_n",
    ),
    "What is the mask for?": (
        two_layers,
        "mask remembers which elements were stopped forward, because those same elements stop the "
        "derivative backward.",
    ),
    "What is sigmoid's y(1 − y)?": (
        sigmoids,
        "Four steps of the chain rule (÷, +, exp, ×) give dout · out² · exp(−x), where x came in "
        "and out went out, and out · exp(−x) is 1 − out",
        "This is the slope of the curve: steepest, 1/4, in the middle, and flat near 0 and 1.",
        "∂loss/∂u1 = ∂loss/∂u2 · u2 · (1 − u2)",
    ),
    "Why does softmax with loss give y − t?": (
        two_layers,
        "the loss of a sample is log Σ exp of its scores less the score of the right class",
        "the first part has the derivative exp / Σ exp, which is y",
        "the second t, 1 for the right class and 0 for the others",
    ),
    "Where do y and t come from when it is opened? (y)": (
        two_layers,
        "What goes back here is y / N, the probabilities",
    ),
    "Where do y and t come from when it is opened? (t)": (
        two_layers,
        "What goes back here is −t / N: only the element of the true class was picked",
    ),
    "Why are derivatives summed at a branch?": (
        branch,
        "x is used in 3 places. From each of them a derivative has come back; they are added:",
        "∂y/∂x = 3 + 3 + 1 = 7",
        "A change of x reaches y on each of these ways, and the effects add up.",
    ),
    "What is one part of such a sum?": (
        branch,
        "Along this way alone: If x grows a little, y grows 3 times as much.",
    ),
}


@pytest.fixture(scope="module")
def steps(browser, tmp_path_factory):
    """What each step of each page says."""
    folder, found = tmp_path_factory.mktemp("questions"), {}
    for made in (apples, two_layers, sigmoids, branch):
        graph(made()).save(folder / f"{made.__name__}.html")
        [found[made]] = browser.visit(
            folder / f"{made.__name__}.html", ("eval", STEPS), width=1280, height=800
        ).results
    return found


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_is_answered_in_one_step(steps, question):
    page, *answers = QUESTIONS[question]
    assert any(all(answer in step for answer in answers) for step in steps[page])


def test_a_sum_is_not_said_to_be_a_part_of_itself(steps):
    """Where x reaches y straight and by another way, too, its first part has no name of its own."""
    assert any("∂y/∂x = 1 + ∂y/∂u1 · ∂u1/∂x" in step for step in steps[branch])
    assert not any("∂y/∂x = ∂y/∂x +" in step for step in steps[branch])
