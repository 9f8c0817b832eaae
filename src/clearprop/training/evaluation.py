"""Loss and score on many samples, a chunk at a time; and in threads, beside the training."""

import copy
import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Any

import numpy as np

from clearprop.compiler.plans import flat, formed
from clearprop.compiler.prediction import Prediction
from clearprop.errors import NonFiniteError
from clearprop.graph.parameters import names_of
from clearprop.networks import Network
from clearprop.networks.evaluation import Evaluation, tally
from clearprop.networks.walk import copied
from clearprop.training.data import Samples
from clearprop.training.nonfinite import first_nonfinite
from clearprop.training.optimizers.checks import all_finite

CHUNK = 2**19
"""Input values that go through the network at once: about as many as a core's cache holds."""

WIDEST = 2**21
"""Values that a layer makes of them at most: a few of them are kept at a time."""

TOGETHER = 4
"""Chunks of which the answers are tallied at once."""


Predict = Callable[[Any], Any]

Tallies = dict[int, np.ndarray]
"""The start of a chunk → its weight, weight × loss, and the tally of which the score is made."""


def evaluation(network: Network, samples: Samples, with_loss: bool = False) -> Evaluation:
    """Compute the score of a network on samples, and the loss, as its loss layer gives them.

    They are those of `network.evaluate(x, t)` without the memory that all samples at once would
    take; the loss is NaN if it is not asked for, or if it is one of the network's own.

    Errors: `NonFiniteError` if something that the network gives is NaN or infinite.

    >>> from clearprop.networks import TwoLayerNet
    >>> from clearprop.training.data import read_samples
    >>> network, x, t = TwoLayerNet(4, 3, 2), np.ones((5, 4)), [0, 1, 0, 1, 1]
    >>> samples = read_samples(network, x, t, ("x", "t"))
    >>> evaluation(network, samples).score == network.accuracy(x, t)
    True
    """
    predict = network._scores
    chunks = {i: _of(network, predict, samples, i, with_loss) for i in _starts(samples)}
    return _total(network, chunks)


def own_loss(network: Network, samples: Samples, batch_size: int) -> float:
    """Compute a loss that a network has written itself: its mean over batches as in training.

    For it may compare the samples of a batch with each other.
    """
    total = weight = 0.0
    for start in range(0, samples.number, batch_size):
        batch = samples.batch(slice(start, start + batch_size))
        with np.errstate(all="ignore"):
            loss = float(network._loss_at_prediction(*batch))
        of_batch = _weight(samples, start, start + batch_size)
        total, weight = total + of_batch * loss, weight + of_batch
    return total / weight


class Evaluator:
    """How well a network does on sets of samples, computed while the training goes on.

    `start` takes parameters, state and settings of the layers as they are, and one thread begins to
    tally answers with them. `finish` has all `cores` join in, and gives the score on each set, and
    the loss on the one that is `held` out. These are the same however many threads have worked, and
    whenever.

    The answers come from compiled predictions, see `referee.runs_in_threads`.

    Errors: `NonFiniteError` from `finish`, as `evaluation`, for the network as it was at the start.

    >>> from clearprop.networks import TwoLayerNet
    >>> from clearprop.training.data import read_samples
    >>> network, x, t = TwoLayerNet(4, 3, 2), np.ones((5, 4)), [0, 1, 0, 1, 1]
    >>> before = network.accuracy(x, t)
    >>> evaluator = Evaluator(network, [read_samples(network, x, t, ("x", "t"))], cores=2)
    >>> evaluator.start()
    >>> network.params["b2"] -= 1
    >>> [evaluation.score for evaluation in evaluator.finish()] == [before]
    True
    """

    def __init__(
        self,
        network: Network,
        sets: Sequence[Samples],
        cores: int,
        engine: str = "numpy",
        held: Samples | None = None,
    ) -> None:
        self.sets, self.held = sets, held
        self.cores = cores
        self._live, self.network = network, copied(network)[0]
        for name, array in network.params.items():
            self.network.params[name] = np.array(array)
        threads = 1 if engine == "c" and cores > 1 else None  # each of ours runs a kernel whole
        self._programs = [
            Prediction(self.network, threads=threads, engine=engine, of="scores")
            for _ in range(cores)
        ]
        self._pool: ThreadPoolExecutor | None = None
        self._left: deque[tuple[int, int]] = deque()
        """Chunks that nobody has taken yet: the number of the set, and where they start in it."""
        self._working: list[Future[list[Tallies]]] = []

    def start(self) -> None:
        """Take the network as it is, and begin."""
        for name, array in self._live.params.items():
            np.copyto(self.network.params[name], array)
        for name, layer in self._live.members.layers.items():
            settings = {k: v for k, v in vars(layer).items() if type(v) in (int, float, bool, str)}
            state = {k: copy.copy(getattr(layer, k)) for k in names_of(layer, "state")}
            vars(self.network.members.layers[name]).update({**settings, **state})
        self._left.extend((i, start) for i, s in enumerate(self.sets) for start in _starts(s))
        self._pool = ThreadPoolExecutor(len(self._programs))
        self._submit(self._programs[1:2])

    @property
    def is_ready(self) -> bool:
        """Whether `finish` has nothing left to do, and no error to tell."""
        return not self._left and all(f.done() and not f.exception() for f in self._working)

    def finish(self) -> list[Evaluation]:
        """Complete the evaluation of each set."""
        if self._left:
            self._submit(self._programs[2:])
        try:
            found = [self._work(self._programs[0]), *(f.result() for f in self._working)]
        except NonFiniteError:
            # Once more in order, as written: the same message whoever met with it first.
            return [evaluation(self.network, samples) for samples in self.sets]
        finally:
            self.cancel()
        # found: for each thread and set, the tallies of its chunks
        return [
            _total(self.network, dict(chain.from_iterable(t.items() for t in of_set)))
            for of_set in zip(*found, strict=True)
        ]

    def cancel(self) -> None:
        """Drop the evaluation that was started, if any."""
        self._left.clear()
        self._working.clear()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _submit(self, programs: Sequence[Predict]) -> None:
        assert self._pool is not None, "start comes first"
        self._working += [self._pool.submit(self._work, program) for program in programs]

    def _work(self, predict: Predict) -> list[Tallies]:
        """Take chunks until there are none left; for each set, the tallies of those taken."""
        tallies: list[Tallies] = [{} for _ in self.sets]
        while True:
            try:
                i, start = self._left.popleft()
            except IndexError:
                return tallies
            samples = self.sets[i]
            with_loss = samples is self.held
            tallies[i][start] = _of(self.network, predict, samples, start, with_loss)


def _starts(samples: Samples) -> range:
    return range(0, samples.number, TOGETHER * chunk_size(samples))


def chunk_size(samples: Samples) -> int:
    """How many samples make a chunk."""
    return max(1, min(CHUNK // samples.size, WIDEST // max(1, samples.widest)))


def _of(
    network: Network, predict: Predict, samples: Samples, start: int, with_loss: bool
) -> np.ndarray:
    """The tally of a few chunks, whose answers are read at once."""
    size, answers = chunk_size(samples), []
    y: Any = None
    stop = min(start + TOGETHER * size, samples.number)
    for first in range(start, stop, size):
        x, t, *w = samples.batch(slice(first, min(first + size, stop)))
        with np.errstate(all="ignore"):
            y = predict(x)
        y = tuple(y) if isinstance(y, list) else y
        if not all(map(all_finite, flat(y))):
            found = first_nonfinite(network, x, t, *w, formula="infer")
            raise NonFiniteError(
                f"the scores are not finite: {found}. "
                "Train with a smaller learning rate, or scale the inputs to the order of 1"
            )
        answers.append(flat(y))
    y = formed(y, map(np.concatenate, zip(*answers, strict=True)))
    t, *w = samples.targets(slice(start, stop))
    weight, loss = _weight(samples, start, stop), math.nan
    if with_loss and not network.has_own_loss():
        with np.errstate(all="ignore"), network.look("infer", y) as twin:
            loss = float(twin._loss_of(y, t, *w))
    scored = [] if network.score_name is None else tally(network.losses, y, t, *w)
    return np.array([weight, weight * loss, *scored])


def _weight(samples: Samples, start: int, stop: int) -> float:
    """How much these samples count: their number, or the sum of their weights."""
    _, *w = samples.targets(slice(start, stop))
    return float(w[0].sum(dtype=np.float64) if w else min(stop, samples.number) - start)


def _total(network: Network, tallies: Tallies) -> Evaluation:
    """That of all chunks; their tallies are added in order, whoever has made them."""
    total: Any = sum(tallies[start] for start in sorted(tallies))
    has_score = network.score_name is not None
    score = network.losses[0].score(total[2:]) if has_score else math.nan
    return Evaluation(float(total[1] / total[0]), score)
