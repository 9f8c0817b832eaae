"""`clearprop report`: the page of a run."""

import json

import pytest
from stripes import own_data

from clearprop import reporting
from clearprop.errors import DataError

TRAIN = ("train", "--hidden", 12, "--batch", 10, "--epochs", 3, "-q")


@pytest.fixture
def run(clearprop, data):
    assert clearprop(*TRAIN, "--data", data).code == 0
    return "runs/1"


def test_training_leaves_a_page_and_report_makes_the_same(clearprop, data, run, tmp_path):
    page = tmp_path / run / "report.html"
    first = page.read_text(encoding="utf-8")
    page.unlink()
    made = clearprop("report", run, "--data", data)
    assert (made.code, made.out.strip()) == (0, "runs/1/report.html")
    assert page.read_text(encoding="utf-8") == first
    assert first.startswith("<!DOCTYPE html>\n")


def test_data_of_another_width_are_refused(clearprop, run, tmp_path):
    other = own_data(tmp_path / "other", side=6)
    made = clearprop("report", run, "--data", other)
    assert made.code == 2
    assert "x_test (60, 36) does not fit the network" in made.err


def test_other_data_of_the_same_width_are_refused(clearprop, run, tmp_path):
    other = own_data(tmp_path / "other", count=61)
    labels = other / "t10k-labels-idx1-ubyte"
    content = bytearray(labels.read_bytes())
    content[8:] = bytes((b + 1) % 3 for b in content[8:])
    labels.write_bytes(content)
    made = clearprop("report", run, "--data", other)
    assert made.code == 2
    assert "these are not the test data of this run" in made.err
    assert "--data" in made.err


def test_the_data_of_the_run_are_found(clearprop, run, tmp_path):
    page = tmp_path / run / "report.html"
    page.unlink()
    assert clearprop("report", run).code == 0
    assert page.exists()


def test_data_of_another_size_are_refused(clearprop, run, tmp_path):
    made = clearprop("report", run, "--data", own_data(tmp_path / "other", side=9))
    assert made.code == 2
    assert "does not fit the network" in made.err


def test_what_is_no_run_is_told(clearprop, tmp_path):
    made = clearprop("report", "nowhere")
    assert made.code == 2
    assert "clearprop train" in made.err


def test_a_damaged_signals_file_is_named(clearprop, data, run, tmp_path):
    signals = tmp_path / run / "signals.jsonl"
    signals.write_text("{}\n")
    made = clearprop("report", run, "--data", data)
    assert made.code == 2
    assert "signals.jsonl, line 1" in made.err


def test_a_run_without_signals_has_a_page_without_that_part(clearprop, data, run, tmp_path):
    (tmp_path / run / "signals.jsonl").unlink()
    assert clearprop("report", run, "--data", data).code == 0
    page = (tmp_path / run / "report.html").read_text(encoding="utf-8")
    assert "Inside, over time" not in page
    assert "Answers on the test data" in page


def test_the_looks_are_in_the_run_folder(run, tmp_path):
    lines = (tmp_path / run / "signals.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines] == [0, 18]


def test_a_page_that_cannot_be_made_does_not_cost_the_run(clearprop, data, monkeypatch):
    def refuse(*_):
        raise DataError("no page today")

    monkeypatch.setattr(reporting, "write_report", refuse)
    run = clearprop(*TRAIN, "--data", data)
    assert run.code == 0
    assert "report.html was not made: no page today" in run.err
