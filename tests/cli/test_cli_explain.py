"""`clearprop explain`: an expression, told."""

import pytest

from clearprop import Variable, explain

SHOP = (
    *("price = (apple*apple_num + orange*orange_num)*tax", "apple=100", "apple_num=2"),
    *("orange=150", "orange_num=3", "tax=1.1"),
)


def test_it_says_what_explain_says(clearprop):
    run = clearprop("explain", *SHOP)
    assert run.code == 0
    apple, apple_num = Variable(100.0, "apple"), Variable(2.0, "apple_num")
    orange, orange_num = Variable(150.0, "orange"), Variable(3.0, "orange_num")
    price = (apple * apple_num + orange * orange_num) * Variable(1.1, "tax")
    price.name = "price"
    assert run.out == str(explain(price))
    assert "∂price/∂apple = 1 · tax · 1 · apple_num = 1 · 1.1 · 1 · 2 = 2.2\n" in run.out


@pytest.mark.parametrize(
    ("options", "begin"),
    [
        (("--by", "apple"), "How price depends on apple\n"),
        (("--by", "tax", "apple"), "How price depends on tax and apple\n"),
        (("--language", "zh", "--by", "tax"), "price 如何随 tax 变化\n"),
        (("--language", "ja", "--by", "tax"), "tax が変わると price はどう変わるか\n"),
        (("--format", "markdown", "--by", "tax"), "## How $\\mathrm{price}$ depends on $"),
        (("--format", "latex"), "% needs \\usepackage{amsmath}"),
    ],
)
def test_by_language_and_format_can_be_chosen(clearprop, options, begin):
    run = clearprop("explain", *SHOP, *options)
    assert run.code == 0
    assert run.out.startswith(begin)


def test_of_an_array_the_sum_is_told(clearprop):
    run = clearprop("explain", "x * 2", "x=[1,2]")
    assert run.code == 0
    assert "y = Σ u1; 6" in run.out
    assert "[2, 2]" in run.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x.__class__", "x=1"), "attribute access"),
        (("x * y", "x=1"), "y"),
        (("x * 2", "x=1", "--by", "z"), "no value on this graph is called 'z'"),
        (("3",), "computes nothing"),
    ],
)
def test_what_cannot_be_told_is_refused(clearprop, arguments, message):
    run = clearprop("explain", *arguments)
    assert run.code == 2
    assert message in run.err
    assert run.out == ""


def test_an_unknown_language_is_refused(clearprop):
    assert clearprop("explain", "x * 2", "x=1", "--language", "fr").code == 2


def test_what_is_not_finite_is_told_without_a_warning(clearprop):
    run = clearprop("explain", "log(x)", "x=0")
    assert run.code == 0
    assert "−∞" in run.out
