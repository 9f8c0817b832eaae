"""A headless Chromium for the tests of pages, driven by playwright-core.

They are skipped, with the reason, where Node, playwright-core or Chromium is missing. On Debian:

    apt-get install chromium nodejs npm
    npm install --prefix ~/playwright playwright-core
    NODE_PATH=~/playwright/node_modules pytest tests/browser

`CHROMIUM` names another executable.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from clearprop import graph

DRIVER = Path(__file__).with_name("driver.cjs")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium():
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


def what_is_missing():
    if shutil.which("node") is None:
        return "Node is not installed"
    found = subprocess.run(
        ["node", "-e", "require.resolve('playwright-core')"],
        capture_output=True,
        cwd=DRIVER.parent,
        check=False,
    )
    if found.returncode:
        return "playwright-core is not installed where Node finds it (NODE_PATH)"
    return "" if chromium() else "Chromium is not installed"


class Browser:
    """A running browser; `visit` opens one page in a window of its own."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["node", str(DRIVER), chromium()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        try:
            assert self._read() == {"ready": True}
        except BaseException:
            self.process.kill()
            raise

    def _read(self):
        line = self.process.stdout.readline()
        assert line, f"the browser ended with {self.process.wait(10)}"
        return json.loads(line)

    def visit(self, file, *actions, quiet=True, **options):
        """Do something on a page; gives what the `eval` actions gave.

        With `quiet`, the page must not write to the console, throw, or ask for anything.
        """
        request = {"file": str(file), "actions": actions, **options}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self._read()
        assert "failed" not in answer, answer["failed"]
        if quiet:
            assert answer["errors"] == []
            assert answer["console"] == []
            assert answer["requests"] == []
        return SimpleNamespace(**answer)

    def close(self):
        self.process.stdin.close()  # the driver ends with its input, and the browser with it
        self.process.stdout.close()
        try:
            self.process.wait(20)
        finally:
            self.process.kill()


@pytest.fixture(scope="session")
def browser():
    missing = what_is_missing()
    if missing:
        pytest.skip(missing)
    opened = Browser()
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Files of some graphs, each written once."""
    folder = tmp_path_factory.mktemp("pages")
    written = {}

    def write(make, **options):
        key = (make, json.dumps(options))
        if key not in written:
            path = folder / f"{make.__name__}{len(written)}.html"
            graph(make()).save(path, **options)
            written[key] = path
        return written[key]

    return write
