"""The compiled training step of a network."""

import math
from typing import Any

import numpy as np

from clearprop.compiler.data_set import Data, are_seen
from clearprop.compiler.engines.labels import is_refusal
from clearprop.compiler.layout import Layout
from clearprop.compiler.outside import METHODS
from clearprop.compiler.plans import Compiles, as_arrays, flat, signature
from clearprop.compiler.step_plan import StepPlan
from clearprop.errors import (
    DataError,
    LabelError,
    NonFiniteError,
    ShapeError,
    UnsupportedError,
)
from clearprop.networks import Network
from clearprop.networks.fitting import refuse_class


class Step(Compiles):
    """One training step, compiled: loss, derivatives and update as straight-line NumPy.

    `step(x, t)` computes the loss of a batch and its derivatives, updates the parameters in place
    and returns the loss before the update. If loss or update are not finite it raises
    `NonFiniteError` and changes nothing: state and generator are as they were, too.

    `step(x, t, w)` weighs the samples: the loss is `Σ w l / N`, over the number of samples and not
    the sum of the weights of the batch, so that with weights whose mean over all the data is 1 each
    sample counts by its own, in whichever batch it stands. They are above 0.

    A program is printed for each shape and dtype of a batch when it is first met, and kept. A
    setting of a layer that is a plain number is an argument of it; other settings select one.

    - `source`: the program last used, as text; `graph`: the simplified graph it was printed from;
      `recorded`: the graph before simplification;
    - `as_written`: layers that could not be compiled and run as they are written, with the reason;
    - `threads`: how many BLAS threads the step is given (`None`: as set), which may be assigned.

    The parameters of the network are moved into one vector, of which the layers hold the pieces, so
    that the update is one operation. They stay the network's: `network.params["W1"]` is what is
    trained, and an array assigned there is taken over. `release()` puts what was learned into the
    arrays that the layers held before, and gives those back to them; a further step goes on.
    """

    parts = ("network", "optimizer")
    settings = (*Compiles.settings, "devices")

    def __init__(
        self,
        network: Any,
        optimizer: Any,
        *,
        threads: int | str | None = "auto",
        engine: str = "numpy",
        devices: Any = None,
    ) -> None:
        super().__init__(threads, engine, devices)
        refuse_class("optimizer", optimizer)
        self.network = network
        self.optimizer = optimizer
        self._refuse()
        self._layout: Layout | None = None
        self.layout()

    def _refuse(self) -> None:
        reason = self.why_not(self.network, self.optimizer)
        if reason is not None:
            raise UnsupportedError(f"compile: {reason}; train without compiling")

    @staticmethod
    def why_not(network: Any, optimizer: Any) -> str | None:
        """Why a step cannot be compiled as a whole, or `None` if it can."""
        kind = type(optimizer)
        if not callable(getattr(optimizer, "change", None)) or not hasattr(optimizer, "partition"):
            return f"the optimizer {optimizer!r} has no change(p, g, …), its step as a formula"
        if not issubclass(_definer(kind, "change"), _definer(kind, "update")):
            return f"{kind.__name__} has an update of its own, which change does not describe"
        for method in ("gradient", "loss_and_gradient"):
            if getattr(type(network), method) is not getattr(Network, method):
                return f"{type(network).__name__} has a {method} of its own"
        members = network.members.layers
        for name, thing in {"the optimizer": optimizer, **members}.items():
            for method in METHODS:
                if callable(getattr(thing, "__dict__", {}).get(method)):
                    called = name or "the network"
                    return f"{called} has had a {method} assigned to it, which may do anything"
        return None

    def prepare(self, x: Any, t: Any) -> "Step":
        """Print the program for batches like this one, without taking a step."""
        with self._lock, np.errstate(all="ignore"):
            self._find(as_arrays(x, turned=True), self._targets(t))
        return self

    def _targets(self, t: Any) -> Any:
        """Targets as arrays; none for a loss of the network's own, which may need none."""
        if t is None and self.network.has_own_loss():
            return None
        return as_arrays(t, "t", turned=True)

    def __call__(self, x: Any, t: Any, w: Any = None) -> float:
        """Take one step on a batch; `t` may be `None` where a loss of one's own needs none.

        Errors: `NonFiniteError` if the loss or the update is not finite, with nothing changed;
        `ShapeError` and `LabelError` for a batch that does not fit the network.
        """
        x, t, w = as_arrays(x, turned=True), self._targets(t), _weights(w)
        several = type(x) is tuple or type(t) is tuple or t is None
        batch = (*flat(x), *flat(t)) if several else (x, t)
        batch = batch if w is None else (*batch, w)
        with self._lock:
            plan, key = self._last, _key(x, t, w)
            begun = None if plan is None or plan.key != key else self.begun(plan, batch)
            with np.errstate(all="ignore"):
                plan = self._find(x, t, w)
                with plan.threads:
                    return self.take(plan, batch, begun)

    def begun(self, plan: StepPlan, batch: tuple[Any, ...]) -> Any:
        """A step that is begun by the last program, where that is computed beside Python.

        It is looked in the meantime whether layers and groups still are what they were; else `take`
        leaves it alone.
        """
        program, layout = plan.program, plan.layout
        if plan.learns or layout.lent is not program or not layout.is_current() or plan.changed():
            return None  # what is given in a call is read by what the optimiser was, too
        return program, program.begin(*plan.call(batch))

    def take(self, plan: StepPlan, batch: tuple[Any, ...], begun: Any = None) -> float:
        """Run a program, or end what has begun; leave to network and optimiser what it leaves."""
        network, layout, program, learns = self.network, plan.layout, plan.program, plan.learns
        if layout.lent is not program:
            layout.lend(program, plan.kept) if program.keeps else layout.fetch()
            begun = None
        if learns:
            plan.begin(plan.rows)
        found: Any = None
        try:
            if begun is not None and begun[0] is program:
                found = program.end(begun[1])
            else:
                found = program.run(*plan.call(batch))
            if not found[-1]:  # after the loss, and state that is left
                raise NonFiniteError(f"the loss became {found[0]}")
        except BaseException as error:
            if learns:
                network.learning.undo(network.members, network.rng)
            if found is not None and math.isfinite(found[0]):
                raise self._held_back(*plan.given(batch)) from None
            if is_refusal(error):
                raise LabelError(str(error)) from None
            raise
        if learns:
            plan.leave(found[1:-1])
        self.optimizer.__dict__["step_count"] += 1
        return float(found[0])

    def _held_back(self, x: Any, t: Any, *w: Any) -> NonFiniteError:
        """The error for an update that is not finite: it is made once more, on arrays, to say of
        which parameter."""
        network = self.network
        with np.errstate(all="ignore"):
            walk = network.walk("forward", x)
            loss = walk.loss(x, t, *w)
            for each in w:
                loss = loss * np.mean(each)
            found = walk.derivatives(loss, network.trained)
            variables = {name: walk.params[name] for name in network.trained}
            grads = {n: found.get(v, np.zeros_like(v.data)) for n, v in variables.items()}
            try:
                self.optimizer.tried(network.params, grads)
            except NonFiniteError as error:
                return error
        return NonFiniteError(
            "the update holds NaN or infinity; nothing was changed. Use a smaller learning rate"
        )

    def release(self) -> None:
        """Give the layers their own arrays back, with what was learned in them."""
        if self._layout is not None:
            self._layout.release()

    def over(self, x: Any, t: Any, scale: float | None = None, w: Any = None) -> "StepOver":
        """The step on batches of rows of one data set, which it gathers by itself.

        With `scale`, `x` holds integers that are multiplied by it where that costs least. Until the
        first step the layers keep their own arrays. `w` are weights of the samples, if any.

        What is written into the arrays between two steps counts, in all of them or in none: none
        where one had to be copied, as a list or columns of a table, and with `engine="jax"`.

        Errors: `ShapeError` unless there is one label for each sample.
        """
        given = (x, t) if w is None else (x, t, w)
        x, t, w = as_arrays(x), as_arrays(t, "t"), _weights(w)
        parts = [*flat(x), *flat(t), *([] if w is None else [w])]
        if any(not a.ndim or len(a) != len(parts[0]) for a in parts):
            shapes = ", ".join(str(a.shape) for a in parts)
            raise ShapeError(f"x and t {shapes} do not belong together: one label each")
        data = Data(x, t, w, scale, None if scale is None else self.layout().dtype)
        return self.over_data(data if are_seen(given) else data.copied())

    def over_data(self, data: Data) -> "StepOver":
        """The step on batches of rows of a data set that has been read already."""
        self.release()
        return StepOver(self, data.copied() if self.engine == "jax" else data)

    def _find(self, x: Any, t: Any, w: Any = None, source: Data | None = None) -> StepPlan:
        """The program for such a batch, which may be gathered from a data set."""
        self.network.members.check()
        layout = self.layout()
        plan, key = self._last, _key(x, t, w, source)  # of this layout: another forgets them all
        if plan is None or plan.key != key or plan.changed():
            plan = self._current(key, lambda: self._plan(layout, x, t, w, source, key))
        return plan

    def _plan(self, *how: Any) -> StepPlan:
        self._refuse()  # what is assigned in place of a method may have come since
        return StepPlan(self, *how)

    def layout(self) -> Layout:
        """The vectors that the step works on; made anew if groups or frozen parameters changed."""
        layout = self._layout
        if layout is None or not layout.is_current():
            if self._last is not None:
                what = "what is frozen, or how parameters are grouped,"
                self._count(self._last, what, "compile a step for each network and optimizer")
            self.release()
            self._plans.clear()
            self._last = None
            layout = self._layout = Layout(self.network, self.optimizer)
        layout.adopt()
        return layout


class StepOver:
    """A compiled step on the samples of one data set: `step(rows)`.

    The rows of a batch are gathered into a buffer of the program. Call it within `np.errstate` and
    a limit of BLAS threads, as the Trainer does: it changes neither.
    """

    def __init__(self, step: Step, data: Data) -> None:
        self.release = step.release
        self.step = step
        self._source = data

    def __call__(self, rows: np.ndarray) -> float:
        """Take one step on the samples with these numbers.

        Errors: `NonFiniteError` as for `Step`; `DataError` for a number that no sample has, and
        `LabelError` for labels of the data set that do not fit. Nothing is changed then.
        """
        if type(rows) is not np.ndarray or rows.dtype != np.intp or rows.ndim != 1:
            rows = _as_index(rows)
        step, source = self.step, self._source
        plan, begun = step._last, None
        if plan is None or plan.source is not source or plan.rows != len(rows):
            plan = None
        else:
            begun = step.begun(plan, (rows,))
        self._check(rows)
        if plan is not None and plan.layout.is_current() and (begun or not plan.changed()):
            plan.layout.adopt()
        else:
            plan = step._find(*source.batch(rows), source)
        return step.take(plan, (rows,), begun)

    def prepare(self, samples: int) -> None:
        """Print the program for batches of so many samples, without taking a step.

        Errors: `UnsupportedError` if the network cannot be recorded.
        """
        rows, source = np.arange(samples), self._source
        try:
            self.step._find(*source.batch(rows), source)
        finally:
            self.release()

    def _check(self, rows: np.ndarray) -> None:
        """Refuse numbers that no sample has; one out of range would be read as another."""
        samples = self._source.samples
        # Taken without their sign, negative numbers are the largest: one look finds both.
        unsigned = rows.view(np.uintp)
        if rows.size and unsigned.item(unsigned.argmax()) >= samples:
            wrong = rows[(rows < 0) | (rows >= samples)][0]
            raise DataError(
                f"there is no row {wrong} in {samples} samples; rows go from 0 to {samples - 1}"
            )


def _weights(w: Any) -> Any:
    """The weights of samples as one array, if there are any."""
    return None if w is None else as_arrays([*w] if type(w) is tuple else w, "w")


def _as_index(rows: Any) -> np.ndarray:
    """Row numbers as an index. Errors: `DataError` for what is none."""
    rows = np.asarray(rows)
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        raise DataError(
            f"the rows of a batch are whole numbers (N,), got {rows.dtype} {rows.shape}"
        )
    return rows.astype(np.intp)


def _key(x: Any, t: Any, w: Any, source: Any = None) -> Any:
    """What selects a program; for arrays this is the quick way."""
    if isinstance(x, tuple) or isinstance(t, tuple) or t is None:
        shapes = signature((x, t))
    else:
        shapes = (x.shape, x.dtype, t.shape, t.dtype)
    return shapes, None if w is None else signature(w), id(source)


def _definer(kind: type, attribute: str) -> type:
    """The class in whose body an attribute of a class was written."""
    return next(c for c in kind.__mro__ if attribute in vars(c))
