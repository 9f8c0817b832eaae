"""Measure things against each other: alternately, in one run, as ratios.

A time in milliseconds says as much about the machine and what else runs on it as about the code.
A ratio of two times measured right after each other says much less about them, and the median of
many such ratios less still. So every benchmark here times its candidates in turn, round after
round, and reports the median ratio with the span of its middle half.
"""

import gc
import platform
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter


@dataclass(frozen=True)
class Comparison:
    """How long `ours` takes beside `theirs`: seconds a call, and the ratio ours / theirs."""

    ours: str
    theirs: str
    seconds: float
    their_seconds: float
    ratio: float
    low: float
    high: float


def compare(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 30,
    seconds: float = 0.02,
) -> list[Comparison]:
    """Time the first candidate against each of the others.

    Every candidate is warmed up and then called in each round as often as fits into `seconds`
    (once at least). The garbage collector stays on, since it is part of what a person waits for,
    but each turn starts with nothing left to collect.
    """
    calls = {}
    for name, candidate in candidates.items():
        _time(candidate, 3)
        calls[name] = max(1, round(seconds / max(_time(candidate, 3), 1e-9)))
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, candidate in candidates.items():
            gc.collect()
            times[name].append(_time(candidate, calls[name]))
    first, *others = candidates
    return [_comparison(first, other, times[first], times[other]) for other in others]


def _time(candidate: Callable[[], object], calls: int) -> float:
    start = perf_counter()
    for _ in range(calls):
        candidate()
    return (perf_counter() - start) / calls


def _comparison(ours: str, theirs: str, a: list[float], b: list[float]) -> Comparison:
    ratios = [x / y for x, y in zip(a, b, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4)
    return Comparison(
        ours,
        theirs,
        statistics.median(a),
        statistics.median(b),
        statistics.median(ratios),
        low,
        high,
    )


def table(title: str, rows: list[tuple[Comparison, float | None]]) -> str:
    """Write comparisons as a Markdown table; beside each ratio its target, if it has one."""
    lines = [
        f"### {title}",
        "",
        "| ours | against | ms | their ms | ratio | middle half | target |",
        "|---|---|--:|--:|--:|:-:|--:|",
    ]
    for row, target in rows:
        goal = "" if target is None else f"≤ {target:g} {'✓' if row.ratio <= target else '✗'}"
        lines.append(
            f"| {row.ours} | {row.theirs} | {1e3 * row.seconds:.3f} | "
            f"{1e3 * row.their_seconds:.3f} | {row.ratio:.2f} | "
            f"{row.low:.2f}–{row.high:.2f} | {goal} |"
        )
    return "\n".join(lines)


def surroundings(*packages: str) -> str:
    """The machine and the versions of what was measured, in one line."""
    found = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} not installed")
    return f"{platform.system()} {platform.machine()}; {', '.join(found)}"
