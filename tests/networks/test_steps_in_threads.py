"""Gradients of one network in several threads: steps that share a layer take turns."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from clearprop import Affine, Dropout, Layer, Network, SoftmaxWithLoss
from clearprop.errors import ConfigError
from clearprop.networks import turns

RNG = np.random.default_rng(0)
XS, T = RNG.standard_normal((2, 4, 3)), np.array([0, 1, 1, 0])


class Meets(Layer):
    """Between forward and backward it waits a while for a forward in another thread."""

    def __init__(self):
        self.begun = threading.Barrier(2)
        self.met = 0

    def forward(self, x):
        try:
            self.begun.wait(0.2)
            self.met += 1
        except threading.BrokenBarrierError:
            self.begun.reset()
        return x * 1

    def backward(self, dout):
        return dout * 1


class Own(Network):
    """A forward of its own, whose gradient goes through a walk."""

    def forward(self, x):
        return super().forward(x) * 1


def layers():
    return [Affine.from_sizes(3, 2, rng=np.random.default_rng(1), dtype=np.float64)]


def in_two_threads(networks):
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(n.gradient, x, T) for n, x in zip(networks, XS, strict=True)]
        return [f.result(20) for f in found]


@pytest.mark.parametrize("kind", [Network, Own])
@pytest.mark.parametrize("several", [False, True], ids=["one network", "networks with a layer"])
def test_steps_that_share_a_layer_take_turns(kind, several):
    meets, affine = Meets(), layers()
    network = kind([*affine, meets])
    other = kind([*affine, meets]) if several else network
    right = [kind(layers()).gradient(x, T) for x in XS]
    for found, expected in zip(in_two_threads([network, other]), right, strict=True):
        for name, d in found.items():
            np.testing.assert_array_equal(d, expected[name])
    assert meets.met == 0


def test_steps_of_networks_without_a_common_layer_go_on_beside_each_other():
    both = threading.Barrier(2)

    class Waits(Network):
        def loss(self, x, t):
            both.wait(20)
            return super().loss(x, t)

    in_two_threads([Waits(layers()), Waits(layers())])


@pytest.mark.parametrize("kind", [Network, Own])
def test_gradients_in_four_threads_are_those_in_one(kind):
    network, xs = kind(layers()), RNG.standard_normal((4, 8, 3))
    t = np.arange(8) % 2
    right = [network.gradient(x, t)["W1"] for x in xs]

    def wrong(i):
        found = (network.gradient(xs[i], t)["W1"] for _ in range(50))
        return sum(not np.array_equal(d, right[i]) for d in found)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(wrong, range(4))) == 0
    finally:
        sys.setswitchinterval(before)


def test_a_step_within_a_step_and_one_that_fails_end_their_turns():
    affine = layers()
    inner = Network(affine)

    class Outer(Network):
        def loss(self, x, t):
            inner.gradient(x, t)
            if not np.any(x):
                raise ConfigError("zeros")
            return super().loss(x, t)

    outer = Outer(affine, SoftmaxWithLoss())
    with pytest.raises(ConfigError, match="zeros"):
        outer.gradient(np.zeros((4, 3)), T)
    outer.gradient(XS[0], T)
    assert turns._turns.learning == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_child_process_does_not_wait_for_threads_that_it_has_not():
    other = 1, {2: 3}.keys()
    mine = threading.get_ident(), {2: 3}.keys()
    copy = turns._Turns()
    copy.learning = [other, mine]
    copy.forked()
    assert copy.learning == [mine]


def test_looking_at_a_network_does_not_touch_the_generators_that_it_learns_with():
    dropout = Dropout(0.5)
    network = Network([Affine.from_sizes(3, 2, rng=RNG), dropout], rng=RNG)
    kept = dropout.own = np.random.default_rng(2)
    drawn = network.computed("infer", np.ones((2, 3)), lambda twin: kept.random())
    assert drawn == np.random.default_rng(2).random()
    assert kept.random() != drawn  # what another thread drew meanwhile stays drawn
