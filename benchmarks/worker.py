"""One contestant in a process of its own, with its own threads: `Worker` drives it from outside.

In one process the thread pools of several libraries would get into each other's way, and most of
them take the number of their threads from the environment, once, when they are loaded.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from timing import Turn, stretches, timed

CHECKED_STEPS = 5
"""After so many steps all contestants must have the same loss."""

STRETCH = 0.003
"""Seconds of steps that are timed together."""

PAUSE = 0.04
"""Seconds before each turn. Threads that wait for more work may keep a core busy that long."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NPROC": "1",
    "PJRT_NPROC": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
"""What NumPy, PyTorch and JAX read."""


class Worker:
    """A process that takes training steps when asked.

    `ready()` waits until it can, and gives the loss after `CHECKED_STEPS`; `turn()` takes steps for
    about `seconds`, `at_least` so many in each call, and gives the time of one.

    Errors: `RuntimeError` with what the process said, if it ended.
    """

    def __init__(
        self,
        module: str,
        function: str,
        problem: Mapping[str, Any],
        seconds: float,
        *,
        one_thread: bool,
        at_least: int = 1,
    ) -> None:
        task = {
            "module": module,
            "function": function,
            "problem": problem,
            "seconds": seconds,
            "at_least": at_least,
        }
        self._process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(task)],
            cwd=Path(__file__).parent,
            env=os.environ | (ONE_THREAD if one_thread else {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> float:
        """Wait until it has taken its first steps; gives the loss of the last."""
        return self._answer()["loss"]

    def turn(self) -> Turn:
        """Let it take steps, and give the time of one."""
        assert self._process.stdin is not None
        time.sleep(PAUSE)
        self._process.stdin.write("turn\n")
        self._process.stdin.flush()
        return Turn(**self._answer())

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        lines = self._process.communicate()[1].strip().splitlines()
        raise RuntimeError(lines[-1] if lines else "the process ended")


def problem_of(**given: Any) -> Any:
    """A problem as it was written down: of sizes of layers, of images, words or characters."""
    from contestants.images import Images
    from contestants.language import Language
    from contestants.problem import Problem
    from contestants.transformer import Transformer

    if "net" in given:
        return Images(**given)
    if "vocabulary" in given:
        return Language(**given)
    if "characters" in given:
        return Transformer(**given)
    return Problem(tuple(given.pop("sizes")), **given)


def main(task: dict[str, Any]) -> None:
    """The process: one answer a line, on an output that no library can write to."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**values: float) -> None:
        print(json.dumps(values), file=answers, flush=True)

    make = getattr(import_module(f"contestants.{task['module']}"), task["function"])
    run = make(problem_of(**task["problem"]))
    loss = run(CHECKED_STEPS)
    run(CHECKED_STEPS)
    # A scan compiled for one number of steps cannot take another: the number is settled here.
    first = timed(lambda: run(CHECKED_STEPS), 1).wall / CHECKED_STEPS
    steps = max(task["at_least"], round(STRETCH / first))
    count = max(1, round(task["seconds"] / (steps * first)))
    stretches(lambda: run(steps), count)
    answer(loss=loss)
    for _ in sys.stdin:
        turn = stretches(lambda: run(steps), count)
        answer(**{name: value / steps for name, value in asdict(turn).items()})


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
