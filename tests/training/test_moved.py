"""What an optimiser keeps goes on with one network, and with no other that has the same names."""

import copy
import gc
import pickle

import numpy as np
import pytest
from small_problem import make_network, points

from clearprop import Network, compile
from clearprop.errors import ConfigError
from clearprop.training import SGD, Adam, Cosine, Momentum, Trainer

X, T = points()


def by_trainer(network, optimizer):
    Trainer(network, X, T, batch_size=45, optimizer=optimizer, on_progress=False).train(epochs=1)


def by_step(network, optimizer):
    compile(network, optimizer)(X, T)


def by_hand(network, optimizer):
    optimizer.update(network.params, network.gradient(X, T))


WAYS = [by_trainer, by_step, by_hand]
KEEPS = [
    Adam(0.1),
    Momentum(0.1),
    SGD(Cosine(0.1, steps=9)),
    SGD(0.1, groups={"W*": {"lr": Cosine(1, 9)}}),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("optimizer", KEEPS, ids=repr)
def test_another_network_is_refused_until_reset(way, optimizer):
    optimizer = copy.deepcopy(optimizer)
    first, second = make_network(0), make_network(1)
    way(first, optimizer)
    way(first, optimizer)
    kept = optimizer.step_count
    for gone in (False, True):
        if gone:
            del first
            gc.collect()
        with pytest.raises(ConfigError, match=f"taken {kept} steps with another network"):
            way(second, optimizer)
    assert optimizer.step_count == kept
    optimizer.reset()
    way(second, optimizer)


def test_what_keeps_nothing_serves_any():
    optimizer = SGD(0.1, weight_decay=0.01)
    for way in WAYS:
        way(make_network(0), optimizer)


def test_it_goes_on_with_more_layers_and_with_copies():
    network, optimizer = make_network(0), Momentum(0.1)
    by_hand(network, optimizer)
    by_hand(Network(list(network.layers.values())), copy.copy(optimizer))
    twins = copy.deepcopy((network, optimizer))
    by_hand(*twins)
    by_hand(*pickle.loads(pickle.dumps((network, optimizer))))
    by_hand(network, optimizer)
    loaded = Momentum(0.1)
    loaded.load(optimizer.arrays, 2)
    by_hand(make_network(3), loaded)


def test_of_plain_dictionaries_nobody_knows():
    optimizer = Momentum(0.1)
    for _ in range(2):
        optimizer.update({"W": np.ones(2)}, {"W": np.ones(2)})
    assert optimizer.step_count == 2
