import json
import os
from dataclasses import fields

import numpy as np
import pytest
from small_problem import make_network, points, weights

import clearprop
from clearprop.errors import ConfigError, FileFormatError, OutputError, ShapeError
from clearprop.training import RunConfig, RunFolder, Trainer, save_weights

CONFIG = RunConfig(sizes=(4, 8, 3), batch=30, rate=0.5, iterations=6, seed=3)


def trained(path) -> RunFolder:
    x, t = points()
    run, network = RunFolder(path), CONFIG.network()
    trainer = Trainer(network, x, t, batch_size=30, rng=3, history_path=run.history_path)
    run.create(CONFIG)
    trainer.train(iterations=6)
    save_weights(run.weights_path, network)
    return run


def test_a_run_leaves_all_it_should(tmp_path):
    run = trained(tmp_path / "runs" / "1")
    names = ["config.json", "history.jsonl", "weights.safetensors"]
    assert sorted(os.listdir(run.path)) == names
    assert run.read_config() == CONFIG
    assert len(run.read_history()) == 6
    assert json.loads(run.config_path.read_text()) == {
        "sizes": [4, 8, 3], "kind": "two-layer", "shape": None, "activation": "relu",
        "init": "he", "batch_norm": False, "dropout": None, "batch": 30, "rate": 0.5,
        "optimizer": "sgd", "schedule": "constant", "weight_decay": None, "iterations": 6,
        "seed": 3, "dtype": "float32", "compile": True, "engine": "numpy", "devices": None,
        "data": None, "patience": None, "validation": None, "save_every": 30.0,
        "task": "classification", "form": None, "language": None,
        "version": clearprop.__version__,
    }  # fmt: skip


VALUES = [0, 1, -1, 2**31, 2**63 - 1, 2**63, 2**64, 10**400, 0.5, 1e299, 1e301, np.inf, np.nan]
VALUES += [True, None, "x", "\0", "\udc80", np.int64(3), (), (1, 2), (2**40, 2**40), {"a": 1}]


@pytest.mark.parametrize("value", VALUES)
def test_settings_that_are_accepted_are_read_again(value):
    accepted = []
    for field in fields(RunConfig):
        try:
            text = (config := RunConfig(**{"sizes": (4, 3), field.name: value})).to_json()
        except ConfigError as error:
            assert f'"{field.name}" is missing or wrong' in str(error)  # noqa: PT017
            continue
        assert RunConfig.from_json(text) == config
        accepted.append(field.name)
    if type(value) is int and value >= 0:
        assert "seed" in accepted


def test_the_same_seed_leaves_the_same_files(tmp_path):
    one, two = trained(tmp_path / "1"), trained(tmp_path / "2")
    for name in os.listdir(one.path):
        assert (one.path / name).read_bytes() == (two.path / name).read_bytes(), name


def test_the_network_comes_back(tmp_path):
    config = RunConfig(sizes=(4, 5, 6, 3), activation="sigmoid", init=0.5, dtype="float64")
    run, network = RunFolder(tmp_path), config.network(np.random.default_rng(99))
    run.create(config)
    save_weights(run.weights_path, network)
    again = run.load_network()
    assert list(again.layers) == ["Affine1", "Sigmoid1", "Affine2", "Sigmoid2", "Affine3"]
    assert weights(again) == weights(network)
    np.testing.assert_array_equal(again.predict(points()[0]), network.predict(points()[0]))


def test_a_new_run_leaves_nothing_of_the_old_one(tmp_path):
    run = trained(tmp_path)
    run.create(RunConfig(sizes=(4, 8, 3), activation="sigmoid"), overwrite=True)
    assert os.listdir(tmp_path) == ["config.json"]


@pytest.mark.parametrize("config", [None, "{}", '{"name": "of another program"}', "no json"])
def test_a_folder_of_other_things_is_refused_and_left_alone(tmp_path, config):
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / "weights.safetensors").write_text("another program's")
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(OutputError, match="not empty and not the folder of a run; choose"):
        RunFolder(tmp_path).create(CONFIG)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_an_empty_folder_is_taken(tmp_path):
    RunFolder(tmp_path).create(CONFIG)
    assert RunFolder(tmp_path).read_config() == CONFIG


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("text")
    for path in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(OutputError, match="choose a folder"):
            RunFolder(path).create(CONFIG)
    assert (tmp_path / "file").read_text() == "text"


def test_an_earlier_run_survives_settings_that_cannot_be_written(tmp_path, monkeypatch):
    run = trained(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="No space left"):
        run.create(CONFIG, overwrite=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_an_earlier_run_is_not_overwritten_unasked(tmp_path):
    run = trained(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(OutputError, match="holds a run already"):
        run.create(CONFIG)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_two_trainings_are_not_in_one_folder(tmp_path):
    one, two = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "run")
    with one.lock():  # noqa: SIM117
        with pytest.raises(OutputError, match="another training is writing to"), two.lock():
            pass
    with two.lock():
        pass


def test_what_a_killed_training_left_half_written_is_removed(tmp_path):
    run = trained(tmp_path)
    names = sorted(os.listdir(tmp_path))
    for name in ".weights.safetensors.0123abcd.tmp", ".config.json.00000000.tmp":
        (tmp_path / name).write_text("half")
    (tmp_path / ".mine.tmp").write_text("not ours")
    with run.lock():
        assert sorted(os.listdir(tmp_path)) == [".mine.tmp", *names]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sizes": [4]}, '"sizes"'),
        ({"sizes": [4, 0, 3]}, '"sizes"'),
        ({"sizes": "4-8-3"}, '"sizes"'),
        ({"seed": -1}, '"seed"'),
        ({"seed": True}, '"seed"'),
        ({"rate": "0.1"}, '"rate"'),
        ({"dtype": "object"}, '"dtype"'),
        ({"activation": "step"}, "'step' is unknown"),
        ({"init": "hee"}, "'hee' is unknown"),
        ({"colour": "red"}, "does not know: colour"),
    ],
)
def test_settings_that_are_wrong_are_named(tmp_path, change, words):
    run = RunFolder(tmp_path)
    run.config_path.write_text(json.dumps({**json.loads(CONFIG.to_json()), **change}))
    with pytest.raises(FileFormatError, match=words) as caught:
        run.load_network()
    assert str(run.config_path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"sizes": NaN}'])
def test_settings_that_are_no_settings(text):
    with pytest.raises(ConfigError):
        RunConfig.from_json(text)


def test_a_folder_without_a_run(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FileNotFoundError, match="not the folder of a run"):
            RunFolder(path).load_network()


def test_weights_that_do_not_fit_the_settings(tmp_path):
    run = trained(tmp_path)
    save_weights(run.weights_path, make_network(sizes=(4, 9, 3)))
    with pytest.raises(ShapeError, match=r"W1 .*\(4, 8\).*\(4, 9\)"):
        run.load_network()


def test_settings_of_before_there_were_compile_and_data(tmp_path):
    run = trained(tmp_path)
    entries = json.loads(run.config_path.read_text())
    del entries["compile"], entries["data"]
    run.config_path.write_text(json.dumps(entries))
    assert run.read_config() == CONFIG
    entries["compile"] = "yes"
    run.config_path.write_text(json.dumps(entries))
    with pytest.raises(FileFormatError, match="\"compile\" is missing or wrong: 'yes'"):
        run.read_config()
