import itertools
import math
from typing import Any

import numpy as np
import pytest
from small_problem import make_network, points, weights

from clearprop.errors import ConfigError, OutputError, UnsupportedError
from clearprop.layers import SoftmaxWithLoss
from clearprop.networks import Network, dense_layers
from clearprop.training import SGD, History, Trainer
from clearprop.training.batches import MiniBatches
from clearprop.training.step import layered_step


@pytest.fixture(params=[True, False], ids=["compiled", "as written"])
def compiled(request) -> bool:
    return request.param


def trainer(network=None, **settings) -> Trainer:
    x, t = points()
    return Trainer(network or make_network(), x, t, **{"batch_size": 30, "rng": 0, **settings})


def test_it_learns():
    x, t = points()
    network = make_network()
    history = Trainer(network, x, t, x[:30], t[:30], batch_size=10, rng=0).train(epochs=20)
    assert history.train_accuracy[-1] == network.accuracy(x, t) == 1.0
    assert history.test_accuracy[-1] == 1.0
    assert history.loss[-9:].mean() < 0.2 * history.loss[:9].mean()


def trained_by_hand(dtype="float32"):
    """A network after seven steps with batches of 40, and their losses."""
    x, t = points()
    network, losses = make_network(dtype=dtype), []
    for rows in itertools.islice(MiniBatches(90, 40, np.random.default_rng(5)), 7):
        losses.append(float(network.loss(x[rows].astype(dtype), t[rows])))
        for name, grad in network.gradient(x[rows].astype(dtype), t[rows]).items():
            network.params[name] -= 0.2 * grad
    return network, losses


def test_each_step_as_written_is_the_one_written_out_by_hand():
    x, t = points()
    network, (by_hand, losses) = make_network(), trained_by_hand()
    history = Trainer(
        network, x, t, batch_size=40, optimizer=SGD(0.2), compile=False, rng=5
    ).train(iterations=7)  # fmt: skip
    assert history.loss.tolist() == losses
    assert weights(network) == weights(by_hand)


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-6), ("float64", 1e-14)])
def test_a_compiled_step_is_it_but_for_rounding(dtype, rtol):
    x, t = points()
    network, (by_hand, losses) = make_network(dtype=dtype), trained_by_hand(dtype)
    history = Trainer(
        network, x, t, batch_size=40, optimizer=SGD(0.2), rng=5
    ).train(iterations=7)  # fmt: skip
    np.testing.assert_allclose(history.loss, losses, rtol=rtol)
    for name, array in network.params.items():
        expected = by_hand.params[name]
        np.testing.assert_allclose(array, expected, rtol=0, atol=rtol * abs(expected).max())


@pytest.mark.parametrize(
    ("batch_size", "per_epoch"), [(30, 3), (40, 3), (89, 2), (90, 1), (1, 90), (7, 13)]
)
def test_every_epoch_is_evaluated_also_where_batches_do_not_divide_the_data(batch_size, per_epoch):
    history = trainer(batch_size=batch_size).train(epochs=4)
    assert history.evaluated_at.tolist() == [per_epoch * n for n in (1, 2, 3, 4)]
    assert history.epoch.tolist() == [1, 2, 3, 4]
    assert len(history.loss) == 4 * per_epoch


def test_the_end_is_evaluated_once():
    assert trainer().train(iterations=7).evaluated_at.tolist() == [3, 6, 7]
    assert trainer().train(iterations=6).evaluated_at.tolist() == [3, 6]
    assert trainer().train(iterations=1).evaluated_at.tolist() == [1]


def test_accuracies_are_those_of_the_network_at_that_time():
    x, t = points()
    network, seen = make_network(), []

    def watch(moment):
        if moment.iteration % 3 == 0 and not moment.done:
            seen.append((network.accuracy(x, t), network.accuracy(x[:7], t[:7])))

    history = Trainer(
        network, x, t, x[:7], t[:7], batch_size=30, rng=0, on_progress=watch
    ).train(epochs=3)  # fmt: skip
    pairs = zip(history.train_accuracy.tolist(), history.test_accuracy.tolist(), strict=True)
    assert list(pairs) == seen
    assert len(set(seen)) > 1


def test_evaluation_in_chunks_gives_the_same(monkeypatch):
    whole = trainer().train(epochs=2)
    monkeypatch.setattr("clearprop.training.evaluation.CHUNK", 50)  # 12 samples of 4 values
    assert trainer().train(epochs=2) == whole


def test_without_test_data_the_test_accuracy_is_nan():
    assert np.isnan(trainer().train(epochs=2).test_accuracy).tolist() == [True, True]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_gives_the_same_bits(tmp_path, seed, compiled):
    runs = []
    for name in ("a", "b"):
        network, path = make_network(seed), tmp_path / name
        made = trainer(network, rng=seed, history_path=path, batch_size=40, compile=compiled)
        runs.append((made.train(epochs=5), weights(network), path.read_bytes()))
    assert runs[0] == runs[1]


def test_another_seed_gives_another_order():
    assert trainer(rng=0).train(epochs=1) != trainer(rng=1).train(epochs=1)


def test_a_generator_is_used_as_it_stands():
    rng = np.random.default_rng(3)
    assert trainer(rng=rng).train(epochs=2) == trainer(rng=3).train(epochs=2)


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    trainer(rng=None).train(epochs=1)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_training_goes_on_where_it_ended(tmp_path, compiled):
    network, in_parts = make_network(), make_network()
    whole = trainer(network, compile=compiled).train(iterations=9)
    parts = trainer(in_parts, history_path=tmp_path / "h", compile=compiled)
    for iterations in (4, 1, 4):
        history = parts.train(iterations=iterations)
    assert history is parts.history
    assert weights(in_parts) == weights(network)
    np.testing.assert_array_equal(history.loss, whole.loss)
    assert history.evaluated_at.tolist() == [3, 4, 5, 6, 9]
    assert History.read(tmp_path / "h") == history


def test_the_history_file_is_started_anew_by_another_trainer(tmp_path):
    path = tmp_path / "h"
    path.write_text("an old one\n")
    made = trainer(history_path=path)
    assert path.read_text() == "an old one\n"
    history = made.train(epochs=1)
    assert History.read(path) == history


def test_a_history_file_that_cannot_be_written_stops_before_the_first_step(tmp_path):
    network = make_network()
    before = weights(network)
    with pytest.raises(OutputError, match="history"):
        trainer(network, history_path=tmp_path / "missing" / "h").train(epochs=1)
    assert weights(network) == before


def test_seconds_add_up():
    made = trainer()
    first = made.train(epochs=1).seconds
    assert 0 < first < made.train(epochs=1).seconds


class Noting:
    """Passes values on, and notes their dtypes."""

    params = ()

    def __init__(self):
        self.seen = []

    def forward(self, x):
        self.seen.append(x.dtype)
        return x

    def backward(self, dout):
        self.seen.append(dout.dtype)
        return dout


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_parameters_and_derivatives_keep_their_dtype(dtype, compiled):
    x, t = points()
    noting = Noting()
    network = Network([*make_network(dtype=dtype).layers.values(), noting])
    Trainer(network, x.astype(np.float64), t, batch_size=30, compile=compiled, rng=0).train(
        epochs=2
    )
    assert set(noting.seen) == {np.dtype(dtype)}
    assert noting.seen
    assert all(array.dtype == dtype for array in network.params.values())


def test_the_parameters_are_the_arrays_they_were(compiled):
    network = make_network()
    arrays, before = dict(network.params), weights(network)
    trainer(network, compile=compiled).train(epochs=1)
    assert all(network.params[name] is array for name, array in arrays.items())
    assert all(array.tobytes() != before[name] for name, array in arrays.items())


@pytest.mark.parametrize("form", ["uint8", "column", "list", "one-hot", "one-hot float"])
def test_labels_in_every_form_train_the_same(form, compiled):
    x, t = points()
    labels = {
        "uint8": t.astype(np.uint8),
        "column": t.reshape(-1, 1),
        "list": t.tolist(),
        "one-hot": np.eye(3, dtype=int)[t],
        "one-hot float": np.eye(3)[t],
    }[form]
    one, two = make_network(), make_network()
    settings: dict[str, Any] = {"batch_size": 40, "compile": compiled, "rng": 0}
    expected = Trainer(one, x, t, **settings).train(epochs=3)
    got = Trainer(two, x, labels, **settings).train(epochs=3)
    np.testing.assert_allclose(got.loss, expected.loss, rtol=1e-5)
    np.testing.assert_array_equal(got.train_accuracy, expected.train_accuracy)


def test_images_train_as_they_are(compiled):
    x, t = points()
    one, two = make_network(), make_network()
    settings: dict[str, Any] = {"batch_size": 30, "compile": compiled, "rng": 0}
    Trainer(one, x, t, **settings).train(epochs=1)
    Trainer(two, x.reshape(90, 1, 2, 2), t, **settings).train(epochs=1)
    assert weights(one) == weights(two)


def test_the_forward_pass_runs_once_a_step(compiled):
    calls = []

    class Counted(SoftmaxWithLoss):
        backward = SoftmaxWithLoss.backward

        def forward(self, x, t):
            if x.max() < np.inf:  # a branch, so that it runs as it is written in a compiled step
                calls.append(len(x))
            return super().forward(x, t)

    network = Network(make_network().layers, Counted())
    made = trainer(network, compile=compiled)
    made.train(iterations=1)
    calls.clear()
    made.train(iterations=4)
    assert calls == [30] * 4


def test_the_data_are_left_alone(compiled):
    x, t = points()
    before = x.tobytes(), t.tobytes()
    Trainer(make_network(), x, t, batch_size=30, compile=compiled, rng=0).train(epochs=2)
    assert (x.tobytes(), t.tobytes()) == before


def test_another_optimizer_of_ones_own():
    class SignOnly:
        def update(self, params, grads):
            for name, grad in grads.items():
                params[name] -= 0.01 * np.sign(grad)

    assert trainer(optimizer=SignOnly()).train(epochs=20).train_accuracy[-1] > 0.9


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "neither was given"),
        ({"epochs": 1, "iterations": 1}, "both was given"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
        ({"epochs": -1}, "epochs"),
        ({"epochs": 1.0}, "epochs"),
        ({"epochs": True}, "epochs"),
        ({"epochs": "1"}, "epochs"),
        ({"iterations": 0}, "iterations"),
        ({"iterations": math.inf}, "iterations"),
    ],
)
def test_the_length_of_training_must_be_given_once(tmp_path, settings, words):
    made = trainer(history_path=tmp_path / "h")
    with pytest.raises(ConfigError, match=words):
        made.train(**settings)
    assert list(tmp_path.iterdir()) == []


def test_a_numpy_integer_is_a_whole_number():
    assert len(trainer(batch_size=np.int32(30)).train(epochs=np.int64(2))) == 6


class Scoreless(SoftmaxWithLoss):
    score_name = None


def scoreless():
    return Network(dense_layers((4, 8, 3)), Scoreless())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
        ({"batch_size": -5}, "batch_size"),
        ({"batch_size": 30.0}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
        ({"batch_size": 91}, "batch_size 91 is larger than the 90 samples of x_train; use 90"),
        ({"optimizer": 0.1}, r"optimizer 0\.1 has no update"),
        ({"optimizer": SGD}, r"the optimizer is the class SGD; call it: SGD\(…\)"),
        ({"optimizer": SGD, "compile": False}, r"the optimizer is the class SGD; call it"),
        ({"network": Network}, r"the network is the class Network; call it: Network\(…\)"),
        ({"network": [SoftmaxWithLoss()]}, r"the network is a list; put its layers together"),
        ({"network": "weights.safetensors"}, "the network is a str; give a Network"),
        (
            {"w_test": np.ones(2)},
            "w_test are the weights of x_test, which is missing; leave it out",
        ),
        ({"w_test": np.ones(9), "validation": 0.1}, "those of validation are in w_train"),
        ({"patience": 3, "score_training": False}, "patience goes by a score.*: give x_test"),
        ({"best_path": "best", "score_training": False}, "best_path goes by a score.*: give x_te"),
        ({"patience": 3, "network": scoreless()}, "patience goes by the loss on test.*: give x_te"),
        ({"best_path": "best", "best_by": "loss"}, "best_path goes by the loss on test data"),
        ({"best_by": "score", "network": scoreless()}, "Scoreless gives no score to go by; use be"),
        ({"best_by": "accuracy"}, r"""best_by is "score" or "loss", not 'accuracy'"""),
        ({"callbacks": print}, r"callbacks are functions in a list, callbacks=\[…\], and <built"),
        ({"callbacks": None}, "callbacks are functions in a list.* and None is none"),
        ({"on_progress": True}, "on_progress is a function of a Moment, or False .* not True"),
        ({"rng": -1}, "rng must be a seed"),
        ({"x_test": np.ones((2, 4))}, "give both or neither"),
        ({"t_test": np.array([0, 1])}, "give both or neither"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        trainer(**settings)


@pytest.mark.parametrize("engine", ["c", "auto", "jax"])
def test_an_engine_that_would_run_nothing_is_refused(engine):
    with pytest.raises(UnsupportedError, match="runs compiled steps alone: compile=False was"):
        trainer(compile=False, engine=engine)


def test_a_network_without_parameters_is_refused():
    class Same:
        params = ()

        def forward(self, x):
            return x

        def backward(self, dout):
            return dout

    with pytest.raises(ConfigError, match="no parameters"):
        trainer(Network([Same()]))


def test_the_step_can_be_taken_by_itself():
    x, t = points()
    network, other = make_network(), make_network()
    loss = layered_step(network, SGD(0.1))(x, t)
    assert type(loss) is float
    assert loss == other.loss(x, t)
    assert weights(network) != weights(other)


def test_fewer_samples_than_the_usual_batch_are_one_batch():
    x, t = points()
    assert Trainer(make_network(), x, t).batch_size == len(x) == 90
    assert Trainer(make_network(), np.repeat(x, 3, axis=0), np.repeat(t, 3)).batch_size == 100
