"""One pass through layers: which of their two formulas is meant, and where their noise comes from.

`loss`, `gradient` and `fit` mean `forward`; `predict`, `accuracy` and `evaluate` mean `infer`. The
outermost of them decides for everything inside, in its own thread; it is asked in one place, where
layers are called. There is no flag on a layer that could be forgotten.
"""

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from threading import local
from typing import Any

import numpy as np

from clearprop.errors import GraphError, ShapeError, UnsupportedError, said
from clearprop.graph.leaving import heed, now
from clearprop.graph.node import Recorded, parts
from clearprop.graph.parameters import names_of

Drawn = tuple[tuple[tuple[int, ...], ...], tuple[Any, ...]]
"""What one layer drew: the shapes of the inputs it drew for, and the arrays."""


class Pass:
    """One run through layers."""

    def __init__(
        self,
        formula: str = "forward",
        rng: "np.random.Generator | None" = None,
        *,
        outer: "Pass | None" = None,
        again: Iterator[Drawn] | None = None,
        bound: bool = False,
        record: Callable[..., Any] | None = None,
        ran: list[Any] | None = None,
        plain: bool = False,
        calls: list[Any] | None = None,
    ) -> None:
        self.formula = formula
        """`"forward"`, or `"infer"`, the formula at prediction."""
        self.rng = rng
        """The generator that noise is drawn from; `None` for each layer's own."""
        self.outer = outer
        """The pass inside which this one runs, which draws for it."""
        self.again = again
        """What was drawn before, which is taken once more."""
        self.bound = bound
        """Whether layers keep the noise that they have."""
        self.record = record
        """Called for each layer in place of the usual, where a whole network is recorded."""
        self.ran = ran
        """The layers that ran on arrays, in order; `None` where nobody asks."""
        self.plain = plain
        """Whether no layer holds a Variable, so that only inputs can be on a graph."""
        self.calls = calls
        """The outermost layers that ran on arrays, in order, each with its inputs and its output,
        which cannot be written into then; `None` where nobody asks."""
        self.views = False
        """Whether the node of a layer sees arrays that the layer keeps through read-only views."""
        self.predicted = False
        """Whether a network's `predict` has been called in it."""
        self.chained = False
        """Whether a network has run its layers in a row in it."""
        self.drawn: list[Drawn] = []
        """What was drawn, in order, where a node will want it again: inside another pass."""

    def draw(self, layer: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The noise of a layer, in the order of its names. Errors: `GraphError`, `ShapeError`."""
        names, shapes = names_of(layer, "noise"), tuple(map(np.shape, inputs))
        kind = type(layer).__name__
        if self.bound:
            found: Any = tuple(getattr(layer, name) for name in names)
        elif self.again is not None:
            before, found = next(self.again, ((), ()))
            if before != shapes:
                raise noise_does_not_fit(kind, before, shapes)
        elif self.outer is not None:
            found = self.outer.draw(layer, inputs)
        else:
            rng = generator_of(layer) if self.rng is None else self.rng
            found = parts(layer.draw(rng, *inputs))
            if len(found) != len(names) or any(isinstance(u, Recorded) for u in found):
                raise ShapeError(
                    f"{kind}.draw gave {len(found)} arrays for noise = {names!r}; it must return "
                    "one plain array for each name, drawn from rng"
                )
        if self.outer is not None:
            self.drawn.append((shapes, tuple(found)))
        return tuple(found)


def noise_does_not_fit(layer: str, before: Any, shapes: Any) -> GraphError:
    """The error for a node that keeps its noise and is given inputs of another shape."""
    return GraphError(
        f"{layer} keeps the noise that was drawn for inputs {_told(before)}, and is given "
        f"{_told(shapes)}; call the layer or network anew for another batch size"
    )


def _told(shapes: Any) -> str:
    return ", ".join(map(str, shapes)) or "of another layer"


def generator_of(layer: Any) -> "np.random.Generator":
    """The generator of a layer that runs alone: its `rng`, made from seed 0 where it has none."""
    rng = getattr(layer, "rng", None)
    if not isinstance(rng, np.random.Generator):
        rng = layer.rng = np.random.default_rng(0)
    return rng


_BARE = Pass()
"""A call outside of any network: `forward`, each layer with its own generator."""


class _Now(local):
    running: Pass = _BARE


_now = _Now()


def current() -> Pass:
    """The pass that runs in this thread; a bare one outside of any."""
    return _now.running


def is_bare() -> bool:
    """Whether no pass runs in this thread."""
    return _now.running is _BARE


class running:  # noqa: N801  # used as a function; a generator would take three times as long
    """Let a pass run in this thread within a `with` block."""

    __slots__ = ("before", "passing")

    def __init__(self, passing: Pass) -> None:
        self.passing = passing

    def __enter__(self) -> Pass:
        self.before, _now.running = _now.running, self.passing
        return self.passing

    def __exit__(self, *_: object) -> None:
        _now.running = self.before


def run(layer: Any, formula: str, inputs: tuple[Any, ...]) -> Any:
    """Run one of a layer's formulas, on whatever it is given; its arrays are bound already."""
    before, now.layer, refusal = now.layer, layer, said.refusal
    try:
        infer = None if formula == "forward" else getattr(layer, "infer", None)
        if infer is not None:
            out = infer(*inputs)
        elif formula == "forward":
            out = layer.forward(*inputs)
        else:
            flags = prediction_flags(type(layer).forward, 1 + len(inputs))
            out = layer.forward(*inputs, **flags)
    finally:
        now.layer = before
    if said.refusal is not refusal and any(isinstance(x, Recorded) for x in (*inputs, *parts(out))):
        heed(refusal)  # on arrays it is the layer's own affair
    return out


@cache
def prediction_flags(forward: Any, given: int = 0) -> dict[str, bool]:
    """The arguments by which a `forward` is told that it predicts, where it takes one, and it is
    not among so many that are given."""
    try:
        names = list(inspect.signature(forward).parameters)[given:]
    except (TypeError, ValueError):
        return {}
    return {name: False for name in ("train_flg", "training") if name in names}


def has_infer(layer: Any) -> bool:
    """Whether a layer has a second formula of its own."""
    infer = getattr(layer, "infer", None)
    if infer is not None and not getattr(infer, "is_missing", False):
        return True
    return bool(prediction_flags(getattr(type(layer), "forward", None)))


def noise_for(layer: Any, formula: str) -> tuple[str, ...]:
    """The names of what a layer draws for a formula: for `infer` too, if that is its `forward`."""
    names = names_of(layer, "noise")
    return names if names and (formula == "forward" or not has_infer(layer)) else ()


def bind_noise(layer: Any, inputs: tuple[Any, ...], passing: Pass) -> None:
    """Give a layer the noise of a pass."""
    if names := noise_for(layer, passing.formula):
        for name, u in zip(names, passing.draw(layer, inputs), strict=True):
            setattr(layer, name, u)


def on_arrays(layer: Any, inputs: tuple[Any, ...], passing: Pass) -> Any:
    """Run the layer itself on arrays, with the noise of the pass."""
    if passing.ran is not None:
        passing.ran.append(layer)
    bind_noise(layer, inputs, passing)
    calls = passing.calls
    if calls is None:
        return run(layer, passing.formula, inputs)
    passing.calls = None
    try:
        out = run(layer, passing.formula, inputs)
    finally:
        passing.calls = calls
    if type(out) is np.ndarray:
        out = out.view()
        out.setflags(write=False)
    calls.append((layer, inputs, out))
    return out


def inline(layer: Any, inputs: tuple[Any, ...], name: str | None) -> Any:
    """Run a layer as part of the one that calls it, whatever it is given: `Pass.record`."""
    return on_arrays(layer, inputs, current())


def enter(layer: Any, inputs: tuple[Any, ...]) -> None:
    """What `forward` of a layer with noise, state or an `infer` begins with: was it called rightly?

    Written out, `layer.forward(x)`, it draws the layer's noise. Inside another layer, or on
    Variables, it would pass by the noise, state and mode of the pass: `UnsupportedError`.
    """
    if now.layer is layer:
        return
    if now.layer is not None or any(isinstance(x, Recorded) for x in inputs):
        kind = type(layer).__name__
        # A network's own loss calls the network itself.
        own = now.layer is None and hasattr(layer, "lastLayer")
        raise UnsupportedError(
            f"{kind}.forward is written out inside another layer or on a graph, where its noise, "
            f"state or infer would be passed by; call {'it itself' if own else 'the layer'}, as in "
            f"self{'' if own else '.' + kind.lower()}(x)"
        )
    bind_noise(layer, inputs, _BARE)
