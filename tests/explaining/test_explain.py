"""What `explain` says: golden texts, true numbers, sums, ways, folding and refusals."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shops import CASES, apple, apple_orange, golden, told

from clearprop import Graph, TwoLayerNet, Variable, explain, graph
from clearprop.errors import ConfigError, GraphError, ShapeError
from clearprop.explaining.story import tell
from clearprop.explaining.ways import _ways
from clearprop.graph.rounding import TINY, is_tiny


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_the_shops_are_told_as_before(case):
    assert told(*case) == golden(*case).read_text(encoding="utf-8")


def test_the_chain_rule_of_the_apple():
    lines = [line.strip() for line in str(explain(apple())).splitlines()]
    assert "∂price/∂apple = ∂price/∂u1 · ∂u1/∂apple" in lines
    assert "∂price/∂apple = 1 · tax · apple_num = 1 · 1.1 · 2 = 2.2" in lines
    assert "∂price/∂apple_num = 1 · tax · apple = 1 · 1.1 · 100 = 110" in lines
    assert "∂price/∂tax = 1 · u1 = 1 · 200 = 200" in lines


def test_what_was_saved_is_counted():
    told = str(explain(apple_orange()))
    # Four ways of three steps and one of one: 13. The graph has eight edges with a derivative.
    assert "needed 13 multiplications by a local derivative; the backward pass needed 8." in told
    assert "∂price/∂u3 = 1.1 was computed once, and served for apple, apple_num, orange and" in told
    assert "all 5 numbers" in told
    assert "10 forward passes" in told


def test_every_element_of_an_array_takes_two_forward_passes():
    x, w = Variable(np.ones((4, 3)), "x"), Variable(np.ones(3), "w")
    assert "all 15 numbers of the inputs" in str(explain((x * w).sum()))
    assert "30 forward passes" in str(explain((x * w).sum(), by=w))


def test_no_grad_is_touched_and_none_is_needed():
    price = apple()
    leaves = graph(price).leaves
    before = str(explain(price))
    assert all(v.grad is None for v in leaves)
    price.backward(10.0)
    grads = [v.grad for v in leaves]
    assert str(explain(price)) == before
    assert [v.grad for v in leaves] == grads


def test_sums_at_a_fan_out_are_shown_as_sums():
    x = Variable(3.0, "x")
    y = x * x + x
    y.name = "y"
    told = str(explain(y))
    assert "x was used in 3 places. What comes back from them is added: ∂y/∂x = 1 + 3 + 3 = 7." in (
        told
    )
    assert "There are 3 ways from y to x." in told
    assert "∂y/∂x = 1 · 1 + 1 · 1 · x + 1 · 1 · x = 1 · 1 + 1 · 1 · 3 + 1 · 1 · 3 = 7" in told


def test_what_is_negative_falls_and_what_is_flat_stays():
    x = Variable(2.0, "x")
    assert "If x grows a little, y falls 4 times as much." in str(explain(-x * x))
    assert "If x changes a little, y stays as it is." in str(explain(x * 0))
    assert "No derivative arrives at x" in str(explain(np.floor(x) + Variable(1.0, "z"), by="x"))


def test_rounded_numbers_are_marked():
    x = Variable(0.3, "x")
    told = str(explain(np.exp(x)))
    assert "exp(0.3) ≈ 1.34986" in told
    assert "If x grows a little, y grows 1.34986 times as much." in told
    exact = str(explain(Variable(0.1, "a") + Variable(0.2, "b")))
    assert "y = a + b = 0.1 + 0.2 = 0.3" in exact


def test_by_takes_a_variable_a_name_or_several():
    price = apple_orange()
    orange = next(v for v in graph(price).leaves if v.name == "orange")
    by_variable = str(explain(price, by=orange))
    assert by_variable == str(explain(price, by="orange")) == str(explain(price, by=[orange]))
    assert "apple_num)" not in by_variable
    assert by_variable.startswith("How price depends on orange\n")
    assert "2. u3 = u1 + u2" in by_variable
    assert "3. u2 = orange · orange_num" in by_variable
    assert "4." not in by_variable
    both = str(explain(price, by=["tax", orange, "tax"]))
    assert both.startswith("How price depends on tax and orange\n")
    assert "∂price/∂u2 = ∂price/∂u3 · ∂u3/∂u2" in str(explain(price, by="u2"))


def test_derivatives_by_a_named_value_between():
    x = Variable(3.0, "x")
    square = x * x
    square.name = "square"
    told = str(explain(square * 5, by=square))
    assert "∂y/∂square = 1 · 5 = 5" in told
    assert "∂y/∂x" not in told.partition("What was saved")[0]


def test_the_result_itself_has_the_derivative_one():
    price = apple()
    assert "∂price/∂price = 1" in str(explain(price, by=price))


def test_unnamed_values_get_names_that_are_free():
    u1, y = Variable(2.0, "u1"), Variable(3.0, "y")
    told = str(explain((u1 * y + 1) * Variable(4.0)))
    assert "u2 = u1 · y = 2 · 3 = 6" in told
    assert "u3 = u2 + 1 = 6 + 1 = 7" in told
    assert "z = u3 · x = 7 · 4 = 28" in told


def test_names_that_come_twice_are_numbered():
    W, V = Variable(2.0, "W"), Variable(3.0, "W")
    told = str(explain(W * V))
    assert "y = W1 · W2 = 2 · 3 = 6" in told
    rate, other = Variable(2.0, "rate"), Variable(3.0, "rate")
    assert "y = rate_1 · rate_2 = 2 · 3 = 6" in str(explain(rate * other))


def test_long_passes_are_told_from_both_ends():
    y = Variable(1.0, "x")
    for _ in range(100):
        y = y * 1.01
    told = str(explain(y))
    assert "… 70 more steps, left out here." in told
    assert "1. y = u99 · 1.01" in told
    assert "15. u86 = u85 · 1.01" in told
    assert "86. u15 = u14 · 1.01" in told
    assert "100. u1 = x · 1.01" in told
    assert "\n101." not in told
    assert "1 · 1.01 · 1.01 · 1.01 · 1.01 · … · 1.01" in told
    assert "∂y/∂u99 · ∂u99/∂u98 · ∂u98/∂u97 · ∂u97/∂u96 · ∂u96/∂u95 · … ·" in told


def test_many_ways_are_counted_but_not_walked():
    y = Variable(1.0, "x")
    for _ in range(60):
        y = y + y
    told = str(explain(y))
    assert f"There are {2**60} ways from y to x; 6 of them are written out here." in told
    assert f"{60 * 2**60} multiplications" in told
    assert "the backward pass needed 120." in told
    assert f"∂y/∂x = {2**59} + {2**59}" not in told  # the last sum is that of the first step
    assert len(told) < 20_000


def test_a_graph_of_many_steps_is_told_without_recursion():
    y = Variable(1.0, "x")
    for _ in range(3000):
        y = y + 0.001
    assert "2,970" not in str(explain(y))
    assert "2970 more steps" in str(explain(y))


def test_broadcasting_is_said():
    x, b = Variable(np.ones((2, 3)), "x"), Variable(np.ones(3), "b")
    told = str(explain((x * b).sum(), by="b"))
    assert "b with shape (3,) was copied to (2, 3), so the derivatives of its copies are" in told
    assert "∂y/∂b = ∂y/∂u1 · x ([2, 2, 2])." in told


def test_what_has_no_formula_is_said_in_words():
    x = Variable(np.array([3.0, 1.0, 2.0]), "x")
    told = str(explain(np.max(x)))
    assert "y = max(x) (the largest x)" in told
    assert (
        "∂y/∂x ([1, 0, 0]): dout to the largest, in equal shares at a tie, where dout is ∂y/∂y = 1."
        in told
    )
    assert "([1, 0, 0])" in told


def test_several_outputs_are_told():
    q, r = np.linalg.qr(Variable(np.array([[2.0, 1.0], [0.5, 3.0]]), "a"))
    told = str(explain(q.sum() + r.sum(), by="a"))
    assert "qr(a)" in told
    assert "Downstream goes ∂y/∂a" in told


def test_cases_are_told_with_the_number_that_holds():
    x = Variable(-2.0, "x")
    told = str(explain(np.abs(x)))
    assert "The local derivative is ∂y/∂x = −1 (1 where x > 0, −1 where x < 0, 0 where x = 0)" in (
        told
    )


def test_float32_shows_no_more_digits_than_it_has():
    x = Variable(np.float32(0.1), "x")
    assert "y = x · 3 = 0.1 · 3 = 0.3" in str(explain(x * 3))


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_what_is_not_finite_is_told_too(value):
    x = Variable(value, "x")
    told = str(explain(x * 2.0))
    assert ("∞" if value == np.inf else "NaN") in told


def test_it_shows_itself():
    told = explain(apple(), format="latex")
    assert repr(told) == str(told)
    assert told._repr_markdown_() == str(explain(apple(), format="markdown"))


def test_a_graph_from_a_file_is_told_as_the_graph_was():
    price = apple_orange()
    copy = Graph.from_json(graph(price).to_json()).outputs[0]
    copy.name = "price"
    assert str(explain(copy)) == str(explain(price))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda v: explain(3.0), GraphError, "got a float"),
        (lambda v: explain(Variable(3.0)), GraphError, "was given, not computed"),
        (lambda v: explain(Variable([1.0, 2.0]) * 2), ShapeError, r"shape \(2,\)"),
        (lambda v: explain(v, by=Variable(1.0, "stranger")), GraphError, "'stranger'"),
        (lambda v: explain(v, by="stranger"), GraphError, "there are: .*tax"),
        (lambda v: explain(v, by=3), GraphError, "by is a int"),
        (lambda v: explain(v, language="fr"), ConfigError, "one of: en, zh, ja"),
        (lambda v: explain(v, format="pdf"), ConfigError, "one of: text, markdown, latex, html"),
    ],
)
def test_what_cannot_be_told_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(apple())


# Random expressions: the story is true.

OPERATIONS = [
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a - b,
    lambda a, b: a / (2 + b * b),
    lambda a, b: np.exp(-a * a) + b,
    lambda a, b: np.maximum(a, b),
    lambda a, b: np.tanh(a) * a,
    lambda a, b: a**2,
]
picks = st.lists(
    st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(picks, st.lists(st.floats(-2, 2, allow_subnormal=False), min_size=1, max_size=3))
def test_the_numbers_are_those_of_the_backward_pass(picks, values):
    known = [Variable(v, f"v{i}") for i, v in enumerate(values)]
    for operation, i, j in picks:
        known.append(operation(known[i % len(known)], known[j % len(known)]))
    result = known[-1]
    if result.node is None:
        return
    result.backward()
    story = tell(result)
    for leaf in story.leaves:
        expected = leaf.variable.grad
        if expected is None:
            assert not leaf.arrivals
            continue
        # What is only left by rounding is told as 0.
        assert leaf.derivative == expected or (leaf.derivative == 0 and is_tiny(expected))
        total = sum(c.value for c in leaf.arrivals) if leaf.arrivals else 1
        rests = len(leaf.arrivals) * TINY * np.finfo(float).eps
        np.testing.assert_allclose(total, expected, rtol=1e-12, atol=rests)
        if leaf.paths <= 200:
            ways = _ways(story, leaf, 1000)
            assert len(ways) == leaf.paths
            assert len(set(ways)) == len(ways)
            assert sum(map(len, ways)) == leaf.multiplications
            by_chain_rule = sum(np.prod([c.local for c in way]) for way in ways)
            scale = sum(abs(np.prod([c.local for c in way])) for way in ways)
            np.testing.assert_allclose(by_chain_rule, expected, rtol=0, atol=1e-12 * scale + 1e-300)
    assert str(explain(result))


@settings(max_examples=50, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_as_close_as_it_says(value):
    from clearprop.explaining.expressions import Number
    from clearprop.explaining.numbers import shorten

    digits, exponent, exact = shorten(Number(value))
    read = float(digits.replace("−", "-") + f"e{exponent or 0}")
    assert abs(read - value) <= abs(value) * (2e-15 if exact else 5.1e-6)
    assert len(re.sub(r"\D", "", digits)) <= 16


# In a notebook.


class _Elements(HTMLParser):
    """Which elements a page has, and whether each ends where it should."""

    def __init__(self, text):
        super().__init__()
        self.open, self.met, self.said = [], set(), ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.met.add(tag)
        if tag not in ("br", "mspace"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "mspace":
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.said += data


@pytest.mark.parametrize("language", ["en", "zh", "ja"])
def test_a_notebook_has_formulas_that_need_nothing(language):
    x = Variable(2.0, "<script>alert(1)</script>")
    y = np.where(x > 0, np.sqrt(x) / 3e-9, -x) * abs(x) + np.exp(-(x**3))
    page = _Elements(explain(y, language=language)._repr_html_())
    known = {"p", "b", "h3", "h4", "ul", "ol", "li", "br", "code", "div", "math"}
    assert not {e for e in page.met - known if not e.startswith("m")}
    assert {"mfrac", "msqrt", "msup", "mn"} <= page.met
    assert "<script>alert(1)</script>" in page.said


def test_a_product_of_matrices_in_a_notebook():
    loss = TwoLayerNet(4, 3, 2).loss(Variable(np.ones((2, 4)), "x"), np.array([0, 1]))
    page = _Elements(explain(loss)._repr_html_())
    assert {"msub", "munder"} <= page.met


KINKS = {
    "abs": (np.abs, 0.0),
    "fabs": (np.fabs, 0.0),
    "maximum": (lambda x: np.maximum(x, 1), 1.0),
    "minimum": (lambda x: np.minimum(2, x), 2.0),
    "clip": (lambda x: np.clip(x, 0, 1), 1.0),
    "clip without a bound": (lambda x: np.clip(x, 0, None), 0.0),
}


@pytest.mark.parametrize("language", ["en", "zh", "ja"])
@pytest.mark.parametrize(("f", "at"), KINKS.values(), ids=KINKS)
def test_at_a_kink_nothing_is_said_that_holds_to_one_side_only(f, at, language):
    here, beside = (str(explain(f(Variable(x, "x")), language=language)) for x in (at, at + 0.1))
    words = {"en": "a kink", "zh": "折点", "ja": "折れ曲がって"}[language]
    assert here.count(words) == 2
    assert words not in beside
    assert "If x" not in here


def test_ties_share_and_it_is_said():
    told = str(explain(np.max(Variable([2.0, 2.0], "x"))))
    assert "if several are the largest, they share it equally" in told


def test_a_part_does_not_go_by_the_name_of_the_sum():
    x = Variable(-2.0, "x")
    y = np.where(x > 0, x, -x)
    y.name = "y"
    told = str(explain(y))
    assert "∂y/∂x = ∂y/∂x" not in told
    assert "· ∂y/∂x" not in told
    assert "∂y/∂x = 1 · 0 + 1 · ∂y/∂u2 · (−1) = 1 · 0 + 1 · 1 · (−1) = −1" in told


def test_indices_are_written():
    x = Variable(np.arange(6.0).reshape(2, 3), "x")
    places = np.array([1, 0, 1])
    y = x[1:, None].sum() + x[places, ...].sum() + x[0, 2]
    told = str(explain(y))
    for line in ("u1 = x[1:, None];", "u3 = x[[1, 0, 1], ...];", "u6 = x[0, 2];"):
        assert line in told
    assert "getitem" not in told
    assert "3 ways from y to x; 1 of them is written out here" in told
    for format in ("markdown", "latex", "html"):
        assert "1:, None" in str(explain(y, format=format))
