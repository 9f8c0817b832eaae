"""Layers and networks in words: their own formulas, with the names of the graph."""

import numpy as np
import pytest

from clearprop import (
    AddLayer,
    Affine,
    Graph,
    Layer,
    MulLayer,
    Network,
    Relu,
    Sigmoid,
    TwoLayerNet,
    Variable,
    explain,
    graph,
)
from clearprop.explaining.story import tell


@pytest.fixture
def loss():
    rng = np.random.default_rng(0)
    network = TwoLayerNet(4, 3, 2, rng=rng)
    x = Variable(rng.standard_normal((5, 4)), "x")
    return network.loss(x, np.array([0, 1, 0, 1, 1]))


def test_a_network_is_opened_into_layers_with_its_names(loss):
    told = str(explain(loss))
    assert told.startswith("How loss depends on x, W1, b1, W2 and b2\n")
    for step in (
        "1. SoftmaxWithLoss: y = softmax(u3), loss = −(1 / N) · (Σ_n Σ_k t_nk · log(y_nk))",
        "2. Affine2: u3 = u2 W2 + b2",
        "3. Relu1: u2 = u1 where u1 > 0, else 0",
        "4. Affine1: u1 = x W1 + b1",
    ):
        assert step in told
    assert "t ([0, 1, 0, 1, 1])" in told


def test_transposes_and_sums_come_with_their_shapes_and_reasons(loss):
    told = str(explain(loss))
    assert "∂loss/∂u3 = ∂loss/∂loss · (y − t) / N" in told
    assert "∂loss/∂u2 = (∂loss/∂u3) W2ᵀ (shape (5, 3)" in told
    assert "Shapes: (5, 2) (2, 3) → (5, 3)." in told
    assert "∂loss/∂W1 = xᵀ (∂loss/∂u1) (shape (4, 3)" in told
    assert "Shapes: (4, 5) (5, 3) → (4, 3)." in told
    assert "∂loss/∂b1 = Σ_n (∂loss/∂u1)_n" in told
    assert told.count("which is what a transpose does") == 1
    assert "To W1 the derivative goes through SoftmaxWithLoss → Affine2 → Relu1 → Affine1." in told


def test_a_networks_numbers_are_those_of_its_backward_pass(loss):
    loss.backward()
    story = tell(loss)
    assert len(story.steps) == 4
    assert len(story.leaves) == 5
    for leaf in story.leaves:
        np.testing.assert_array_equal(leaf.derivative, leaf.variable.grad)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ["这正是转置的作用", "形状：(5, 2) (2, 3) → (5, 3)。", "对各行求和"]),
        ("ja", ["転置になります", "形状：(5, 2) (2, 3) → (5, 3)。", "行についての和"]),
    ],
)
def test_the_reasons_are_given_in_each_language(loss, language, words):
    told = str(explain(loss, language=language))
    for text in words:
        assert text in told
    assert "transpose" not in told


def test_the_book_s_layers_of_numbers_have_the_same_chain_rule():
    apple, number, tax = Variable(100, "apple"), Variable(2, "apple_num"), Variable(1.1, "tax")
    total = AddLayer()(MulLayer()(apple, number), Sigmoid()(Variable(0.0, "x")))
    price = MulLayer()(total, tax)
    price.name = "price"
    told = str(explain(price))
    assert "∂price/∂apple = 1 · tax · 1 · apple_num = 1 · 1.1 · 1 · 2 = 2.2" in told
    assert "Sigmoid: u2 = 1 / (1 + exp(−x)) = 1 / (1 + exp(−0)) = 0.5" in told
    assert "∂price/∂x = 1 · tax · 1 · (u2 · (1 − u2)) = 1 · 1.1 · 1 · 0.25 = 0.275" in told


def test_a_layer_used_twice_sums_at_its_parameters():
    affine = Affine(np.array([[2.0]]), np.array([0.5]))
    x = Variable(np.array([[3.0]]), "x")
    y = affine(affine(x)).sum()
    told = str(explain(y, by="W"))
    assert "W was used in 2 places. What comes back from them is added: ∂y/∂W ([[12.5]])." in told
    assert "u2 = u1 W + b" in told


def test_two_layers_of_one_kind_have_parameters_of_different_names():
    first, second = (Affine(np.eye(2), np.zeros(2)) for _ in range(2))
    told = str(explain(second(first(Variable(np.ones((1, 2)), "x"))).sum()))
    assert "Affine: u1 = x W1 + b1" in told
    assert "Affine: u2 = u1 W2 + b2" in told


class Cube(Layer):
    """Raise to the third power.

    **Forward**: `out = x³`

    **Backward**: `dx = dout · 3x²`. Because <b>three</b> `x` are multiplied.
    """

    def forward(self, x):
        self.x = x
        return x**3

    def backward(self, dout):
        return dout * 3 * self.x**2


def test_a_layer_of_ones_own_is_told_from_its_own_docstring():
    x = Variable(2.0, "x")
    told = str(explain(Cube()(x)))
    assert "Cube: y = x³ = 2³ = 8" in told
    assert "The local derivative is ∂y/∂x = 3 · x² = 12" in told
    assert "Because <b>three</b> x are multiplied." in told
    assert "Because &lt;b&gt;three&lt;/b&gt; `x` are" in str(explain(Cube()(x), format="markdown"))
    assert "Because <b>three</b> x" in str(explain(Cube()(x), language="zh"))


class Quiet(Layer):
    def forward(self, x):
        return np.tanh(x)

    def backward(self, dout):
        return dout * 0.5


def test_a_layer_without_a_word_is_told_by_its_numbers():
    told = str(explain(Quiet()(Variable(0.0, "x"))))
    assert "Quiet: y = Quiet(x)" in told
    assert "The local derivative is ∂y/∂x = 0.5" in told
    told = str(explain(Quiet()(Variable(np.zeros(3), "x")).sum()))
    assert "Downstream goes ∂y/∂x ([0.5, 0.5, 0.5])." in told


class Composed(Layer):
    def forward(self, x):
        return np.exp(x) * 2


def test_a_layer_without_backward_is_opened():
    told = str(explain(Composed()(Variable(0.0, "x"))))
    assert "u1 = exp(x)" in told
    assert "Composed" not in told


def test_the_name_of_a_layer_is_text():
    network = Network({"<i>first</i>": Affine(np.eye(2), np.zeros(2)), "$x$": Relu()})
    y = network.predict(Variable(np.ones((1, 2)), "x")).sum()
    markdown = str(explain(y, format="markdown"))
    assert "&lt;i&gt;first&lt;/i&gt;: " in markdown
    assert "<" not in markdown
    assert "\\$x\\$: " in markdown
    assert "\\$x\\$: " in str(explain(y, format="latex"))


def test_a_network_from_a_file_is_told_step_by_step(loss):
    copy = Graph.from_json(graph(loss).to_json()).outputs[0]
    told = str(explain(copy))
    assert "all 43 numbers" in told
    loss.backward()
    found = {leaf.name.text: leaf.derivative for leaf in tell(copy).leaves}
    for leaf in graph(loss).leaves:
        np.testing.assert_allclose(found[leaf.name], leaf.grad, rtol=1e-12, atol=1e-18)
