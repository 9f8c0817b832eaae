"""The chapter's fruit shop prints what the chapter prints, digit by digit."""

import numpy as np
import pytest

from clearprop import AddLayer, MulLayer
from clearprop.errors import DTypeError, GraphError, ShapeError


def test_apples(capsys):
    apple, apple_num, tax = 100, 2, 1.1
    mul_apple_layer, mul_tax_layer = MulLayer(), MulLayer()

    apple_price = mul_apple_layer.forward(apple, apple_num)
    price = mul_tax_layer.forward(apple_price, tax)
    print(price)

    dprice = 1
    dapple_price, dtax = mul_tax_layer.backward(dprice)
    dapple, dapple_num = mul_apple_layer.backward(dapple_price)
    print(dapple, dapple_num, dtax)

    assert capsys.readouterr().out == "220.00000000000003\n2.2 110.00000000000001 200\n"


def test_apples_and_oranges(capsys):
    apple, apple_num, orange, orange_num, tax = 100, 2, 150, 3, 1.1
    mul_apple_layer, mul_orange_layer = MulLayer(), MulLayer()
    add_apple_orange_layer, mul_tax_layer = AddLayer(), MulLayer()

    apple_price = mul_apple_layer.forward(apple, apple_num)
    orange_price = mul_orange_layer.forward(orange, orange_num)
    all_price = add_apple_orange_layer.forward(apple_price, orange_price)
    price = mul_tax_layer.forward(all_price, tax)

    dprice = 1
    dall_price, dtax = mul_tax_layer.backward(dprice)
    dapple_price, dorange_price = add_apple_orange_layer.backward(dall_price)
    dorange, dorange_num = mul_orange_layer.backward(dorange_price)
    dapple, dapple_num = mul_apple_layer.backward(dapple_price)

    print("price:", int(price))
    print("dApple:", dapple)
    print("dApple_num:", int(dapple_num))
    print("dOrange:", dorange)
    print("dOrange_num:", int(dorange_num))
    print("dTax:", dtax)
    assert capsys.readouterr().out == (
        "price: 715\n"
        "dApple: 2.2\n"
        "dApple_num: 110\n"
        "dOrange: 3.3000000000000003\n"
        "dOrange_num: 165\n"
        "dTax: 650\n"
    )


def test_python_numbers_stay_python_numbers():
    mul, add = MulLayer(), AddLayer()
    assert type(mul.forward(3, 2)) is int
    assert [type(d) for d in mul.backward(1)] == [int, int]
    assert type(add.forward(3, 2.5)) is float
    assert [type(d) for d in add.backward(1)] == [int, int]


@pytest.mark.parametrize("layer", [MulLayer, AddLayer])
def test_broadcasting_is_undone(layer):
    x, y = np.ones((2, 1, 3)), np.full((4, 1), 2.0)
    node = layer()
    assert node.forward(x, y).shape == (2, 4, 3)
    dx, dy = node.backward(np.ones((2, 4, 3)))
    factor = 2.0 if layer is MulLayer else 1.0
    np.testing.assert_array_equal(dx, np.full((2, 1, 3), 4 * factor))
    np.testing.assert_array_equal(dy, np.full((4, 1), 6.0))


def test_lists_are_numbers_not_sequences():
    # Python itself would repeat the list in [1, 2] * 2, and join the lists in [1, 2] + [3, 4].
    np.testing.assert_array_equal(MulLayer().forward([1, 2], 2), [2.0, 4.0])
    np.testing.assert_array_equal(AddLayer().forward([1, 2], [3, 4]), [4.0, 6.0])


def test_bytes_do_not_wrap_around():
    image = np.array([200, 100], dtype=np.uint8)
    np.testing.assert_array_equal(MulLayer().forward(image, 2), [400.0, 200.0])
    np.testing.assert_array_equal(AddLayer().forward(image, image), [400.0, 200.0])


@pytest.mark.parametrize("layer", [MulLayer, AddLayer])
@pytest.mark.parametrize("bad", ["ab", 1j, None, np.array(["a"]), [1j, 2], [object()]])
def test_what_is_not_a_number_is_refused(layer, bad):
    with pytest.raises(DTypeError, match=rf"{layer.__name__}: x has dtype .*; give an array of"):
        layer().forward(bad, 2)
    with pytest.raises(DTypeError, match=rf"{layer.__name__}: y has dtype"):
        layer().forward(2, bad)


def test_arrays_whose_star_is_not_a_product_of_elements_are_refused():
    masked = np.ma.masked_array([1.0, 2.0], [True, False])
    with pytest.raises(DTypeError, match=r"x is a MaskedArray, .*masked.filled\(value\)"):
        MulLayer().forward(masked, 2)
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(DTypeError, match=r"y is a matrix, .* give np.asarray\(matrix\)"):
        MulLayer().forward(2, matrix)


@pytest.mark.parametrize("layer", [MulLayer, AddLayer])
def test_shapes_that_do_not_fit_are_named(layer):
    node = layer()
    with pytest.raises(ShapeError, match=r"x \(3,\) and y \(4,\) do not broadcast"):
        node.forward(np.ones(3), np.ones(4))
    node.forward(np.ones((4, 3)), np.ones(3))
    with pytest.raises(ShapeError, match=r"dout has shape \(3,\), .* the shape \(4, 3\)"):
        node.backward(np.ones(3))
    with pytest.raises(ShapeError, match="x is ragged"):
        node.forward([[1], [1, 2]], 2)


def test_backward_before_forward():
    with pytest.raises(GraphError, match="MulLayer: backward was called before forward"):
        MulLayer().backward(1)
