"""The course of a training: steps, and between them evaluations, reports and files."""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import numpy as np

from clearprop.errors import NonFiniteError
from clearprop.training.batches import MiniBatches
from clearprop.training.best import Best
from clearprop.training.history import History, Scores
from clearprop.training.history_file import HistoryWriter
from clearprop.training.interrupts import Interrupts
from clearprop.training.keeping import Keeper
from clearprop.training.progress import EVERY, Callback, Moment, Progress
from clearprop.training.referee import Referee
from clearprop.training.signals import SignalRecorder


@dataclass
class Course:
    """One call of `train`: it begins when it is made, and `run` goes it to its end.

    It takes the steps that the history lacks until the iteration `last`, unless before that
    somebody interrupts it, patience ends, or a callback says so.
    """

    last: int
    take: Callable[[int], float]
    """Takes the step of an iteration, and returns its loss."""
    release: Callable[[], object]
    """Gives the layers their own arrays back, with what was learned."""
    batches: MiniBatches
    history: History
    referee: Referee
    best: Best
    patience: int | None
    callbacks: list[Callback]
    on_progress: Progress | None
    signals: SignalRecorder | None
    writer: HistoryWriter | None
    keeper: Keeper | None

    def __post_init__(self) -> None:
        self._started = time.perf_counter()
        self._ended = self._after_epoch = False

    def run(self, interrupts: Interrupts, cores: int) -> bool:
        """Go to the end, evaluating on so many cores; whether it was interrupted before."""
        try:
            try:
                self._go(interrupts, cores)
            finally:
                self._end(interrupts)
            return interrupts.requested and len(self.history) < self.last
        except KeyboardInterrupt:  # once at most, but perhaps before the end could begin
            self._end(interrupts)
            return True

    def _go(self, interrupts: Interrupts, cores: int) -> None:
        evaluated, enough = False, self._is_enough()
        # Who asks after each iteration is told the scores of now, and what changes the course
        # takes effect at once.
        at_once = self.patience is not None or bool(self.callbacks)
        # At a few thousand iterations a second, the steps are all that should take time.
        every = EVERY if self.on_progress is None else getattr(self.on_progress, "every", 0.0)
        next_time = 0.0
        if not len(self.history):
            self._look()
        for iteration in range(len(self.history) + 1, self.last + 1):
            if interrupts.requested or enough:
                break
            with interrupts.held():
                self.history.add_loss(self.take(iteration))
                evaluated = iteration % self.batches.per_epoch == 0
                if evaluated:
                    self.referee.begin(iteration, cores, beside=every > 0 and not at_once)
                    self._after_epoch = True
            if evaluated:
                self._look()
                said = [callback(self._moment()) for callback in self.callbacks]
                enough = any(isinstance(a, bool | np.bool) and a for a in said) or self._is_enough()
            now = time.monotonic()
            if now >= next_time or evaluated:
                next_time = now + every
                with interrupts.held():
                    self._write()
                self._report()
        with interrupts.held():
            self.referee.settle()
            self._finish_files()
        scores, done = self.history.last_evaluation, len(self.history)
        if not interrupts.ending and (scores is None or scores.iteration < done):
            self.referee.begin(done, cores, beside=False)
        self._look(final=True)

    def _is_enough(self) -> bool:
        return self.patience is not None and self.best.since(self.history) >= self.patience

    def _write(self) -> None:
        """Write what is due: the files tell things in the order in which they happened."""
        due = self.keeper is not None and self.keeper.is_due(after_epoch=False)
        if due or self.referee.is_ready:
            self.referee.settle()
        if self.referee.is_working:
            return
        if self.writer is not None:
            self.writer.write()
        if self.keeper is not None and self.keeper.is_due(after_epoch=self._after_epoch):
            self.keeper.write()
            self._after_epoch = False

    def _finish_files(self) -> None:
        if self.keeper is not None and not self.keeper.is_finished:
            self.keeper.finish(len(self.history))

    def _end(self, interrupts: Interrupts) -> None:
        """Do once what is done however a training ends, each whatever becomes of the others."""
        with interrupts.held(), ExitStack() as stack:
            if self._ended:
                return
            self._ended = True
            stack.callback(self._report, done=True)
            stack.callback(self.release)
            stack.callback(self.referee.cancel)
            if self.writer is not None:
                stack.callback(self.writer.close)
            self.history.seconds += time.perf_counter() - self._started
            with suppress(NonFiniteError):
                self.referee.settle()
            self._finish_files()

    def _look(self, *, final: bool = False) -> None:
        if self.signals is not None:
            done, size = len(self.history), self.batches.batch_size
            self.signals.moment(done, self._epoch(), size, final)

    def _report(self, *, done: bool = False) -> None:
        if self.on_progress is not None:
            self.on_progress(self._moment(done=done))

    def _moment(self, *, done: bool = False) -> Moment:
        scores = self.history.last_evaluation or Scores(0, 0.0, math.nan, math.nan)
        return Moment(
            iteration=len(self.history),
            iterations=self.last,
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

    def _epoch(self) -> float:
        return len(self.history) / self.batches.per_epoch
