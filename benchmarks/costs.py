"""What training costs besides its steps: busy neighbours, compiling, importing, a whole run."""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from timing import Spread, Turn, alternate, spread
from worker import ONE_THREAD

HERE = Path(__file__).parent

KEEP_BUSY = """
import numpy as np
a = np.ones((200, 200), np.float32)
print("busy", flush=True)
while True:
    a @ a
"""


def with_busy_cores(
    turns: Mapping[Any, Callable[[], Turn]], rounds: int
) -> dict[Any, tuple[float, float, Spread]]:
    """Time each in turn, alternately with idle and with busy cores.

    Gives the median seconds of both, and the ratio busy / idle.
    """
    idle: dict[Any, list[float]] = {key: [] for key in turns}
    busy: dict[Any, list[float]] = {key: [] for key in turns}
    for _ in range(rounds):
        for key, found in alternate(turns, 1).items():
            idle[key].append(found[0].wall)
        with busy_cores(max(1, (os.cpu_count() or 2) - 1)):
            for key, found in alternate(turns, 1).items():
                busy[key].append(found[0].wall)
    return {
        key: (
            statistics.median(idle[key]),
            statistics.median(busy[key]),
            spread(b / a for a, b in zip(idle[key], busy[key], strict=True)),
        )
        for key in turns
    }


@contextmanager
def busy_cores(count: int) -> Iterator[None]:
    """Keep so many cores busy with matrix products, each by a process of its own."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", KEEP_BUSY],
            env=os.environ | ONE_THREAD,
            stdout=subprocess.PIPE,
        )
        for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def compiling(sizes: tuple[int, ...], batch: int, rounds: int) -> Spread:
    """Seconds from a network to a program that is ready to run."""
    from clearprop import Network, dense_layers
    from clearprop.compiler import compile
    from clearprop.training import SGD

    rng = np.random.default_rng(0)
    x = rng.random((batch, sizes[0]), dtype=np.float32)
    t = rng.integers(sizes[-1], size=batch)

    def once() -> float:
        network = Network(dense_layers(sizes, rng=rng))
        start = perf_counter()
        compile(network, SGD(0.1)).prepare(x, t)
        return perf_counter() - start

    once()
    return spread(once() for _ in range(rounds))


def importing(module: str, rounds: int) -> Spread:
    """Milliseconds of processor time that an import takes in a fresh interpreter with NumPy.

    Those of its thread: the threads that NumPy has started idle busily beside it.
    """
    code = (
        "import numpy, time; start = time.thread_time(); "
        f"import {module}; print(1e3 * (time.thread_time() - start))"
    )

    def once() -> float:
        return float(subprocess.check_output([sys.executable, "-c", code], text=True))

    once()  # writes the bytecode, if it has not been written yet
    return spread(once() for _ in range(rounds))


def whole_run(iterations: int, rounds: int) -> tuple[float, float, Spread]:
    """Seconds of `clearprop train` and of the book's script, and the ratio theirs / ours."""
    train = "from clearprop.cli import main; main()"
    book = f"from contestants import book; book.main({iterations})"
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            options = ["train", "--iterations", str(iterations), "--folder", f"{folder}/{number}"]
            times["ours"].append(_seconds(train, *options))
            times["theirs"].append(_seconds(book))
    pairs = zip(times["theirs"], times["ours"], strict=True)
    ours, theirs = (statistics.median(values) for values in times.values())
    return ours, theirs, spread(b / a for b, a in pairs)


def _seconds(code: str, *options: str) -> float:
    start = perf_counter()
    subprocess.run(
        [sys.executable, "-c", code, *options], cwd=HERE, check=True, stdout=subprocess.DEVNULL
    )
    return perf_counter() - start
