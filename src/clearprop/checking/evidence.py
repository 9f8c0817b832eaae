"""The evidence: what is known of one layer at given values. Every stage of a check adds to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

import numpy as np

from clearprop.checking import differences
from clearprop.checking.automatic import Opened, agrees, open_forward
from clearprop.checking.findings import Finding, Found, Kind
from clearprop.checking.layer_report import Row
from clearprop.checking.run import LayerRaised, Run
from clearprop.checking.trial import Trial

WRITES = 24
"""A forward that writes into arrays more often is sooner understood from outside."""
SINGLE = 200
"""Where there are no more outputs than this, the derivative by each of them can be had."""


@dataclass(eq=False)
class Evidence:
    """What is known of a layer, and the ways to learn more: its values, slopes and derivatives."""

    name: str
    layer: Any
    inputs: Sequence[Any]
    rng: np.random.Generator
    exhaustive: bool = False
    is_function: bool = False
    stages: str = "all"
    """"all", "values" (no contract) or "arrays" (automatic differentiation alone)."""
    like: Trial | None = None
    """The trial of the same layer on other inputs, which it is to be run like."""
    findings: list[Finding] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)
    trial: Trial = field(init=False)
    run: Run = field(init=False)
    """A forward pass, on which `backward` has not been run yet."""
    out: np.ndarray = field(init=False)
    dout: np.ndarray = field(init=False)
    eps: float = differences.EPS
    """The precision in which forward computes: lower than float64's with a buffer or a cast."""
    misread: dict[str, np.ndarray] = field(default_factory=dict)
    """Where automatic differentiation is not to be believed: at kinks of the formula, mostly."""
    roughly: set[str] = field(default_factory=set)
    """The arguments whose derivatives are right but for a small constant."""
    opened: Opened | None = None
    closed: str | None = None
    analytic: dict[str, np.ndarray] = field(default_factory=dict)
    """By `backward` under `dout`, for the arguments where it can be compared."""
    truth: dict[str, np.ndarray] = field(default_factory=dict)
    """By automatic or numerical differentiation; NaN where not known."""
    jacobians: dict[str, np.ndarray] = field(default_factory=dict)
    """By numerical differentiation, where every element was swept: (*argument, outputs)."""
    reproducible: bool = True
    """Whether a run on the same values gives the same numbers on the same copy."""
    mistakes: Any = None
    """The mistakes that explain wrong derivatives, once they have been looked for."""
    repairs: dict[str, Any] = field(default_factory=dict)
    """The edits that make wrong derivatives right, looked for where they are `sought`."""
    sought: set[str] = field(default_factory=set)
    less: Any = None
    """The evidence on fewer samples and time steps, once it has been looked for; or False."""
    patience: float = 20.0
    """For so many seconds causes are still looked for: they should not be needed."""
    shaken: list[Any] = field(default_factory=list)
    """Derivatives at values with other last bits, under `shaken_for`."""
    shaken_for: Any = None
    _worker: Any = None
    _moved: set[str] = field(default_factory=set)
    """The parameters that the worker does not hold as they were."""
    _puller: Run | None = None
    _each: dict[str, np.ndarray] | None = None

    def open(self) -> None:
        """Open `forward` for automatic differentiation, if it can be, and is to be believed."""
        opened = open_forward(self.trial)
        if isinstance(opened, str):
            self.closed = opened
        elif not agrees(opened, self.run.vector, self.within(1e-9)):
            self.closed = "it gives other numbers on Variables than on arrays"
        elif sum("put_at" in node.operation.name for node in opened.graph.nodes) > WRITES:
            self.closed = f"it writes into arrays more than {WRITES} times"
        else:
            self.opened = opened

    def within(self, rtol: float) -> float:
        """A relative tolerance for float64, or what the precision of forward allows."""
        return rtol if self.eps == differences.EPS else max(rtol, 100 * self.eps)

    def add(self, finding: Finding) -> None:
        self.findings.append(finding)

    def fault(self, kind: Kind, message: str, argument: str | None = None, **more: Any) -> None:
        self.add(Finding(layer=self.name, kind=kind, message=message, argument=argument, **more))

    def stop(self, kind: Kind, message: str, argument: str | None = None, **more: Any) -> NoReturn:
        """End the examination with a finding that makes the rest meaningless."""
        raise Found(Finding(layer=self.name, kind=kind, message=message, argument=argument, **more))

    @property
    def faulty(self) -> set[str | None]:
        """The arguments at which a fault has been found already."""
        return {finding.argument for finding in self.findings if finding.fault}

    def random_dout(self) -> np.ndarray:
        """A random derivative from upstream, no element of it near 0."""
        size = self.out.size
        return self.rng.uniform(0.5, 1.5, size) * self.rng.choice([-1.0, 1.0], size)

    def forward(self, **values: np.ndarray) -> np.ndarray:
        """All outputs for other values of some arguments, as one vector."""
        if self._worker is None or not self.reproducible:
            self._worker, self._moved = self.trial.copy(), set()
        restored = {name: self.trial.arguments[name].value for name in self._moved}
        self._moved = {name for name in values if self.trial.arguments[name].slot}
        try:
            return self.trial.run({**restored, **values}, self._worker).vector
        except LayerRaised:  # beyond the edge of what forward takes
            return np.full(self.out.shape, np.nan)

    def leave(self, slot: Any) -> None:
        """Take an array of the layer for what it is: nothing is differentiated by it any more."""
        self.trial.slots = [other for other in self.trial.slots if other is not slot]
        self.trial.list_arguments()
        self._worker, self._moved, self._puller = None, set(), None

    @cached_property
    def sizes(self) -> dict[str, np.ndarray]:
        """How large a step each element of each argument deserves."""
        return {n: differences.sizes(a.value) for n, a in self.trial.arguments.items()}

    def pull(self, dout: np.ndarray, anew: bool = False) -> dict[str, np.ndarray]:
        """The derivatives of all arguments by `backward`, under another `dout`.

        With `anew`, forward is run right before it.
        """
        if not self.trial.has_backward:
            return self.true(dout)
        if anew or self._puller is None or not self.reproducible:
            self._puller = self.trial.run()
        return self._puller.derivatives(dout)

    def each_output(self, name: str) -> np.ndarray | None:
        """The true derivative of an argument by every single output: (outputs, *argument).

        `None` where there are too many.
        """
        size = self.out.size
        if size > SINGLE or sum(t.size for t in self.truth.values()) * size > 2**22:
            return None
        if self._each is None:
            rows = [self.true(row) for row in np.eye(size)]
            self._each = {n: np.array([row[n] for row in rows]) for n in rows[0]}
        return self._each.get(name)

    def true(self, dout: np.ndarray) -> dict[str, np.ndarray]:
        """The true derivatives under another `dout`, as far as they are to be had."""
        if self.opened:
            found = self.opened.derivatives(dout)
            for name, mask in self.misread.items():
                found[name] = np.where(mask, np.nan, found[name]) if mask.any() else found[name]
            return found
        return {name: jacobian @ dout for name, jacobian in self.jacobians.items()}


def index_at(number: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index of an element, in plain numbers, from its number in the array."""
    return tuple(int(i) for i in np.unravel_index(number, shape))


def first_true(mask: np.ndarray) -> tuple[int, ...]:
    """The index of the first element that is true."""
    return index_at(np.argmax(mask), mask.shape)
