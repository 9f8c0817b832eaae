"""Three languages say the same."""

import re

import pytest

import clearprop.layers
from clearprop.explaining.layer_docs import layer_docs
from clearprop.explaining.reading import read
from clearprop.explaining.words import en, ja, zh
from clearprop.primitives.constants import CONSTANT
from clearprop.primitives.registry import PRIMITIVES

OTHERS = pytest.mark.parametrize("table", [zh, ja], ids=["zh", "ja"])
LAYERS = [
    name
    for name in clearprop.layers.__all__
    if "samples" in vars(getattr(clearprop.layers, name)) and name != "Layer"
]


def placeholders(text):
    return set(re.findall(r"\{(\w+)", text))


@OTHERS
def test_every_sentence_is_there_with_the_same_places_in_it(table):
    assert table.WORDS.keys() == en.WORDS.keys()
    assert table.REMARKS.keys() == en.REMARKS.keys()
    for key, text in en.WORDS.items():
        assert placeholders(table.WORDS[key]) == placeholders(text), key


def test_remarks_are_about_operations_that_there_are():
    known = {row.name for row in PRIMITIVES.values()}
    assert en.REMARKS.keys() <= known


@OTHERS
def test_every_layer_of_ours_is_spoken_about(table):
    assert table.LAYERS.keys() == set(LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layers_docstring_tells_its_formulas_and_a_reason(name):
    docs = layer_docs(getattr(clearprop.layers, name))
    assert docs.forward
    assert docs.backward
    assert all(f.expression is not None for f in (*docs.forward, *docs.backward))
    assert docs.remark.endswith(".")


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


@OTHERS
def test_the_prose_of_the_table_is_translated(table):
    english = {text for text in prose() if re.search("[a-z]{3}", NOTATION.sub("", text))}
    assert english - table.PHRASES.keys() == set()
    assert table.PHRASES.keys() - english == set()


@OTHERS
def test_translations_keep_the_notation(table):
    for text, translated in table.PHRASES.items():
        for sign in ("dout", "Σ", "ᵀ", "NaN"):
            if sign in text and sign != "Σ":
                assert sign in translated, text
