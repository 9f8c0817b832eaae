"""Accuracy on many samples, a chunk at a time."""

import copy
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from clearprop.compiler.threads import BlasThreads
from clearprop.errors import NonFiniteError
from clearprop.networks import Network
from clearprop.training.data import Samples
from clearprop.training.nonfinite import first_nonfinite
from clearprop.training.optimizers import all_finite

CHUNK = 2**19
"""Input values that go through the network at once: about as many as a core's cache holds."""


def accuracy(network: Network, samples: Samples, workers: int = 1) -> float:
    """Compute the share of samples whose highest score is at the label.

    It is `network.accuracy(x, t)` without the memory that all samples at once would take. Several
    `workers` share the chunks, each a thread with copies of the layers, which must therefore keep
    nothing in arrays that they write into. The result is the same.

    Errors: `NonFiniteError` if a score is NaN or infinite: the highest would mean nothing.

    >>> from clearprop.networks import TwoLayerNet
    >>> from clearprop.training.data import read_samples
    >>> network, x, t = TwoLayerNet(4, 3, 2), np.ones((5, 4)), [0, 1, 0, 1, 1]
    >>> accuracy(network, read_samples(network, x, t, ("x", "t"))) == network.accuracy(x, t)
    True
    """
    size = max(1, CHUNK // samples.x[0].size)
    starts = deque(range(0, len(samples.x), size))
    workers = min(workers, len(starts))
    if workers <= 1:
        right, answers = _count(network, samples, starts, size)
        return right / answers
    # One BLAS thread for each worker: nobody waits for a core that is busy elsewhere.
    with BlasThreads(1), ThreadPoolExecutor(workers) as pool:
        twins = [copy.copy(network) for _ in range(workers)]
        counting = [pool.submit(_count, twin, samples, starts, size) for twin in twins]
        try:
            counts = [future.result() for future in counting]
        except NonFiniteError:
            starts.clear()
            return accuracy(network, samples)  # the same message whichever thread was first
        finally:
            starts.clear()  # after Ctrl-C nobody begins another chunk
    right, answers = map(sum, zip(*counts, strict=True))
    return right / answers


def _count(network: Network, samples: Samples, starts: deque[int], size: int) -> tuple[int, int]:
    """Take chunks until there are none left; count the right answers, and all."""
    right = answers = 0
    while True:
        try:
            start = starts.popleft()
        except IndexError:
            return right, answers
        x, t = samples.batch(slice(start, start + size))
        with np.errstate(all="ignore"):
            y = network.predict(x)
        if not all_finite(y):
            raise NonFiniteError(
                f"the scores are not finite: {first_nonfinite(network, x, t)}. "
                "Train with a smaller learning rate, or scale the inputs to the order of 1"
            )
        label = t.argmax(axis=-1) if t.shape == y.shape else t
        right += int(np.count_nonzero(y.argmax(axis=-1) == label))
        answers += label.size
