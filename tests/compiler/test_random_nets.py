"""Random networks of layers of every kind, with steps on random batches."""

import nets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import Affine, Network, Relu, Sigmoid, Softmax

MIDDLE = {
    "relu": Relu,
    "sigmoid": Sigmoid,
    "softmax": Softmax,
    "affine": lambda: Affine(*nets.weights(5, 5, 2)),
    "turned": lambda: nets.TurnedAffine(*nets.weights(5, 5, 3)),
    "of the book": lambda: nets.BookAffine(*nets.weights(5, 5, 4)),
    "scaling": nets.Scaling,
    "reversed": lambda: nets.Reversed(5),
    "book relu": nets.BookRelu,
    "branching": nets.Branching,
    "branching backward": nets.BranchingBackward,
    "looping": nets.Looping,
    "counting": nets.Counting,
    "drawing": nets.Drawing,
}

AS_WRITTEN = {"book relu", "branching", "branching backward", "looping", "counting", "drawing"}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(MIDDLE)), max_size=6),
    st.lists(st.sampled_from([1, 2, 7]), min_size=2, max_size=4),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
    st.booleans(),
)
def test_steps_of_random_networks(kinds, sizes, dtype, book_loss, one_layer_twice):
    def make():
        middle = [MIDDLE[kind]() for kind in kinds]
        if one_layer_twice and middle and kinds[0] not in AS_WRITTEN:
            middle.append(middle[0])
        return nets.around(*middle, loss=nets.BookLoss() if book_loss else None)

    (written, layered), (compiled, step) = nets.both(make, 0.05)
    rounding = 1e-5  # the parameters are float32, and six layers pass the last digits on
    for seed, n in enumerate(sizes):
        x, t = nets.batch(n, 7, 3, dtype, seed)
        assert step(x, t) == pytest.approx(layered(x, t), rel=rounding)
    assert nets.largest_difference(written, compiled) < rounding
    expected = sum(kind in AS_WRITTEN for kind in kinds) + book_loss
    assert len(step.as_written) == expected


def test_every_kind_is_counted():
    assert set(MIDDLE) > AS_WRITTEN
    assert isinstance(nets.around(*(make() for make in MIDDLE.values())), Network)
