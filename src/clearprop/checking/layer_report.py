"""What was found at one layer, a row an argument; reports on several samples join in one."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from clearprop.checking.findings import Finding, Kind


@dataclass(frozen=True)
class Row:
    """One argument of a layer: how far its derivative is from the true one, at worst.

    `absolute` and `relative` are `None` where nothing could be compared. `relative` is measured
    against the largest true derivative of the argument. `method` says what it was compared with.
    """

    argument: str
    shape: tuple[int, ...]
    absolute: float | None
    relative: float | None
    method: str
    verdict: str = "right"

    @property
    def ok(self) -> bool:
        return self.verdict == "right"


@dataclass(frozen=True)
class LayerReport:
    """What was found at one layer.

    `closed` says why `forward` could not be opened for automatic differentiation, if so.
    """

    name: str
    kind: str
    rows: tuple[Row, ...] = ()
    findings: tuple[Finding, ...] = ()
    closed: str | None = None
    cases: int = 1
    """On how many samples the layer was tried."""

    @property
    def faults(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.fault)

    @property
    def mistakes(self) -> tuple[Finding, ...]:
        """The faults but those that only say that something could not be checked."""
        return tuple(f for f in self.faults if f.kind not in UNCHECKED)

    @property
    def ok(self) -> bool | None:
        """Whether all was compared and is right; `None` where nothing is wrong but not all was."""
        if self.mistakes:
            return False
        return None if self.unchecked else True

    @property
    def unchecked(self) -> tuple[str, ...]:
        """What could not be compared: names of arguments, or of the layer where it is all of it."""
        rows = (row.argument for row in self.rows if row.verdict == Kind.NOT_COMPARED.value)
        found = (
            f.argument or self.name
            for f in self.findings
            if f.kind is Kind.NOT_COMPARED or (f.fault and f.kind in UNCHECKED)
        )
        return tuple(dict.fromkeys((*rows, *found)))


UNCHECKED = frozenset({Kind.NOT_COMPARED, Kind.SAMPLES, Kind.NO_BACKWARD})
"""Findings that say that something could not be checked, not that it is wrong."""


def merge(name: str, reports: Iterable[LayerReport]) -> LayerReport:
    """Join the reports of one layer on several samples: its worst rows, each finding once.

    Where samples lead to different diagnoses of one argument, the sample on which the argument has
    most elements is believed: a single number shows no pattern.
    """
    reports = [replace(r, findings=tuple(f.at(name) for f in r.findings)) for r in reports]
    if len(reports) == 1:
        return replace(reports[0], name=name)
    rows: dict[str, Row] = {}
    for row in (row for report in reports for row in report.rows):
        known = rows.get(row.argument)
        rows[row.argument] = row if known is None else _worse(known, row)
    best: dict[Any, tuple[Any, Finding]] = {}
    for report in reports:
        sizes = {row.argument: math.prod(row.shape) for row in report.rows}
        for finding in report.findings:
            size = sizes.get(finding.argument or "", 0) - (finding.kind is Kind.UNKNOWN) * 0.5
            rank = finding.fault, size
            key = _key(finding)
            if key not in best or rank > best[key][0]:
                best[key] = rank, finding
    findings = tuple(finding for _, finding in best.values())
    verdicts = {f.argument: f.kind.value for f in reversed(findings) if f.fault and f.argument}
    return LayerReport(
        name=name,
        kind=reports[0].kind if reports else "",
        rows=tuple(
            row if row.ok else replace(row, verdict=verdicts.get(row.argument, row.verdict))
            for row in rows.values()
        ),
        findings=findings,
        closed=next((r.closed for r in reports if r.closed), None),
        cases=len(reports),
    )


_OF_THE_CALL = {
    Kind.STALE,
    Kind.ACCUMULATES,
    Kind.IN_PLACE,
    Kind.STATEFUL,
    Kind.STOCHASTIC,
    Kind.DTYPE,
    Kind.INTEGER,
    Kind.KINK,
    Kind.NO_BACKWARD,
    Kind.UNDECLARED,
    Kind.RAISES,
    Kind.SAMPLES,
}


def _key(finding: Finding) -> Any:
    """Findings with equal keys are one; of the patterns, an argument has only one."""
    if finding.kind in _OF_THE_CALL:
        return finding.kind, finding.argument
    return finding.argument


def _worse(one: Row, other: Row) -> Row:
    # The larger shape says more, as long as both are right.
    if one.ok and other.ok:
        worst = max((one, other), key=lambda r: r.relative or 0.0)
        return replace(worst, shape=max(one.shape, other.shape, key=lambda s: (math.prod(s), s)))
    return max(
        (one, other), key=lambda r: (not r.ok, math.inf if r.relative is None else r.relative)
    )
