"""The pages about checking say what is so."""

import contextlib
import io
import itertools
import linecache
import re
import subprocess
import sys
from pathlib import Path

from clearprop.checking import Kind

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "checking.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_examples_run_and_print_what_the_page_says():
    namespace = {"__name__": "page"}
    said = 0
    for (language, code), (follower, output) in itertools.pairwise([*BLOCKS, ("", "")]):
        if language != "python":
            continue
        stdout = io.StringIO()
        with contextlib.redirect_stdout(stdout):
            file = f"checking.md, {code[:20]}"
            linecache.cache[file] = (len(code), None, code.splitlines(True), file)
            exec(compile(code, file, "exec"), namespace)
        if follower == "text":
            assert stdout.getvalue() == output
            said += 1
    assert said == 3


def test_every_kind_of_pattern_is_in_the_table():
    not_faults = {Kind.KINK, Kind.NO_BACKWARD, Kind.UNDECLARED, Kind.SAMPLES}
    others = {Kind.UNKNOWN, Kind.STATEFUL, *not_faults}
    table = TEXT.partition("## What it can find")[2].partition("## Before")[0]
    assert [kind for kind in Kind if kind not in others and kind.value not in table] == []


def test_the_exercises_are_current():
    command = [sys.executable, str(ROOT / "tools" / "exercises.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "current\n"), done.stderr
