"""Inside an opened node `forward` runs on Variables: the same numbers as on arrays."""

import layer_contract
import numpy as np
import pytest
from test_layer_contract import SAMPLES

from clearprop import AddLayer, Affine, MulLayer, Relu, Sigmoid, Softmax, SoftmaxWithLoss, Variable


@pytest.mark.parametrize(("layer", "inputs"), SAMPLES)
def test_forward_on_variables_gives_the_numbers_of_forward_on_arrays(layer, inputs):
    layer, inputs = layer_contract.prepare(layer, inputs)
    expected = layer_contract.forward(layer, inputs)
    out = layer_contract.forward(layer, [Variable(inputs[0]), *inputs[1:]])
    assert isinstance(out, Variable)
    np.testing.assert_array_equal(out.data, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64, np.int64])
@pytest.mark.parametrize(
    ("layer", "rest"),
    [
        (AddLayer(), (np.array([[100, 100]], np.uint8),)),
        (MulLayer(), (2,)),
        (Relu(), ()),
        (Sigmoid(), ()),
        (Softmax(), ()),
        (SoftmaxWithLoss(), (np.array([1]),)),
        (Affine(np.ones((2, 3)), np.ones(3)), ()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_integers_on_the_graph_do_not_wrap_around_either(layer, rest, dtype):
    x = np.array([[0, 100]], dtype)
    expected = layer.forward(x.astype(np.float64), *rest)
    np.testing.assert_array_equal(layer.forward(x, *rest), expected)
    np.testing.assert_array_equal(layer.forward(Variable(x), *rest).data, expected)


def test_whole_apples_stay_whole_on_the_graph():
    assert MulLayer().forward(Variable(100), 2).dtype == np.int64
