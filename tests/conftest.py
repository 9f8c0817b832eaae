"""For all tests."""

import gc
import os
import sys

import pytest

# Hundreds of tests start a Python of their own. Where none keeps what it has compiled, each would
# compile the whole package anew, and each worker all the tests.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Each worker has one core. With a thread for every core in every worker, BLAS would wait for itself
# most of the time; tests of threads ask for as many as they need.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

THOROUGH = (
    "checking/test_docs.py",
    "checking/test_subjects.py::test_the_command_line_checks_ours",
    "checking/test_manners.py::test_a_mistake",
    "checking/test_repairs.py::test_what_it_says",
    "checking/test_strangers_styles.py::test_a_mistake",
    "cli/test_cli_networks.py::test_a_run_that_goes_on_gives_the_same_weights[deep-conv",
    "cli/test_cli_main.py::test_gradcheck",
    "cli/test_cli_networks.py::test_a_longer_run",
    "cli/test_cli_networks.py::test_networks_of_convolutions[deep-conv",
    "cli/test_cli_networks.py::test_predict_and_draw_with_convolutions",
    "compiler/test_c.py::test_a_kernel_that_is_wrong",
    "compiler/test_every_row.py::test_so_it_does",
    "compiler/test_fuzz.py",
    "compiler/test_random_",
    "datasets/test_pack_mnist.py",
    "datasets/test_photographs.py",
    "datasets/test_tables.py::test_a_table_takes_little_more_memory",
    "drawing/test_geometry.py::test_random_graphs",
    "graph/test_json.py::test_a_chain_of_many_nodes",
    "networks/test_one_file_layers.py::test_one_file[it_is_drawn",
    "networks/test_one_file_layers.py::test_one_file[it_is_explained",
    "networks/test_one_file_layers.py::test_one_file[looking_between",
    "networks/test_random_networks.py",
    "page/test_page.py::test_a_large_graph_is_folded",
    "page/test_page.py::test_a_page_of_three_hundred_nodes",
    "page/test_page.py::test_every_sentence_exists",
    "page/test_page_steps.py::test_many_layers_are_not_opened",
    "playing/test_play.py::test_it_is_the_network_and_the_optimizer",
    "reporting/test_figures.py::test_learning_curves",
    "test_benchmarks.py",
    "training/test_checkpoints.py::test_many_stops",
)
"""What takes longest, and is left to a run of its own."""

EXAMPLES = {
    "checking/test_catalogue.py::test_a_stranger": 5,
    "checking/test_catalogue.py::test_no_false_alarm": 6,
    "checking/test_catalogue.py::test_planted_mistake": 5,
    "checking/test_manners.py::test_no_alarm": 3,
    "checking/test_screening.py::test_the_change_is_that_of_the_pass": 3,
    "checking/test_strangers_styles.py::test_no_alarm": 3,
    "checking/test_true_causes.py::test_the_cause_is_told_truly": 3,
    "cli/test_cli_check_languages.py::test_what_is_right_is_told": 2,
    "cli/test_cli_pipes.py::test_it_is_quiet": 3,
    "cli/test_cli_resume.py::test_a_run_that_goes_on_is": 3,
    "compiler/test_c.py::test_random_networks_of_convolutions": 3,
    "compiler/test_c_rows.py::test_parameters_may_be_called": 3,
    "compiler/test_c_rows.py::test_rows_are_numpys": 2,
    "compiler/test_c_rows.py::test_steps_on_batches": 9,
    "compiler/test_c_rows.py::test_the_rows_of_a_batch": 2,
    "compiler/test_javascript.py::test_twenty_networks": 3,
    "compiler/test_javascript_sums.py::test_sums": 3,
    "compiler/test_names_in_programs.py::test_any_name": 3,
    "compiler/test_small_numbers.py::test_steps_agree": 4,
    "compiler/test_whole_updates.py::test_compiled_and_written_agree": 4,
    "datasets/test_mnist.py::test_every_form": 3,
    "networks/test_one_file_layers.py::test_one_file": 5,
    "training/test_checkpoints.py::test_it_goes_on_as_if_it_had": 3,
}
"""Kinds with many examples: one in so many stays, the others are left to that run, too."""


SELDOM = {
    "checking/test_catalogue.py": 2,
    "checking/test_manners.py": 2,
    "checking/test_strangers_styles.py": 3,
    "compiler/test_c.py::test_a_kernel_that_is_wrong": 2,
    "compiler/test_c_rows.py::test_steps_on_batches": 2,
    "compiler/test_every_row.py::test_so_it_does": 2,
    "compiler/test_javascript.py::test_twenty_networks": 2,
    "compiler/test_javascript_sums.py::test_sums": 2,
    "compiler/test_names_in_programs.py::test_any_name": 3,
    "compiler/test_small_numbers.py::test_steps_agree": 2,
    "compiler/test_whole_updates.py::test_compiled_and_written_agree": 2,
    "datasets/test_photographs.py::test_digits_are_read": 2,
    "networks/test_one_file_layers.py::test_one_file": 3,
    "networks/test_random_networks.py": 2,
}
"""Of what is thorough of these kinds, one in so many is; the others run where all do (-m '')."""


ELSEWHERE = (
    "browser/",
    "cli/test_cli_travels.py",
    "compiler/test_engines.py",
    "compiler/test_jax.py",
    "interop/",
)
"""What needs other engines, or a browser, and skips itself where these are not installed."""


def thorough(items):
    """What of the tests is left to a run of its own."""
    seen = dict.fromkeys(EXAMPLES, 0)
    for item in items:
        place = item.nodeid.partition("tests/")[2]
        if place.startswith(THOROUGH):
            yield item
        for kind in filter(place.startswith, EXAMPLES):
            if seen[kind] % EXAMPLES[kind]:
                yield item
            seen[kind] += 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what is thorough before it is chosen by its marks what runs."""
    seen = dict.fromkeys(SELDOM, 0)
    for item in thorough(items):
        place = item.nodeid.partition("tests/")[2]
        kind = next(filter(place.startswith, SELDOM), None)
        item.add_marker("seldom" if kind and seen[kind] % SELDOM[kind] else "thorough")
        if kind:
            seen[kind] += 1
    for item in items:
        if item.nodeid.partition("tests/")[2].startswith(ELSEWHERE):
            item.add_marker("elsewhere")


collect_ignore = ["conftest.py"]  # it has no examples, and others have its name


def pytest_ignore_collect(collection_path, config):
    """Leave files unread that have none of the tests asked for, when those are few."""
    wanted = config.option.markexpr
    if not wanted.startswith("examples or thorough") or collection_path.suffix != ".py":
        return None
    place = collection_path.as_posix()
    others = ELSEWHERE if "elsewhere" in wanted else ()
    files = {start.partition("::")[0] for start in (*THOROUGH, *EXAMPLES, *others)}
    some = any(f"tests/{file}" in place for file in files)
    return None if some or "mark.examples" in collection_path.read_text("utf-8") else True


def pytest_collectstart():
    """Nothing of what is collected is to be thrown away, so that nothing is looked for."""
    gc.disable()


def pytest_collection_finish():
    """Leave what was collected, very many objects, out of the garbage collector's sight.

    It would look through them again and again, which takes a part of the time of every test.
    """
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
