"""What a Trainer is asked to keep is kept, and where it cannot be, it says so at the start."""

import os
import sys

import numpy as np
import pytest
from small_problem import make_network, points

from clearprop.errors import ConfigError, OutputError
from clearprop.training import SGD, Trainer, load_weights
from clearprop.training.weights import read_arrays

X, T = points()
PATHS = "checkpoint_path", "best_path", "history_path", "signals_path"


def trainer(**settings):
    usual = {"batch_size": 30, "optimizer": SGD(1.0), "rng": 0, "on_progress": False}
    return Trainer(make_network(), X, T, X[::2], T[::2], **usual | settings)


@pytest.mark.parametrize("more", [{}, {"patience": 2}, {"compile": False}])
def test_the_best_network_is_kept_without_a_checkpoint(tmp_path, more):
    made = trainer(best_path=tmp_path / "best", **more)
    history = made.train(epochs=6)
    assert [p.name for p in tmp_path.iterdir()] == ["best"]
    assert read_arrays(tmp_path / "best")[1] == {"iteration": made.best.iteration}
    other = make_network(3)
    load_weights(tmp_path / "best", other)
    assert other.accuracy(X[::2], T[::2]) == np.max(history.test_accuracy)


class Own:
    """Updates, and has no state that anybody knows: there can be no checkpoint of it."""

    def update(self, params, grads):
        for name, grad in grads.items():
            params[name] -= grad


def test_the_best_network_needs_no_optimizer_of_ours(tmp_path):
    trainer(best_path=tmp_path / "best", optimizer=Own()).train(epochs=1)
    assert (tmp_path / "best").exists()


def test_what_cannot_be_written_at_the_end_is_kept_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / "folder"
    folder.mkdir()
    made = trainer(best_path=folder / "best", callbacks=[lambda moment: folder.rmdir()])
    with pytest.raises(OutputError, match=r"So the best network, of iteration 3, is in .*clearpr"):
        made.train(epochs=1)
    (kept,) = tmp_path.iterdir()
    assert read_arrays(kept)[1] == {"iteration": 3}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("place", ["missing/file", ".", "file/below", "a\0b", "locked/file"])
def test_what_cannot_be_written_is_refused_before_training(tmp_path, name, place):
    (tmp_path / "file").touch()
    (tmp_path / "locked").mkdir(mode=0o500)
    if place == "locked/file" and (sys.platform == "win32" or os.geteuid() == 0):
        pytest.skip("to this user no folder is locked")
    paths = {other: tmp_path / other for other in PATHS} | {name: f"{tmp_path}/{place}"}
    made = trainer(**paths)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match=f"^{name}: .* cannot be written"):
        made.train(epochs=1)
    assert sorted(tmp_path.iterdir()) == before
    assert not len(made.history)


@pytest.mark.parametrize("one", PATHS)
@pytest.mark.parametrize("other", PATHS)
def test_two_names_of_one_file_are_refused(tmp_path, monkeypatch, one, other):
    if one == other:
        return
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    match = f"({one} and {other}|{other} and {one}) are one file"
    for spelling in "kept", "./kept", "folder/../kept", str(tmp_path / "kept"), "link":
        with pytest.raises(ConfigError, match=match):
            trainer(**{one: "kept", other: spelling})
    later = trainer(**{one: "kept"})
    setattr(later, other, tmp_path / "kept")
    with pytest.raises(ConfigError, match=match):
        later.train(epochs=1)
    assert not (tmp_path / "kept").exists()
