"""Runs that are stopped, killed and resumed: nothing learned is lost, and nothing is changed."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from clearprop.training import History, RunFolder
from clearprop.training.weights import read_arrays

KILLS = int(os.environ.get("CLEARPROP_KILLS", "1"))
"""So many runs are killed; the moments differ from run to run of the tests."""

posix = pytest.mark.skipif(os.name == "nt", reason="needs signals to one process")


def files(folder):
    """What a run left: name → bytes."""
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def outcome(folder):
    """The same without the page, which says the folder's name."""
    return {name: data for name, data in files(folder).items() if name != "report.html"}


def command(*arguments):
    return [sys.executable, "-m", "clearprop", "train", *map(str, arguments), "-q"]


def heard():
    """Let the program hear signals, also where those who started the tests ignore them."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)


@contextmanager
def running(command, folder):
    """A program that runs within the block, and is killed at its end if it has not ended."""
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heard
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(path, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.01)


@pytest.mark.parametrize("options", [(), ("--no-compile",), ("--patience", 1000)])
def test_a_run_that_goes_on_is_the_one_that_was_not_stopped(clearprop, data, options):
    common = ("train", "--data", data, "--batch", 7, "-q", *options)
    clearprop(*common, "--epochs", 6, "--folder", "whole")
    clearprop(*common, "--iterations", 23, "--folder", "parts")  # in the middle of an epoch
    clearprop("train", "--resume", "parts", "--iterations", 31, "-q")
    run = clearprop("train", "--resume", "parts", "--epochs", 6, "-q")
    assert (run.code, run.out) == (0, "parts\n")
    assert outcome("parts") == outcome("whole")


def test_a_run_that_was_at_its_end_stays_as_it_is(clearprop, data):
    clearprop("train", "--data", data, "--batch", 7, "--iterations", 30, "-q")
    before = files("runs/1")
    assert clearprop("train", "--resume", "runs/1", "-q").code == 0
    assert files("runs/1") == before


def test_a_run_that_had_not_begun_begins(clearprop, data):
    clearprop("train", "--data", data, "--batch", 7, "--epochs", 3, "-q")
    before = outcome("runs/1")
    for name in before.keys() - {"config.json"}:
        Path("runs/1", name).unlink()
    assert clearprop("train", "--resume", "runs/1", "-q").code == 0
    assert outcome("runs/1") == before


REFUSED = {
    "no run": (["--resume", "nowhere"], "not the folder of a run"),
    "another rate": (["--resume", "runs/1", "--rate", "0.1"], "--rate cannot be given"),
    "another folder": (["--resume", "runs/1", "--folder", "b"], "--folder cannot be given"),
    "written": (["--resume", "runs/1", "--no-compile"], "--no-compile cannot be given"),
    "fewer": (["--resume", "runs/1", "--iterations", "4"], "has 30 iterations already"),
    "an earlier run": (["--folder", "runs/1", "--batch", "7"], "holds a run already"),
    "no patience": (["--patience", "0"], "--patience"),
    "no time": (["--save-every", "0"], "--save-every"),
}


def test_what_cannot_be_is_named_and_changes_nothing(clearprop, data):
    clearprop("train", "--data", data, "--batch", 7, "--iterations", 30, "-q")
    before = files("runs/1")
    for case, (options, named) in REFUSED.items():
        given = [] if "--resume" in options else ["--data", data]
        run = clearprop("train", *given, *options)
        assert (run.code, named in run.err) == (2, True), case
        assert files("runs/1") == before, case
        assert [p.name for p in Path("runs").iterdir()] == ["1"], case


def test_overwrite_makes_a_new_run(clearprop, data):
    common = ("train", "--data", data, "--batch", 7, "--iterations", 30, "-q", "--folder")
    clearprop(*common, "a", "--seed", 1)
    clearprop(*common, "b")
    assert clearprop(*common, "a", "--overwrite").code == 0
    assert outcome("a") == outcome("b")


def test_early_stopping_keeps_the_best_for_predict_and_report(clearprop, data):
    run = clearprop("train", "--data", data, "--batch", 7, "--epochs", 200, "--patience", 3)
    folder = RunFolder("runs/1")
    history = folder.read_history()
    best = folder.read_iteration()
    assert len(history) == best + 3 * 9
    assert "after epoch" in run.out
    learned = folder.load_network().params["W1"].tobytes()
    assert learned == read_arrays(folder.best_path)[0]["W1"].tobytes()
    Path("runs/1/report.html").unlink()
    assert clearprop("report", "runs/1").code == 0


def test_a_run_that_stopped_early_goes_on_when_it_is_made_longer(clearprop, data):
    clearprop("train", "--data", data, "--batch", 7, "--epochs", 200, "--patience", 3, "-q")
    done = len(RunFolder("runs/1").read_history())
    run = clearprop("train", "--resume", "runs/1", "-q")
    assert (run.code, "was stopped by its --patience" in run.err) == (0, True)
    assert len(RunFolder("runs/1").read_history()) == done
    run = clearprop("train", "--resume", "runs/1", "--epochs", 200, "-q")
    assert (run.code, run.err) == (0, "")
    assert len(RunFolder("runs/1").read_history()) == done + 3 * 9


def test_other_data_are_refused(clearprop, data, tmp_path):
    from stripes import own_data

    clearprop("train", "--data", data, "--batch", 7, "--iterations", 30, "-q")
    other = own_data(tmp_path / "other")
    labels = other / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[::-1])
    before = files("runs/1")
    run = clearprop("train", "--resume", "runs/1", "--data", other, "--epochs", 9)
    assert run.code == 2
    assert files("runs/1") == before


@posix
def test_killed_at_any_moment_a_run_goes_on_to_the_same_bits(data, tmp_path):
    length = ("--data", data, "--batch", 7, "--iterations", 3000, "--save-every", 0.05)
    started = time.monotonic()
    subprocess.run(command(*length, "--folder", "whole"), cwd=tmp_path, check=True)
    seconds = time.monotonic() - started
    expected, seed = outcome(tmp_path / "whole"), time.time_ns()
    moments = random.Random(seed)
    for kill in range(KILLS):
        folder = tmp_path / f"killed{kill}"
        arguments = [*length, "--folder", folder.name]
        while True:
            program = running(command(*arguments), tmp_path)  # which ends in SIGKILL
            with program as process, suppress(subprocess.TimeoutExpired):
                process.wait(moments.uniform(0.3, 1.1) * seconds)
            if process.returncode == 0:
                break
            if (folder / "config.json").exists():
                arguments = ["--resume", folder.name]
        assert outcome(folder) == expected, f"kill {kill}, seed {seed}"


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_program_told_to_end_keeps_what_it_learned_and_ends(data, tmp_path, name):
    number = getattr(signal, name)
    length = ("--data", data, "--batch", 7, "--iterations", 10**9, "--folder", "run")
    with running(command(*length), tmp_path) as process:
        wait_for(tmp_path / "run" / "weights.safetensors")
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == -number
    assert b"Traceback" not in err
    run = RunFolder(tmp_path / "run")
    assert run.read_iteration() == len(run.read_history()) > 0


@posix
@pytest.mark.parametrize("presses", [1, 2, 6, 30])
def test_however_often_ctrl_c_is_pressed_nothing_is_lost(clearprop, data, tmp_path, presses):
    length = ("--data", data, "--batch", 7, "--iterations", 10**9, "--folder", "run")
    with running(command(*length), tmp_path) as process:
        wait_for(tmp_path / "run" / "weights.safetensors")
        for _ in range(presses):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                time.sleep(0.003)
        _, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
    run = RunFolder(tmp_path / "run")
    history = History.read(run.history_path)
    assert run.read_iteration() == len(history) > 0
    resumed = clearprop("train", "--resume", "run", "--iterations", len(history) + 50, "-q")
    assert resumed.code == 0


def test_ctrl_c_is_not_lost_where_python_drops_errors(tmp_path):
    (tmp_path / "net.py").write_text(
        "import signal, time, weakref\n"
        "class Thing: pass\n"
        "thing = Thing()\n"
        "seen = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))\n"
        "del thing\n"
        "for _ in range(2000): time.sleep(0.01)\n"
        "print('not stopped')\n"
    )
    check = [sys.executable, "-m", "clearprop", "check", "net.py"]
    with running(check, tmp_path) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert err == b"clearprop: stopped\n"


@posix
def test_a_second_run_does_not_enter_the_folder_of_one_that_goes_on(clearprop, data, tmp_path):
    length = ("--data", data, "--batch", 7, "--iterations", 10**9, "--folder", "run")
    with running(command(*length), tmp_path) as process:
        wait_for(tmp_path / "run" / "weights.safetensors")
        for others in (["--resume", "run"], [*length, "--overwrite"]):
            second = clearprop("train", *others, "-q")
            assert second.code == 2
            assert "another training is writing to" in second.err
        assert process.poll() is None


def test_a_run_of_another_version_is_told(clearprop, data):
    clearprop("train", "--data", data, "--batch", 7, "--iterations", 30, "-q")
    config = Path("runs/1/config.json")
    config.write_text(config.read_text().replace('"version": "', '"version": "9.'))
    run = clearprop("train", "--resume", "runs/1", "--iterations", 40, "-q")
    assert run.code == 0
    assert "was begun by version 9." in run.err
