"""For all tests."""

import gc
import os
import sys

import pytest

# Hundreds of tests start a Python of their own. Where none keeps what it has compiled, each would
# compile the whole package anew, and each worker all the tests.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

THOROUGH = (
    "checking/test_docs.py",
    "checking/test_manners.py::test_a_mistake",
    "checking/test_repairs.py::test_what_it_says",
    "checking/test_strangers_styles.py::test_a_mistake",
    "compiler/test_c.py::test_a_kernel_that_is_wrong",
    "compiler/test_fuzz.py",
    "compiler/test_random_",
    "datasets/test_pack_mnist.py",
    "datasets/test_photographs.py",
    "networks/test_one_file_layers.py::test_one_file[it_is_drawn",
    "networks/test_one_file_layers.py::test_one_file[it_is_explained",
    "networks/test_one_file_layers.py::test_one_file[looking_between",
    "networks/test_random_networks.py",
    "test_benchmarks.py",
    "training/test_checkpoints.py::test_many_stops",
)
"""What takes longest, and is left to a run of its own."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what is thorough before it is chosen by its marks what runs."""
    for item in items:
        if any(f"tests/{start}" in item.nodeid for start in THOROUGH):
            item.add_marker("thorough")


collect_ignore = ["conftest.py"]  # it has no examples, and others have its name


def pytest_ignore_collect(collection_path, config):
    """Leave files unread that have none of the tests asked for, when those are few."""
    if config.option.markexpr != "examples or thorough" or collection_path.suffix != ".py":
        return None
    place = collection_path.as_posix()
    thorough = any(f"tests/{start.split('::')[0]}" in place for start in THOROUGH)
    return None if thorough or "mark.examples" in collection_path.read_text("utf-8") else True


def pytest_collectstart():
    """Nothing of what is collected is to be thrown away, so that nothing is looked for."""
    gc.disable()


def pytest_collection_finish():
    """Leave what was collected, very many objects, out of the garbage collector's sight.

    It would look through them again and again, which takes a part of the time of every test.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture
def calls_of():
    """What a function gives, and how many functions it calls.

    That tells what something costs as time would, and is the same on every machine, however busy.
    """

    def counted(function):
        count, before = 0, sys.getprofile()

        def profile(frame, event, argument):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(profile)
        try:
            result = function()
        finally:
            sys.setprofile(before)
        return result, count

    return counted
