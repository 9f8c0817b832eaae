"""Helpers of other folders of tests, which are used here too; a cache for what is compiled."""

import os
import sys
from pathlib import Path

import pytest

for folder in ("primitives", "training"):
    sys.path.append(str(Path(__file__).parents[1] / folder))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """What is compiled goes into a folder of the tests, not into the user's."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before
