"""The formulas in docstrings are held to `backward`: explanations and pages speak them."""

import inspect

import numpy as np
import pytest

import clearprop.layers
from clearprop import Layer, SoftmaxWithLoss, Variable, explain
from clearprop.explaining.formulas import is_held, layer_of, operands, written
from clearprop.explaining.layer_docs import layer_docs
from clearprop.explaining.reading import read
from clearprop.explaining.story import tell
from clearprop.explaining.truth import is_true

LAYERS = [
    x
    for x in vars(clearprop.layers).values()
    if isinstance(x, type) and issubclass(x, Layer) and x.forward is not Layer.forward
]

WINDOWS = {"dx", "dW", "db"}
"""Sums over windows and places, which no formula on whole arrays says."""

UNTOLD: dict[str, set[str]] = {
    "Convolution": WINDOWS,
    "Flatten": {"dx"},  # another shape, and no calculation
    "Pooling": {"dx"},  # the share of each window
    "TransposedConvolution": WINDOWS,
    "Embedding": {"dW"},  # one row for each class number: no name stands for the one-hot rows
}
"""By layer the derivatives whose formulas cannot be read, or not be computed, each with the reason.

A layer without a `backward` of its own has none to be held to, and needs no formula.
"""


def verdicts(cls):
    """For each derivative of a layer whether its formula is true; `None` if no sample tells.

    It takes nothing but the class: its docstring and its samples.
    """
    rng = np.random.default_rng(0)
    found = {f.left: set() for f in layer_docs(cls).backward}
    for layer, inputs in cls.samples(rng):
        names = inspect.signature(layer.forward).parameters
        if any(p.default is None for p in [*names.values()][: len(inputs)]):
            continue  # weights of samples, which a formula may leave out
        given = [
            x if name in layer.constants or np.asarray(x).dtype.kind != "f" else Variable(x)
            for name, x in zip(names, inputs, strict=False)
        ]
        if not any(isinstance(x, Variable) for x in given):
            given = list(map(Variable, given))  # class numbers alone
        out = layer(*given)
        story = tell((out * rng.standard_normal(np.shape(out))).sum())
        for step in story.steps:
            for c in step.contributions if type(layer_of(step)) is cls else ():
                formula, _ = written(c)
                left = formula.left if formula else f"d{operands(step)[c.position]}"
                found.setdefault(left, set()).add(is_held(c))
    return {left: False if False in v else True in v or None for left, v in found.items()}


@pytest.mark.parametrize("cls", LAYERS, ids=lambda cls: cls.__name__)
def test_the_formulas_of_a_docstring_give_what_backward_gives(cls):
    found = verdicts(cls)
    assert [left for left, held in found.items() if held is False] == []
    untold = {left for left, held in found.items() if held is None}
    assert untold == UNTOLD.get(cls.__name__, set())


def test_what_is_not_told_is_told_of_layers_that_there_are():
    assert UNTOLD.keys() <= {cls.__name__ for cls in LAYERS}


def sample(cls):
    """The class with samples of its own."""
    cls.samples = classmethod(lambda cls, rng: iter([(cls(), (rng.standard_normal((4, 3)),))]))
    return cls


@sample
class Twice(Layer):
    """Multiply by 2.

    **Forward**: `out = 2x`

    **Backward**: `dx = 3 · dout`: every change counts thrice.
    """

    def forward(self, x):
        return 2 * x

    def backward(self, dout):
        return 2 * dout


@sample
class Columns(Layer):
    """Add the columns up.

    **Forward**: `out_n = Σ_k x_nk`

    **Backward**: `dx_nk = dout_n`: a sum hands the derivative on.

    **Shapes**: `x` (N, C)
    """

    def forward(self, x):
        self.shape = x.shape
        return x.sum(axis=1)

    def backward(self, dout):
        return np.broadcast_to(dout[:, np.newaxis], self.shape)


def test_a_formula_that_is_not_true_is_caught():
    assert verdicts(Twice) == {"dx": False}


def test_a_formula_that_nobody_can_compute_is_counted():
    for said in ("`dx = dout · z`", "`dx = what comes back`", "2 times what comes"):
        vague = type("Vague", (Twice,), {"__doc__": f"**Backward**: {said}."})
        assert verdicts(vague) == {"dx": None}


def test_indices_name_axes():
    assert verdicts(Columns) == {"dx_nk": True}
    swapped = Columns.__doc__.replace("dx_nk = dout_n", "dx_nk = dout_n · x_nk")
    assert verdicts(type("Swapped", (Columns,), {"__doc__": swapped})) == {"dx_nk": False}


def test_one_wrong_sign_or_factor_in_a_docstring_of_ours_is_caught():
    for right, wrong in (("y − t", "t − y"), (" / N", ""), ("dout ·", "")):
        doc = SoftmaxWithLoss.__doc__
        assert right in doc
        changed = type("Changed", (SoftmaxWithLoss,), {"__doc__": doc.replace(right, wrong)})
        assert verdicts(changed) == {"dx": False}


def test_explain_does_not_tell_what_is_not_true():
    told = str(explain(Twice()(Variable([3.0, 1.0], "x")).sum()))
    assert "3 · ∂" not in told
    assert "The docstring says dx = 3 · dout, which is not what backward gave." in told
    assert "not what backward gave" not in str(explain(Columns()(Variable([[3.0, 1.0]])).sum()))


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("−x² / 2√y", -9 / 4),
        ("x − y · ∛z", 3 - 4 * 2),
        ("max(x, y) + min(x, y) · |x − y|", 4 + 3),
        ("exp(log₂ z) · π", np.exp(3) * np.pi),
        ("arsinh x + ⌊1 / 2⌋ + ½", np.arcsinh(3) + 0.5),
        ("1 where x > y, 2 where x ≤ y", 2),
        ("1 where x = y, else z", 8),
        ("Σ A − A Aᵀ", [[10 - 5, 10 - 11], [10 - 11, 10 - 25]]),
        ("x A", [[3, 6], [9, 12]]),
    ],
)
def test_formulas_are_computed_as_they_are_read(formula, value):
    values = {"x": 3.0, "y": 4.0, "z": 8.0, "A": np.array([[1.0, 2.0], [3.0, 4.0]])}
    expression = read(formula)
    assert is_true(expression, "", value, values.get) is True
    assert is_true(expression, "", np.add(value, 1e-3), values.get) is False


@pytest.mark.parametrize(
    "formula", ["q", "x A A v", "A_nn", "Σ_k A", "A_ijk", "softmax x", "max A"]
)
def test_what_cannot_be_computed_is_neither_true_nor_false(formula):
    values = {"x": 3.0, "v": np.ones(2), "A": np.ones((2, 2)), "N": 2}
    assert is_true(read(formula), "", 1.0, values.get) is None


def test_float32_is_held_to_what_float32_can_say():
    x = np.array([0.1, 0.3, 7.0], np.float32)
    assert is_true(read("exp x"), "", np.exp(x), {"x": x}.get)
