"""How quickly networks learn in their page, in Chromium, and what the drawing pad costs.

    NODE_PATH=~/playwright/node_modules python benchmarks/playing.py

Chromium, Node and playwright-core are found as `tests/browser` says. Prints Markdown. The goals are
checked, and the exit status is 1 if one is missed: steps a second of 784-50-10 (also at a quarter
of the machine: the whole browser is stopped three quarters of the time) and of a network of
convolutions, batches of 100; no task of the page's own thread that takes 50 ms of the processor;
1,000 digits that went through the pad, as pictures and as strokes of a pen, at most 2 points below
the same digits as they are.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from itertools import pairwise
from json import dumps
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests" / "browser"))
from pad import PICTURES, STROKES, strokes, through  # type: ignore[import-not-found]

from clearprop import TwoLayerNet, play
from clearprop.cli import main as clearprop
from clearprop.compiler import compile
from clearprop.datasets import mnist_dataset
from clearprop.training import SGD
from conftest import Browser, what_is_missing  # type: ignore[import-not-found]

ROUNDS = 6
BEGUN = ("waitFor", "document.getElementById('layers').children.length > 0")
STEPS = "Number(document.getElementById('steps').textContent.replace(/\\D/g, ''))"
NOW = f"[performance.now(), {STEPS}]"


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, directly or not, on Linux."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            number, _, rest = stat.read_text().partition(" ")
            parents[int(number)] = int(rest.rpartition(")")[2].split()[1])
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found[1:]


@contextmanager
def quartered(pid: int) -> Iterator[None]:
    """Let the browser run one quarter of the time only, all its threads."""
    over = threading.Event()

    def send(sign: signal.Signals) -> None:
        for p in found:
            with suppress(ProcessLookupError):  # it has ended
                os.kill(p, sign)

    found: list[int] = []

    def signals() -> None:
        looked = 0.0
        while not over.is_set():
            if time.monotonic() > looked + 2:
                found[:] = descendants(pid)
                looked = time.monotonic()
            send(signal.SIGCONT)
            begun = time.monotonic()
            time.sleep(0.002)
            send(signal.SIGSTOP)
            time.sleep(3 * (time.monotonic() - begun))
        send(signal.SIGCONT)

    thread = threading.Thread(target=signals)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def learning(browser: Browser, page: Path, *before: Any) -> tuple[float, float]:
    """Steps a second, and the longest task of the page's own thread, in ms of the processor.

    The best of some seconds is taken: other work on the machine makes it slower, never quicker.
    """
    actions = [BEGUN, *before, ("click", "#go"), ("wait", 1500)]
    actions += [("eval", NOW), ("wait", 2000)] * ROUNDS + [("tasks", 3000)]
    *seen, tasks = browser.visit(page, *actions).results
    speeds = ((m - n) / (b - a) * 1000 for (a, n), (b, m) in pairwise(seen))
    return max(speeds), max(used for _, used in tasks)


def trained(x: np.ndarray, t: np.ndarray) -> TwoLayerNet:
    network = TwoLayerNet(784, 50, 10, rng=np.random.default_rng(0)).astype(np.float32)
    step, rng = compile(network, SGD(0.2)), np.random.default_rng(1)
    for _ in range(10):
        order = rng.permutation(len(x))
        for i in range(0, len(x), 100):
            step(x[order[i : i + 100]], t[order[i : i + 100]])
    return network


def main() -> int:
    if missing := what_is_missing():
        print(f"{missing}: see tests/browser/conftest.py")
        return 1
    missed = []
    browser = Browser()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        print("| page | kB | steps a second | longest task, ms |\n|---|--:|--:|--:|")
        dense, conv = folder / "dense.html", folder / "conv.html"
        with redirect_stdout(sys.stderr):
            for page, kind in ((dense, "two-layer"), (conv, "conv")):
                clearprop(["play", "--network", kind, "-o", str(page)])
        for name, page, goal, before in (
            ("784-50-10", dense, 250, ()),
            ("784-50-10, its page 4 × slower", dense, 60, (("throttle", 4),)),
            ("784-50-10, a quarter of all", dense, 60, None),
            ("convolutions", conv, 10, ()),
        ):
            if before is None:
                with quartered(browser.process.pid):
                    speed, longest = learning(browser, page)
            else:
                speed, longest = learning(browser, page, *before)
            size = page.stat().st_size / 1000
            print(f"| {name} | {size:.0f} | {speed:.0f} | {longest:.0f} |", flush=True)
            if speed < goal:
                missed.append(f"{name}: {speed:.0f} steps a second, not {goal}")
            if longest > 50:
                missed.append(f"{name}: a task of {longest:.0f} ms")
        data = mnist_dataset()
        network = trained(data.x_train, data.t_train)
        x, t = data.x_test[:1000], data.t_test[:1000]
        page = folder / "pad.html"
        play(network, page, x, t, weights="kept")

        def right(images: np.ndarray) -> float:
            return 100 * float(np.mean(network.predict(images).argmax(axis=1) == t))

        straight = right(x)
        bytes_ = dumps(b64encode(np.rint(255 * x).astype(np.uint8).tobytes()).decode())
        drawn = dumps([strokes(image) for image in x.reshape(-1, 28, 28)])
        print(f"\n| digits | % of 1,000 right |\n|---|--:|\n| as they are | {straight:.1f} |")
        for name, script in (
            ("over the pad", PICTURES % (bytes_, "0, 0, 280, 280")),
            ("in a quarter of it", PICTURES % (bytes_, "20, 120, 140, 140")),
            ("as strokes", STROKES % drawn),
        ):
            found = right(through(browser, page, script))
            print(f"| {name} | {found:.1f} |", flush=True)
            if found < straight - 2:
                missed.append(f"{name}: {straight - found:.1f} points less")
    browser.close()
    print("\n" + ("All goals are met." if not missed else f"Missed: {'; '.join(missed)}."))
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
