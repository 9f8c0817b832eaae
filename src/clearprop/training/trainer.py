"""The trainer: mini-batches, steps, evaluations."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Literal

import numpy as np

from clearprop.compiler.processes import agree, is_first, together
from clearprop.compiler.threads import BlasThreads, threads_as_set, threads_tried
from clearprop.errors import ConfigError, NonFiniteError
from clearprop.files import FilePath
from clearprop.networks import Network
from clearprop.networks.evaluation import Evaluation
from clearprop.networks.fitting import refuse_class
from clearprop.networks.network import check_network
from clearprop.training.batches import MiniBatches, generator, size_of_batches, steps
from clearprop.training.best import best_of
from clearprop.training.checkpoint import Training, read_checkpoint, training_of, write_checkpoint
from clearprop.training.course import Course
from clearprop.training.data import carried
from clearprop.training.history import History
from clearprop.training.history_file import HistoryWriter
from clearprop.training.interrupts import Interrupts
from clearprop.training.keeping import Keeper, check_distinct, check_paths
from clearprop.training.nonfinite import explained
from clearprop.training.optimizers.base import Updates
from clearprop.training.optimizers.settings import positive_int, positive_number
from clearprop.training.optimizers.sgd import SGD
from clearprop.training.progress import Moment, Progress, callbacks_of, progress_of
from clearprop.training.referee import Referee
from clearprop.training.sets import read_sets
from clearprop.training.showing import as_tables, in_one_line
from clearprop.training.signals import SignalRecorder, rows_to_look_at
from clearprop.training.step import engine_of, make_step


class Trainer:
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
    `rng`, takes their place. Several inputs, of the network or of its own `loss` alone, are a
    tuple of arrays, and several targets, one for each loss, too. Everything is checked here, before
    anything is changed.

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
        check_network(network)
        refuse_class("optimizer", optimizer)
        self.network = network
        self.optimizer: Updates = SGD(0.1) if optimizer is None else optimizer
        if not callable(getattr(self.optimizer, "update", None)):
            raise ConfigError(
                f"the optimizer {optimizer!r} has no update(params, grads); use SGD(lr=0.1)"
            )
        self.on_progress = progress_of(on_progress)
        self.callbacks = callbacks_of(callbacks)
        self.history_path, self.signals_path = history_path, signals_path
        self.checkpoint_path, self.best_path = checkpoint_path, best_path
        check_distinct(self._paths)
        self.checkpoint_seconds = positive_number("checkpoint_seconds", checkpoint_seconds)
        self.patience = None if patience is None else positive_int("patience", patience)
        self.rng = generator(rng)
        self._sets = read_sets(
            network,
            (x_train, t_train, w_train),
            (x_test, t_test, w_test),
            validation=validation,
            scale=scale,
            score_training=score_training,
            rng=self.rng,
        )
        samples = self._sets.train
        wanted = {"patience": patience, "best_path": best_path}
        asked = next((name for name, value in wanted.items() if value is not None), None)
        self.best = best_of(best_by, network, self._sets, asked)
        """The network that was best after an epoch, kept with `best_path` or `patience`."""
        self.history = History(self._sets.score_name, self._sets.held_out)
        """What happened so far; grows with each call of `train`."""
        self.interrupted = False
        """Whether Ctrl-C ended the last call of `train` early."""
        self.batch_size = size_of_batches(batch_size, network, samples)
        in_order = bool(carried(network)) or not shuffle
        self._batches = MiniBatches(samples.number, self.batch_size, self.rng, in_order=in_order)
        self.iterations_per_epoch = self._batches.per_epoch
        self._threads: int | None = None
        """How many BLAS threads take the steps, once it is chosen."""
        self._signals: SignalRecorder | None = None
        self._resumed: Mapping[str, Any] | None = None
        """The notes of the checkpoint from which the next call of `train` goes on, if any."""
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
        what = self.network, self.optimizer, self._sets.train, self.batch_size
        self._step, self._why_not = make_step(*what, **self._how)
        how = engine_of(self._step), self.batch_size
        self._referee = Referee(self.network, self._sets, self._note, *how)

    def __getstate__(self) -> dict[str, Any]:
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
        if is_out and not (in_all and self._resumed is not None):
            self.best.start = len(self.history)
        self.interrupted = False
        self.best.hide(self.network)
        course = self._course(last)
        quiet = np.errstate(all="ignore")  # what is not finite is found and named
        with Interrupts() as interrupts, self._blas() as cores, quiet:
            self.interrupted = course.run(interrupts, cores)
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
        self._save(path)
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
        self._resumed = checkpoint.notes
        self._signals = None
        self._threads = checkpoint.notes.get("threads") or None
        self.best.start = checkpoint.notes.get("patience") or 0
        return self.history

    @property
    def _paths(self) -> dict[str, FilePath]:
        """The files that are written, under the names of the arguments."""
        names = "checkpoint_path", "best_path", "history_path", "signals_path"
        return {name: path for name in names if (path := getattr(self, name)) is not None}

    def _course(self, last: int) -> Course:
        """What a call of `train` does until the iteration `last`, and the files it writes."""
        release = getattr(self._step, "release", lambda: None)
        parts = self._batches, self.history, self._referee, self.best, self.patience
        told = self.callbacks, self.on_progress
        keeper, signals = self._keeper(), self._recorder()
        writer = self._writer()  # which opens its file, once nothing else is refused
        self._resumed = None
        return Course(last, self._take, release, *parts, *told, signals, writer, keeper)

    def _take(self, iteration: int) -> float:
        """Learn from the next batch, wholly or not at all; the loss before."""
        rows = next(self._batches)
        try:
            return self._step(rows)
        except BaseException as error:
            self._batches.put_back()
            if not isinstance(error, NonFiniteError):
                raise
            self._referee.settle()
            batch = self._sets.train.batch(rows)
            text = explained(error, iteration, self.network, self.optimizer, *batch)
            raise NonFiniteError(text) from None

    def _note(self, iteration: int, train_score: float, test: Evaluation, network: Network) -> None:
        """Keep what an evaluation found, and perhaps the network that was evaluated."""
        epoch = iteration / self.iterations_per_epoch
        scores = {"train_score": train_score, "test_score": test.score, "test_loss": test.loss}
        noted = self.history.add_evaluation(iteration=iteration, epoch=epoch, **scores)
        if epoch.is_integer() and (self.best_path is not None or self.patience is not None):
            self.best.consider(noted, network)

    @contextmanager
    def _blas(self) -> Iterator[int]:
        """The choice of threads for steps, and how many cores evaluations have beside them.

        It stays: another would change the order of sums.
        """
        cores = threads_as_set()
        if self._threads is None:
            self._threads = threads_tried(self.batch_size * self._sets.train.largest_product)
        with BlasThreads(self._threads):
            yield 1 if self._threads > 1 else cores  # large products use all by themselves

    def _recorder(self) -> SignalRecorder | None:
        """What looks at the layers, if it has done so from the start or the checkpoint on."""
        if self.signals_path is None:
            return None
        if self._signals is None and (not len(self.history) or self._resumed is not None):
            # What is carried has a row for each sample of a batch.
            one = self.batch_size if carried(self.network) else None
            batch = self._sets.train.batch(rows_to_look_at(self._sets.train.number, one))
            self._signals = SignalRecorder(self.signals_path, self.network, *batch[:2])
            if self._resumed is not None:
                self._signals.go_on(self._resumed.get("signals"))
        return self._signals

    def _writer(self) -> HistoryWriter | None:
        if self.history_path is None:
            return None
        if self._resumed is not None:
            self.history.write(self.history_path)
        return HistoryWriter(self.history_path, self.history)

    def _keeper(self) -> Keeper | None:
        if self.checkpoint_path is None and self.best_path is None:
            return None
        if self.checkpoint_path is not None:
            _ = self._training  # refused now, if it cannot be kept
        best = self.best, self.best_path
        return Keeper(*best, self._save, self.checkpoint_path, self.checkpoint_seconds)

    def _save(self, path: FilePath) -> None:
        notes = {
            "threads": self._threads,
            "signals": self._signals and self._signals.looked_at,
            "patience": self.best.start,
        }
        write_checkpoint(path, self._training, self.history, notes)

    @cached_property
    def _training(self) -> Training:
        how = {"compiled": self._why_not is None, "engine": self._engine}
        what = self.network, self.optimizer, self._batches, self._sets
        return training_of(*what, self.best, **how)

    def __repr__(self) -> str:
        return in_one_line(self)

    def _repr_html_(self) -> str:
        return as_tables(self)
