"""The examination of one layer at given values, in the order in which a person would do it.

Forward, backward, the true derivatives, the comparison, the contract. A stage that makes the next
ones meaningless ends the examination with what it found.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.checking import compare, contract
from clearprop.checking.automatic import Opened, agrees, open_forward
from clearprop.checking.findings import Finding, Found, Kind
from clearprop.checking.passes import first_backward, first_forward, has_backward
from clearprop.checking.report import LayerReport, Row
from clearprop.checking.trial import Run, Trial


class Examination:
    """What is known of a layer at given values; each stage adds to it."""

    def __init__(
        self,
        name: str,
        layer: Any,
        inputs: Sequence[Any],
        rng: np.random.Generator,
        *,
        exhaustive: bool = False,
        is_function: bool = False,
    ) -> None:
        self.name, self.kind = name, type(layer).__name__
        self.given = layer, tuple(inputs)
        self.rng = rng
        self.exhaustive = exhaustive
        self.is_function = is_function
        self.findings: list[Finding] = []
        self.rows: dict[str, Row] = {}
        self.trial: Trial
        self.run: Run
        """A forward pass, on which `backward` has not been run yet."""
        self.out: np.ndarray
        self.dout: np.ndarray
        self.opened: Opened | None = None
        self.closed: str | None = None
        self.analytic: dict[str, np.ndarray] = {}
        """By `backward` under `dout`, for the arguments where it can be compared."""
        self.truth: dict[str, np.ndarray] = {}
        """By automatic or numerical differentiation; NaN where not known."""
        self.reproducible = True
        """Whether a run on the same values gives the same numbers on the same copy."""
        self.worker: Any = None
        self.puller: Run | None = None

    def report(self) -> LayerReport:
        """Go through all stages."""
        try:
            self.trial = Trial(self.name, *self.given)
            self._stages()
        except Found as found:
            self.add(found.finding)
        notes = self.trial.notes if hasattr(self, "trial") else []
        return LayerReport(
            name=self.name,
            kind=self.kind,
            rows=tuple(self.rows.values()),
            findings=(*self.findings, *notes),
            closed=self.closed,
        )

    def _stages(self) -> None:
        self.run = first_forward(self)
        self.out = self.run.vector
        contract.forward_repeats(self)
        self.dout = self.random_dout()
        if has_backward(self.trial.layer):
            first_backward(self)
            contract.backward_repeats(self)
        self.open()
        if not has_backward(self.trial.layer):
            compare.stand_in(self)
        compare.all_arguments(self)
        if has_backward(self.trial.layer):
            contract.linear_in_dout(self)
            contract.nothing_stale(self)
            if not self.is_function:
                contract.other_batches(self)
                contract.keeps_float32(self)

    def open(self) -> None:
        """Open `forward` for automatic differentiation, if it can be, and is to be believed."""
        opened = open_forward(self.trial)
        if isinstance(opened, str):
            self.closed = opened
        elif not agrees(opened, self.run):
            self.closed = "it gives other numbers on Variables than on arrays"
        else:
            self.opened = opened

    def add(self, finding: Finding) -> None:
        self.findings.append(finding)

    def fault(self, kind: Kind, message: str, argument: str | None = None, **more: Any) -> None:
        self.add(
            Finding(layer=self.name, kind=kind, message=message, argument=argument, **more)
        )

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
        if self.worker is None or not self.reproducible:
            self.worker = self.trial.copy()
        known = {name: a.value for name, a in self.trial.arguments.items() if a.slot}
        return self.trial.run({**known, **values}, self.worker).vector

    def pull(self, dout: np.ndarray) -> dict[str, np.ndarray]:
        """The derivatives of all arguments by `backward`, under another `dout`."""
        if not has_backward(self.trial.layer):
            return self.true(dout)
        if self.puller is None or not self.reproducible:
            self.puller = self.trial.run()
        return self.puller.derivatives(dout)

    def true(self, dout: np.ndarray) -> dict[str, np.ndarray]:
        """The true derivatives under another `dout`, where `forward` could be opened."""
        return self.opened.derivatives(dout) if self.opened else {}
