"""What all compiled objects share: programs for the shapes they have met, one call at a time."""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import partial
from html import escape
from threading import RLock
from time import monotonic
from typing import Any, ClassVar

import numpy as np

from clearprop.compiler.engines import Job, engine, usable
from clearprop.compiler.program import Program
from clearprop.compiler.simplify import simplified
from clearprop.compiler.threads import BlasThreads, largest_product
from clearprop.compiler.tracing import Trace
from clearprop.errors import ConfigError, DTypeError, RecordingWarning, ShapeError
from clearprop.graph.constants import native
from clearprop.graph.display import as_html, folded, table
from clearprop.graph.node import parts
from clearprop.primitives.masked import refuse_masked

_IN_VAIN, _WORTH = 5, 2
"""A warning comes when so many programs in a row were not used so much longer than they took."""
_REMEDY = (
    "make a number that changes so often a float (1.0, not 1) that is an attribute of a layer or "
    "of the network, give an array with the batch or as an argument, and keep records, such as a "
    "list of losses, outside of what is compiled"
)
_FEWER = (
    "pad arrays to a few shapes, give numbers by their place, not by keyword, or run it without "
    "compiling"
)
KEPT, ROOM = 32, 2**28
"""So many programs of one object are kept, and more of them while they take no more bytes than
that; the one not used for longest goes first."""


_A_NODE = 2**12
"""Bytes that a node takes, beside its arrays, with the lines that are printed of it."""


class Plan:
    """A recorded graph, simplified and printed by an engine, with the threads it is given."""

    changed: Callable[[], str]
    """What is no longer as it was when this was recorded; empty as long as all is."""
    as_written: Mapping[str, str] = {}
    weak: tuple[Any, ...] = ()
    """Which arguments are plain numbers; a step and a prediction have none."""
    made: tuple[float, float] = (0.0, 0.0)
    """When this was made, and how long that took."""
    size = 0
    """About how many bytes it takes: arrays as they were recorded, its own, and what says it."""

    def __init__(
        self,
        owner: "Compiles",
        recorded: Trace,
        function: str,
        title: str,
        stored: Mapping[Any, Any],
        **how: Any,
    ) -> None:
        self.recorded = recorded
        self.packing: Any = None
        """The form of what a call gives; a step has none."""
        module = engine(owner.engine)
        self.trace = getattr(module, "simplified", simplified)(recorded)
        leaves = set(self.trace.leaves)
        stored = {leaf: array for leaf, array in stored.items() if leaf in leaves}
        how |= {"threads": owner.threads, "devices": owner.devices}
        job = Job(self.trace, function, title, stored, **how)
        self.program: Program = module.program(job)
        threads = owner.threads if self.program.uses_blas else None
        self.threads = BlasThreads.chosen(threads, largest_product(self.trace))
        outs = [o for node in recorded.nodes for o in parts(node.out)]
        self.size = 2 * sum(o.nbytes for o in outs) + _A_NODE * len(recorded.nodes)


class Compiles:
    """The base of compiled objects: they may be called from several threads, one at a time."""

    parts: ClassVar[tuple[str, ...]] = ()
    """The names of what it is compiled from."""
    settings: ClassVar[tuple[str, ...]] = ("threads", "engine")
    """The names of what says how."""

    def __init__(self, threads: int | str | None, engine: str, devices: Any = None) -> None:
        self.threads, self.devices = threads, devices
        self.engine, note = usable(engine)
        if note:
            warnings.warn(note, stacklevel=4)
        self._plans: OrderedDict[Hashable, Any] = OrderedDict()
        self._last: Any = None
        self._in_vain = 0
        self._new: list[tuple[float, float]] | None = []
        """When programs for what had none were made, and how long each took; `None` once said."""
        self.as_written: dict[str, str] = {}
        self.needed: set[tuple[int, str]] = set()
        """The numbers of layers that are needed as plain ones, so that they select a program."""
        # A program works in buffers of its own, which two calls at once would mix up.
        self._lock = RLock()

    def __reduce__(self) -> Any:
        """A copy is compiled anew from copies, at its first call; so is what is pickled."""
        made_from = [getattr(self, name) for name in self.parts]
        how = {name: getattr(self, name) for name in self.settings}
        return partial(type(self), **how), tuple(made_from)

    @property
    def source(self) -> str:
        """The program last used, as text. Errors: `ConfigError` before the first call."""
        return self._used().program.source

    @property
    def graph(self) -> Any:
        """The simplified graph of the program last used."""
        return self._used().trace

    @property
    def recorded(self) -> Any:
        """The graph as it was recorded, before simplification."""
        return self._used().recorded

    def save(self, path: Any) -> None:
        """Write the program last used as a Python file, which does not need clearprop.

        Errors: `UnsupportedError` if it calls layers as they are written.
        """
        self._used().program.save(path)

    def __repr__(self) -> str:
        network = getattr(self, "network", None)
        of = "" if network is None else f" of {type(network).__name__}"
        state = "no program before the first call"
        if self._last is not None:
            lines = self.source.count("\n")
            state = f"a program of {lines} lines of {self.engine}, see source"
        return f"<{type(self).__name__}{of}: {state}>"

    def _repr_html_(self) -> str:
        """The network, the rule of its optimizer, and behind a fold the program."""
        parts = [getattr(self, name, None) for name in ("network", "optimizer")]
        html = f"<p>{escape(repr(self))}</p>" + "".join(as_html(x) for x in parts if x is not None)
        if self.as_written:
            html += table(["as written", "because"], self.as_written.items())
        if self._last is None:
            return html
        return html + folded(f"the program, for {self.engine}", f"<pre>{escape(self.source)}</pre>")

    def _current(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The plan of a key, made anew where settings of the layers have changed."""
        plan = self._plans.get(key)
        what = plan and plan.changed()
        if plan is None or what:
            begun = monotonic()
            if what:
                self._count(plan, what)
            plan = self._plans[key] = make()
            plan.made = monotonic(), monotonic() - begun
            if not what:
                self._count_new(plan)
            room = 0 if self.engine == "jax" else ROOM  # JAX takes more than can be seen here
            while len(self._plans) > KEPT and sum(p.size for p in self._plans.values()) > room:
                self._plans.popitem(last=False)
        self._plans.move_to_end(key)
        self._last, self.as_written = plan, plan.as_written
        return plan

    def _count_new(self, plan: Any) -> None:
        """Say it once where the time goes into programs for ever other shapes."""
        if self._new is None:
            return
        self._new.append(plan.made)
        if len(self._new) > KEPT:
            (when, took), *_ = self._new
            if monotonic() - when + took < _WORTH * sum(took for _, took in self._new):
                self._new = None
                self._say("a shape, or an argument by keyword,", _FEWER)
            else:
                self._new.clear()

    def _count(self, plan: Any, what: str, remedy: str = _REMEDY) -> None:
        """Count programs that were in use for less long than they took, and say it once."""
        when, took = plan.made
        self._in_vain = self._in_vain + 1 if monotonic() - when < _WORTH * took else 0
        if self._in_vain == _IN_VAIN:
            self._say(what, remedy)

    def _say(self, what: str, remedy: str) -> None:
        warnings.warn(
            f"{what} changes again and again, and each time a program is recorded anew, which "
            f"takes far longer than to run it; {remedy}",
            RecordingWarning,
            stacklevel=6,
        )

    def _used(self) -> Any:
        if self._last is None:
            raise ConfigError(
                "there is no program yet: its shapes are known with the first call; a step can be "
                "prepared with step.prepare(x, t)"
            )
        return self._last


def signature(x: Any) -> Hashable:
    """Shape and dtype of an array, or of each of several; `None` where there is none."""
    if x is None:
        return None
    return tuple(map(signature, x)) if type(x) is tuple else (x.shape, x.dtype)


def as_arrays(x: Any, name: str = "x", turned: bool = False) -> Any:
    """An input as an array, or several as a tuple of arrays; `turned` to this machine's byte order.

    Errors: `DTypeError` for a mask, and for what NumPy makes no array of, such as a generator or a
    dict; `ShapeError` for lists whose parts differ in shape.
    """
    refuse_masked(x, name)
    if type(x) is tuple:
        return tuple(as_arrays(part, f"{name}[{i}]", turned) for i, part in enumerate(x))
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ShapeError(
            f"{name} is no array: {error}; give several inputs as a tuple of arrays"
        ) from None
    if array.dtype == object and not array.ndim:
        raise DTypeError(
            f"{name} is {kind_of(x)}, not an array; give an array of numbers, and several inputs "
            "as a tuple of arrays"
        )
    return native(array) if turned else array


def kind_of(x: Any) -> str:
    """What something is that should be an array."""
    return "None" if x is None else f"a {type(x).__name__}"


def formed(x: Any, entries: Iterator[Any]) -> Any:
    """Other entries in the form of an input that may be several: the inverse of `flat`."""
    if x is None:
        return None
    return tuple(formed(part, entries) for part in x) if isinstance(x, tuple) else next(entries)


def flat(x: Any) -> list[Any]:
    """The parts of an input that may be several, in order, or none."""
    if x is None:
        return []
    return [part for entry in x for part in flat(entry)] if isinstance(x, tuple) else [x]
