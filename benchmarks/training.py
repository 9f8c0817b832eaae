"""Training steps of many libraries against each other, and what else training costs.

    python benchmarks/training.py                 everything
    python benchmarks/training.py --only steps    one part of it
    python benchmarks/training.py --quick         a look at whether it runs

Prints Markdown tables of ratios; a mark stands where a goal is set, and the exit status is 1 if one
is missed. How it measures is told in `README.md`.
"""

import argparse
import importlib.util
import json
import math
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import costs
from contestants import (
    CONTESTANTS,
    OTHERS_ON_IMAGES,
    OURS,
    OURS_ON_IMAGES,
    Contestant,
    on_language,
)
from contestants.images import NETS
from timing import Spread, Turn, alternate, spread, surroundings
from worker import Worker

GOALS = {
    "PyTorch eager": 1.8,
    "JAX, scan over an epoch": 1.25,
    "the book's algorithm, float64, default thread": 7.0,
    "floor: products and gather, one thread": 1 / 1.15,
}
"""How many times as long as our compiled step each must take at least, for the book's net.

Of the numbers of threads the better counts. Only the book's is taken as its readers run it.
"""

SWEEP_GOALS = {"PyTorch eager": 1.0}
"""The same, for every other net of the sweep."""

PACKAGES = ("numpy", "clearprop", "torch", "jax", "mygrad", "autograd", "scikit-learn")


@dataclass(frozen=True)
class Row:
    """A contestant beside our compiled step."""

    name: str
    threads: str
    wall: float
    """Seconds a step, by the clock and undisturbed; median of the rounds."""
    cpu: float
    """Seconds a step, of the processor; median of the rounds."""
    ratio: Spread
    """Its undisturbed time over ours, of the same round."""
    cpu_ratio: Spread


@dataclass(frozen=True)
class Net:
    """A net to train, and a batch size."""

    hidden: int
    depth: int
    batch: int

    @property
    def sizes(self) -> tuple[int, ...]:
        return (784, *[self.hidden] * (self.depth - 1), 10)

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, batch {self.batch}"


BOOKS = Net(50, 2, 100)

SWEEP = (
    BOOKS,
    *(Net(50, 2, batch) for batch in (10, 1000)),
    *(Net(hidden, 2, 100) for hidden in (256, 1024)),
    *(Net(50, depth, 100) for depth in (4, 8)),
)
"""The book's net, and one thing changed at a time."""

CROSSED = tuple(
    Net(hidden, depth, batch)
    for hidden in (50, 256, 1024)
    for depth in (2, 4, 8)
    for batch in (10, 100, 1000)
)
"""Everything with everything."""


def measure_steps(
    problem: dict[str, Any], options: Any, own: Contestant, others: Iterable[Contestant]
) -> list[Row]:
    """Let our step and each of the others take turns, two contestants at a time.

    More processes at once would fill the caches of the machine, and slow all of them down.
    """
    ours_of_all: list[Turn] = []
    rows = []
    for contestant in chosen(options.contestants, others):
        with workers(problem, [contestant], options.seconds, own) as found:
            times = alternate({key: w.turn for key, w in found.items()}, options.rounds)
        ours = times.pop((own, "own choice"))
        ours_of_all += ours
        rows += [row(*key, turns, ours) for key, turns in times.items()]
    return [row(own, "own choice", ours_of_all, ours_of_all), *rows] if rows else []


@contextmanager
def workers(
    problem: dict[str, Any],
    contestants: Iterable[Contestant],
    seconds: float,
    own: Contestant = OURS,
) -> Iterator[dict[tuple[Contestant, str], Worker]]:
    """Start our step and others, each in a process, and see that all of them learn the same."""
    with ExitStack() as stack:
        found: dict[tuple[Contestant, str], Worker] = {}
        for contestant, threads in variants([own, *contestants]):
            found[contestant, threads] = worker = Worker(
                contestant.module,
                contestant.function,
                problem,
                seconds,
                one_thread=threads == "one",
                at_least=contestant.at_least,
            )
            stack.callback(worker.stop)
        losses = {}
        for (contestant, threads), worker in list(found.items()):
            try:
                losses[contestant, threads] = worker.ready()
            except RuntimeError as error:
                if contestant is own:
                    raise
                say(f"Left out: {contestant.name} ({threads}): {error}")
                del found[contestant, threads]
        for differs in check(losses, own):
            del found[differs]
        yield found


def check(
    losses: dict[tuple[Contestant, str], float], own: Contestant = OURS
) -> list[tuple[Contestant, str]]:
    """Which libraries are not to be timed, since they compute something else: said, and left out.

    Where it is one of ours that differs, nothing is timed.
    """
    expected = losses[own, "own choice"]
    differ = []
    for (contestant, threads), loss in losses.items():
        if contestant.learns and not math.isclose(loss, expected, rel_tol=2e-4):
            text = f"computes something else: its loss is {loss}, ours {expected}"
            if not contestant.needs:
                raise AssertionError(f"{contestant.name} ({threads}) {text}")
            say(f"Left out: {contestant.name} ({threads}) {text}")
            differ.append((contestant, threads))
    return differ


def chosen(
    names: list[str], contestants: Iterable[Contestant] = CONTESTANTS
) -> Iterator[Contestant]:
    """The others that are asked for and installed."""
    for contestant in contestants:
        asked = not names or any(name.lower() in contestant.name.lower() for name in names)
        if contestant is OURS or not asked:
            continue
        if contestant.needs and importlib.util.find_spec(contestant.needs) is None:
            say(f"Left out: {contestant.name}: {contestant.needs} is not installed")
        else:
            yield contestant


def variants(contestants: Iterable[Contestant]) -> Iterator[tuple[Contestant, str]]:
    """Each with the numbers of threads it is given."""
    return ((contestant, n) for contestant in contestants for n in contestant.threads)


def row(contestant: Contestant, threads: str, turns: list[Turn], ours: list[Turn]) -> Row:
    """A line of the table."""
    pairs = list(zip(turns, ours, strict=True))
    return Row(
        contestant.name,
        threads,
        statistics.median(turn.undisturbed for turn in turns),
        statistics.median(turn.cpu for turn in turns),
        spread(theirs.undisturbed / mine.undisturbed for theirs, mine in pairs),
        spread(theirs.cpu / mine.cpu for theirs, mine in pairs),
    )


def best(rows: list[Row], name: str) -> Row | None:
    """The faster of a contestant's rows; a name may end in the number of threads."""
    found = [r for r in rows if name in (r.name, f"{r.name}, {r.threads} thread")]
    return min(found, key=lambda r: r.ratio.median, default=None)


def steps_table(net: Net | str, rows: list[Row]) -> str:
    """The rows of one net."""
    lines = [
        f"### Step of {net}",
        "",
        "| | threads | µs | processor µs | × ours | middle half | processor × ours |",
        "|---|---|--:|--:|--:|:-:|--:|",
    ]
    lines += [
        f"| {r.name} | {r.threads} | {1e6 * r.wall:.0f} | {1e6 * r.cpu:.0f} | "
        f"{r.ratio.median:.2f} | {r.ratio.low:.2f}–{r.ratio.high:.2f} | {r.cpu_ratio.median:.2f} |"
        for r in rows
    ]
    return "\n".join(lines)


class Goals:
    """What is to be reached, ticked off one by one."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.missed = 0

    def at_least(self, what: str, value: float, goal: float) -> None:
        self._note(what, value >= goal, f"{value:.2f}, at least {goal:.2f}")

    def at_most(self, what: str, value: float, goal: float, unit: str = "") -> None:
        self._note(what, value <= goal, f"{value:.3g}{unit}, at most {goal:.3g}{unit}")

    def _note(self, what: str, reached: bool, text: str) -> None:
        self.missed += not reached
        self.lines.append(f"- {'✓' if reached else '✗'} {what}: {text}")


def steps(options: Any, goals: Goals) -> Any:
    """The sweep."""
    nets = CROSSED if options.crossed else SWEEP[: 1 if options.quick or options.book else None]
    found, against_torch = {}, []
    for net in nets:
        problem = {"sizes": net.sizes, "batch": net.batch, "small": options.quick}
        rows = measure_steps(problem, options, OURS, CONTESTANTS)
        found[str(net)] = [asdict(r) for r in rows]
        say("", steps_table(net, rows))
        for name, goal in (GOALS if net == BOOKS else SWEEP_GOALS).items():
            r = best(rows, name)
            if r is not None:
                goals.at_least(f"{net}: {name}, × our step", r.ratio.median, goal)
        r = best(rows, "PyTorch eager")
        if r is not None:
            against_torch.append(r.ratio.median)
    if len(against_torch) > 1:
        mean = statistics.geometric_mean(against_torch)
        goals.at_least("PyTorch eager over the sweep, geometric mean", mean, 1.4)
    return found


def images(options: Any, goals: Goals) -> Any:
    """Networks of images."""
    found = {}
    for net in list(NETS)[: 1 if options.quick else None]:
        problem = {"net": net, "small": options.quick}
        rows = measure_steps(problem, options, OURS_ON_IMAGES, OTHERS_ON_IMAGES)
        found[net] = [asdict(r) for r in rows]
        if rows:
            say("", steps_table(f"{net}, batch 100", rows))
        torch = [r.ratio.median for r in rows if r.name.startswith("PyTorch")]
        if torch and net == "SimpleConvNet":
            goals.at_least(f"{net}: PyTorch eager, × our step", min(torch), 1.0)
        in_c = [r.ratio.median for r in rows if r.name.endswith("with C")]
        if torch and in_c:
            least = {"SimpleConvNet": 2.0, "DeepConvNet": 1.0}[net]
            goals.at_least(f"{net}: PyTorch eager, × our step with C", min(torch) / in_c[0], least)
    return found


LANGUAGE = {
    "an LSTM of 100 units over 35 of 10,000 words, batch 20": (
        "language",
        {"vocabulary": 10_000},
        {"vocabulary": 50, "units": 8, "length": 3},
    ),
    "two transformer blocks of 64 with 4 heads over 32 of 65 characters, batch 16": (
        "transformer",
        {"characters": 65},
        {"characters": 9, "width": 8, "heads": 2, "length": 5, "batch": 3},
    ),
}
"""Models of language: their module, the problem, and a small one of its kind."""


def language(options: Any, goals: Goals) -> Any:
    """Models of language."""
    found = {}
    for name, (module, problem, small) in LANGUAGE.items():
        own, *others = on_language(module)
        rows = measure_steps(small if options.quick else problem, options, own, others)
        found[name] = [asdict(r) for r in rows]
        if rows:
            say("", steps_table(name, rows))
    return found


def busy(options: Any, goals: Goals) -> Any:
    """The step with the other cores kept busy by other processes."""
    problem = {"sizes": BOOKS.sizes, "batch": BOOKS.batch, "small": options.quick}
    with workers(problem, chosen(["floor", "PyTorch eager"]), options.seconds) as found:
        rows = costs.with_busy_cores({k: w.turn for k, w in found.items()}, options.rounds)
    say("", "### Step with the other cores busy", "")
    say(
        "| | threads | µs idle | µs busy | busy / idle | middle half |", "|---|---|--:|--:|--:|:-:|"
    )
    for (contestant, threads), (idle, loaded, ratio) in rows.items():
        say(
            f"| {contestant.name} | {threads} | {1e6 * idle:.0f} | {1e6 * loaded:.0f} | "
            f"{ratio.median:.2f} | {ratio.low:.2f}–{ratio.high:.2f} |"
        )
        if contestant is OURS:
            goals.at_most("our step with the other cores busy / idle", ratio.median, 1.5)
    return {f"{c.name}, {threads}": asdict(r) for (c, threads), (_, _, r) in rows.items()}


def compiling(options: Any, goals: Goals) -> Any:
    """How long compiling takes."""
    say("", "### Compiling, seconds", "")
    found = {}
    for depth, goal in ((2, 0.1), (50, 1.0)):
        seconds = costs.compiling(Net(50, depth, 100).sizes, 100, options.rounds)
        say(f"- {depth} layers: {seconds.median:.3f} ({seconds.low:.3f}–{seconds.high:.3f})")
        goals.at_most(f"compiling {depth} layers", seconds.median, goal, " s")
        found[depth] = asdict(seconds)
    return found


def importing(options: Any, goals: Goals) -> Any:
    """What importing costs beyond NumPy."""
    say("", "### Importing beyond NumPy, milliseconds", "")
    found = {}
    for module, goal in (("clearprop", 30), ("torch", None), ("jax", None)):
        if importlib.util.find_spec(module) is None or (options.quick and goal is None):
            continue
        ms = costs.importing(module, options.rounds)
        say(f"- {module}: {ms.median:.1f} ({ms.low:.1f}–{ms.high:.1f})")
        found[module] = asdict(ms)
        if goal:
            goals.at_most(f"import {module} beyond NumPy", ms.median, goal, " ms")
    return found


def run(options: Any, goals: Goals) -> Any:
    """A whole training, start to end."""
    rounds = max(1, options.rounds // 5)
    ours, theirs, ratio = costs.whole_run(20 if options.quick else 10_000, rounds)
    say("", "### The whole training, start to end", "")
    say(f"- `clearprop train`: {ours:.2f} s", f"- the book's script: {theirs:.2f} s")
    say(f"- ratio: {ratio.median:.2f} ({ratio.low:.2f}–{ratio.high:.2f})")
    goals.at_least("the book's script, × `clearprop train`", ratio.median, 6.0)
    return {"ours": ours, "theirs": theirs, "ratio": asdict(ratio)}


PARTS: dict[str, Callable[[Any, Goals], Any]] = {
    "steps": steps,
    "images": images,
    "language": language,
    "busy": busy,
    "compiling": compiling,
    "importing": importing,
    "run": run,
}


def say(*lines: str) -> None:
    """Print at once, since the next lines may take a while."""
    print(*lines, sep="\n", flush=True)


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--contestants", nargs="+", default=[], help="parts of their names")
    parser.add_argument("--book", action="store_true", help="only the book's net, no sweep")
    parser.add_argument("--crossed", action="store_true", help="all 27 nets")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.15, help="of a turn")
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    parser.add_argument("--quick", action="store_true", help="made-up data, two short rounds")
    return parser


def main() -> int:
    """Measure and print; 1 if a goal was missed."""
    options = arguments().parse_args()
    if options.quick:
        options.rounds, options.seconds = 2, 0.001
    machine = surroundings(*PACKAGES)
    say(machine)
    goals = Goals()
    found = {part: PARTS[part](options, goals) for part in options.only}
    say("", "### Goals", "", *goals.lines)
    if options.json:
        result = {"machine": machine, **found, "goals": goals.lines}
        options.json.write_text(json.dumps(result, indent=1))
    return 0 if options.quick else int(goals.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
