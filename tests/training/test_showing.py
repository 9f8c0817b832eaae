"""Trainers, steps and optimisers show settings, state and formula in a notebook."""

import re

import numpy as np
import pytest

from clearprop import TwoLayerNet, compile
from clearprop.training import SGD, Adam, Optimizer, Trainer
from clearprop.training.run_config import OPTIMIZERS

rng = np.random.default_rng(0)
X, T = rng.random((40, 6)).astype(np.float32), rng.integers(0, 3, 40)


def trainer(**how):
    network = TwoLayerNet(6, 5, 3, rng=np.random.default_rng(0))
    return Trainer(network, X, T, X[:10], T[:10], batch_size=10, rng=0, on_progress=False, **how)


def text(html):
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", html))


def test_a_trainer_tells_what_is_trained_on_what_and_how_far_it_is():
    made = trainer(optimizer=Adam(0.01))
    before = text(made._repr_html_())
    for said in (
        *("TwoLayerNet, 53 parameters", "40 samples of (6,) float64", "10 samples of (6,)"),
        *("of 10, 4 an epoch", "compiled, by numpy", "0 iterations, 0 epochs", "Affine1"),
        *("lr 0.01", "steps taken 0", "m ← beta1 · m + (1 − beta1) · g"),
    ):
        assert said in before, said
    assert "last loss" not in before
    made.train(epochs=2)
    after = text(made._repr_html_())
    assert "8 iterations, 2 epochs" in after
    assert f"last loss {made.history.last_loss:.4g}" in after
    assert "steps taken 8" in after


def test_a_trainer_says_why_it_does_not_compile_and_where_it_writes(tmp_path):
    made = trainer(compile=False, history_path=tmp_path / "<history>.jsonl", patience=1)
    made.train(epochs=1)
    shown = made._repr_html_()
    assert "the whole step as written" in shown
    assert "&lt;history&gt;.jsonl" in shown
    assert "<history>" not in shown
    assert "best" in shown


def test_a_step_tells_its_network_rule_and_program():
    step = compile(TwoLayerNet(6, 5, 3), SGD(0.1, weight_decay=0.01))
    assert "no program before the first call" in step._repr_html_()
    step(X, T)
    shown = step._repr_html_()
    for said in ("Relu()", "SoftmaxWithLoss", "p ← p − lr · g", "weight_decay", "steps taken"):
        assert said in text(shown), said
    assert "<details><summary>the program, for numpy</summary><pre>" in shown
    assert "def step(" in shown
    prediction = compile(lambda x: np.exp(x) * 2)
    prediction(X)
    assert "np.exp" in prediction._repr_html_()


class Ours(Optimizer):
    @staticmethod
    def change(p, g, *, step, lr):
        return p - lr * np.sign(g) if step < 10 else p


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_tells_its_rule(name):
    assert "p ← p" in OPTIMIZERS[name]()._repr_html_()


def test_an_optimizer_without_a_rule_shows_its_formula_as_code():
    assert "return p - lr * np.sign(g) if step &lt; 10" in Ours(lr=0.1)._repr_html_()
