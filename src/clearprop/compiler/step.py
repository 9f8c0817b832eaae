"""The compiled training step of a network."""

import math
from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.engines import Job, engine
from clearprop.compiler.simplify import simplified
from clearprop.compiler.threads import BlasThreads, largest_product
from clearprop.compiler.tracing import Trace, record_step
from clearprop.errors import (
    ConfigError,
    DataError,
    DTypeError,
    LabelError,
    NonFiniteError,
    ShapeError,
    UnsupportedError,
)
from clearprop.networks import Network
from clearprop.primitives.labels import read_labels


class Step:
    """One training step, compiled: loss, derivatives and update as straight-line NumPy.

    `step(x, t)` computes the loss of a batch and its derivatives, updates the parameters in place
    and returns the loss before the update. If loss or update are not finite it raises
    `NonFiniteError` and changes nothing.

    A program is printed for each shape and dtype of a batch when it is first met, and kept.

    - `source`: the program last used, as text; `graph`: the simplified graph it was printed from;
      `recorded`: the graph before simplification;
    - `as_written`: layers that could not be compiled and run as they are written, with the reason;
    - `threads`: how many BLAS threads the step is given (`None`: as set), which may be assigned.

    The parameters of the network are moved into one vector, of which the layers hold the pieces, so
    that the update is one operation. They stay the network's: `network.params["W1"]` is what is
    trained, and an array assigned there is taken over. `release()` puts what was learned into the
    arrays that the layers held before, and gives those back to them; a further step goes on.
    """

    def __init__(
        self,
        network: Any,
        optimizer: Any,
        *,
        threads: int | str | None = "auto",
        engine: str = "numpy",
    ) -> None:
        reason = self.why_not(network, optimizer)
        if reason is not None:
            raise UnsupportedError(f"compile: {reason}; train without compiling")
        self.network = network
        self.optimizer = optimizer
        self.threads = threads
        self.engine = engine
        self.as_written: dict[str, str] = {}
        self._plans: dict[Any, _Plan] = {}
        self._last: _Plan | None = None
        self._flat, self._held, self._originals = _gather(network)

    @staticmethod
    def why_not(network: Any, optimizer: Any) -> str | None:
        """Why a step cannot be compiled as a whole, or `None` if it can."""
        kind = type(optimizer)
        if not callable(getattr(optimizer, "change", None)):
            return f"the optimizer {optimizer!r} has no change(g, …), its step as a formula"
        if not issubclass(_definer(kind, "change"), _definer(kind, "update")):
            return f"{kind.__name__} has an update of its own, which change does not describe"
        for method in ("forward", "predict", "loss", "gradient", "loss_and_gradient"):
            if getattr(type(network), method) is not getattr(Network, method):
                return f"{type(network).__name__} has a {method} of its own"
        places = {"the optimizer": optimizer, "the network": network, **network.layers}
        for name, thing in {**places, "lastLayer": network.lastLayer}.items():
            for method in _METHODS:
                if callable(getattr(thing, "__dict__", {}).get(method)):
                    return f"{name} has had a {method} assigned to it, which may do anything"
        return None

    @property
    def source(self) -> str:
        """The program last used. Errors: `ConfigError` before the first batch."""
        return self._used().program.source

    @property
    def graph(self) -> Trace:
        """The simplified graph of the program last used."""
        return self._used().trace

    @property
    def recorded(self) -> Trace:
        """The graph as it was recorded from the layers."""
        return self._used().recorded

    def save(self, path: Any) -> None:
        """Write the program last used as a Python file, which needs NumPy and not clearprop.

        Errors: `UnsupportedError` if it calls layers as they are written.
        """
        self._used().program.save(path)

    def prepare(self, x: Any, t: Any) -> "Step":
        """Print the program for batches like this one, without taking a step."""
        with np.errstate(all="ignore"):
            self._last = self._plan(np.asarray(x), np.asarray(t))
        return self

    def __call__(self, x: Any, t: Any) -> float:
        """Take one step on a batch.

        Errors: `NonFiniteError` if the loss or the update is not finite, with nothing changed;
        `ShapeError` and `LabelError` for a batch that does not fit the network.
        """
        x, t = np.asarray(x), np.asarray(t)
        self.network.check_places()
        self.adopt_if_exchanged()
        with np.errstate(all="ignore"):
            plan = self._last
            if plan is None or not plan.fits(x, t):
                plan = self._last = self._plan(x, t)
            with plan.threads:
                try:
                    loss, done = plan.program(x, t, plan.rate(self.optimizer))
                except ValueError as error:
                    if "label" not in str(error):
                        raise
                    raise LabelError(str(error)) from None
        if not done:
            raise _not_finite(loss)
        return float(loss)

    def release(self) -> None:
        """Give the layers their own arrays back, with what was learned in them."""
        for (layer, attribute, piece), original in zip(self._held, self._originals, strict=True):
            if getattr(layer, attribute) is piece and original.flags.writeable:
                original[...] = piece
                setattr(layer, attribute, original)

    def over(self, x: np.ndarray, t: np.ndarray, scale: float | None = None) -> "StepOver":
        """The step on batches of rows of one data set, which it gathers by itself.

        With `scale`, `x` holds integers that are multiplied by it where that costs least. Until the
        first step the layers keep their own arrays.

        Errors: `ShapeError` unless there is one label for each sample.
        """
        self.release()
        return StepOver(self, x, t, scale)

    def plan(self, x: np.ndarray, t: np.ndarray, source: "_Data | None" = None) -> "_Plan":
        """Make a program for batches like this one, which it may gather from a data set."""
        self._adopt()
        plan = _Plan(self, x, t, source)
        self.as_written = dict(plan.as_written)
        return plan

    def _plan(self, x: np.ndarray, t: np.ndarray) -> "_Plan":
        key = (x.shape, x.dtype, t.shape, t.dtype)
        if key not in self._plans:
            self._plans[key] = self.plan(x, t)
        return self._plans[key]

    def _used(self) -> "_Plan":
        if self._last is None:
            raise ConfigError(
                "the step has no program yet: its shapes are known with the first batch; "
                "call step(x, t), or step.prepare(x, t) to take no step"
            )
        return self._last

    def adopt_if_exchanged(self) -> None:
        """See to it that the layers hold the pieces of the vector that is trained."""
        for layer, attribute, piece in self._held:
            if getattr(layer, attribute) is not piece:
                self._adopt()
                return

    def _adopt(self) -> None:
        """Take over arrays that were assigned to layers since."""
        self.network.params.check_shared()
        for layer, attribute, piece in self._held:
            array = getattr(layer, attribute)
            if array is not piece:
                if np.shape(array) != piece.shape or np.asarray(array).dtype != piece.dtype:
                    raise ConfigError(
                        f"{type(layer).__name__}.{attribute} was {piece.dtype} {piece.shape} when "
                        f"it was compiled and is {np.asarray(array).dtype} {np.shape(array)} now; "
                        "compile the network again"
                    )
                piece[...] = array
                setattr(layer, attribute, piece)


class StepOver:
    """A compiled step on the samples of one data set: `step(rows)`.

    The rows of a batch are gathered into a buffer of the program. Call it within `np.errstate` and
    a limit of BLAS threads, as the Trainer does: it changes neither.
    """

    def __init__(self, step: Step, x: Any, t: Any, scale: float | None) -> None:
        x, t = np.asarray(x), np.asarray(t)
        if not x.ndim or not t.ndim or len(x) != len(t):
            raise ShapeError(f"x {x.shape} and t {t.shape} do not belong together: one label each")
        labels = t.astype(np.intp) if t.dtype.kind in "iu" else t
        self.release = step.release
        self.step = step
        self._source = _Data(np.ascontiguousarray(x), np.ascontiguousarray(labels), scale)
        self._plans: dict[int, _Plan] = {}

    def __call__(self, rows: np.ndarray) -> float:
        """Take one step on the samples with these numbers.

        Errors: `NonFiniteError` as for `Step`; `DataError` for a number that no sample has, and
        `LabelError` for labels of the data set that do not fit. Nothing is changed then.
        """
        rows = self._checked(rows)
        plan = self._plans.get(len(rows))
        if plan is None:
            x, t = self._source.x[rows], self._source.t[rows]
            plan = self._plans[len(rows)] = self.step.plan(x, t, self._source)
        self.step._last = plan
        self.step.adopt_if_exchanged()
        loss, done = plan.program(rows, plan.rate(self.step.optimizer))
        if not done:
            raise _not_finite(loss)
        return float(loss)

    def _checked(self, rows: Any) -> np.ndarray:
        """Row numbers as an index; one out of range would be read as another."""
        if type(rows) is not np.ndarray or rows.dtype != np.intp or rows.ndim != 1:
            rows = np.asarray(rows)
            if rows.dtype.kind not in "iu" or rows.ndim != 1:
                raise DataError(
                    f"the rows of a batch are whole numbers (N,), got {rows.dtype} {rows.shape}"
                )
            rows = rows.astype(np.intp)
        # Taken without their sign, negative numbers are the largest: one look finds both.
        if rows.size and np.maximum.reduce(rows.view(np.uintp)) >= len(self._source.x):
            wrong = rows[(rows < 0) | (rows >= len(self._source.x))][0]
            raise DataError(
                f"there is no row {wrong} in {len(self._source.x)} samples; "
                f"rows go from 0 to {len(self._source.x) - 1}"
            )
        return rows


class _Data(NamedTuple):
    """A data set that batches are gathered from."""

    x: np.ndarray
    t: np.ndarray
    scale: float | None


class _Plan:
    """The program for one shape of batch."""

    def __init__(
        self, step: Step, x: np.ndarray, t: np.ndarray, source: _Data | None = None
    ) -> None:
        optimizer = step.optimizer
        self.gathers = source is not None
        self.x_shape, self.x_dtype = x.shape, x.dtype
        self.t_shape, self.t_dtype = t.shape, t.dtype
        self._rates = optimizer.hyperparameters
        self._dtype = np.result_type(
            step._flat.dtype, x.dtype if x.dtype.kind == "f" else "f4"
        ).type
        if len(self._rates) != 1:
            raise UnsupportedError("compile: an optimizer with one hyperparameter is expected")
        (rate,) = self._rates

        def update(p: Any, g: Any, value: Any) -> Any:
            return p - optimizer.change(g, **{rate: value})

        scale = None if source is None else source.scale
        with BlasThreads(1):  # threads would cost more than they gain, as in a step
            recording = record_step(
                step.network, update, x, t, step._flat, self._dtype(getattr(optimizer, rate)), scale
            )
        self.recorded = recording.trace
        self.as_written = recording.as_written
        self.trace = simplified(recording.trace)
        leaves = {v.name: v for v in self.trace.leaves}
        name = type(step.network).__name__
        title = f"Training step of {name} for batches {x.shape}, written by clearprop."
        gathered = {}
        if source is not None:
            _check_labels(source.t, recording.trace)
            gathered = {leaves["x"]: source.x, leaves["t"]: source.t}
        job = Job(
            self.trace,
            "step",
            title,
            stored={leaves["P"]: step._flat},
            gathered=gathered,
            replaces={1: leaves["P"]},
            checks=True,
            label_checks=source is None,
        )
        self.program = engine(step.engine).program(job)
        self.threads = BlasThreads.chosen(step.threads, largest_product(self.trace))

    def fits(self, x: np.ndarray, t: np.ndarray) -> bool:
        """Whether this program is the one for such a batch given by itself."""
        return (
            not self.gathers
            and x.shape == self.x_shape
            and t.shape == self.t_shape
            and x.dtype == self.x_dtype
            and t.dtype == self.t_dtype
        )

    def rate(self, optimizer: Any) -> Any:
        """The learning rate as it is now; it may be assigned between two steps."""
        return self._dtype(getattr(optimizer, self._rates[0]))


def _check_labels(t: np.ndarray, trace: Trace) -> None:
    """Check all labels of a data set as the recorded step checks those of a batch."""
    for node in trace.nodes:
        if getattr(node.operation, "function", None) is read_labels:
            read_labels(t, (len(t), *node.params["shape"][1:]), node.params["dtype"])


_METHODS = (
    *("update", "change", "__call__", "forward", "backward"),
    *("predict", "loss", "gradient", "loss_and_gradient"),
)
"""What may be assigned to an object in place of the method of its class."""


def _definer(kind: type, attribute: str) -> type:
    """The class in whose body an attribute of a class was written."""
    return next(c for c in kind.__mro__ if attribute in vars(c))


def _not_finite(loss: Any) -> NonFiniteError:
    if not math.isfinite(loss):
        return NonFiniteError(f"the loss became {loss}")
    return NonFiniteError("the update holds NaN or infinity")


def _gather(
    network: Any,
) -> tuple[np.ndarray, list[tuple[Any, str, np.ndarray]], list[np.ndarray]]:
    """Move all parameters into one vector; the layers get its pieces.

    Gives the vector, the pieces with their holders, and the arrays these held before.
    """
    arrays = dict(network.params)
    dtypes = {np.asarray(a).dtype for a in arrays.values()}
    if len(dtypes) > 1 or any(d.kind != "f" for d in dtypes):
        found = ", ".join(sorted(map(str, dtypes)))
        raise DTypeError(
            f"compile: the parameters have the dtypes {found}; they must share one floating dtype, "
            "see network.astype(np.float32)"
        )
    dtype = dtypes.pop() if dtypes else np.dtype(np.float32)
    flat = np.empty(sum(np.size(a) for a in arrays.values()), dtype)
    held, originals, start = [], [], 0
    for name, array in arrays.items():
        piece = flat[start : start + array.size].reshape(array.shape)
        piece[...] = array
        start += array.size
        for layer, attribute in network.params.owners[name]:
            setattr(layer, attribute, piece)
            held.append((layer, attribute, piece))
            originals.append(array)
    return flat, held, originals
