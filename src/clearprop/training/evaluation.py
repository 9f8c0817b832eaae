"""Accuracy on many samples, a chunk at a time."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from clearprop.compiler.threads import BlasThreads
from clearprop.errors import NonFiniteError
from clearprop.networks import Network
from clearprop.training.data import Samples
from clearprop.training.nonfinite import first_nonfinite
from clearprop.training.optimizers import all_finite

CHUNK = 2**19
"""Input values that go through the network at once: about as many as a core's cache holds."""


Predict = Callable[[np.ndarray], np.ndarray]
"""The scores of a batch, as `network.predict` gives them."""


def accuracy(network: Network, samples: Samples, predictors: Sequence[Predict] = ()) -> float:
    """Compute the share of samples whose highest score is at the label.

    It is `network.accuracy(x, t)` without the memory that all samples at once would take. Instead
    of `network.predict`, `predictors` may be used, which give the same but for rounding: each runs
    in a thread of its own, and they share the chunks.

    Errors: `NonFiniteError` if a score is NaN or infinite: the highest would mean nothing.

    >>> from clearprop.networks import TwoLayerNet
    >>> from clearprop.training.data import read_samples
    >>> network, x, t = TwoLayerNet(4, 3, 2), np.ones((5, 4)), [0, 1, 0, 1, 1]
    >>> accuracy(network, read_samples(network, x, t, ("x", "t"))) == network.accuracy(x, t)
    True
    """
    size = max(1, CHUNK // samples.x[0].size)
    starts = deque(range(0, len(samples.x), size))
    count = partial(_count, network, samples, starts, size)
    if not predictors:
        right, answers = count(network.predict)
        return right / answers
    # One BLAS thread for each: nobody waits for a core that is busy elsewhere.
    with BlasThreads(1), ThreadPoolExecutor(len(predictors)) as pool:
        first, *others = predictors[: len(starts)]
        counting = [pool.submit(count, predict) for predict in others]
        try:
            counts = [count(first), *(future.result() for future in counting)]
        except NonFiniteError:
            return accuracy(network, samples)  # with the same message whichever thread was first
        finally:
            starts.clear()  # after Ctrl-C nobody begins another chunk
    right, answers = map(sum, zip(*counts, strict=True))
    return right / answers


def _count(
    network: Network, samples: Samples, starts: deque[int], size: int, predict: Predict
) -> tuple[int, int]:
    """Take chunks until there are none left; count the right answers, and all."""
    right = answers = 0
    while True:
        try:
            start = starts.popleft()
        except IndexError:
            return right, answers
        x, t = samples.batch(slice(start, start + size))
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
