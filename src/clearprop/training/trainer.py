"""The trainer: mini-batches, steps, evaluations."""

import math
import os
import time
from contextlib import nullcontext
from typing import Any

import numpy as np

from clearprop.compiler.threads import BlasThreads, threads_as_set
from clearprop.errors import ConfigError, NonFiniteError
from clearprop.graph.parameters import names_of
from clearprop.networks import Network
from clearprop.training.batches import generator, mini_batches
from clearprop.training.data import read_samples
from clearprop.training.evaluation import Evaluator, runs_in_threads, score
from clearprop.training.history import History, HistoryWriter, Scores
from clearprop.training.interrupts import Interrupts
from clearprop.training.nonfinite import first_nonfinite
from clearprop.training.optimizers import SGD, Updates
from clearprop.training.progress import EVERY, Moment, Progress
from clearprop.training.signals import SAMPLES, SignalRecorder
from clearprop.training.step import make_step


class Trainer:
    """Train a network by mini-batches, to classify or to give numbers, as its loss layer says.

    **Batches.** At the start of each epoch the samples are shuffled by `rng` and cut into batches
    of `batch_size`. Each sample is seen once an epoch; where `batch_size` does not divide the data
    the last batch of the epoch is smaller. An epoch has `⌈N / batch_size⌉` iterations. For a
    network that carries state from batch to batch they come in order, all of one size.

    **Record.** `history` holds the loss of every iteration, and after every epoch and at the end
    the score on all training and test data: accuracy, R² or what else the loss layer calls it; if
    it gives none, losses only. With `history_path` it also grows as a JSON-lines file there, which
    the first call of `train` starts anew. With `signals_path` the activations and derivatives of
    each layer are looked at now and then, see `SignalRecorder`.

    **Data.** `x_train` (N, …) real numbers, cast once to the parameters' dtype (and not copied
    where it has it), or class numbers where the network takes such; `t_train` what the loss layer
    reads: class numbers (N,), one-hot labels, numbers of the shape of the answers; `x_test` and
    `t_test` likewise, or neither. Several inputs are a tuple of arrays, and several targets, one
    for each loss, too. Everything is checked here, before anything is changed. All samples weigh
    the same: weights of samples are for steps written by hand.

    With `scale`, integers in `x_train` and `x_test` are kept and multiplied by it as they are used:
    the bytes of pixels with `scale=1/255`, in a quarter of the memory.

    **Compiling.** The step runs as a compiled program (see `clearprop.compile`), and the layers get
    their own arrays back, with what was learned, when `train` returns. `compile=False` runs the
    layers as they are written; so do an optimizer with an `update` of its own and a network that
    cannot be recorded, for example: `as_written` says what runs so, and why. Evaluations run beside
    the next steps, on a copy of the network, where a second core is free and nobody asks for each
    moment.

    `optimizer` is `SGD(0.1)` where none is given. `rng` is a seed, a `Generator`, or `None` for
    another order each time; the same seed gives the same history and the same weights, bit for
    bit. `on_progress` is called with a `Moment` after each iteration and once at the end, or less
    often, see `Progress`; `rich_progress()` makes a bar.

    Errors: `ConfigError` for a setting out of range, `DataError` for data that is empty or not
    finite, `DTypeError` for data that is not numbers, `ShapeError` for shapes that do not fit the
    network or each other, `LabelError` for labels that do not fit.

    Source: *Deep Learning from Scratch*, sections 4.5 and 5.7.4.

    >>> from clearprop.networks import TwoLayerNet
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((300, 2))
    >>> t = (x[:, 0] * x[:, 1] > 0).astype(int)  # are the signs the same?
    >>> network = TwoLayerNet(2, 16, 2, weight_init_std="he", rng=rng)
    >>> history = Trainer(network, x, t, batch_size=25, optimizer=SGD(0.5), rng=1).train(epochs=40)
    >>> len(history.loss), history.evaluated_at[:3], bool(history.train_accuracy[-1] > 0.95)
    (480, array([12, 24, 36]), True)
    """

    def __init__(
        self,
        network: Network,
        x_train: Any,
        t_train: Any,
        x_test: Any = None,
        t_test: Any = None,
        *,
        batch_size: int = 100,
        optimizer: Updates | None = None,
        scale: float | None = None,
        compile: bool = True,
        rng: int | np.random.Generator | None = None,
        on_progress: Progress | None = None,
        history_path: str | os.PathLike[str] | None = None,
        signals_path: str | os.PathLike[str] | None = None,
    ) -> None:
        if (x_test is None) != (t_test is None):
            raise ConfigError("x_test and t_test belong together: give both or neither")
        self.network = network
        self.optimizer: Updates = SGD(0.1) if optimizer is None else optimizer
        if not callable(getattr(self.optimizer, "update", None)):
            raise ConfigError(
                f"the optimizer {optimizer!r} has no update(params, grads); use SGD(lr=0.1)"
            )
        self.rng = generator(rng)
        self.on_progress = on_progress
        self.history_path = history_path
        self.signals_path = signals_path
        self._signals: SignalRecorder | None = None
        self.history = History(network.score_name)
        """What happened so far; grows with each call of `train`."""
        self.interrupted = False
        """Whether Ctrl-C ended the last call of `train` early."""
        self._train = read_samples(network, x_train, t_train, ("x_train", "t_train"), scale)
        self._sets = [self._train]
        if x_test is not None:
            self._sets.append(read_samples(network, x_test, t_test, ("x_test", "t_test"), scale))
        samples = self._train.number
        self.batch_size = _positive_int("batch_size", batch_size)
        if self.batch_size > samples:
            raise ConfigError(
                f"batch_size {batch_size} is larger than the {samples} samples of x_train; "
                f"use {samples} or less"
            )
        self.iterations_per_epoch = -(-samples // self.batch_size)
        self._carries = _carries(network)
        if self._carries and samples % self.batch_size:
            raise ConfigError(
                f"{self._carries} is carried from batch to batch, which must be of one size; "
                f"leave out {samples % self.batch_size} of the {samples} samples, or use another "
                "batch_size"
            )
        self._batches = mini_batches(
            samples, self.batch_size, self.rng, in_order=bool(self._carries)
        )
        self._step, self._why_not = make_step(
            network, self.optimizer, self._train, self.batch_size, compiled=compile
        )
        self._evaluator: Evaluator | None = None
        self._evaluating: int | None = None
        """The iteration after which an evaluation has begun that is not finished."""
        self._beside: bool | None = None
        """Whether evaluations may run beside the training; `None` before the first."""

    @property
    def as_written(self) -> dict[str, str]:
        """What runs as it is written in place of a program, with the reason: layers, or all."""
        if self._why_not is not None:
            return {"the whole step": self._why_not}
        return dict(self._step.step.as_written)  # type: ignore[attr-defined]

    def train(self, epochs: int | None = None, iterations: int | None = None) -> History:
        """Train for so many epochs or iterations, and return the history.

        A further call goes on where this one ended. Ctrl-C ends training between two steps: the
        parameters keep what was learned, `interrupted` is `True` and the history is returned as
        usual.

        Errors: `ConfigError` unless one of `epochs` and `iterations` is given, and positive;
        `OutputError` if the history file cannot be written; `NonFiniteError` if NaN or infinity
        turns up: it names the layer where, and the parameters are those before that step.
        """
        last = len(self.history) + self._iterations(epochs, iterations)
        self.interrupted = False
        started = time.perf_counter()
        largest_product = self.batch_size * self._train.largest_product
        self._cores = threads_as_set()
        threads = BlasThreads.for_products_of(largest_product)
        if threads.threads is None:  # large products use all cores by themselves
            self._cores = 1
        quiet = np.errstate(all="ignore")  # what is not finite is found and named
        file = self.history_path
        history_writer = nullcontext() if file is None else HistoryWriter(file, self.history)
        with history_writer as writer, threads, quiet, Interrupts() as interrupts:
            try:
                self._run(last, writer, interrupts)
                self.interrupted = len(self.history) < last
            except KeyboardInterrupt:
                self.interrupted = True
            finally:
                self._evaluating = None
                if self._evaluator is not None:
                    self._evaluator.cancel()
                getattr(self._step, "release", lambda: None)()  # the layers get their arrays back
                self.history.seconds += time.perf_counter() - started
                self._report(last, done=True)
        return self.history

    def _run(self, last: int, writer: HistoryWriter | None, interrupts: Interrupts) -> None:
        evaluated = False
        # At a few thousand iterations a second, the steps are all that should take time.
        every = EVERY if self.on_progress is None else getattr(self.on_progress, "every", 0.0)
        next_look = 0.0
        self._look(first=True)
        for iteration in range(len(self.history) + 1, last + 1):
            if interrupts.requested:
                break
            with interrupts.held():
                rows = next(self._batches)
                try:
                    loss = self._step(rows)
                except NonFiniteError as error:
                    self._settle(interrupts)
                    raise NonFiniteError(self._explain(iteration, error, rows)) from None
                self.history.add_loss(loss)
            evaluated = iteration % self.iterations_per_epoch == 0
            if evaluated:
                # Who asks after each iteration is told the scores of now.
                self._evaluate(interrupts, beside=every > 0)
                self._look()
            now = time.monotonic()
            if now >= next_look or evaluated:
                next_look = now + every
                if self._evaluator is not None and self._evaluator.is_ready:
                    self._settle(interrupts)
                # The file tells things in the order in which they happened.
                if writer is not None and self._evaluating is None:
                    with interrupts.held():
                        writer.write()
                self._report(last)
        self._settle(interrupts)
        if not evaluated:
            self._evaluate(interrupts)
        self._look(final=True)

    def _evaluate(self, interrupts: Interrupts, *, beside: bool = False) -> None:
        """Begin an evaluation beside the training if that can be, or else do it at once."""
        self._settle(interrupts)
        if self.history.score_name is None:
            return
        if self._beside is None:
            self._beside = self._why_not is None and runs_in_threads(self.network, self._train)
        if not self._beside:
            scores = [score(self.network, samples) for samples in self._sets]
            self._note(len(self.history), scores, interrupts)
            return
        if self._evaluator is None or self._evaluator.cores != self._cores:
            self._evaluator = Evaluator(self.network, self._sets, self._cores)
        self._evaluator.start()
        self._evaluating = len(self.history)
        if not beside or self._cores == 1:
            self._settle(interrupts)

    def _settle(self, interrupts: Interrupts) -> None:
        """Finish the evaluation that was begun, if any."""
        if self._evaluator is not None and self._evaluating is not None:
            self._note(self._evaluating, self._evaluator.finish(), interrupts)

    def _note(self, iteration: int, scores: list[float], interrupts: Interrupts) -> None:
        train, test, *_ = (*scores, math.nan)
        epoch = iteration / self.iterations_per_epoch
        with interrupts.held():
            self._evaluating = None
            self.history.add_evaluation(
                iteration=iteration, epoch=epoch, train_score=train, test_score=test
            )

    def _look(self, *, first: bool = False, final: bool = False) -> None:
        if self.signals_path is None:
            return
        if self._signals is None and first and not len(self.history):
            samples = self._train.number
            rows = np.linspace(0, samples - 1, min(SAMPLES, samples)).astype(np.intp)
            if self._carries:  # what is carried has a row for each sample of a batch
                rows = np.arange(self.batch_size)
            batch = self._train.batch(rows)
            self._signals = SignalRecorder(self.signals_path, self.network, *batch)
        if self._signals is not None:
            self._signals.moment(len(self.history), self._epoch(), self.batch_size, final)

    def _report(self, last: int, *, done: bool = False) -> None:
        if self.on_progress is None:
            return
        scores = self.history.last_evaluation or Scores(0, 0.0, math.nan, math.nan)
        self.on_progress(
            Moment(
                iteration=len(self.history),
                iterations=last,
                epoch=self._epoch(),
                loss=self.history.last_loss,
                recent_loss=self.history.recent_loss(),
                train_score=scores.train_score,
                test_score=scores.test_score,
                done=done,
                score_name=self.history.score_name,
            )
        )

    def _explain(self, iteration: int, error: Exception, rows: np.ndarray) -> str:
        found = first_nonfinite(self.network, *self._train.batch(rows))
        first = f"First, {found}." if found else "Loss and derivatives are finite, the update not."
        lr = getattr(self.optimizer, "lr", None)
        rate = "a smaller learning rate" if lr is None else f"a learning rate smaller than {lr:g}"
        return (
            f"iteration {iteration}: {error}. {first} The parameters are those before this "
            f"iteration. Use {rate}, or scale the inputs to the order of 1"
        )

    def _epoch(self) -> float:
        return len(self.history) / self.iterations_per_epoch

    def _iterations(self, epochs: int | None, iterations: int | None) -> int:
        if (epochs is None) == (iterations is None):
            given = "neither" if epochs is None else "both"
            raise ConfigError(f"give epochs or iterations, one of them; {given} was given")
        if epochs is not None:
            return _positive_int("epochs", epochs) * self.iterations_per_epoch
        return _positive_int("iterations", iterations)


def _positive_int(name: str, value: Any) -> int:
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1:
        return int(value)
    raise ConfigError(f"{name} must be a whole number of at least 1, got {value!r}")


def _carries(network: Network) -> str:
    """The name of something that the network carries from batch to batch, if anything."""
    layers = network.members.layers.items()
    return next((f"{n}.{a}" for n, layer in layers for a in names_of(layer, "carried")), "")
