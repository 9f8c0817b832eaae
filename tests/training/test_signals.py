"""What goes through the layers: seen, written and read back, and nothing else touched."""

import json
import math

import numpy as np
import pytest
from small_problem import make_network, points, weights

from clearprop.errors import FileFormatError, OutputError
from clearprop.layers import Affine, Relu
from clearprop.networks import Network
from clearprop.training import SGD, RunFolder, Trainer
from clearprop.training.signals import (
    SAMPLES,
    SHARE,
    SignalRecorder,
    look,
    read_signals,
    spread_of,
)


def train(path, epochs=150, **settings):
    x, t = points()
    network = make_network()
    trainer = Trainer(network, x, t, batch_size=30, rng=1, signals_path=path, **settings)
    trainer.train(epochs=epochs)
    return trainer


def test_the_start_and_the_end_are_seen_and_what_lies_between_at_intervals(tmp_path):
    path = tmp_path / "signals.jsonl"
    train(path)
    moments = read_signals(path)
    iterations = [m.iteration for m in moments]
    assert iterations[0] == 0
    assert iterations[-1] == 450
    assert all(m.epoch == m.iteration / 3 for m in moments)
    gaps = np.diff(iterations[:-1]) * 30
    assert len(gaps) >= 2
    assert (gaps >= SHARE * SAMPLES).all()
    assert [s.layer for s in moments[0].layers] == ["Affine1", "Relu1", "Affine2"]


@pytest.mark.parametrize("compile", [False, True])
def test_looking_changes_nothing_that_is_learned(tmp_path, compile):
    with_signals = train(tmp_path / "signals.jsonl", compile=compile)
    without = train(None, compile=compile)
    assert with_signals.history == without.history
    assert weights(with_signals.network) == weights(without.network)


def test_the_same_seed_gives_the_same_file(tmp_path):
    for name in "a", "b":
        train(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_training_may_go_on(tmp_path):
    path = tmp_path / "signals.jsonl"
    trainer = train(path)
    before = read_signals(path)
    trainer.train(epochs=3)
    after = read_signals(path)
    assert after[: len(before)] == before
    assert [m.iteration for m in after[len(before) :]] == [459]


def test_a_run_without_signals_has_none(tmp_path):
    assert RunFolder(tmp_path).read_signals() == []


def test_what_is_seen_is_what_passes():
    x, t = points()
    network = make_network(dtype="float64")
    signals = look(network, x, t)
    out = np.asarray(x)
    for layer, seen in zip(network.layers.values(), signals, strict=True):
        out = layer.forward(out)
        assert seen.activation.rms == pytest.approx(np.sqrt(np.mean(out**2)))
        assert seen.activation.quantiles[2] == pytest.approx(np.median(out), abs=0.02)
        assert seen.activation.zeros == np.mean(out == 0)
    network.lastLayer.forward(out, t)
    dout = network.lastLayer.backward(1)
    for layer, seen in zip(reversed(network.layers.values()), reversed(signals), strict=True):
        assert seen.derivative.rms == pytest.approx(np.sqrt(np.mean(dout**2)))
        assert seen.derivative.zeros == np.mean(dout == 0)
        dout = layer.backward(dout)


def test_what_layers_kept_is_left_alone():
    x, t = points()
    network = make_network()
    network.gradient(x[:5], t[:5])
    kept = network.layers["Affine1"].x, network.layers["Affine1"].dW, network.lastLayer.y
    look(network, x, t)
    now = network.layers["Affine1"].x, network.layers["Affine1"].dW, network.lastLayer.y
    assert all(a is b for a, b in zip(kept, now, strict=True))


def test_silent_neurons_are_counted():
    W = np.array([[1.0, -1.0, 1.0, -1.0]])
    network = Network([Affine(W, np.zeros(4)), Relu()])
    signals = look(network, np.array([[1.0], [2.0]]), np.array([0, 2]))
    assert signals[1].activation.silent == 0.5
    assert signals[1].activation.zeros == 0.5
    assert signals[0].activation.silent == 0


def test_a_spread_of_magnitudes_leaves_out_zeros():
    spread = spread_of(np.array([[0.0, -3.0, 0.0, 4.0]]), magnitudes=True)
    assert spread.quantiles == (3.0, 3.0, 3.0, 4.0, 4.0)
    assert (spread.rms, spread.zeros) == (2.5, 0.5)


def test_what_is_all_zero_or_not_finite_is_told_as_such():
    nothing = spread_of(np.zeros((3, 4)), magnitudes=True)
    assert all(map(math.isnan, nothing.quantiles))
    assert nothing[1:] == (0.0, 1.0, 1.0)
    broken = spread_of(np.array([[np.nan, 1.0, np.inf, 2.0]]))
    assert not math.isfinite(broken.rms)
    assert broken.quantiles == (1.0, 1.0, 1.0, 2.0, 2.0)


def test_not_finite_numbers_are_written_and_read(tmp_path):
    network = Network([Affine(np.full((2, 2), np.inf), np.zeros(2))])
    path = tmp_path / "signals.jsonl"
    SignalRecorder(path, network, np.ones((3, 2)), np.array([0, 1, 0])).moment(0, 0.0, 3)
    for line in path.read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)
    assert not math.isfinite(read_signals(path)[0].layers[0].activation.rms)


class Own(Network):
    def forward(self, x):
        return super().forward(x) * 2


def test_a_network_that_runs_in_a_way_of_its_own_is_looked_at_too(tmp_path):
    x, t = points()
    network = Own(list(make_network(dtype="float64").layers.values()))
    path = tmp_path / "signals.jsonl"
    SignalRecorder(path, network, x, t).moment(0, 0.0, 30)
    [moment] = read_signals(path)
    assert [s.layer for s in moment.layers] == ["Affine1", "Relu1", "Affine2"]
    network.gradient(x, t)
    dout = 2 * network.lastLayer.backward()
    assert moment.layers[-1].derivative.rms == pytest.approx(np.sqrt(np.mean(dout**2)), rel=1e-5)


def test_a_line_that_breaks_off_is_left_out_and_a_wrong_one_is_named(tmp_path):
    path = tmp_path / "signals.jsonl"
    train(path)
    whole = path.read_text()
    path.write_text(whole[:-5])
    assert len(read_signals(path)) == whole.count("\n") - 1
    path.write_text(whole + '{"iteration": 1}\n')
    with pytest.raises(FileFormatError, match=f"line {whole.count(chr(10)) + 1} is not a moment"):
        read_signals(path)
    path.write_text("[" * 100_000 + "\n")
    with pytest.raises(FileFormatError, match="line 1"):
        read_signals(path)
    with pytest.raises(FileNotFoundError):
        read_signals(tmp_path / "missing")


@pytest.mark.parametrize(
    ("key", "value"), [("rms", "big"), ("rms", True), ("quantiles", [1.0]), ("silent", None)]
)
def test_wrong_entries_are_refused(tmp_path, key, value):
    path = tmp_path / "signals.jsonl"
    train(path, epochs=1)
    entry = json.loads(path.read_text().splitlines()[0])
    entry["layers"][0]["activation"][key] = value
    path.write_text(json.dumps(entry) + "\n")
    with pytest.raises(FileFormatError, match="line 1"):
        read_signals(path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    x, t = points()
    trainer = Trainer(
        make_network(), x, t, batch_size=30, signals_path=tmp_path / "no" / "signals.jsonl"
    )
    with pytest.raises(OutputError, match="cannot be written"):
        trainer.train(epochs=1)


def test_a_new_run_begins_a_new_file(tmp_path):
    path = tmp_path / "signals.jsonl"
    train(path, optimizer=SGD(0.2))
    train(path, epochs=1)
    assert [m.iteration for m in read_signals(path)] == [0, 3]
