"""Three languages say the same."""

import inspect
import re

import numpy as np
import pytest

import clearprop.layers
from clearprop import Layer, Variable, explain, graph
from clearprop.explaining.language import table
from clearprop.explaining.layer_docs import layer_docs
from clearprop.explaining.reading import read
from clearprop.explaining.words import en, ja, zh
from clearprop.page import write_page
from clearprop.primitives.constants import CONSTANT
from clearprop.primitives.registry import PRIMITIVES

LAYERS = [
    name
    for name, kind in vars(clearprop.layers).items()
    if inspect.isclass(kind) and "samples" in vars(kind) and name != "Layer"
]


def placeholders(text):
    return set(re.findall(r"\{(\w+)", text))


@pytest.mark.parametrize("other", [zh, ja], ids=["zh", "ja"])
def test_every_sentence_is_there_with_the_same_places_in_it(other):
    assert other.WORDS.keys() == en.WORDS.keys()
    for key, text in en.WORDS.items():
        assert placeholders(other.WORDS[key]) == placeholders(text), key


def test_remarks_are_about_operations_and_layers_that_there_are():
    known = {row.name for row in PRIMITIVES.values()}
    assert table("remarks")["en"].keys() <= known
    assert table("remarks")["zh"].keys() <= known | set(LAYERS)
    assert table("remarks")["ja"].keys() <= known | set(LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layers_docstring_tells_its_formulas_and_a_reason(name):
    cls = getattr(clearprop.layers, name)
    docs = layer_docs(cls)
    assert docs.forward
    assert docs.backward or cls.backward.is_missing  # then there is nothing to hold it to
    assert docs.remark.endswith(".")
    assert name in table("remarks")["zh"]
    assert name in table("remarks")["ja"]


class Twice(Layer):
    """Multiply by 2.

    **Forward**: `out = 2x`

    **Backward**: `dx = 2 · dout`: whatever changes, changes twice.
    """

    def forward(self, x):
        return 2 * x

    def backward(self, dout):
        return 2 * dout


class Wordless(Layer):
    def forward(self, x):
        return np.expm1(x)

    def backward(self, dout):
        return dout * np.exp(1.0)


@pytest.mark.parametrize("code", ["en", "zh", "ja"])
def test_what_nobody_translated_is_said_in_english(code, monkeypatch):
    tables = {"zh": zh, "ja": ja}
    if code in tables:
        monkeypatch.delitem(table("remarks")[code], "np.exp")
        monkeypatch.delitem(table("phrases")[code], "x in ascending order")
        monkeypatch.delitem(tables[code].WORDS, "chain")
    x = Variable(np.array([1.0, 0.5]), "x")
    y = np.sort(Wordless()(Twice()(np.exp(x)))).sum()
    told = str(explain(y, language=code))
    assert "Whatever changes, changes twice." in told
    assert "The exponential function is its own derivative" in told
    assert "x in ascending order" in told
    assert "The chain rule" in told
    assert "Wordless" in told
    page = write_page(graph(y), language=code)
    assert page.count("Whatever changes, changes twice.") == 3


def prose():
    """What the table of primitives says in words rather than in a formula."""
    for row in PRIMITIVES.values():
        names = ("x", *row.operands[1:]) if len(row.operands) == 1 else row.operands
        yield from (
            text
            for text in (row.formula, *row.derivatives)
            if read(text, (*names, "out", "dout", "n")) is None
        )
    yield from (row.formula for row in CONSTANT.values() if read(row.formula, ("x", "y")) is None)


NOTATION = re.compile(r"dout|out|exp|log|diag|ddof|symmetric|offset|index|atol|rtol|arctan")


@pytest.mark.parametrize("code", ["zh", "ja"])
def test_translations_are_of_prose_that_there_is(code):
    english = {text for text in prose() if re.search("[a-z]{3}", NOTATION.sub("", text))}
    assert table("phrases")[code].keys() - english == set()


@pytest.mark.parametrize("code", ["zh", "ja"])
def test_translations_keep_the_notation(code):
    for text, translated in table("phrases")[code].items():
        for sign in ("dout", "Σ", "ᵀ", "NaN"):
            if sign in text and sign != "Σ":
                assert sign in translated, text
