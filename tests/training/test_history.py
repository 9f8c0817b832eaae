import json
import math
from contextlib import closing

import numpy as np
import pytest

from clearprop.errors import FileFormatError, OutputError
from clearprop.networks import TwoLayerNet
from clearprop.training import History, Trainer
from clearprop.training.history_file import HistoryWriter


def sample() -> History:
    history = History()
    for loss in (2.3, 0.1 + 0.2, np.nan):
        history.add_loss(loss)
    history.add_evaluation(epoch=1.5, train_score=0.25, test_score=0.125)
    history.add_loss(-np.inf)
    history.add_loss(np.inf)
    history.add_evaluation(epoch=2.5, train_score=1 / 3)
    return history


def test_arrays():
    history = sample()
    np.testing.assert_array_equal(history.loss, [2.3, 0.1 + 0.2, np.nan, -np.inf, np.inf])
    assert history.loss.dtype == history.train_accuracy.dtype == np.float64
    assert history.evaluated_at.tolist() == [3, 5]
    assert history.evaluated_at.dtype.kind == "i"
    np.testing.assert_array_equal(history.epoch, [1.5, 2.5])
    np.testing.assert_array_equal(history.train_accuracy, [0.25, 1 / 3])
    np.testing.assert_array_equal(history.test_accuracy, [0.125, np.nan])
    assert len(history) == 5


def test_arrays_are_copies():
    history = sample()
    history.loss[:] = 0
    history.train_accuracy[:] = 0
    assert history == sample()


def test_an_empty_history():
    history = History()
    assert history.loss.shape == history.evaluated_at.shape == history.test_accuracy.shape == (0,)
    assert math.isnan(history.last_loss)
    assert history.last_evaluation is None
    assert repr(history) == "History(0 iterations)"


def test_equality_is_bit_for_bit_without_the_time():
    one, two = sample(), sample()
    two.seconds = 99.0
    assert one == two
    two.add_loss(1.0)
    assert one != two
    third = sample()
    third.add_loss(np.nextafter(1.0, 2))
    assert two != third
    assert one != "history"


def test_a_file_gives_back_every_bit(tmp_path):
    path = tmp_path / "h.jsonl"
    sample().write(path)
    again = History.read(path)
    assert again == sample()
    np.testing.assert_array_equal(again.loss, sample().loss)
    np.testing.assert_array_equal(again.test_accuracy, sample().test_accuracy)
    assert math.isnan(again.seconds)


def test_every_line_is_strict_json(tmp_path):
    def refuse(constant):
        raise AssertionError(constant)

    lines = [json.loads(line, parse_constant=refuse) for line in sample().lines()]
    assert lines[2] == {"iteration": 3, "loss": "nan"}
    assert lines[3] == {
        "iteration": 3, "epoch": 1.5, "train_accuracy": 0.25, "test_accuracy": 0.125
    }  # fmt: skip
    assert lines[-1]["test_accuracy"] is None


def test_the_writer_writes_what_write_writes(tmp_path):
    history, grown, whole = History(), tmp_path / "grown.jsonl", tmp_path / "whole.jsonl"
    with closing(HistoryWriter(grown, history)) as writer:
        history.add_loss(0.5)
        history.add_loss(0.5)
        assert grown.read_bytes() == b""
        history.add_evaluation(epoch=1.0, train_score=0.9)
        history.add_loss(0.25)
        writer.write()
        # what was written is in the file at once, also if the program dies now
        assert History.read(grown) == history
        history.add_evaluation(epoch=1.5, train_score=0.8)
    with closing(HistoryWriter(grown, history)) as writer:
        writer.write()
        history.add_loss(0.125)
    history.write(whole)
    assert grown.read_bytes() == whole.read_bytes()


def test_a_new_history_begins_a_new_file(tmp_path):
    path = tmp_path / "h.jsonl"
    sample().write(path)
    with closing(HistoryWriter(path, History())):
        pass
    assert path.read_bytes() == b""


def test_what_happened_before_an_error_is_written(tmp_path):
    history = History()

    def train():
        with closing(HistoryWriter(tmp_path / "h", history)):
            history.add_loss(0.5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert History.read(tmp_path / "h") == history


def test_the_recent_loss_is_a_mean():
    history = History()
    assert math.isnan(history.recent_loss())
    for loss in range(60):
        history.add_loss(float(loss))
    assert history.recent_loss() == np.mean(range(10, 60))
    assert history.recent_loss(2) == 58.5


def test_the_writer_names_what_it_cannot_write(tmp_path):
    with pytest.raises(OutputError, match=r"missing.h\.jsonl cannot be written: No such file"):
        HistoryWriter(tmp_path / "missing" / "h.jsonl", History())


def test_a_file_cut_anywhere_reads_as_far_as_it_goes(tmp_path):
    path, content = tmp_path / "h.jsonl", "".join(sample().lines()).encode()
    for end in range(len(content) + 1):
        path.write_bytes(content[:end])
        read = list(History.read(path).lines())
        complete = content[:end].count(b"\n")
        assert read == list(sample().lines())[: len(read)]
        assert len(read) in (complete, complete + 1)  # + 1: only the line break was cut off


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[1, 2]", "JSON object"),
        ('{"iteration": 2, "loss": NaN}', "not JSON"),
        ('{"iteration": 2}', "must hold"),
        ('{"iteration": 2, "loss": 1.0, "extra": 1}', "must hold"),
        ('{"iteration": "2", "loss": 1.0}', "whole number"),
        ('{"iteration": true, "loss": 1.0}', "whole number"),
        ('{"iteration": 3, "loss": 1.0}', "iteration 2 was expected"),
        ('{"iteration": 1, "loss": 1.0}', "iteration 2 was expected"),
        ('{"iteration": 2, "loss": null}', '"loss" must be a number'),
        ('{"iteration": 2, "loss": "1.0"}', '"loss" must be a number'),
        ('{"iteration": 2, "loss": true}', '"loss" must be a number'),
        ('{"iteration": 2, "loss": 1' + "0" * 400 + "}", '"loss" must be a number'),
        (
            '{"iteration": 2, "epoch": 1, "train_accuracy": 1, "test_accuracy": 1}',
            "after iteration 1",
        ),
        (
            '{"iteration": 1, "epoch": 1, "train_accuracy": null, "test_accuracy": 1}',
            '"train_accuracy" must',
        ),
        ("[" * 100_000, "not JSON"),
        ("\udcff", "not JSON"),
    ],
)
def test_any_other_bad_line_is_named(tmp_path, line, words):
    path = tmp_path / "h.jsonl"
    text = f'{{"iteration": 1, "loss": 2.0}}\n{line}\n'
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(FileFormatError, match=words) as caught:
        History.read(path)
    assert f"{path}, line 2: " in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_last_line_that_is_json_but_wrong_is_not_taken_for_truncated(tmp_path):
    path = tmp_path / "h.jsonl"
    path.write_text('{"iteration": 1, "loss": 2.0}\n{"iteration": 7, "loss": 2.0}')
    with pytest.raises(FileFormatError, match="line 2: iteration 2 was expected"):
        History.read(path)


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"h\.jsonl"):
        History.read(tmp_path / "h.jsonl")
    with pytest.raises(FileFormatError, match="cannot be read"):
        History.read(tmp_path)


def test_scores_on_validation_data_are_called_so(tmp_path):
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((20, 3)), np.arange(20) % 2
    trainer = Trainer(TwoLayerNet(3, 4, 2), x, t, batch_size=5, validation=0.2, rng=0)
    trainer.history_path = tmp_path / "h.jsonl"
    history = trainer.train(epochs=1)
    assert '"validation_accuracy": ' in (tmp_path / "h.jsonl").read_text()
    assert "validation 0." in repr(history)
    again = History.read(tmp_path / "h.jsonl")
    assert again == history
    assert again.held_out == "validation"
    again.held_out = "test"
    assert again != history
