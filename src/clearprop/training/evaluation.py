"""Accuracy on many samples, a chunk at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.errors import NonFiniteError
from clearprop.networks import Network
from clearprop.training.data import Samples
from clearprop.training.nonfinite import first_nonfinite
from clearprop.training.optimizers import all_finite

CHUNK = 2**20
"""Input values that go through the network at once: a few megabytes, however much data there is."""


def accuracy(network: Network, samples: Samples, predict: Any = None) -> float:
    """Compute the share of samples whose highest score is at the label.

    It is `network.accuracy(x, t)` without the memory that all samples at once would take.
    `predict` stands in for `network.predict`, as its compiled form does.

    Errors: `NonFiniteError` if a score is NaN or infinite: the highest would mean nothing.

    >>> from clearprop.networks import TwoLayerNet
    >>> from clearprop.training.data import read_samples
    >>> network, x, t = TwoLayerNet(4, 3, 2), np.ones((5, 4)), [0, 1, 0, 1, 1]
    >>> accuracy(network, read_samples(network, x, t, ("x", "t"))) == network.accuracy(x, t)
    True
    """
    predict = network.predict if predict is None else predict
    right = answers = 0
    for x, t in _chunks(samples):
        with np.errstate(all="ignore"):
            y = predict(x)
        if not all_finite(y):
            raise NonFiniteError(
                f"the scores are not finite: {first_nonfinite(network, x, t)}. "
                "Train with a smaller learning rate, or scale the inputs to the order of 1"
            )
        label = t.argmax(axis=-1) if t.shape == y.shape else t
        right += int(np.count_nonzero(y.argmax(axis=-1) == label))
        answers += label.size
    return right / answers


def _chunks(samples: Samples) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    size = max(1, CHUNK // samples.x[0].size)
    for start in range(0, len(samples.x), size):
        yield samples.batch(slice(start, start + size))
