"""When and how a training evaluates its network: at once, or beside the next steps."""

import math
from collections.abc import Callable

from clearprop.compiler.prediction import Prediction
from clearprop.networks import Network
from clearprop.networks.evaluation import Evaluation
from clearprop.training.data import Samples
from clearprop.training.evaluation import Evaluator, evaluation, own_loss
from clearprop.training.sets import Sets
from clearprop.training.step import why_not_recorded

Note = Callable[[int, float, Evaluation, Network], None]


def runs_in_threads(network: Network, samples: Samples, engine: str = "numpy") -> bool:
    """Whether predicting is a program: a layer run as written may not bear to run twice at once."""
    prediction = Prediction(network, threads=None, engine=engine, of="scores")
    try:
        prediction.prepare(samples.batch(slice(1))[0])
    except Exception as error:
        why_not_recorded(error)
        return False
    return not prediction.as_written


class Referee:
    """Evaluates a network now and then while it learns, beside the training where that can be.

    `note(iteration, train_score, test, network)` is told what was found (NaN where nobody looks),
    and the network as it was.
    """

    def __init__(
        self, network: Network, sets: Sets, note: Note, engine: str | None, batch_size: int
    ) -> None:
        self.network, self.sets, self.engine = network, sets, engine
        self.batch_size, self._tell = batch_size, note
        self._own_loss = math.nan
        """The loss that the network has written itself, at the evaluation that has begun."""
        self._evaluator: Evaluator | None = None
        self._at: int | None = None
        """The iteration after which an evaluation has begun that is not finished."""
        self._beside: bool | None = None
        """Whether evaluations may run beside the training; `None` before the first."""

    def begin(self, iteration: int, cores: int, *, beside: bool) -> None:
        """Begin an evaluation beside the training if that can be, or else do it at once."""
        self.settle()
        network, evaluated, held = self.network, self.sets.evaluated, self.sets.test
        if not evaluated:
            return
        if held is not None and network.has_own_loss():
            self._own_loss = own_loss(network, held, self.batch_size)
            held = None
            if self.sets.score_name is None:
                self._note(iteration, [Evaluation(math.nan, math.nan)], network)
                return
        if self._beside is None:
            self._beside = self.engine is not None and runs_in_threads(
                network, evaluated[0], self.engine
            )
        if not self._beside:
            found = [evaluation(network, samples, samples is held) for samples in evaluated]
            self._note(iteration, found, network)
            return
        if self._evaluator is None or self._evaluator.cores != cores:
            self._evaluator = Evaluator(network, evaluated, cores, self.engine or "numpy", held)
        self._evaluator.start()
        self._at = iteration
        if not beside or cores == 1 or self.engine == "c":  # whose steps use the other core
            self.settle()

    @property
    def is_working(self) -> bool:
        """Whether an evaluation has begun that is not finished."""
        return self._at is not None

    @property
    def is_ready(self) -> bool:
        """Whether `settle` has nothing left to do but to note it."""
        return self._evaluator is not None and self._evaluator.is_ready

    def settle(self) -> None:
        """Finish the evaluation that was begun, if any."""
        if self._evaluator is not None and self._at is not None:
            iteration, self._at = self._at, None
            self._note(iteration, self._evaluator.finish(), self._evaluator.network)

    def _note(self, iteration: int, found: list[Evaluation], network: Network) -> None:
        train, held, _, evaluated, _ = self.sets
        train_score = found[0].score if evaluated[0] is train else math.nan
        test = Evaluation(math.nan, math.nan) if held is None else found[-1]
        if held is not None and self.network.has_own_loss():
            test = test._replace(loss=self._own_loss)
        self._tell(iteration, train_score, test, network)

    def cancel(self) -> None:
        """Drop the evaluation that was begun, if any."""
        self._at = None
        if self._evaluator is not None:
            self._evaluator.cancel()
