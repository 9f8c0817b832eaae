import re

import numpy as np
import pytest
from small_problem import make_network, points, weights

from clearprop.errors import NonFiniteError
from clearprop.layers import Affine
from clearprop.networks import Network
from clearprop.training import SGD, History, Trainer
from clearprop.training.nonfinite import first_nonfinite


class Bad:
    """A layer that passes values on, and spoils one forward or backward from a given call on."""

    params = ()

    def __init__(self, *, forward=None, backward=None):
        self.spoils = {"forward": forward, "backward": backward}

    def _pass(self, way, array):
        if self.spoils[way] is None:
            return array
        spoiled = array.copy()
        spoiled[0, 0] = self.spoils[way]
        return spoiled

    def forward(self, x):
        return self._pass("forward", x)

    def backward(self, dout):
        return self._pass("backward", dout)


def network_with(bad) -> Network:
    first, relu, last = make_network().layers.values()
    return Network([first, bad, relu, last])


def test_divergence_names_the_layer_the_iteration_and_the_remedy(tmp_path):
    x, t = points()
    network = make_network()
    trainer = Trainer(
        network, x, t, batch_size=30, optimizer=SGD(1e15), rng=0, history_path=tmp_path / "h"
    )
    states = []
    trainer.on_progress = lambda moment: states.append(weights(network))
    with pytest.raises(NonFiniteError) as caught:
        trainer.train(epochs=20)
    message = str(caught.value)
    steps = len(trainer.history)
    assert steps >= 1
    assert message.startswith(f"iteration {steps + 1}: ")
    assert re.search(
        r"First, the output of np.matmul inside Affine2 \(30, 3\) is \S+ at \[\d+, \d\], \d+ of 90 "
        r"elements\. It was given \S+ \(30, 8\) = \S+ at",
        message,
    )
    assert "a learning rate smaller than 1e+15" in message
    # as before the bad step: nothing changed after the last good one
    assert weights(network) == states[-2] == states[-1]
    assert np.isfinite(trainer.history.loss).all()
    assert History.read(tmp_path / "h") == trainer.history


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_first_bad_output_is_found(value):
    x, t = points()
    network = network_with(Bad(forward=value))
    before = weights(network)
    with pytest.raises(NonFiniteError, match=r"First, the output of Bad1 \(30, 8\) .*1 of 240"):
        Trainer(network, x, t, batch_size=30, rng=0).train(epochs=1)
    assert weights(network) == before


def test_a_bad_derivative_behind_a_finite_loss_is_found():
    x, t = points()
    network = network_with(Bad(backward=np.inf))
    before = weights(network)
    with pytest.raises(NonFiniteError) as caught:
        Trainer(network, x, t, batch_size=30, rng=0).train(epochs=1)
    assert "the derivative handed back of Bad1 (30, 8) is inf at [0, 0]" in str(caught.value)
    assert "It was given dout (30, 8) = " in str(caught.value)
    assert weights(network) == before


def test_a_parameter_that_was_bad_from_the_start_is_named():
    x, t = points()
    network = make_network()
    network.params["W2"][1, 2] = np.nan
    with pytest.raises(NonFiniteError, match=r"the parameter W2 \(8, 3\) .*1 of 24 values"):
        Trainer(network, x, t, batch_size=30, rng=0).train(epochs=1)


def test_an_update_that_overflows_is_told_from_a_bad_derivative():
    x, t = points()
    network = make_network()
    before = weights(network)
    with pytest.raises(NonFiniteError, match="derivatives are finite, the update not"):
        Trainer(network, x, t, batch_size=30, optimizer=SGD(1e300), rng=0).train(epochs=1)
    assert weights(network) == before


def test_a_loss_that_overflows_is_named():
    network = Network([Affine(np.array([[-3e38, 3e38]], np.float32), np.zeros(2, np.float32))])
    found = first_nonfinite(network, np.ones((1, 1), np.float32), np.array([0]))
    assert found is not None
    assert found.startswith("the output of np.subtract inside lastLayer (1, 2) is -inf")


def test_scores_that_overflow_in_evaluation_are_not_taken_for_answers():
    x, t = points()
    far = np.full((1, 4), 3e38, dtype=np.float32)
    trainer = Trainer(make_network(), x, t, far, t[:1], batch_size=30, rng=0)
    with pytest.raises(NonFiniteError, match="the scores are not finite: the output of Affine1"):
        trainer.train(epochs=1)


def test_finite_steps_have_no_finding_and_leave_no_trace():
    x, t = points()
    network = make_network()
    assert first_nonfinite(network, x, t) is None
    assert network.layers["Affine1"].x is None
    assert network.layers["Affine1"].dW is None


def test_training_can_go_on_with_a_smaller_rate():
    x, t = points()
    optimizer = SGD(1e300)
    trainer = Trainer(make_network(), x, t, batch_size=30, optimizer=optimizer, rng=0)
    with pytest.raises(NonFiniteError):
        trainer.train(epochs=1)
    optimizer.lr = 0.1
    assert trainer.train(epochs=10).train_accuracy[-1] > 0.9


def test_an_infinite_loss_stops_also_where_its_derivatives_are_finite():
    x, t = np.ones((1, 1), np.float32), np.array([0])
    network = Network([Affine(np.array([[-3e38, 3e38]], np.float32), np.zeros(2, np.float32))])
    with np.errstate(over="ignore"):
        assert all(np.isfinite(grad).all() for grad in network.gradient(x, t).values())
    before = weights(network)
    with pytest.raises(NonFiniteError, match="iteration 1: the loss became inf"):
        Trainer(network, x, t, batch_size=1, rng=0).train(epochs=1)
    assert weights(network) == before


def test_with_a_schedule_the_remedy_is_told_without_a_number():
    x, t = points()
    trainer = Trainer(make_network(), x, t, batch_size=30, optimizer=SGD(lambda step: 1e30), rng=0)
    with pytest.raises(NonFiniteError, match="Use a smaller learning rate"):
        trainer.train(epochs=3)
