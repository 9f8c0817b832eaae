"""The engine for JAX: networks, what is kept on the device, several devices and processes."""

import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from nets import Looping, around, batch, dense, largest_difference, weights
from twenty import OPTIMIZERS, TWENTY, distance, ratio, trained

from clearprop import Layer, Network, Softmax, compile, grad
from clearprop.compiler.devices import Numbers
from clearprop.errors import (
    ConfigError,
    DataError,
    LabelError,
    NonFiniteError,
    ProcessError,
    UnsupportedError,
)
from clearprop.layers import BatchNormalization
from clearprop.training import SGD, Adam, Momentum, Trainer, join, load_weights, save_weights
from clearprop.training.joining import roll_call

pytestmark = pytest.mark.skipif(not find_spec("jax"), reason="jax is not installed")
TWENTY_PY = Path(__file__).with_name("twenty.py")
SOME = ("convolutional", "block by hand", "lazy cell", "causal")


def test_there_are_twenty_and_every_optimizer():
    assert len(TWENTY) == 20
    assert len({type(make()) for make in OPTIMIZERS}) == 7


@pytest.mark.parametrize("name", SOME)
def test_it_is_as_exact_as_numpy(name):
    """`python tests/compiler/twenty.py` does the same for all twenty."""
    assert ratio(name, engine="jax") <= 3
    exact = trained(name, np.float64)
    assert distance(trained(name, np.float64, engine="jax"), exact) < 1e-12


def started(*arguments, devices):
    """A program that runs networks of the twenty, with so many devices of its own."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    command = [sys.executable, TWENTY_PY, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def results(program):
    """Of a program that ran networks: how far it was, in float32 and float64."""
    out, err = program.communicate(timeout=200)
    assert program.returncode == 0, err[-2000:]
    lines = [line.split("float32")[1].split() for line in out.splitlines() if "float32" in line]
    return [(float(line[0]), float(line[-1])) for line in lines]


def test_devices_share_a_batch():
    ((single, double),) = results(started("--devices", "4", "skip", devices=4))
    assert single <= 3
    assert double < 1e-12


def test_processes_compute_together():
    address = f"localhost:{free_port()}"
    shared = ("--coordinator", address, "--processes", "2", "batch norm")
    programs = [started(*shared, "--process", str(i), devices=1) for i in range(2)]
    try:
        for ((single, double),) in map(results, programs):
            assert single <= 3
            assert double < 1e-12
    finally:
        for program in programs:
            program.kill()
            program.communicate()


def free_port():
    with socket.create_server(("", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.interp(x, [-1.0, 0.0, 2.0], [0.5, -0.5, 1.5]),
        lambda x: np.searchsorted(np.array([-0.5, 0.5]), x) * x,
        lambda x: np.sort(x, axis=0, kind="stable"),
        lambda x: np.take_along_axis(x, np.argsort(x, axis=1, kind="stable"), 1),
        lambda x: np.hstack([x, 2 * x]),
        lambda x: np.tensordot(x, W, axes=(range(1, 2), range(1))),
        grad(lambda x: np.sin(np.tensordot(x, W, 1)).sum()),
        grad(lambda x: np.sin(np.tensordot(x, W, ([1], [0]))).sum()),
        grad(lambda x: np.sin(np.tensordot(x, W, 0)).sum()),
        grad(lambda x: np.sin(np.inner(x, W.T)).sum()),
        lambda x: np.insert(x, 1, 5, axis=1),
        lambda x: np.digitize(x, [-1, 0, 1], right=True) * x,
        lambda x: np.repeat(x, [1, 0, 2, 1], axis=1),
        lambda x: np.repeat(x, np.arange(12)),
        grad(lambda x: np.sin(np.repeat(x, [1, 0, 2], axis=0)).sum()),
        lambda x: np.bincount([0, 1, 1, 3], weights=x[0], minlength=6),
        lambda x: np.bincount([0, 1, 1, 9], weights=x[0]),
        lambda x: np.partition(x, (1, 2), axis=1)[:, 1:3],
        lambda x: np.partition(x, 5, axis=None)[5],
        lambda x: x[np.array([True, False, True])],
        lambda x: x[:, np.arange(4) % 2 == 0, None],
        grad(lambda x: np.sin(x[np.arange(12).reshape(3, 4) % 2 == 0]).sum()),
        grad(lambda x: np.sin(x[np.arange(12).reshape(3, 4) % 12 != 5]).sum()),
        lambda x: np.linalg.lstsq(x + np.sin(9 * x), x, rcond=None),
        lambda x: np.linalg.lstsq((x + np.sin(9 * x)).T, x.T, rcond=None),
    ],
)
def test_functions_whose_arguments_jax_reads_otherwise(f, tmp_path):
    x = np.linspace(-1.3, 1.2, 12).reshape(3, 4)[:, ::-1]
    program, wanted = compile(f, engine="jax"), f(x)
    found = program(x)
    several = isinstance(wanted, tuple)
    for one, other in zip(found, wanted, strict=True) if several else [(found, wanted)]:
        assert np.asarray(one).dtype == np.asarray(other).dtype
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
    program.save(tmp_path / "alone.py")
    with Numbers():
        exec((tmp_path / "alone.py").read_text(), {})


W = np.linspace(-1, 1, 20).reshape(4, 5) ** 2


@pytest.fixture
def step():
    return compile(dense(7, 5, 3), Momentum(0.1), engine="jax")


def test_what_was_learned_is_seen_by_all_that_look(step, tmp_path):
    network, other = step.network, dense(7, 5, 3)
    like = compile(other, Momentum(0.1))
    x, t = batch(20, 7, 3)

    def train(n):
        for _ in range(n):
            assert step(x, t) == pytest.approx(like(x, t), rel=1e-5)

    train(2)
    assert network.params["W1"] == pytest.approx(other.params["W1"], rel=1e-5)
    train(2)
    assert network.predict(x) == pytest.approx(other.predict(x), rel=1e-4)
    train(1)
    assert network.gradient(x, t)["W1"] == pytest.approx(other.gradient(x, t)["W1"], rel=1e-4)
    train(1)
    assert network.loss(x, t) == pytest.approx(other.loss(x, t), rel=1e-5)
    train(1)
    save_weights(tmp_path / "a", network, step.optimizer)
    load_weights(tmp_path / "a", read := dense(7, 5, 3), momentum := Momentum(0.1))
    assert largest_difference(read, other) < 1e-5
    for name, array in like.optimizer.arrays.items():
        assert momentum.arrays[name] == pytest.approx(array, rel=1e-4, abs=1e-6)
    train(1)
    assert largest_difference(network.astype(np.float64), other) < 1e-5
    train(1)
    step.release()
    assert pytest.approx(other.params["W1"], rel=1e-5) == network.layers["Affine1"].W
    train(1)
    assert largest_difference(network, other) < 1e-5


def test_what_is_assigned_counts_and_nothing_is_lost_without_a_word(step):
    network, (x, t) = step.network, batch(20, 7, 3)
    loss = step(x, t)
    held = network.layers["Affine1"].W
    step(x, t)
    with pytest.raises(ValueError, match="read-only"):
        held += 1
    network.params["W1"] += 1  # fetched before
    assert step(x, t) != pytest.approx(loss, rel=1e-3)
    network.params["W1"] = dense(7, 5, 3).params["W1"]
    step(x, t)
    network.layers["Affine1"].W = np.zeros((7, 5), np.float32)
    step(x, t)
    assert abs(network.params["W1"]).max() < 0.2
    other = step.network.params["b1"].copy()
    step(*batch(10, 7, 3))  # another program, which goes on from there
    assert network.params["b1"] == pytest.approx(other, abs=0.2)
    assert not np.array_equal(network.params["b1"], other)


def test_a_step_is_made_wholly_or_not_at_all(step):
    x, t = batch(20, 7, 3)
    step(x, t)
    before = {name: np.array(a) for name, a in step.network.params.items()}
    with pytest.raises(NonFiniteError, match="the loss became nan"):
        step(np.full_like(x, np.inf), t)
    step.optimizer.lr = 1e38
    with pytest.raises(NonFiniteError, match=r"step of parameter W1 .* holds NaN or infinity"):
        step(100 * x, t)
    with pytest.raises(LabelError, match="label 3 is out of range: there are 3 classes"):
        step(x, np.full(20, 3))
    for name, array in step.network.params.items():
        np.testing.assert_array_equal(array, before[name])


class Sloped(Layer):
    def __init__(self):
        self.slope = 0.1

    def forward(self, x):
        return np.where(x > 0, x, self.slope * x)


CHANGES = {
    "a setting of the optimiser": lambda net, optimizer: setattr(optimizer, "lr", 0.1),
    "no norm": lambda net, optimizer: setattr(optimizer, "clip_norm", None),
    "no bound": lambda net, optimizer: setattr(optimizer, "clip_value", None),
    "no groups": lambda net, optimizer: setattr(optimizer, "groups", {}),
    "a group less": lambda net, optimizer: optimizer.groups.pop("b*"),
    "a number of a layer": lambda net, optimizer: setattr(net.layers["Sloped1"], "slope", 0.5),
    "its kind": lambda net, optimizer: setattr(net.layers["Sloped1"], "slope", 2),
    "what is frozen": lambda net, optimizer: net.freeze("W1"),
    "an array": lambda net, optimizer: setattr(net.layers["Affine1"], "W", weights(7, 5, 3)[0]),
    "what is in an array": lambda net, optimizer: net.params["b1"].__imul__(2),
}


@pytest.mark.parametrize("gathered", [False, True])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changes_between_two_steps_counts_in_the_next(change, gathered):
    """Though it has begun before that is looked at; see `Step.begun`."""
    x, t = batch(20, 7, 3)
    losses = []
    for engine in ("numpy", "jax"):
        network = around(Sloped())
        optimizer = Adam(0.01, clip_norm=0.1, clip_value=0.05, groups={"b*": {"lr": 0.02}})
        step = compile(network, optimizer, engine=engine)
        take, given = (step.over(x, t), (np.arange(20),)) if gathered else (step, (x, t))
        losses.append([take(*given) for _ in range(2)])
        change(network, optimizer)
        losses[-1] += [take(*given) for _ in range(3)]
        if gathered:
            with pytest.raises(DataError, match="there is no row -1 in 20 samples"):
                take(np.arange(-1, 19))
        else:
            network.layers["Affine1"] = dense(7, 5, 3).layers["Affine1"]
            with pytest.raises(ConfigError, match="were exchanged"):
                take(*given)
        assert optimizer.step_count == 5
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


@pytest.mark.parametrize("hidden", [5, 100])
def test_one_array_that_is_not_finite_is_enough(hidden):
    """Small arrays are looked at in one go, and each large one by itself."""
    network = dense(784, hidden, 3)
    network.params["W1"][0] = 0
    step = compile(network, SGD(1e20), engine="jax")
    x, t = batch(20, 784, 3)
    x[:, 0] = 1e30  # in the loss times 0; the derivative by W1 alone is as large
    with pytest.raises(NonFiniteError, match=r"step of parameter W1 .* holds NaN or infinity"):
        step(x, t)
    assert np.isfinite(network.params["W1"]).all()


@pytest.mark.skipif(np.finfo(np.longdouble).bits == 64, reason="it is float64 here")
def test_numbers_that_jax_does_not_have_are_named():
    x, t = batch(10, 6, 3, np.longdouble)
    step = compile(dense(6, 5, 3), SGD(0.1), engine="jax")
    with pytest.raises(UnsupportedError, match=r"x has dtype .*give x\.astype\(np\.float64\)"):
        step(x, t)


def placed(a, offset):
    """A copy that lies so many bytes behind a place where JAX would read it as it is."""
    room = np.empty(a.nbytes + 128, np.uint8)
    start = -room.ctypes.data % 64 + offset
    copy = room[start : start + a.nbytes].view(a.dtype).reshape(a.shape)
    copy[...] = a
    return copy


@pytest.mark.parametrize("offsets", [(0, 0), (0, 16), (16, 0), (16, 16)])
def test_data_stay_as_they_were_wherever_they_lie_in_memory(offsets):
    rows = np.arange(20)
    for engine, known in (("jax", 0), ("numpy", 1)):
        x, t = map(placed, batch(20, 6, 3), offsets)
        network = dense(6, 5, 3)
        over = compile(network, SGD(1e-9), engine=engine).over(x, t)
        over(rows)
        losses = [float(network.loss(x, t))]
        x[...], t[...] = x[::-1] + 1, (t + 1) % 3
        losses.append(float(network.loss(x, t)))
        assert abs(losses[0] - losses[1]) > 1e-3
        assert over(rows) == pytest.approx(losses[known], rel=1e-5)


def test_frozen_parameters_stay():
    network = dense(7, 5, 3)
    network.freeze("W1")
    before = network.params["W1"].copy()
    step = compile(network, SGD(0.1), engine="jax")
    for _ in range(2):
        step(*batch(20, 7, 3))
    np.testing.assert_array_equal(network.params["W1"], before)
    network.params["W1"] += 1  # writable as before


def test_functions_and_predictions():
    slope = compile(grad(lambda w: np.sum(np.tanh(w) ** 2)), engine="jax")
    w = np.array([0.0, 1.0])
    assert slope(w) == pytest.approx(grad(lambda w: np.sum(np.tanh(w) ** 2))(w), rel=1e-12)
    assert "def " in slope.source
    assert "jnp.tanh(x0)" in slope.source
    network, (x, t) = (
        around(BatchNormalization(np.ones(5, np.float32), np.zeros(5, np.float32)), Softmax()),
        batch(9, 7, 3),
    )
    predict = compile(network, engine="jax")
    assert predict(x) == pytest.approx(network.predict(x), rel=1e-5)
    network.params["W1"] *= 2
    network.gradient(x, t)
    assert predict(x) == pytest.approx(network.predict(x), rel=1e-4)


def test_whole_numbers_are_what_they_are_in_numpy():
    def f(x, i):
        return x * i, np.sin(i), i // 2, x[i], np.cumsum(i), i.mean()

    x, i = np.linspace(0, 1, 4, dtype=np.float32), np.arange(4, dtype=np.int32)
    for found, wanted in zip(compile(f, engine="jax")(x, i), f(x, i), strict=True):
        assert found.dtype == wanted.dtype
        assert found == pytest.approx(wanted, rel=1e-6)


def test_the_program_is_saved_and_runs_alone(step, tmp_path):
    step(*batch(20, 7, 3))
    step.save(tmp_path / "step.py")
    text = (tmp_path / "step.py").read_text()
    assert text == step.source
    assert "clearprop import" not in text
    assert text.count("import") == 1


def test_layers_as_written_are_refused_with_the_reason():
    network = around(Looping())
    with pytest.raises(
        UnsupportedError, match=r"no spelling for Looping1\.forward in .*as it is wri"
    ):
        compile(network, SGD(0.1), engine="jax")(*batch(4, 7, 3))


class InPlace(Layer):
    """It gives two derivatives in a way that cannot be recorded."""

    params = ("g",)

    def __init__(self):
        self.g, self.dg = np.ones(5, np.float32), np.zeros(5, np.float32)

    def forward(self, x):
        self.x = x
        return x * self.g

    def backward(self, dout):
        self.dg[...] = (dout * self.x).sum(0)
        return dout * self.g


def test_a_derivative_as_written_is_refused_wherever_it_stands():
    with pytest.raises(
        UnsupportedError, match=r"InPlace1\.forward: it runs as it is written: InPl"
    ):
        compile(around(InPlace()), SGD(0.1), engine="jax")(*batch(4, 7, 3))


def test_functions_that_jax_does_not_have_are_named():
    f = compile(grad(lambda a: np.linalg.det(a)), engine="jax")
    with pytest.raises(
        UnsupportedError, match=r"the engine jax has no spelling for .*cofactors in.* and c are eng"
    ):
        f(np.eye(3))
    f = compile(lambda x: x[x > 0].sum(), engine="jax")
    with pytest.raises(UnsupportedError, match=r"depends on|no spelling"):
        f(np.array([1.0, -1.0]))


def test_devices_that_are_not_there():
    network = dense(7, 5, 3)
    for devices, match in ((99, "from 1 to the"), (0, "from 1 to"), ("x", "no device")):
        step = compile(network, SGD(0.1), engine="jax", devices=devices)
        with pytest.raises(ConfigError, match=match):
            step(*batch(20, 7, 3))
    with pytest.raises(ConfigError, match="the engine numpy knows no devices"):
        compile(network, SGD(0.1), devices=2)(*batch(20, 7, 3))
    with pytest.raises(ConfigError, match="leave them out"):
        compile(network, engine="jax", devices=1)
    assert compile(network, SGD(0.1), engine="jax", devices=1)(*batch(20, 7, 3)) > 0


def trainer(**how):
    x, t = batch(130, 7, 3)
    network = Network([*dense(7, 5, 3).layers.values()], rng=np.random.default_rng(0))
    how = {"batch_size": 40, "optimizer": Adam(0.01), "rng": 1, "on_progress": False, **how}
    return Trainer(network, x, t, x, t, **how)


def test_the_trainer_trains_as_with_numpy(tmp_path):
    usual, jax = trainer(), trainer(engine="jax", checkpoint_path=tmp_path / "checkpoint")
    assert jax.train(epochs=3).loss == pytest.approx(usual.train(epochs=3).loss, abs=1e-6)
    assert largest_difference(usual.network, jax.network) < 1e-3  # as Adam has it
    assert jax.history.train_accuracy == pytest.approx(usual.history.train_accuracy)
    again = trainer(engine="jax")
    again.resume(tmp_path / "checkpoint")
    assert again.train(epochs=5, in_all=True) == jax.train(epochs=5, in_all=True)
    assert largest_difference(again.network, jax.network) == 0


def test_the_trainer_refuses_what_the_engine_cannot_run():
    with pytest.raises(UnsupportedError, match="engine='jax' runs compiled steps alone"):
        trainer(engine="jax", compile=False)
    with pytest.raises(ConfigError, match="devices must be from 1 to"):
        trainer(engine="jax", devices=64)


def test_a_process_that_does_not_come_or_cannot_be_reached():
    address = f"localhost:{free_port()}"
    with pytest.raises(ProcessError, match="process 0 cannot be reached at localhost"):
        join(address, 1, 2, seconds=0.5)
    with pytest.raises(ProcessError, match=r"process 1, 2 of 3 did not come within 0\.5 s"):
        join(address, 0, 3, seconds=0.5)
    with pytest.raises(ConfigError, match="give all three"):
        join(address)
    with pytest.raises(ConfigError, match="process must be from 0 to 1"):
        join(address, 2, 2)
    with pytest.raises(ConfigError, match="must be host:port"):
        join("somewhere", 0, 2)


@pytest.mark.parametrize(
    ("process", "processes", "versions", "match"),
    [
        (1, 3, {"jax": "1"}, "process 1 counts 3 processes, process 0 2"),
        (0, 2, {"jax": "1"}, None),
        (1, 2, {"jax": "2"}, "process 1 has jax 2, process 0 1; install the same"),
        (1, 2, {"jax": "1"}, ""),
    ],
)
def test_processes_that_do_not_fit(process, processes, versions, match):
    from concurrent.futures import ThreadPoolExecutor

    address = "localhost", free_port()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(roll_call, address, 0, 2, {"jax": "1"}, 5)
        if match is None:  # two of the same number: one of them cannot listen at the port
            both = [first, pool.submit(roll_call, address, 0, 2, versions, 5)]
            lines = pool.submit(roll_call, address, 1, 2, versions, 5).result()
            errors = [each.exception() for each in both]
            assert sorted(type(error) for error in errors if error) == [ProcessError]
            first = both[errors.index(None)]
            for line in (*lines, *first.result()):
                line.close()
            return
        other = pool.submit(roll_call, address, process, processes, versions, 5)
        for each in (first, other):
            if match:
                with pytest.raises(ProcessError, match=match):
                    each.result()
            else:
                for line in each.result():
                    line.close()


class Rivals(Network):
    """One network that another judges, whose layers both hold."""

    def __init__(self, made, judge):
        super().__init__(loss=judge.lastLayer)
        self.made, self.judge = made, judge

    def forward(self, x):
        return self.judge(self.made(x))


@pytest.mark.parametrize("engines", [("jax", "jax"), ("jax", "numpy"), ("numpy", "jax")])
def test_networks_that_share_layers_see_what_the_other_has_learned(engines):
    x, t = batch(8, 4, 3, dtype=np.float64)
    found = []
    for how in ((None, None), engines):
        made, judge = (dense(4, 5, n, dtype=np.float64) for n in (4, 3))
        both = Rivals(made, judge)
        both.freeze("judge.*")
        optimizers = Adam(0.01), Momentum(0.1)
        pairs = list(zip((both, judge), optimizers, how, strict=True))
        steps = [
            network.loss_and_gradient if e is None else compile(network, optimizer, engine=e)
            for network, optimizer, e in pairs
        ]
        losses = []
        for _ in range(6):
            for (network, optimizer, _), step in zip(pairs, steps, strict=True):
                loss = step(x, t)
                if isinstance(loss, tuple):
                    loss, gradient = loss
                    optimizer.update(network.params, gradient)
                losses += [float(loss), float(np.sum(made.predict(x)))]
        found.append(losses)
    assert found[1] == pytest.approx(found[0], rel=1e-9)


def test_two_steps_of_one_network():
    x, t = batch(8, 4, 3)
    network, other = dense(4, 5, 3), dense(4, 5, 3)
    first, second = (compile(network, SGD(0.1), engine="jax") for _ in range(2))
    alone = compile(other, SGD(0.1), engine="jax")
    for _ in range(3):
        assert first(x, t) == alone(x, t)
        assert second(x, t) == alone(x, t)
    assert np.array_equal(network.predict(x), other.predict(x))


class Weighed(Network):
    fixed = ("weights",)

    def __init__(self):
        self.weights = np.ones(3, np.float32)
        super().__init__(dense(7, 5, 3).layers)

    def forward(self, x):
        return super().forward(x) * self.weights


@pytest.mark.parametrize("gathered", [False, True])
def test_fixed_arrays_may_be_changed_in_place(gathered):
    x, t = batch(20, 7, 3)
    losses = []
    for engine in ("numpy", "jax"):
        network = Weighed()
        step = compile(network, SGD(0.1), engine=engine)
        take, given = (step.over(x, t), (np.arange(20),)) if gathered else (step, (x, t))
        losses.append([take(*given) for _ in range(2)])
        network.weights[0] = 2
        losses[-1] += [take(*given) for _ in range(2)]
        network.weights = np.full(3, 3, np.float32)
        losses[-1] += [take(*given) for _ in range(2)]
        network.weights *= 2
        losses[-1].append(take(*given))
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


LOOKS = {
    "a table": lambda x, i: x[i],
    "taken": lambda x, i: np.take(x, i, axis=0),
    "shifted": lambda x, i: x[i + 1 - 1],
    "beside another": lambda x, i: np.outer(x, x)[np.arange(2), i],
    "along an axis": lambda x, i: np.take_along_axis(x, i, 0),
}


@pytest.mark.parametrize("x", [np.arange(5.0), np.arange(5)])
@pytest.mark.parametrize("f", LOOKS.values(), ids=LOOKS)
def test_places_out_of_range_are_refused_as_in_numpy(f, x):
    compiled = compile(f, engine="jax")
    np.testing.assert_array_equal(compiled(x, np.array([1, -5])), f(x, np.array([1, -5])))
    for wrong in (7, -6):
        with pytest.raises(IndexError, match=f"index {wrong} is out of bounds .* size 5"):
            compiled(x, np.array([1, wrong]))


class Picked(Network):
    def loss(self, x, t):
        y = self.forward(x)
        return -np.mean(y[np.arange(len(t)), t])


@pytest.mark.parametrize("gathered", [False, True])
def test_targets_that_a_loss_of_ones_own_looks_up_are_in_range(gathered):
    (x, t), network = batch(20, 7, 3), Picked(dense(7, 5, 3).layers)
    step = compile(network, SGD(0.1), engine="jax")
    before = {name: np.array(array) for name, array in network.params.items()}
    wrong = np.append(t[:-1], 3)
    begun = (lambda: step.over(x, wrong).prepare(8)) if gathered else (lambda: step(x, wrong))
    step.prepare(x, t)
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 1 with size 3"):
        begun()
    for name, array in network.params.items():
        np.testing.assert_array_equal(array, before[name])
    assert np.isfinite(step(x, t))
