"""A training that goes on from a file is the training that was not stopped."""

import numpy as np
import pytest
from small_problem import points, weights
from stateful import network_with_everything

from clearprop.errors import ConfigError, FileFormatError, ShapeError
from clearprop.networks import TwoLayerNet
from clearprop.training import SGD, Adam, Trainer, load_weights, save_weights
from clearprop.training.step import layered_step


def states(network):
    return {name: np.asarray(value).tobytes() for name, value in network.states.items()}


@pytest.mark.parametrize("compile", [True, False])
def test_it_is_the_one_that_was_not_stopped_bit_for_bit(tmp_path, compile):
    x, t = points()
    path = tmp_path / "weights.safetensors"

    def train(network, optimizer, iterations):
        settings = {"batch_size": 90, "compile": compile, "rng": 0}
        return Trainer(network, x, t, optimizer=optimizer, **settings).train(iterations=iterations)

    network, optimizer = network_with_everything(), Adam(0.01)
    train(network, optimizer, 5)
    save_weights(path, network, optimizer)
    expected = train(network, optimizer, 4)

    again, its = network_with_everything(seed=3), Adam(0.01)
    train(again, Adam(0.01), 2)
    load_weights(path, again, its)
    assert its.step_count == 5
    history = train(again, its, 4)
    assert history == expected
    assert weights(again) == weights(network)
    assert states(again) == states(network)
    assert all((its.arrays[name] == a).all() for name, a in optimizer.arrays.items())
    assert again.rng.bit_generator.state == network.rng.bit_generator.state


def test_for_prediction_state_of_the_layers_is_enough(tmp_path):
    x, t = points()
    path = tmp_path / "weights.safetensors"
    network, optimizer = network_with_everything(), Adam(0.01)
    step = layered_step(network, optimizer)
    for _ in range(3):
        step(x, t)
    other = network_with_everything(seed=3)
    for given in (None, optimizer):
        save_weights(path, network, given)
        load_weights(path, other)
        assert states(other) == states(network)
        np.testing.assert_array_equal(other.predict(x), network.predict(x))
        assert not other.layers["Cell1"].h.any()
    assert network.layers["Cell1"].h.any()


def test_what_does_not_fit_is_named_and_changes_nothing(tmp_path):
    path = tmp_path / "weights.safetensors"
    network, optimizer = network_with_everything(), Adam(0.01)
    before = weights(network), states(network)
    save_weights(path, network)
    with pytest.raises(FileFormatError, match="holds no state of an optimizer"):
        load_weights(path, network, optimizer)
    x, t = points()
    layered_step(network, optimizer)(x, t)
    save_weights(path, network, optimizer)
    other = network_with_everything()
    with pytest.raises(ConfigError, match="the state of Adam, not of SGD"):
        load_weights(path, other, SGD(0.1))
    assert (weights(other), states(other)) == before
    del other.layers["Norm1"].__dict__["running_mean"]
    other.layers["Norm1"].running_mean = np.zeros(5, np.float32)
    with pytest.raises(ShapeError, match=r"Norm1\.running_mean has shape"):
        load_weights(path, other)


def test_a_file_without_state_is_for_networks_without(tmp_path):
    path = tmp_path / "weights.safetensors"
    network = TwoLayerNet(4, 8, 3)
    save_weights(path, network)
    load_weights(path, network)
    with pytest.raises(ShapeError, match="belong to another network"):
        load_weights(path, network_with_everything())
