"""The course of a training: steps, and between them evaluations, reports and files."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.errors import NonFiniteError
from clearprop.files import FilePath
from clearprop.networks import Network
from clearprop.networks.evaluation import Evaluation
from clearprop.training.batches import MiniBatches
from clearprop.training.best import Best
from clearprop.training.data import Samples
from clearprop.training.evaluation import Referee
from clearprop.training.history import History, HistoryWriter, Scores
from clearprop.training.interrupts import Interrupts
from clearprop.training.keeping import Keeper
from clearprop.training.nonfinite import explained
from clearprop.training.optimizers.base import Updates
from clearprop.training.progress import EVERY, Moment, Progress
from clearprop.training.signals import SAMPLES, SignalRecorder
from clearprop.training.step import Step


class Course:
    """What a `Trainer` does from one iteration to another; it has prepared it, and ends it."""

    network: Network
    optimizer: Updates
    history: History
    best: Best
    batch_size: int
    iterations_per_epoch: int
    patience: int | None
    callbacks: list[Callable[[Moment], object]]
    on_progress: Progress | None
    signals_path: FilePath | None
    best_path: FilePath | None
    _step: Step
    _batches: MiniBatches
    _train: Samples
    _test: Samples | None
    _sets: list[Samples]
    _referee: Referee
    _carries: str
    _cores: int
    _threads: int | None
    _resumed: bool
    _looked_at: int | None
    _signals: SignalRecorder | None

    def _run(
        self, last: int, writer: HistoryWriter | None, keeper: Keeper | None, interrupts: Interrupts
    ) -> None:
        evaluated = after_epoch = False
        # Who asks after each iteration is told the scores of now, and what changes the course
        # takes effect at once.
        at_once = self.patience is not None or bool(self.callbacks)
        patience = math.inf if self.patience is None else self.patience
        enough = self.best.since(self.history) >= patience
        # At a few thousand iterations a second, the steps are all that should take time.
        every = EVERY if self.on_progress is None else getattr(self.on_progress, "every", 0.0)
        next_look = 0.0
        self._look(first=True)
        for iteration in range(len(self.history) + 1, last + 1):
            if interrupts.requested or enough:
                break
            with interrupts.held():
                rows = next(self._batches)
                try:
                    loss = self._step(rows)
                except BaseException as error:
                    self._batches.put_back()
                    if not isinstance(error, NonFiniteError):
                        raise
                    self._referee.settle()
                    batch = self._train.batch(rows)
                    text = explained(error, iteration, self.network, self.optimizer, *batch)
                    raise NonFiniteError(text) from None
                self.history.add_loss(loss)
                evaluated = iteration % self.iterations_per_epoch == 0
                if evaluated:
                    self._evaluate(beside=every > 0 and not at_once)
                    after_epoch = True
            if evaluated:
                self._look()
                said = [callback(self._moment(last)) for callback in self.callbacks]
                enough = self.best.since(self.history) >= patience
                enough = enough or any(isinstance(a, bool | np.bool) and a for a in said)
            now = time.monotonic()
            if now >= next_look or evaluated:
                next_look = now + every
                with interrupts.held():
                    due = keeper is not None and keeper.is_due(after_epoch=False)
                    if due or self._referee.is_ready:
                        self._referee.settle()
                    # The files tell things in the order in which they happened.
                    if not self._referee.is_working:
                        if writer is not None:
                            writer.write()
                        if keeper is not None and keeper.is_due(after_epoch=after_epoch):
                            keeper.write(self.history, self._notes())
                            after_epoch = False
                self._report(last)
        with interrupts.held():
            self._referee.settle()
            if keeper is not None:
                keeper.finish(self.history, self._notes())
        scores = self.history.last_evaluation
        if not interrupts.ending and (scores is None or scores.iteration < len(self.history)):
            self._evaluate()
        self._look(final=True)

    def _evaluate(self, *, beside: bool = False) -> None:
        if self._sets:
            self._referee.begin(len(self.history), self._cores, beside=beside)

    def _note(self, iteration: int, found: list[Evaluation], network: Network) -> None:
        test = Evaluation(math.nan, math.nan) if self._test is None else found[-1]
        noted = self.history.add_evaluation(
            iteration=iteration,
            epoch=iteration / self.iterations_per_epoch,
            train_score=found[0].score if self._sets[0] is self._train else math.nan,
            test_score=test.score,
            test_loss=test.loss,
        )
        after_epoch = iteration % self.iterations_per_epoch == 0
        if after_epoch and (self.best_path is not None or self.patience is not None):
            self.best.consider(noted, network)

    def _look(self, *, first: bool = False, final: bool = False) -> None:
        if self.signals_path is None:
            return
        if self._signals is None and first and (not len(self.history) or self._resumed):
            samples = self._train.number
            rows = np.linspace(0, samples - 1, min(SAMPLES, samples)).astype(np.intp)
            if self._carries:  # what is carried has a row for each sample of a batch
                rows = np.arange(self.batch_size)
            batch = self._train.batch(rows)
            self._signals = SignalRecorder(self.signals_path, self.network, *batch[:2])
            if self._resumed:
                self._signals.go_on(self._looked_at)
        if self._signals is not None and not (first and len(self.history)):
            self._signals.moment(len(self.history), self._epoch(), self.batch_size, final)

    def _report(self, last: int, *, done: bool = False) -> None:
        if self.on_progress is not None:
            self.on_progress(self._moment(last, done=done))

    def _moment(self, last: int, *, done: bool = False) -> Moment:
        scores = self.history.last_evaluation or Scores(0, 0.0, math.nan, math.nan)
        return Moment(
            iteration=len(self.history),
            iterations=last,
            epoch=self._epoch(),
            loss=self.history.last_loss,
            recent_loss=self.history.recent_loss(),
            train_score=scores.train_score,
            test_score=scores.test_score,
            test_loss=scores.test_loss,
            done=done,
            score_name=self.history.score_name,
            held_out=self.history.held_out,
        )

    def _notes(self) -> dict[str, Any]:
        looked_at = self._signals and self._signals.looked_at
        return {"threads": self._threads, "signals": looked_at, "patience": self.best.start}

    def _epoch(self) -> float:
        return len(self.history) / self.iterations_per_epoch
