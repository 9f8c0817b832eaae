"""A report for people: a table of text, and one of HTML for notebooks."""

from html import escape

from clearprop.checking.findings import Finding
from clearprop.checking.report import Report, Row

HEAD = ("layer", "argument", "shape", "absolute", "relative", "compared with", "verdict")


def text(report: Report) -> str:
    """The table, one row a layer and argument, and the findings under it."""
    cells = _cells(report)
    widths = [max(len(row[i]) for row in (HEAD, *cells)) for i in range(len(HEAD))]
    lines = [_line(HEAD, widths), "  ".join("─" * w for w in widths)]
    lines += [_line(row, widths) for row in cells]
    lines += ["", summary(report)]
    for finding in _ordered(report):
        lines += ["", str(finding)]
    return "\n".join(lines)


def summary(report: Report) -> str:
    """One sentence: how much was compared, and whether all of it is right."""
    arguments = sum(row.absolute is not None for layer in report.layers for row in layer.rows)
    layers = len(report.layers)
    what = f"{layers} layer{'s' * (layers != 1)}, {arguments} derivative{'s' * (arguments != 1)}"
    faults = len(report.faults)
    if report.ok:
        verdict = "all right"
    else:
        bad = [layer.name for layer in report.layers if not layer.ok]
        verdict = f"{faults} fault{'s' * (faults != 1)}, in {', '.join(bad)}"
    return f"{report.name}: {what} compared in float64: {verdict}."


def _ordered(report: Report) -> list[Finding]:
    """Faults first; the other findings after them."""
    return sorted(report.findings, key=lambda finding: not finding.fault)


def _cells(report: Report) -> list[tuple[str, ...]]:
    cells = []
    for layer in report.layers:
        rows = [_row(layer.name, row) for row in layer.rows]
        other = [f for f in layer.faults if f.argument not in {r.argument for r in layer.rows}]
        rows += [(layer.name, f.argument or "", "", "", "", "", f.kind.value) for f in other]
        cells += rows or [(layer.name, "", "", "", "", "", "nothing to compare")]
    return cells


def _row(layer: str, row: Row) -> tuple[str, ...]:
    numbers = ("" if d is None else f"{d:.1e}" for d in (row.absolute, row.relative))
    shape = f"({', '.join(map(str, row.shape))}{',' * (len(row.shape) == 1)})"
    return (layer, row.argument, shape, *numbers, row.method, row.verdict)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = [
        cell.rjust(width) if i in (3, 4) else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()


def html(report: Report) -> str:
    """The same as a table of HTML, with everything escaped."""
    head = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in HEAD)
    rows = []
    for cells in _cells(report):
        wrong = cells[-1] not in ("right", "nothing to compare")
        style = " style='background:#fbe3e4;color:#1b1b1b'" if wrong else ""
        rows.append(f"<tr{style}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
    found = "".join(f"<pre>{escape(str(finding))}</pre>" for finding in _ordered(report))
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"<p>{escape(summary(report))}</p>{found}"
    )
