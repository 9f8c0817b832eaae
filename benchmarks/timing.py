"""Measure things against each other: alternately, in one run, as ratios.

A time in milliseconds says as much about the machine and what else runs on it as about the code.
A ratio of two times measured right after each other says much less about them, and the median of
many such ratios less still. So every benchmark here times its candidates in turn, round after
round, and reports the median ratio with the span of its middle half.
"""

import gc
import math
import platform
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter, process_time


@dataclass(frozen=True)
class Turn:
    """Seconds a call."""

    wall: float
    """By the clock."""
    cpu: float
    """Of the processor, in all threads of the process."""
    undisturbed: float = math.nan
    """By the clock, where nothing else on the machine came between; see `stretches`."""


@dataclass(frozen=True)
class Spread:
    """A median, with the span of the middle half."""

    median: float
    low: float
    high: float


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
    (once at least).
    """
    turns = {}
    for name, candidate in candidates.items():
        timed(candidate, 3)
        calls = max(1, round(seconds / max(timed(candidate, 3).wall, 1e-9)))
        turns[name] = lambda candidate=candidate, calls=calls: timed(candidate, calls)
    times = alternate(turns, rounds)
    first, *others = candidates
    return [_comparison(first, other, times[first], times[other]) for other in others]


def alternate(turns: Mapping[str, Callable[[], Turn]], rounds: int) -> dict[str, list[Turn]]:
    """Give each candidate one turn a round, and change the direction from round to round."""
    times: dict[str, list[Turn]] = {name: [] for name in turns}
    for number in range(rounds):
        for name in list(turns)[:: -1 if number % 2 else 1]:
            times[name].append(turns[name]())
    return times


def timed(candidate: Callable[[], object], calls: int) -> Turn:
    """Time so many calls.

    The garbage collector stays on, since it is part of what a person waits for, but it starts with
    nothing left to collect.
    """
    gc.collect()
    wall, cpu = perf_counter(), process_time()
    for _ in range(calls):
        candidate()
    return Turn((perf_counter() - wall) / calls, (process_time() - cpu) / calls)


def stretches(candidate: Callable[[], object], count: int) -> Turn:
    """Time so many calls one by one: their median, and their first decile as the undisturbed time.

    While other work runs on the machine, most calls of a few milliseconds are still not disturbed,
    so the first decile hardly moves when the mean doubles.
    """
    gc.collect()
    walls, cpu = [], process_time()
    for _ in range(count):
        start = perf_counter()
        candidate()
        walls.append(perf_counter() - start)
    cpu = (process_time() - cpu) / count
    return Turn(statistics.median(walls), cpu, sorted(walls)[count // 10])


def spread(values: Iterable[float]) -> Spread:
    """The median of measurements and the span of their middle half."""
    values = list(values)
    if len(values) < 2:
        return Spread(*values * 3)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(statistics.median(values), low, high)


def _comparison(ours: str, theirs: str, a: list[Turn], b: list[Turn]) -> Comparison:
    ratio = spread(x.wall / y.wall for x, y in zip(a, b, strict=True))
    seconds, their_seconds = (statistics.median(turn.wall for turn in turns) for turns in (a, b))
    return Comparison(ours, theirs, seconds, their_seconds, ratio.median, ratio.low, ratio.high)


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
    return f"{platform.system()} {platform.machine()}{_processor()}; {', '.join(found)}"


def _processor() -> str:
    """The processor's name and how many of it there are, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f", {platform.processor()}" if platform.processor() else ""
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f", {len(names)} × {names[0]}" if names else ""
