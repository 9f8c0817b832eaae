"""The text tree of a graph."""

import numpy as np

from clearprop import Affine, Variable, graph


def test_names_values_and_derivatives():
    apple, tax = Variable(100.0, "apple"), Variable(1.5, "tax")
    price = apple * 2 * tax
    price.name = "price"
    lines = str(graph(price)).splitlines()
    assert lines == [
        "price (×) = 300.0",
        "├─ × = 200.0",
        "│  ├─ apple = 100.0",
        "│  └─ 2",
        "└─ tax = 1.5",
    ]
    price.backward()
    assert str(graph(price)).splitlines()[2] == "│  ├─ apple = 100.0   ∂ 3.0"


def test_a_derivative_that_is_not_known_is_not_shown_as_0():
    assert "∂" not in str(graph(Variable(1.0) * 2))


def test_what_was_shown_is_referred_to():
    x = Variable(3.0, "x")
    a = x * x
    text = str(graph(a + a))
    assert text.count("x = 3.0") == 1
    assert "x ↑ as above" in text
    assert "× = 9.0 ↑ as above" in text


def test_arrays_in_full_when_small_and_by_shape_when_not():
    x, y = Variable([1.0, 2.0]), Variable(np.arange(100.0))
    assert "[1., 2.]" in str(graph(x * 2))
    assert "(100,) float64 from 0 to 99" in str(graph(y * 2))
    assert "(100,) 40% true" in str(graph(y < 40))
    assert "input = []" in str(graph(Variable(np.ones((0, 9))) * 2))


def test_layers_and_several_outputs():
    x = Variable(np.ones((1, 3)), "x")
    out = Affine(np.ones((3, 2)), np.zeros(2))(x)
    text = str(graph((out, x)))
    assert text.splitlines()[0].startswith("Affine = ")
    assert text.splitlines()[-1].startswith("x ↑")


def test_a_long_graph_is_cut_and_a_deep_one_is_no_trouble():
    y = Variable(1.0)
    for _ in range(5000):
        y = y + 1
    lines = str(graph(y)).splitlines()
    assert len(lines) == 401
    assert lines[-1] == "… and more: 5000 nodes in all"


def test_not_a_number_and_infinity():
    assert "nan" in str(graph(Variable(np.full(50, np.nan)) * 2))
    assert "inf" in str(graph(Variable(np.full(50, np.inf)) * 2))


def test_a_name_stays_on_its_line():
    x = Variable(1.0, "line1\nline2\r\x1b[2J")
    lines = str(graph(x * x)).split("\n")
    assert len(lines) == 3
    assert lines[1] == "├─ line1 line2  [2J = 1.0"
    assert lines[2] == "└─ line1 line2  [2J ↑ as above"
    assert all(line.isprintable() for line in lines)


def test_no_derivative_stands_beside_what_is_no_number():
    with np.errstate(all="ignore"):
        out = np.log(Variable(-1.0, "x"))
    out.backward()
    assert "∂" not in str(graph(out))
    assert "derivative" not in graph(out).svg()
