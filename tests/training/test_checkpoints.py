"""A training that goes on from a checkpoint is the one that was not stopped, bit for bit."""

import math

import numpy as np
import pytest
from small_problem import make_network, points, weights
from stateful import network_with_everything

from clearprop.errors import ClearpropError, ConfigError, FileFormatError, OutputError, ShapeError
from clearprop.training import SGD, Adam, Cosine, History, Momentum, Trainer, load_weights
from clearprop.training.weights import read_arrays, write_arrays

X, T = points()


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """The layers are looked at after every epoch, as they are with more data."""
    monkeypatch.setattr("clearprop.training.signals.SHARE", 1)


def everything(tmp_path, name="a", *, seed=0, **settings):
    """A training with state of every kind; the first weights of a resumed one do not matter."""
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    network = network_with_everything(seed)
    paths = {
        "history_path": folder / "history", "signals_path": folder / "signals",
        "checkpoint_path": folder / "last", "best_path": folder / "best",
    }  # fmt: skip
    settings = {"batch_size": 30, "optimizer": Adam(Cosine(0.02, 40)), "rng": 0} | settings
    return Trainer(network, X, T, X[::2], T[::2], **(paths | settings))


def outcome(trainer):
    """All that a training leaves, to the last bit."""
    network, optimizer = trainer.network, trainer.optimizer
    return (
        list(trainer.history.lines()),
        weights(network),
        {n: np.asarray(v).tobytes() for n, v in network.states.items()},
        {n: a.tobytes() for n, a in optimizer.arrays.items()},
        optimizer.step_count,
        network.rng.bit_generator.state,
        trainer.rng.bit_generator.state,
        (trainer.best.iteration, {n: a.tobytes() for n, a in trainer.best.arrays.items()}),
    )


def files(tmp_path, name):
    """The files of a run, of checkpoints the arrays."""
    found = {}
    for path in sorted((tmp_path / name).iterdir()):
        if path.name in ("last", "best"):
            arrays, about = read_arrays(path)
            found[path.name] = {n: (a.dtype, a.tobytes()) for n, a in arrays.items()}, about
        else:
            found[path.name] = path.read_bytes()
    return found


@pytest.mark.parametrize("compile", [True, False])
def test_it_goes_on_as_if_it_had_not_been_stopped(tmp_path, compile):
    whole = everything(tmp_path, "whole", compile=compile)
    whole.train(iterations=12)
    for stop in 1, 2, 3, 4, 7, 9, 11:
        name = f"stopped after {stop}"
        first = everything(tmp_path, name, compile=compile)
        first.train(iterations=stop)
        second = everything(tmp_path, name, compile=compile, seed=5)
        history = second.resume(tmp_path / name / "last")
        assert len(history) == stop
        second.train(iterations=12, in_all=True)
        assert outcome(second) == outcome(whole)
        assert files(tmp_path, name) == files(tmp_path, "whole")


@pytest.mark.parametrize("samples", [90, 77])
def test_many_stops_make_no_difference(tmp_path, samples):
    def trainer(seed=0):
        return Trainer(
            make_network(seed), X[:samples], T[:samples], batch_size=20, rng=3,
            optimizer=Momentum(0.1), on_progress=None,
        )  # fmt: skip

    whole = trainer()
    whole.train(iterations=23)
    path = tmp_path / "c"
    trainer().save(path)
    for done in range(23):
        step = trainer(seed=done)
        step.resume(path)
        # the evaluation that ends each call is no part of the course
        step.checkpoint_path = path
        step.train(iterations=done + 1, in_all=True)
    assert outcome(step)[1:] == outcome(whole)[1:]
    assert step.history == whole.history


def test_one_generator_may_serve_the_network_and_the_batches(tmp_path):
    def trainer(seed):
        network = network_with_everything()
        network.rng = rng = np.random.default_rng(seed)
        return Trainer(network, X, T, batch_size=30, optimizer=SGD(0.1), rng=rng)

    whole, first, second = trainer(1), trainer(1), trainer(9)
    whole.train(iterations=8)
    first.train(iterations=4)
    first.save(tmp_path / "c")
    second.resume(tmp_path / "c")
    assert second.rng is second.network.rng
    second.train(iterations=4)
    assert outcome(second)[1:4] == outcome(whole)[1:4]


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_any_generator_is_taken_up(tmp_path, kind):
    def trainer(seed):
        rng = np.random.Generator(kind(seed))
        return Trainer(make_network(), X, T, batch_size=40, optimizer=SGD(0.1), rng=rng)

    whole, first, second = trainer(1), trainer(1), trainer(9)
    whole.train(iterations=8)
    first.train(iterations=4)
    first.save(tmp_path / "c")
    second.resume(tmp_path / "c")
    second.train(iterations=4)
    assert weights(second.network) == weights(whole.network)


def test_what_looks_sees_what_it_would_have_seen(tmp_path):
    first = everything(tmp_path)
    first.train(iterations=4)
    second = everything(tmp_path, seed=5)
    second.resume(tmp_path / "a" / "last")
    x, t = X[:30], T[:30]
    assert second.network.loss(x, t) == first.network.loss(x, t)


def test_the_checkpoint_is_a_weights_file(tmp_path):
    trainer = everything(tmp_path)
    trainer.train(iterations=4)
    other = network_with_everything(seed=3)
    load_weights(tmp_path / "a" / "last", other)
    assert weights(other) == weights(trainer.network)
    optimizer = Adam(0.1)
    load_weights(tmp_path / "a" / "last", other, optimizer)
    assert optimizer.step_count == 4


def test_the_best_is_kept(tmp_path):
    trainer = everything(tmp_path, optimizer=SGD(1.0))
    trainer.train(epochs=6)
    history = trainer.history
    best = int(np.argmax(history.test_accuracy))
    assert trainer.best.iteration == history.evaluated_at[best]
    other = network_with_everything(seed=3)
    load_weights(tmp_path / "a" / "best", other)
    assert other.accuracy(X[::2], T[::2]) == history.test_accuracy[best]


class Wild(SGD):
    """Spoils the parameters from the eighth step on."""

    def update(self, params, grads):
        super().update(params, grads)
        if self.step_count > 8:
            for param in params.values():
                param *= -1


def test_early_stopping_puts_the_best_back_and_can_go_on(tmp_path):
    settings = {"optimizer": Wild(0.1), "patience": 2, "best_path": None}
    trainer = everything(tmp_path, **settings)
    history = trainer.train(epochs=50)
    assert len(history) < 50 * trainer.iterations_per_epoch
    best = trainer.best
    later = history.evaluated_at[history.evaluated_at > best.iteration]
    assert len(later) == 2
    assert trainer.network.accuracy(X[::2], T[::2]) == best.score
    # what was learned last is what the checkpoint holds, and what a further call goes on with
    resumed = everything(tmp_path, seed=4, **(settings | {"optimizer": Wild(0.1)}))
    resumed.resume(tmp_path / "a" / "last")
    assert resumed.train(epochs=50, in_all=True) == history  # it had been enough
    assert weights(resumed.network) == weights(trainer.network)
    trainer.save(tmp_path / "again")
    assert (
        read_arrays(tmp_path / "again")[0].keys() == read_arrays(tmp_path / "a" / "last")[0].keys()
    )
    for name, array in read_arrays(tmp_path / "again")[0].items():
        np.testing.assert_array_equal(array, read_arrays(tmp_path / "a" / "last")[0][name])


def test_a_further_call_is_patient_anew(tmp_path):
    def made(name, seed=0):
        return everything(tmp_path, name, seed=seed, patience=2, optimizer=Wild(0.1))

    first, epoch = made("a"), made("a").iterations_per_epoch
    stopped = len(first.train(epochs=50))
    again, part, whole = (made(name, seed=3) for name in "bcd")
    again.resume(tmp_path / "a" / "last")
    part.resume(tmp_path / "a" / "last")
    for trainer in first, again:  # in the same process, and in another one
        assert len(trainer.train(epochs=20)) == stopped + 2 * epoch
    assert outcome(first)[:-1] == outcome(again)[:-1]
    # one that is interrupted on its second way counts on from there
    part.train(iterations=epoch + 1)
    whole.resume(tmp_path / "c" / "last")
    whole.train(iterations=stopped + 20 * epoch, in_all=True)
    assert outcome(whole)[:-1] == outcome(first)[:-1]


def test_early_stopping_takes_effect_at_the_same_iteration_when_resumed(tmp_path):
    settings = {"patience": 3, "optimizer": SGD(0.5)}
    whole = everything(tmp_path, "whole", **settings)
    whole.train(epochs=60)
    stop = len(whole.history) - 2
    everything(tmp_path, "parts", **settings | {"optimizer": SGD(0.5)}).train(iterations=stop)
    second = everything(tmp_path, "parts", seed=2, **settings | {"optimizer": SGD(0.5)})
    second.resume(tmp_path / "parts" / "last")
    second.train(epochs=60, in_all=True)
    assert outcome(second)[:-1] == outcome(whole)[:-1]
    assert second.best.iteration == whole.best.iteration


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A checkpoint after four iterations, of which nothing is changed."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("clearprop.training.signals.SHARE", 1)
        everything(folder).train(iterations=4)
    return folder / "a" / "last"


@pytest.fixture(scope="module")
def another(tmp_path_factory):
    """A training with other weights, which is to take up a checkpoint."""
    return everything(tmp_path_factory.mktemp("another"), "b", seed=5)


def changed(tmp_path, kept, change):
    """A checkpoint of which something is changed: its arrays, or what it says."""
    arrays, about = read_arrays(kept)
    change(arrays, about, about["training"])
    write_arrays(tmp_path / "changed", arrays, about)
    return tmp_path / "changed"


DAMAGE = {
    "no training": lambda a, t, e: t.pop("training"),
    "no loss": lambda a, t, e: a.pop("training.loss"),
    "a loss of other shape": lambda a, t, e: a.update({"training.loss": np.zeros((2, 2))}),
    "no batches": lambda a, t, e: e.pop("batches"),
    "a start below 0": lambda a, t, e: e["batches"].update(start=-30),
    "a start in words": lambda a, t, e: e["batches"].update(start="three"),
    "another generator": lambda a, t, e: e["batches"]["now"].update(bit_generator="MT19937"),
    "no generator": lambda a, t, e: e["batches"].update(before=None),
    "another memory": lambda a, t, e: e.update(before={"state": 1}),
    "a training in words": lambda a, t, e: t.update(training="long"),
    "no score": lambda a, t, e: e.pop("score"),
    "facts in a list": lambda a, t, e: e.update(facts=[]),
    "no optimizer": lambda a, t, e: t.pop("optimizer"),
    "no parameter": lambda a, t, e: a.pop("W1"),
    "threads in words": lambda a, t, e: e["notes"].update(threads="many"),
    "no threads": lambda a, t, e: e["notes"].update(threads=-1),
    "a look in words": lambda a, t, e: e["notes"].update(signals="late"),
    "a best of other shape": lambda a, t, e: a.update({"training.best.W1": np.zeros(3)}),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_checkpoint_is_named_and_changes_nothing(tmp_path, kept, another, case):
    path = changed(tmp_path, kept, DAMAGE[case])
    before = outcome(another)
    with pytest.raises((FileFormatError, ShapeError, ConfigError), match="changed"):
        another.resume(path)
    assert outcome(another) == before
    another.train(iterations=1)


OTHERS = {
    "batch_size": {"batch_size": 10},
    "compiled": {"compile": False},
    "optimizer": {"optimizer": SGD(0.1)},
    "engine": {"engine": "c"},
    "weight_decay": {"optimizer": Adam(0.02, weight_decay=0.1)},
    "beta1": {"optimizer": Adam(0.02, beta1=0.5)},
    "beta2": {"optimizer": Adam(0.02, beta2=lambda step: 0.999)},
    "clip_norm": {"optimizer": Adam(0.02, clip_norm=1.0)},
    "decay": {"optimizer": Adam(0.02, decay="all")},
    "groups": {"optimizer": Adam(0.02, groups={"b*": {"beta1": 0.5}})},
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_training_is_refused(tmp_path, kept, case):
    other = everything(tmp_path, "b", seed=5, **OTHERS[case])
    before = outcome(other)
    named = "Adam" if case == "optimizer" else case
    with pytest.raises(ConfigError, match=named):
        other.resume(kept)
    assert outcome(other) == before


def test_other_frozen_parameters_are_refused_and_another_rate_is_not(tmp_path, kept):
    other = everything(tmp_path, "b", seed=5, optimizer=Adam(0.5))
    other.network.freeze(next(iter(other.network.params)))
    with pytest.raises(ConfigError, match=r"with frozen .*, and this one has"):
        other.resume(kept)
    other.network.unfreeze()
    assert len(other.resume(kept)) == 4


def test_another_order_is_refused(tmp_path):
    def made(**settings):
        return Trainer(make_network(), *points(), batch_size=30, rng=0, **settings)

    made().save(tmp_path / "shuffled")
    with pytest.raises(ConfigError, match="with shuffle True, and this one has False"):
        made(shuffle=False).resume(tmp_path / "shuffled")
    made().resume(tmp_path / "shuffled")


def test_checkpoints_of_before_there_were_some_facts_are_read(tmp_path, kept):
    def older(arrays, about, entry):
        entry["facts"] = {n: entry["facts"][n] for n in ("batch_size", "compiled", "data")}

    assert len(everything(tmp_path, "b").resume(changed(tmp_path, kept, older))) == 4


def test_what_is_held_out_is_the_same_when_it_goes_on(tmp_path):
    def trainer(seed=0):
        settings = {"validation": 0.2, "batch_size": 24, "optimizer": SGD(0.1), "patience": 9}
        return Trainer(network_with_everything(seed), X, T, rng=1, **settings)

    whole, first, second = trainer(), trainer(), trainer(4)
    whole.train(iterations=9)
    first.train(iterations=4)
    first.save(tmp_path / "c")
    second.resume(tmp_path / "c")
    second.train(iterations=9, in_all=True)
    assert outcome(second)[:2] == outcome(whole)[:2]
    with pytest.raises(ConfigError, match="data"):
        Trainer(network_with_everything(), X, T, validation=0.2, batch_size=24, rng=2,
                optimizer=SGD(0.1)).resume(tmp_path / "c")  # fmt: skip
    with pytest.raises(ConfigError, match="give one of them"):
        Trainer(network_with_everything(), X, T, X, T, validation=0.2)


def test_other_data_are_refused(kept):
    for x, t in (X + 1, T), (X, T[::-1]), (X[:60], T[:60]):
        trainer = Trainer(
            network_with_everything(), x, t, X[::2], T[::2], batch_size=30, optimizer=Adam(0.1)
        )
        said = "a training on other data; give those that it was trained on|with samples"
        with pytest.raises(ConfigError, match=said):
            trainer.resume(kept)


def test_an_optimizer_whose_state_nobody_knows_is_refused_at_once(tmp_path):
    class Own:
        def update(self, params, grads):
            pass

    trainer = Trainer(make_network(), X, T, optimizer=Own(), batch_size=30,
                      checkpoint_path=tmp_path / "c")  # fmt: skip
    with pytest.raises(ConfigError, match="write it as an Optimizer"):
        trainer.train(epochs=1)
    assert len(trainer.history) == 0


@pytest.mark.parametrize("name", ["checkpoint_seconds", "patience"])
@pytest.mark.parametrize("value", [0, -1, math.nan, "often", True])
def test_settings_out_of_range_are_named(tmp_path, name, value):
    with pytest.raises(ConfigError, match=name):
        everything(tmp_path, **{name: value})


def test_checkpoints_come_after_epochs_and_in_time(tmp_path, monkeypatch):
    written = []
    real = Trainer._save
    monkeypatch.setattr(
        Trainer, "_save", lambda self, path: (written.append(len(self.history)), real(self, path))
    )
    everything(tmp_path, on_progress=lambda moment: None).train(epochs=4)
    assert written[-1] == 12
    assert written[0] == 3
    written.clear()
    everything(tmp_path, "b", checkpoint_seconds=1e-9, on_progress=lambda moment: None).train(
        epochs=2
    )
    assert written[:6] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("fault", ["step", "progress"])
def test_whatever_ends_a_training_what_was_learned_is_kept(tmp_path, fault):
    class Fails(SGD):
        def update(self, params, grads):
            if self.step_count == 7:
                raise RuntimeError("no more")
            super().update(params, grads)

    def stop(moment):
        if moment.iteration == 7 and not moment.done:
            raise RuntimeError("no more")

    failing = {"step": {"optimizer": Fails(0.1)}, "progress": {"on_progress": stop}}[fault]
    trainer = everything(tmp_path, **({"optimizer": SGD(0.1)} | failing))
    with pytest.raises(RuntimeError, match="no more"):
        trainer.train(iterations=20)
    whole = everything(tmp_path, "whole", optimizer=SGD(0.1), compile=fault != "step")
    whole.train(iterations=20)
    settings = {"optimizer": SGD(0.1), "compile": fault != "step"}
    if fault == "step":
        settings["optimizer"] = Fails(0.1)
        settings["optimizer"].update = lambda p, g: SGD.update(settings["optimizer"], p, g)
    second = everything(tmp_path, seed=3, **settings)
    second.resume(tmp_path / "a" / "last")
    assert len(second.history) == 7
    second.train(iterations=20, in_all=True)
    assert outcome(second) == outcome(whole)


def test_when_the_folder_vanishes_what_was_learned_goes_elsewhere(tmp_path, monkeypatch):
    import tempfile

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    vanishing = tmp_path / "a"

    def vanish(moment):
        if moment.iteration == 5 and vanishing.exists():
            vanishing.rename(tmp_path / "gone")

    paths = {"history_path": None, "signals_path": None, "checkpoint_seconds": 1e-9}
    trainer = everything(tmp_path, on_progress=vanish, **paths)
    with pytest.raises(OutputError, match=r"cannot be written.*learned in 6 iterations is in"):
        trainer.train(iterations=20)
    (kept,) = elsewhere.iterdir()
    second = everything(tmp_path, "b", seed=3)
    assert len(second.resume(kept)) == 6
    older = everything(tmp_path, "b", seed=3)
    assert len(older.resume(tmp_path / "gone" / "last")) == 5


def test_when_nothing_can_be_written_what_is_lost_is_named(tmp_path, monkeypatch):
    def full(path, data):
        raise OutputError(f"{path} cannot be written: no space left")

    trainer = everything(tmp_path)
    trainer.train(iterations=4)
    before = (tmp_path / "a" / "last").read_bytes()
    monkeypatch.setattr("clearprop.training.weights.atomic_write", full)
    with pytest.raises(
        OutputError, match=r"learned in \d iterations is lost; .*last holds what was kept"
    ):
        trainer.train(iterations=4)
    assert (tmp_path / "a" / "last").read_bytes() == before
    assert len(everything(tmp_path, "b").resume(tmp_path / "a" / "last")) == 4


def test_errors_of_ours_are_ours():
    assert issubclass(OutputError, ClearpropError)
    assert History() == History.of("accuracy", np.zeros(0), np.zeros((0, 4)))
