"""Expressions: what is computed, and what is refused by its name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop.cli.expression import evaluate, functions
from clearprop.errors import ConfigError


@pytest.mark.parametrize(
    ("expression", "values", "result"),
    [
        ("(apple*num + 150*3)*tax", ["apple=100", "num=2", "tax=1.1"], 715.0),
        ("x**2 - -x / +2 % 3", ["x=-1.5"], 1.5),
        ("1/(1+exp(-x))", ["x=0.5"], 1 / (1 + np.exp(-0.5))),
        ("np.exp(x)", ["x=0"], 1.0),
        ("x @ w", ["x=[1,2]", "w=[[1,0],[0,1]]"], [1.0, 2.0]),
        ("sum(x, axis=0)", ["x=[[1,2],[3,4]]"], [4.0, 6.0]),
        ("mean(x, axis=(0, 1), keepdims=True)", ["x=[[1,2],[3,4]]"], [[2.5]]),
        ("where(x > 0, x, 0)", ["x=[-1, 2]"], [0.0, 2.0]),
        ("x[0] * x[-1]", ["x=[2, 3, 5]"], 10.0),
        ("x[1:, 0]", ["x=[[1,2],[3,4]]"], [3.0]),
        ("x * [1, 10]", ["x=2"], [2.0, 20.0]),
        ("sin(pi * x)", ["x=0.5"], 1.0),
        ("苹果 * 数量", ["苹果=100", "数量=2"], 200.0),
        ("maximum(x, 0) + max(y)", ["x=-3", "y=[1, 7]"], 7.0),
    ],
)
def test_what_is_computed(expression, values, result):
    np.testing.assert_allclose(evaluate(expression, values).data, result, rtol=1e-12)


def test_the_result_can_be_named():
    price = evaluate(" price = apple * 2", ["apple=100"])
    assert (price.name, float(price.data)) == ("price", 200.0)
    assert evaluate("x*2", ["x=1"]).name is None


def test_whole_numbers_do_not_overflow():
    assert float(evaluate("x**40", ["x=10"]).data) == 1e40


REFUSED = {
    "x.real": "a dot",
    "x.__class__": "a dot",
    "(lambda: 1)()": "lambda",
    "lambda: x": "lambda",
    "[i for i in x]": "a comprehension",
    "{i: x for i in x}": "a comprehension",
    "sum(i for i in x)": "a comprehension",
    "{x}": "a set",
    "{1: x}": "a dictionary",
    "x if x else 1": "if … else",
    "x and 1": "and, or",
    "not x": "not",
    "~x": "~",
    "x // 2": "//",
    "max(x, 2)": r"max is for one array; of two values it is maximum\(x, y\)",
    "np.min(x, 2, 3)": r"of two values it is minimum\(x, y\)",
    "x ^ 2": r"\^ cannot stand in an expression; powers are written \*\*",
    "x << 2": "<<",
    "x is 1": "is",
    "(y := x)": ":=",
    "f'{x}'": "an f-string",
    "max(*x)": r"\*",
    "sum(**x)": "not None=",
    "x < 1 < 2": "compare two things at a time",
    "__import__('os')": "__import__ is not a function",
    "eval('x')": "eval is not a function",
    "open(x)": "open is not a function",
    "os.system(x)": "os.system is not a function",
    "np.load(x)": "load is not a function",
    "np.random.rand(x)": "a dot",
    "x(1)": "x is not a function",
    "exp(x)(1)": r"this \(Call\) cannot stand",
    "exp": "exp is a function; call it",
    "exp(x, out=x)": "exp can be told axis= and keepdims=, not out=",
    "sum(x, axis='0')": "'0' is not a real number",
    "sum(x, axis=x)": "not a number",
    "sum(x, keepdims=1)": "keepdims= is True or False",
    "exp(x,x,x,x,x,x,x,x,x)": "too many arguments",
    "'a' * x": "'a' is not a real number",
    "1j * x": "1j is not a real number",
    "True * x": "True is not a real number",
    "None": "None is not a real number",
    "... * x": "not a real number",
    "x[None]": "None is not a real number",
    "x[x]": "not a number",
    "x[1.5]": "whole number",
    "x[0][0]": "index",
    "y * x": "uses y, which has no value; add y=…",
    "x": "computes nothing from a name",
    "2 * 3": "does not use x",
    "x > 1": "true or false, which has no derivative",
    "x +": "cannot be read",
    "": "cannot be read",
    "x = = 2": "cannot be read",
    "import os": "cannot be read",
    "x; x": "cannot be read",
    "(((((((x": "cannot be read",
    "9**9**9**9 * x": "a number in it is too large",
    "1e999 * x": "a number is too large",
    "x @ x": "'2 @ 2'|unsupported|@",
    "x + [1, 2] + [1, 2, 3]": "shape",
    "x * [[1, 2], [3]]": "equally long",
    "x * []": "one number at least",
    "log(x, x, x)": "argument",
}


@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_refused_is_named(expression):
    with pytest.raises(ConfigError, match=REFUSED[expression]):
        evaluate(expression, ["x=2"])


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("apple", "'apple' is not name=value"),
        ("1x=2", "not name=value"),
        ("a b=2", "not name=value"),
        ("=2", "not name=value"),
        ("__class__=2", "__class__ cannot be the name of a value"),
        ("exp=2", "exp cannot be the name of a value"),
        ("a=", "cannot be read"),
        ("a=x", "'x' is not a number"),
        ("a=2*3", "not a number or a list of numbers"),
        ("a=[1, x]", "not a number or a list of numbers"),
        ("a='2'", "'2' is not a real number"),
        ("a=[[1], [1, 2]]", "equally long"),
        ("a=[]", "one number at least"),
        ("a=1e999", "too large"),
        ("a=" + "[" * 31 + "1" + "]" * 31, "10 axes at most"),
        ("a=__import__('os').system('true')", "not a number"),
        ("x=3", "x is given twice"),
    ],
)
def test_a_value_that_is_none_is_refused(assignment, says):
    with pytest.raises(ConfigError, match=says):
        evaluate("x * 2", ["x=2", assignment])


def test_what_is_too_large_is_refused_before_it_is_computed():
    tall = "[" + ",".join("[1]" for _ in range(1200)) + "]"
    wide = "[[" + ",".join("1" for _ in range(1200)) + "]]"
    for product in ("a * b", "a @ b"):
        with pytest.raises(ConfigError, match="more than 1,000,000 numbers"):
            evaluate(product, [f"a={tall}", f"b={wide}"])
    with pytest.raises(ConfigError, match="too long"):
        evaluate("x + " * 4000 + "x", ["x=1"])


@pytest.mark.parametrize(
    "text", ["-" * 3000 + "x", "(" * 3000 + "x", "+x" * 3000, "exp(" * 150 + "x"]
)
def test_what_is_nested_too_deeply_is_refused(text):
    with pytest.raises(ConfigError):
        evaluate(text, ["x=1"])


def test_every_function_can_be_called():
    for name in functions():
        if name in ("matmul", "dot"):
            continue
        arguments = {"where": "x > 0, x, x", "clip": "x, 0, 1"}
        several = ["x"] * (getattr(functions()[name], "nin", 1))
        call = f"{name}({arguments.get(name, ', '.join(several))}) * 1"
        if name == "ldexp":
            continue  # its second argument is a whole number
        assert np.isfinite(
            evaluate(call, ["x=[0.5, 0.25]"] if name not in ("arccosh",) else ["x=2"]).data
        ).all()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="x12.+-*/@()[],:= <>eanp_'\"\\{}lmbd", max_size=25))
def test_any_text_is_computed_or_refused(text):
    try:
        result = evaluate(text, ["x=2"])
    except ConfigError:
        return
    assert result.node is not None


def test_the_names_of_the_book_are_understood():
    v = evaluate("sigmoid(x) + relu(x) + ln(x)", ["x=2"])
    assert v.item() == pytest.approx(1 / (1 + np.exp(-2)) + 2 + np.log(2), rel=1e-15)
    assert evaluate("softmax(x)", ["x=[1, 2]"]).data.sum() == pytest.approx(1)
    with pytest.raises(ConfigError, match=r"sigmoid\(\) takes 1 positional argument but 2"):
        evaluate("sigmoid(x, 2)", ["x=1"])


def test_a_decimal_comma_is_not_a_list():
    with pytest.raises(ConfigError, match=r"'2,5' has a comma: write 2.5 for a number, \[2, 5\]"):
        evaluate("x * 2", ["x=2,5"])
    assert evaluate("x * 2", ["x=(2, 5)"]).data.tolist() == [4, 10]


def test_all_comparisons_that_the_help_promises():
    for sign, wanted in (("==", 1), ("!=", 0), ("<", 0), ("<=", 1), (">", 0), (">=", 1)):
        assert evaluate(f"(x {sign} 2) * x / 2", ["x=2"]).data == wanted
