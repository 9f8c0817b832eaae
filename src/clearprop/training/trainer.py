"""The trainer: mini-batches, steps, evaluations."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from functools import cached_property
from typing import Any, Literal

import numpy as np

from clearprop.compiler.processes import agree, is_first, together
from clearprop.compiler.threads import BlasThreads, threads_as_set, threads_tried
from clearprop.errors import ConfigError, NonFiniteError
from clearprop.files import FilePath
from clearprop.networks import Network
from clearprop.networks.network import check_network, refuse_class
from clearprop.training.batches import MiniBatches, check_single, generator, held_out, steps
from clearprop.training.best import Best
from clearprop.training.checkpoint import (
    Training,
    fingerprint,
    of_optimizer,
    read_checkpoint,
    settings_of,
    write_checkpoint,
)
from clearprop.training.course import Course
from clearprop.training.data import carried, read_samples
from clearprop.training.evaluation import Referee
from clearprop.training.history import History, HistoryWriter
from clearprop.training.interrupts import Interrupts
from clearprop.training.keeping import Keeper, check_distinct, check_paths
from clearprop.training.optimizers.base import Updates
from clearprop.training.optimizers.settings import positive_int, positive_number
from clearprop.training.optimizers.sgd import SGD
from clearprop.training.progress import Moment, Progress, usual_progress
from clearprop.training.showing import as_tables, in_one_line
from clearprop.training.signals import SignalRecorder
from clearprop.training.step import engine_of, make_step

USUAL = 100
"""Samples in a batch where nobody says how many."""


class Trainer(Course):
    """Train a network by mini-batches, to classify or to give numbers, as its loss layer says.

    **Batches.** At the start of each epoch the samples are shuffled by `rng` and cut into batches
    of `batch_size` (100, or all where there are fewer), or without `shuffle` only cut. Each sample
    is seen once an epoch; where `batch_size` does not divide the data the last batch of the epoch
    is smaller. An epoch has `⌈N / batch_size⌉` iterations. For a network that carries state from
    batch to batch they come in order, all of one size.

    **Record.** `history` holds the loss of every iteration, and after every epoch and at the end
    the score on all training and test data, accuracy, R² or what else the loss layer calls it, if
    it gives one, and the loss on all test data; both by the layers' `infer`. A `loss` that the
    network has written itself sees them in batches as in training, and the mean is taken.
    `score_training=False` leaves the training data out. With
    `history_path` it also grows as a JSON-lines file there, which the first call of `train` starts
    anew. With `signals_path` the activations and derivatives of each layer are looked at now and
    then, see `SignalRecorder`.

    **Data.** `x_train` (N, …) real numbers, cast once to the parameters' dtype (and not copied
    where it has it), or class numbers where the network takes such; `t_train` what the loss layer
    reads: class numbers (N,), one-hot labels, numbers of the shape of the answers; `x_test` and
    `t_test` likewise, or neither; with `validation`, a share of the training samples, drawn by
    `rng`, takes their place. Several inputs are a tuple of arrays, and several targets, one
    for each loss, too. Everything is checked here, before anything is changed.

    Weights of the samples (N,), above 0, are `w_train` and `w_test`; their mean becomes 1. The loss
    of a batch is then `Σ w l` over the number of its samples, so that a sample of weight 2 counts
    as if it were there twice.

    With `scale`, integers in `x_train` and `x_test` are kept and multiplied by it as they are used:
    the bytes of pixels with `scale=1/255`, in a quarter of the memory. That is for networks in
    float32 with one input; for others, such as those in float64, multiply the data beforehand.

    **Checkpoints.** With `checkpoint_path` all that a training needs to go on is kept there: after
    epochs (as often as takes a hundredth of the time), at least every `checkpoint_seconds`, and at
    the end, however it comes. With `best_path` the best network after an epoch, on test data if
    there are any, is kept there. Both are weights files, whole at any time. `resume` goes on from a
    checkpoint. Paths that cannot be written are refused before training begins; if
    writing fails later, training stops, and what was learned goes to the folder for temporary
    files.

    **Early stopping.** With `patience` training stops when so many evaluations in a row have not
    been better than the best, and when `train` returns the network is the best one, unless Ctrl-C
    ended it. The best, here and at `best_path`, is that with the highest score, or, where there is
    no score or with `best_by="loss"`, that with the lowest loss on test data.

    **Compiling.** The step runs as a compiled program (see `clearprop.compile`), and the layers get
    their own arrays back, with what was learned, when `train` returns. `compile=False` runs the
    layers as they are written; so do an optimizer with an `update` of its own and a network that
    cannot be recorded, for example: `as_written` says what runs so, and why. Evaluations run beside
    the next steps, on a copy of the network, where a second core is free and nobody asks for each
    moment. Where products are large, it is tried at the start whether all cores or one do them
    sooner. That changes the order of sums, so checkpoints keep it.

    With `engine="c"` a C compiler's kernels run what takes long, if there is one; with `"jax"` JAX
    runs the steps, and `devices` (how many, or a list) share each batch. Several processes, see
    `clearprop.training.join`, make the same Trainer, and the first writes files and reports.

    `optimizer` is `SGD(0.1)` where none is given. `rng` is a seed, a `Generator`, or `None` for
    another order each time; the same seed gives the same history and the same weights, bit for
    bit. `on_progress` is called with a `Moment` after each iteration and once at the end, or less
    often, see `Progress`; by default it is a bar at a terminal and in notebooks, and `False` is
    for none. `callbacks` are called with a `Moment` after each epoch, when it has been evaluated;
    training ends if one returns `True` (or NumPy's).

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
        w_train: Any = None,
        w_test: Any = None,
        validation: float | None = None,
        batch_size: int | None = None,
        shuffle: bool = True,
        score_training: bool = True,
        optimizer: Updates | None = None,
        scale: float | None = None,
        compile: bool = True,
        engine: str = "numpy",
        devices: Any = None,
        rng: int | np.random.Generator | None = None,
        on_progress: Progress | Literal[False] | None = None,
        callbacks: Sequence[Callable[[Moment], object]] = (),
        history_path: FilePath | None = None,
        signals_path: FilePath | None = None,
        checkpoint_path: FilePath | None = None,
        checkpoint_seconds: float = 30.0,
        best_path: FilePath | None = None,
        patience: int | None = None,
        best_by: Literal["score", "loss"] | None = None,
    ) -> None:
        if (x_test is None) != (t_test is None):
            raise ConfigError("x_test and t_test belong together: give both or neither")
        if validation is not None and x_test is not None:
            raise ConfigError("x_test takes the place of validation; give one of them")
        if w_test is not None and x_test is None:
            raise ConfigError(
                "w_test are the weights of x_test, which is missing; "
                + ("leave it out" if validation is None else "those of validation are in w_train")
            )
        check_network(network)
        refuse_class("optimizer", optimizer)
        self.network = network
        self.optimizer: Updates = SGD(0.1) if optimizer is None else optimizer
        if not callable(getattr(self.optimizer, "update", None)):
            raise ConfigError(
                f"the optimizer {optimizer!r} has no update(params, grads); use SGD(lr=0.1)"
            )
        self.rng = generator(rng)
        if validation is not None:
            train, test = held_out((x_train, t_train, w_train), validation, self.rng)
            (x_train, t_train, w_train), (x_test, t_test, w_test) = train, test
        self.on_progress = usual_progress() if on_progress is None else on_progress or None
        if not isinstance(callbacks, Iterable):
            raise ConfigError(
                f"callbacks are functions in a list, callbacks=[…], and {callbacks!r} is none"
            )
        self.callbacks = list(callbacks)
        if self.on_progress is not None and not callable(self.on_progress):
            raise ConfigError(
                f"on_progress is a function of a Moment, or False for none, and not {on_progress!r}"
            )
        for callback in self.callbacks:
            if not callable(callback):
                raise ConfigError(f"callbacks are functions of a Moment, and {callback!r} is none")
        self.history_path = history_path
        self.signals_path = signals_path
        self.checkpoint_path, self.best_path = checkpoint_path, best_path
        check_distinct(self._paths)
        self.checkpoint_seconds = positive_number("checkpoint_seconds", checkpoint_seconds)
        self.patience = None if patience is None else positive_int("patience", patience)
        self.best = Best(best_by or ("loss" if network.score_name is None else "score"))
        """The network that was best after an epoch, kept with `best_path` or `patience`."""
        self._resumed = False
        self._looked_at: int | None = None
        self._threads: int | None = None
        """How many BLAS threads take the steps, once it is chosen."""
        self._signals: SignalRecorder | None = None
        held = "test" if validation is None else "validation"
        self.history = History(network.score_name, held)
        """What happened so far; grows with each call of `train`."""
        self.interrupted = False
        """Whether Ctrl-C ended the last call of `train` early."""
        names = ("x_train", "t_train", "w_train"), ("x_test", "t_test", "w_test")
        self._train = read_samples(network, x_train, t_train, names[0], scale, w_train)
        self._test = None
        if x_test is not None:
            self._test = read_samples(network, x_test, t_test, names[1], scale, w_test)
        scored = score_training and network.score_name is not None
        self._sets = [s for s in (self._train if scored else None, self._test) if s is not None]
        self._check_best()
        samples = self._train.number
        usual = min(USUAL, samples)
        self.batch_size = usual if batch_size is None else positive_int("batch_size", batch_size)
        if self.batch_size > samples:
            raise ConfigError(
                f"batch_size {batch_size} is larger than the {samples} samples of x_train; "
                f"use {samples} or less"
            )
        self.iterations_per_epoch = -(-samples // self.batch_size)
        self._carries = carried(network)
        if self._carries and samples % self.batch_size:
            raise ConfigError(
                f"{self._carries} is carried from batch to batch, which must be of one size; "
                f"leave out {samples % self.batch_size} of the {samples} samples, or use another "
                "batch_size"
            )
        check_single(network, samples, self.batch_size, self._train.batch(slice(1)))
        self._batches = MiniBatches(
            samples, self.batch_size, self.rng, in_order=bool(self._carries) or not shuffle
        )
        self._how = {"compiled": compile, "engine": engine, "devices": devices}
        self._compile()
        self._engine = "c" if engine == "auto" else engine
        self._shares = engine == "jax" and together()
        self.is_first = not self._shares or is_first()
        if not self.is_first:
            self.on_progress = self.history_path = self.signals_path = None
            self.checkpoint_path = self.best_path = None

    def _compile(self) -> None:
        """Make the step, and what evaluates beside it."""
        what = self.network, self.optimizer, self._train, self.batch_size
        self._step, self._why_not = make_step(*what, **self._how)
        how = engine_of(self._step), self._test, self.batch_size
        self._referee = Referee(self.network, self._sets, self._note, *how)

    def _check_best(self) -> None:
        """Refuse to look for the best by what nobody computes."""
        by, network, asked = self.best.by, self.network, ("patience", "best_path")
        name = next((name for name in asked if getattr(self, name) is not None), None)
        if by not in ("score", "loss"):
            raise ConfigError(f'best_by is "score" or "loss", not {by!r}')
        if by == "score" and network.score_name is None:
            loss = type(next(iter(network.losses), network)).__name__
            raise ConfigError(f'{loss} gives no score to go by; use best_by="loss"')
        if name is not None and by == "score" and not self._sets:
            raise ConfigError(
                f"{name} goes by a score, and there is none: give x_test, validation or "
                "score_training=True"
            )
        if name is not None and by == "loss" and self._test is None:
            raise ConfigError(
                f"{name} goes by the loss on test data, and there are none: give x_test or "
                "validation"
            )

    def __getstate__(self) -> dict[str, Any]:
        self.network.params.come_home()
        made = {"_step", "_referee"}
        return {name: value for name, value in vars(self).items() if name not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._compile()

    @property
    def as_written(self) -> dict[str, str]:
        """What runs as it is written in place of a program, with the reason: layers, or all."""
        if self._why_not is not None:
            return {"the whole step": self._why_not}
        return dict(self._step.step.as_written)  # type: ignore[attr-defined]

    def train(
        self, epochs: int | None = None, iterations: int | None = None, *, in_all: bool = False
    ) -> History:
        """Train for so many epochs or iterations, and return the history.

        A further call goes on where this one ended, and is patient anew; `in_all` counts what was
        done before, and after `resume` those evaluations, too, that were no better. Ctrl-C
        ends training between two steps: the parameters keep what was learned, `interrupted` is
        `True` and the history is returned as usual. SIGTERM and SIGHUP end it so, too, and then the
        program.

        Errors: `ConfigError` unless one of `epochs` and `iterations` is given, and positive;
        `OutputError` if a file cannot be written; `NonFiniteError` if NaN or infinity turns up: it
        names the layer where, and the parameters are those before that step.
        """
        last = steps(epochs, iterations, self.iterations_per_epoch)
        last += 0 if in_all else len(self.history)
        if self._shares:
            seeds = self._batches.state, self.network.rng.bit_generator.state
            learned = [*self.network.params.values()]
            agree({"number of iterations": last, "seed or order": seeds, "network": learned})
        check_paths(self._paths)
        is_out = self.best.since(self.history) >= (self.patience or math.inf)
        if is_out and not (in_all and self._resumed):
            self.best.start = len(self.history)
        self.interrupted = False
        started = time.perf_counter()
        self.best.hide(self.network)
        keeper, writer = self._keeper(), self._writer()
        quiet = np.errstate(all="ignore")  # what is not finite is found and named
        with Interrupts() as interrupts, self._blas(), quiet:
            ended = []  # when it is not empty

            def end() -> None:
                with interrupts.held():
                    if not ended:
                        ended.append(True)
                        self._end(last, started, keeper, writer)

            try:
                try:
                    self._run(last, writer, keeper, interrupts)
                finally:
                    end()
                self.interrupted = interrupts.requested and len(self.history) < last
            except KeyboardInterrupt:  # once at most, but perhaps before the end could begin
                self.interrupted = True
                end()
            if not self.interrupted and self.patience is not None:
                self.best.show(self.network)
        return self.history

    def save(self, path: FilePath) -> None:
        """Write a checkpoint: all that a training needs to go on as if it had not been stopped.

        That is parameters and state of the layers, state and step of the optimizer, generators, the
        position in the epoch, the history and the best network. It is a weights file, too, see
        `load_weights`. Data and settings are not in it.

        Errors: `OutputError` if it cannot be written, `ConfigError` for an optimizer whose state
        nobody knows, since it is no `Optimizer`.
        """
        shown = self.best.hide(self.network)
        write_checkpoint(path, self._training, self.history, self._notes())
        if shown:
            self.best.show(self.network)

    def resume(self, path: FilePath) -> History:
        """Go on from a checkpoint, and return the history until there.

        The Trainer must have been made as the one that wrote it, with the same data and settings;
        the network's first weights do not matter. On the same machine training then gives what it
        would have given without the stop, bit for bit. The history file is cut to what the
        checkpoint knows of when training goes on.

        Errors: `FileNotFoundError` if there is no such file, `FileFormatError` if it is no
        checkpoint or a damaged one, `ConfigError` if it is that of a training on other data, with
        another `batch_size`, `shuffle`, `engine` or optimizer, other settings of it than the rate,
        other frozen parameters, or compiled steps where these are not; `ShapeError` and
        `DTypeError` for another network. Nothing is changed then.

        >>> import tempfile
        >>> from clearprop.networks import TwoLayerNet
        >>> x, t = np.eye(4), np.arange(4)
        >>> def trainer():
        ...     network = TwoLayerNet(4, 8, 4, rng=np.random.default_rng(0))
        ...     return Trainer(network, x, t, batch_size=2, rng=0)
        >>> first, second, whole = trainer(), trainer(), trainer()
        >>> _ = first.train(iterations=3)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     first.save(f"{folder}/checkpoint.safetensors")
        ...     second.resume(f"{folder}/checkpoint.safetensors")
        History(3 iterations, last loss 1.386, training 0.5000)
        >>> second.train(iterations=10, in_all=True) == whole.train(iterations=10)
        True
        """
        checkpoint = read_checkpoint(path)
        self.best.hide(self.network)
        held = self.history.held_out
        self.history = checkpoint.restore(self._training)
        self.history.held_out = held
        self._threads = checkpoint.notes.get("threads") or None
        self._resumed = True
        self._signals = None
        self._looked_at = checkpoint.notes.get("signals")
        self.best.start = checkpoint.notes.get("patience") or 0
        return self.history

    @cached_property
    def _training(self) -> Training:
        facts = {
            "batch_size": self.batch_size,
            "compiled": self._why_not is None,
            "data": [fingerprint(s) for s in (self._train, self._test) if s is not None],
        }
        optimizer = of_optimizer(self.optimizer)
        facts |= {"shuffle": not self._batches.in_order, "engine": self._engine}
        facts |= settings_of(optimizer)
        epoch = self.iterations_per_epoch
        return Training(self.network, optimizer, epoch, self._batches, self.best, facts)

    def _blas(self) -> BlasThreads:
        """The choice of threads, which stays: another would change the order of sums."""
        self._cores = threads_as_set()
        if self._threads is None:
            self._threads = threads_tried(self.batch_size * self._train.largest_product)
        if self._threads > 1:  # large products use all cores by themselves
            self._cores = 1
        return BlasThreads(self._threads)

    @property
    def _paths(self) -> dict[str, FilePath]:
        """The files that are written, under the names of the arguments."""
        names = "checkpoint_path", "best_path", "history_path", "signals_path"
        return {name: path for name in names if (path := getattr(self, name)) is not None}

    def _keeper(self) -> Keeper | None:
        if self.checkpoint_path is None and self.best_path is None:
            return None
        training = None if self.checkpoint_path is None else self._training
        best = self.best, self.best_path
        return Keeper(*best, training, self.checkpoint_path, self.checkpoint_seconds)

    def _writer(self) -> HistoryWriter | None:
        if self.history_path is None:
            return None
        if self._resumed:
            self.history.write(self.history_path)
        return HistoryWriter(self.history_path, self.history)

    def _end(
        self, last: int, started: float, keeper: Keeper | None, writer: HistoryWriter | None
    ) -> None:
        """What is done however a training ends, each whatever becomes of the others."""
        with ExitStack() as stack:
            stack.callback(self._report, last, done=True)
            stack.callback(getattr(self._step, "release", lambda: None))  # the layers' own arrays
            stack.callback(self._referee.cancel)
            if writer is not None:
                stack.callback(writer.close)
            self._resumed = False
            self.history.seconds += time.perf_counter() - started
            with suppress(NonFiniteError):
                self._referee.settle()
            if keeper is not None and not keeper.is_finished:
                keeper.finish(self.history, self._notes())

    def __repr__(self) -> str:
        return in_one_line(self)

    def _repr_html_(self) -> str:
        return as_tables(self)
