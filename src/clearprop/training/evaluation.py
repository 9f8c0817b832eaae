"""Accuracy on many samples, a chunk at a time; and in threads, beside the training."""

import copy
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import NamedTuple

import numpy as np

from clearprop.compiler.prediction import Prediction
from clearprop.errors import NonFiniteError
from clearprop.networks import Network
from clearprop.training.data import Samples
from clearprop.training.nonfinite import first_nonfinite
from clearprop.training.optimizers import all_finite

CHUNK = 2**19
"""Input values that go through the network at once: about as many as a core's cache holds."""


Predict = Callable[[np.ndarray], np.ndarray]
"""The scores of a batch, as `network.predict` gives them."""


class Count(NamedTuple):
    """How many answers are right, of how many."""

    right: int
    answers: int


def accuracy(network: Network, samples: Samples) -> float:
    """Compute the share of samples whose highest score is at the label.

    It is `network.accuracy(x, t)` without the memory that all samples at once would take.

    Errors: `NonFiniteError` if a score is NaN or infinite: the highest would mean nothing.

    >>> from clearprop.networks import TwoLayerNet
    >>> from clearprop.training.data import read_samples
    >>> network, x, t = TwoLayerNet(4, 3, 2), np.ones((5, 4)), [0, 1, 0, 1, 1]
    >>> accuracy(network, read_samples(network, x, t, ("x", "t"))) == network.accuracy(x, t)
    True
    """
    counts = [_count(network, network.predict, samples, start) for start in _starts(samples)]
    return _share(counts)


class Evaluator:
    """The accuracies of a network on sets of samples, computed while the training goes on.

    `start` takes the parameters as they are, and one thread begins to count right answers with
    them. `finish` has all `cores` join in, and gives the accuracy on each set. These are the same
    however many threads have counted, and whenever.

    The scores come from compiled predictions: a layer that runs as it is written might not bear
    to run twice at once.

    Errors: `NonFiniteError` from `finish`, as `accuracy`, for the network as it was at the start.

    >>> from clearprop.networks import TwoLayerNet
    >>> from clearprop.training.data import read_samples
    >>> network, x, t = TwoLayerNet(4, 3, 2), np.ones((5, 4)), [0, 1, 0, 1, 1]
    >>> before = network.accuracy(x, t)
    >>> evaluator = Evaluator(network, [read_samples(network, x, t, ("x", "t"))], cores=2)
    >>> evaluator.start()
    >>> network.params["b2"] -= 1
    >>> evaluator.finish() == [before]
    True
    """

    def __init__(self, network: Network, sets: Sequence[Samples], cores: int) -> None:
        self.sets = sets
        self.cores = cores
        self._live, self._network = network, copy.copy(network)
        for name, array in network.params.items():
            self._network.params[name] = array.copy()
        self._programs = [Prediction(self._network, threads=None) for _ in range(cores)]
        self._pool: ThreadPoolExecutor | None = None
        self._left: deque[tuple[int, int]] = deque()
        """Chunks that nobody has taken yet: the number of the set, and where they start in it."""
        self._counting: list[Future[list[list[Count]]]] = []

    def start(self) -> None:
        """Take the parameters as they are, and begin."""
        for name, array in self._live.params.items():
            np.copyto(self._network.params[name], array)
        self._left.extend((i, start) for i, s in enumerate(self.sets) for start in _starts(s))
        self._pool = ThreadPoolExecutor(len(self._programs))
        self._submit(self._programs[1:2])

    @property
    def is_ready(self) -> bool:
        """Whether `finish` has nothing left to do, and no error to tell."""
        return not self._left and all(f.done() and not f.exception() for f in self._counting)

    def finish(self) -> list[float]:
        """Complete the evaluation: the accuracy on each set."""
        if self._left:
            self._submit(self._programs[2:])
        try:
            found = [self._work(self._programs[0]), *(f.result() for f in self._counting)]
        except NonFiniteError:
            # Once more in order, as written: the same message whoever met with it first.
            return [accuracy(self._network, samples) for samples in self.sets]
        finally:
            self.cancel()
        # found: for each thread and set, the counts of its chunks
        return [_share(chain.from_iterable(of_set)) for of_set in zip(*found, strict=True)]

    def cancel(self) -> None:
        """Drop the evaluation that was started, if any."""
        self._left.clear()
        self._counting.clear()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _submit(self, programs: Sequence[Predict]) -> None:
        assert self._pool is not None, "start comes first"
        self._counting += [self._pool.submit(self._work, program) for program in programs]

    def _work(self, predict: Predict) -> list[list[Count]]:
        """Take chunks until there are none left; for each set, the counts of those taken."""
        counts: list[list[Count]] = [[] for _ in self.sets]
        while self._left:
            try:
                i, start = self._left.popleft()
            except IndexError:  # another thread was quicker
                break
            counts[i].append(_count(self._network, predict, self.sets[i], start))
        return counts


def _starts(samples: Samples) -> range:
    return range(0, len(samples.x), _size(samples))


def _size(samples: Samples) -> int:
    """How many samples make a chunk."""
    return max(1, CHUNK // samples.x[0].size)


def _count(network: Network, predict: Predict, samples: Samples, start: int) -> Count:
    """Count the right answers in one chunk."""
    x, t = samples.batch(slice(start, start + _size(samples)))
    with np.errstate(all="ignore"):
        y = predict(x)
    if not all_finite(y):
        raise NonFiniteError(
            f"the scores are not finite: {first_nonfinite(network, x, t)}. "
            "Train with a smaller learning rate, or scale the inputs to the order of 1"
        )
    label = t.argmax(axis=-1) if t.shape == y.shape else t
    return Count(int(np.count_nonzero(y.argmax(axis=-1) == label)), label.size)


def _share(counts: Iterable[Count]) -> float:
    right, answers = map(sum, zip(*counts, strict=True))
    return right / answers
