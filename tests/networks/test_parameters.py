"""`params` is the layers' own arrays: in-place changes and new arrays both reach the layer."""

from collections.abc import MutableMapping

import numpy as np
import pytest

from clearprop import Affine, Network, TwoLayerNet
from clearprop.errors import ClearpropError, DTypeError, ShapeError


def network():
    return TwoLayerNet(4, 3, 2, rng=np.random.default_rng(0))


def test_it_is_a_mapping_in_the_order_of_the_layers():
    params = network().params
    assert isinstance(params, MutableMapping)
    assert list(params) == list(params.keys()) == ["W1", "b1", "W2", "b2"]
    assert len(params) == 4
    assert "W1" in params
    assert "W3" not in params
    assert {name: array.shape for name, array in params.items()} == {
        "W1": (4, 3),
        "b1": (3,),
        "W2": (3, 2),
        "b2": (2,),
    }
    assert repr(params) == (
        "Parameters(W1: (4, 3) float64, b1: (3,) float64, W2: (3, 2) float64, b2: (2,) float64)"
    )


def test_in_place_update_reaches_the_layer():
    net = network()
    array = net.params["W1"]
    net.params["W1"] -= 1
    assert net.params["W1"] is array is net.layers["Affine1"].W
    net.params["b1"][...] = 7
    np.testing.assert_array_equal(net.layers["Affine1"].b, [7, 7, 7])


def test_a_new_array_reaches_the_layer():
    net = network()
    W, x = np.ones((4, 3)), np.ones((1, 4))
    net.params["W1"] = W
    assert net.layers["Affine1"].W is W
    net.params["b1"] = [1, 2, 3]
    np.testing.assert_array_equal(net.layers["Affine1"].forward(x), [[5, 6, 7]])


def test_a_new_array_on_the_layer_reaches_params():
    net = network()
    W = np.ones((4, 3))
    net.layers["Affine1"].W = W
    assert net.params["W1"] is W
    net.gradient(np.ones((1, 4)), [0])
    net.params["W1"] -= 1
    assert not W.any()


def test_update_copies_values_from_another_network():
    net, other = network(), TwoLayerNet(4, 3, 2, rng=np.random.default_rng(1))
    net.params.update(other.params)
    x = np.ones((1, 4))
    np.testing.assert_array_equal(net.predict(x), other.predict(x))


def test_two_networks_over_the_same_layer_share_it():
    affine = Affine.from_sizes(4, 2, rng=np.random.default_rng(0))
    one, two = Network([affine]), Network({"top": affine})
    one.params["W1"] += 1
    assert two.params["W1"] is one.params["W1"]


@pytest.mark.parametrize("name", ["W3", "w1", "", None, 1])
def test_unknown_names(name):
    params = network().params
    message = rf"no parameter {name!r}; this network has: W1, b1, W2, b2"
    with pytest.raises(KeyError, match=message):
        params[name]
    with pytest.raises(KeyError, match=message):
        params[name] = np.ones(3)
    assert params.get(name) is None


def test_names_cannot_be_removed():
    params = network().params
    with pytest.raises(KeyError, match="parameter W1 belongs to a layer and cannot be removed"):
        del params["W1"]
    assert "W1" in params


def test_an_array_of_another_shape_or_kind_is_refused_and_nothing_changes():
    net = network()
    before = net.params["W1"]
    with pytest.raises(ShapeError, match=r"parameter W1 has shape \(4, 3\); .* \(3, 4\) cannot"):
        net.params["W1"] = np.ones((3, 4))
    with pytest.raises(ShapeError, match=r"shape \(\) cannot"):
        net.params["W1"] = 0.5
    with pytest.raises(DTypeError, match="params: W1 has dtype complex128"):
        net.params["W1"] = np.ones((4, 3), complex)
    with pytest.raises(ClearpropError):
        net.params["W1"] = None
    assert net.params["W1"] is before
