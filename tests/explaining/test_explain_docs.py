"""The page about `explain` says what it says."""

import contextlib
import io
import itertools
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "explain.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_its_examples_run_and_print_what_stands_there():
    namespace = {}
    said = 0
    for (language, code), (follower, output) in itertools.pairwise(
        [*FENCE.findall(PAGE.read_text(encoding="utf-8")), ("", "")]
    ):
        if language == "python":
            stdout = io.StringIO()
            with contextlib.redirect_stdout(stdout):
                exec(code, namespace)
            if follower == "text":
                assert stdout.getvalue().rstrip("\n") == output.rstrip("\n")
                said += 1
    assert said == 2
