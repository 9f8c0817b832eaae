"""The result of a check, and how it shows itself: as text, HTML and JSON."""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from clearprop.checking.findings import Finding
from clearprop.checking.layer_report import LayerReport, Row
from clearprop.speech import in_english, width

Say = Callable[..., str]
"""Tells a word, a form with values, or a finished message: `in_english` or `reported`."""


HEAD = ("layer", "argument", "shape", "absolute", "relative", "compared with", "verdict")


@dataclass(frozen=True)
class Report:
    """The result of `clearprop.check`: `ok`, the layers, and the findings one by one.

    `print(report)` shows a table with one row a layer and argument, and under it what was found.
    Iterating gives the findings; those that are no faults, such as kinks, are among them.

    >>> from clearprop import Relu, check
    >>> report = check(Relu)
    >>> report.ok, [finding.kind for finding in report if finding.fault]
    (True, [])
    """

    name: str
    layers: tuple[LayerReport, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for layer in self.layers for finding in layer.findings)

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that make the check fail."""
        return tuple(finding for finding in self.findings if finding.fault)

    @property
    def ok(self) -> bool | None:
        """True if all was compared and is right, False if there is a fault.

        `None` where nothing is wrong, but something that the output depends on was not compared.
        """
        found = [layer.ok for layer in self.layers]
        return False if False in found else None if None in found else True

    @property
    def status(self) -> str:
        """`right`, `wrong` or `not checked`."""
        return {True: "right", False: "wrong", None: "not checked"}[self.ok]

    def __bool__(self) -> bool:
        return self.ok is True

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __getitem__(self, layer: str) -> LayerReport:
        """The report of one layer, by name.

        Errors: `KeyError` for a layer that was not checked.
        """
        for report in self.layers:
            if report.name == layer:
                return report
        known = ", ".join(report.name for report in self.layers)
        raise KeyError(f"no layer {layer!r} was checked; checked: {known}")

    def text(self, say: Say = in_english) -> str:
        """The report as text; `say` may tell it in another language, as `speech.reported` does."""
        head, cells = tuple(map(say, HEAD)), self._cells(say)
        widths = [max(width(row[i]) for row in (head, *cells)) for i in range(len(head))]
        lines = [_line(head, widths), "  ".join("─" * w for w in widths)]
        lines += [_line(row, widths) for row in cells]
        lines += ["", self._summary(say)]
        for text in self._told(say):
            lines += ["", text]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in HEAD)
        rows = []
        for cells in self._cells():
            wrong = cells[-1] not in ("right", "nothing to compare")
            style = " style='background:#fbe3e4;color:#1b1b1b'" if wrong else ""
            rows.append(f"<tr{style}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
        found = "".join(f"<pre>{escape(text)}</pre>" for text in self._told())
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
            f"<p>{escape(self._summary())}</p>{found}"
        )

    def _summary(self, say: Say = in_english) -> str:
        """One sentence: how much was compared, and whether all of it is right."""
        arguments = sum(row.absolute is not None for layer in self.layers for row in layer.rows)
        bad = [layer.name for layer in self.layers if layer.mistakes]
        left = [name for layer in self.layers for name in layer.unchecked]
        verdict = say("all right")
        if bad:
            faults = _several(sum(len(layer.mistakes) for layer in self.layers), "fault", say)
            verdict = say("{faults}, in {names}", faults=faults, names=", ".join(bad))
        if bad and left:
            form = "{verdict}; not checked: {names}"
            verdict = say(form, verdict=verdict, names=", ".join(left))
        elif left:
            form = "nothing wrong was found, but not all was compared: {names}"
            verdict = say(form, names=", ".join(left))
        return say(
            "{name}: {layers}, {derivatives} compared in float64: {verdict}.",
            name=self.name,
            layers=_several(len(self.layers), "layer", say),
            derivatives=_several(arguments, "derivative", say),
            verdict=verdict,
        )

    def _told(self, say: Say = in_english) -> list[str]:
        """The findings as text, faults first; those that say the same of several are told once."""
        same: dict[Any, list[Finding]] = {}
        for finding in sorted(self.findings, key=lambda finding: not finding.fault):
            said = re.sub(r" \(\d+ of \d+ elements are wrong\)", "", finding.message)
            same.setdefault((finding.layer, finding.kind, said), []).append(finding)
        told = []
        for first, *others in same.values():
            places = ", ".join(f.argument or f.layer for f in others)
            also = f"\n  {say('The same at {places}.', places=places)}" if others else ""
            told.append(first.text(say) + also)
        for layer in self.layers:
            how = {row.method for row in layer.rows} & {"directions", "element by element"}
            if layer.closed and how:
                told.append(
                    say(
                        "{layer}: compared with differences of forward alone, by {how}, since "
                        "forward cannot be opened for automatic differentiation: {why}",
                        layer=layer.name,
                        how=say(" and ".join(sorted(how))),
                        why=say(layer.closed),
                    )
                )
        return told

    def _cells(self, say: Say = in_english) -> list[tuple[str, ...]]:
        cells = []
        for layer in self.layers:
            rows = [_row(layer.name, row, say) for row in layer.rows]
            other = [f for f in layer.faults if f.argument not in {r.argument for r in layer.rows}]
            rows += [
                (layer.name, f.argument or "", "", "", "", "", say(f.kind.value)) for f in other
            ]
            cells += rows or [(layer.name, "", "", "", "", "", say("nothing to compare"))]
        return cells

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "name": self.name,
            "ok": self.ok,
            "status": self.status,
            "layers": [
                {
                    "name": layer.name,
                    "kind": layer.kind,
                    "ok": layer.ok,
                    "cases": layer.cases,
                    "closed": layer.closed,
                    "rows": [{**vars(row), "shape": list(row.shape)} for row in layer.rows],
                    "findings": [finding.to_dict() for finding in layer.findings],
                }
                for layer in self.layers
            ],
        }

    def to_json(self, indent: int | None = None) -> str:
        """The report as JSON text; NaN and infinity, which JSON lacks, become text."""
        return json.dumps(_finite(self.to_dict()), indent=indent, ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _several(count: int, thing: str, say: Say) -> str:
    return say(f"{{n}} {thing}{'s' * (count != 1)}", n=count)


def _row(layer: str, row: Row, say: Say) -> tuple[str, ...]:
    numbers = ("" if d is None else f"{d:.1e}" for d in (row.absolute, row.relative))
    argument = say(row.argument) if row.argument == "all parameters" else row.argument
    return (layer, argument, str(row.shape), *numbers, say(row.method), say(row.verdict))


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = []
    for i, (cell, wide) in enumerate(zip(cells, widths, strict=True)):
        room = " " * (wide - width(cell))
        padded.append(room + cell if i in (3, 4) else cell + room)
    return "  ".join(padded).rstrip()
