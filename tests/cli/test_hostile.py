"""Hostile and broken files and arguments: named errors, within a second, and nothing overwritten.

CLEARPROP_FUZZ multiplies how many are tried.
"""

import io
import os
import sys
import time
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import hostile
import numpy as np
import pytest
from stripes import own_data

from clearprop.cli import main
from clearprop.datasets import read_idx
from clearprop.datasets.images import read_digit
from clearprop.errors import ClearpropError
from clearprop.graph import Graph, Variable, graph
from clearprop.reporting import report_page
from clearprop.training import RunFolder

MORE = int(os.environ.get("CLEARPROP_FUZZ", "1"))
SLOWEST = 1.0 if MORE > 1 else 5.0  # seconds; tests may share their processor


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run with its data beside it: folder."""
    folder = tmp_path_factory.mktemp("hostile")
    own_data(folder / "data")
    options = ["--batch", "10", "--epochs", "2", "--hidden", "4"]
    data = str(folder / "data")
    assert main(["train", "-q", *options, "--data", data, "--folder", str(folder / "run")]) == 0
    return folder


def graph_text():
    x, W = Variable(np.arange(6.0).reshape(2, 3), "x"), Variable(np.ones((3, 2)), "W")
    out = np.sum(np.maximum(x @ W, 0) / 2)
    out.backward()
    return graph(out).to_json()


def use_run(run):
    """All that is done with a run's files: its page, its network, a resumed training."""
    from clearprop.cli.own_data import dataset_in

    data = dataset_in(run.path.parent / "data")
    report_page(run, data.x_test, data.t_test, 1 / 255).encode()
    hostile.run_command(["compare", str(run.path), str(run.path.parent / "run")])


def use_graph(text):
    g = Graph.from_json(text)
    str(g)
    g.svg()


def try_all(kind, count, make, use, slowest=SLOWEST):
    """Use `count` broken things; whatever fails otherwise than by name is gathered and shown."""
    rng, faults, refused = np.random.default_rng(count), {}, 0
    for number in range(count):
        thing = make(rng)
        start = time.perf_counter()
        try:
            use(thing)
        except (ClearpropError, FileNotFoundError) as error:
            refused += 1
            if not str(error).strip():
                faults["no message"] = number
        except Exception as error:
            import traceback

            where = traceback.extract_tb(error.__traceback__)[-1]
            key = f"{type(error).__name__} in {where.name}: {str(error)[:90]}"
            faults.setdefault(key, (number, str(thing)[-300:]))
        if (seconds := time.perf_counter() - start) > slowest:
            faults[f"{seconds:.1f} s"] = number, str(thing)[-300:]
    if MORE > 1:
        print(f"{kind}: {count} tried, {refused} refused by name")
    assert not faults, "\n".join(f"{kind}: {key}  {value}" for key, value in faults.items())


@pytest.mark.parametrize("name", ["config.json", "history.jsonl", "signals.jsonl", "weights"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_broken_files_of_a_run(run, name, tmp_path):
    target = tmp_path / "broken"
    target.mkdir()
    (tmp_path / "data").symlink_to(run / "data")
    (tmp_path / "run").symlink_to(run / "run")
    for path in (run / "run").iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    path = next(path for path in target.iterdir() if path.name.startswith(name))
    good = path.read_bytes()
    folder = RunFolder(target)

    def make(rng):
        if name == "weights":
            if rng.random() < 0.5:
                size = 8 + int.from_bytes(good[:8], "little")
                head = hostile.mutated_json(good[8:size].decode(), rng)
                return len(head).to_bytes(8, "little") + head + good[size:]
            return hostile.mutated(good, rng)
        return (hostile.mutated_json if name == "config.json" else hostile.mutated_lines)(
            good.decode(), rng
        )

    def use(data):
        path.write_bytes(data)
        use_run(folder)

    try_all(name, 20 * MORE, make, use)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_broken_graphs():
    text = graph_text()

    def make(rng):
        return hostile.mutated_json(text, rng).decode("utf-8", "replace")

    try_all("graph", 40 * MORE, make, use_graph)


def test_broken_pictures_and_idx_files(tmp_path):
    for read, files in (
        (read_digit, hostile.pictures(tmp_path)),
        (read_idx, hostile.idx_files(tmp_path)),
    ):
        for name, good in files.items():

            def use(data, path=tmp_path / name, read=read):
                path.write_bytes(data)
                read(path)

            try_all(name, 15 * MORE, lambda rng, good=good: hostile.mutated(good, rng), use)


@pytest.mark.filterwarnings("ignore")
def test_bad_arguments(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    own_data(Path("data"))
    os.mkfifo("pipe")
    RunFolder("run").path.mkdir()
    for path in (run / "run").iterdir():
        (Path("run") / path.name).write_bytes(path.read_bytes())
    for name, data in hostile.pictures(tmp_path).items():
        Path(name).write_bytes(data)
    Path("layers.py").write_text("x = 1\n")
    names = ["run", "data", "pipe", "a.png", "a.jpeg", "layers.py", "run/weights.safetensors"]

    def use(arguments):
        before, start = hostile.contents_of(tmp_path), time.perf_counter()
        code, out, err = hostile.run_command(arguments)
        assert code == 0 or time.perf_counter() - start < SLOWEST, "slow"
        assert code in (0, 1, 2), code
        assert code != 2 or err.strip(), "no message"
        odd = {unicodedata.category(c) for c in (out + err).replace("\n", "")} & {"Cc", "Cf", "Cs"}
        assert not odd, "steers the terminal"
        after = hostile.contents_of(tmp_path)
        changed = {Path(path).name for path in before if after.get(path) != before[path]}
        # What was asked for may be written anew, and a page may be made again.
        allowed = {"report.html", *(Path(text).name for text in arguments)} if code == 0 else set()
        assert changed <= allowed, f"changed {changed - allowed}"

    try_all("arguments", 60 * MORE, lambda rng: hostile.odd_command(rng, names), use, 60.0)
