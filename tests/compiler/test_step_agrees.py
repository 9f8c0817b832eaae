"""The compiled step computes what the layers compute, as they are written."""

import numpy as np
import pytest
from nets import (
    Reversed,
    Scaling,
    TurnedAffine,
    around,
    batch,
    both,
    dense,
    largest_difference,
    repeated,
    tied,
)

from clearprop import Affine, Layer, Network, Relu, TwoLayerNet
from clearprop.compiler import Step, compile, simplify
from clearprop.compiler.simplify import (
    common_subexpressions,
    labels_as_places,
    rectified,
    without_identities,
)
from clearprop.training import SGD
from clearprop.training.step import layered_step

TOLERANCE = {np.float32: 1e-6, np.float64: 1e-14}
"""Relative to the largest value: scalars that sink and sums as products reorder the rounding."""


def check_agreement(make, batches, tolerance=1e-6, lr=0.1) -> Step:
    """Run both steps over the batches and compare losses and parameters."""
    (written, layered), (compiled, step) = both(make, lr)
    for x, t in batches:
        loss = layered(x, t)
        assert step(x, t) == pytest.approx(loss, rel=tolerance)
    assert largest_difference(written, compiled) <= tolerance * len(batches)
    return step


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize("n", [1, 2, 10, 100])
@pytest.mark.parametrize("sizes", [(7, 3), (7, 5, 3), (7, 6, 5, 6, 10)], ids=str)
def test_depths_activations_and_batch_sizes(sizes, activation, n, dtype):
    def make():
        return dense(*sizes, activation=activation, dtype=dtype)

    batches = [batch(n, sizes[0], sizes[-1], dtype, seed) for seed in range(2)]
    step = check_agreement(make, batches, TOLERANCE[dtype])
    assert step.as_written == {}


def test_the_net_of_the_book():
    def make():
        return TwoLayerNet(784, 50, 10, rng=np.random.default_rng(0), dtype=np.float32)

    check_agreement(make, [batch(100, 784, 10, seed=seed) for seed in range(5)])


def test_fifty_layers():
    sizes = (20, *[15] * 49, 10)
    check_agreement(lambda: dense(*sizes, dtype=np.float64), [batch(8, 20, 10, np.float64)], 1e-12)


CLASSES = np.array([0, 2, 1, 1, 2, 0])
ONE_HOT = np.eye(3)[CLASSES]
SOFT = np.random.default_rng(3).dirichlet(np.ones(3), 6)


@pytest.mark.parametrize(
    "t",
    [
        CLASSES,
        CLASSES.astype(np.uint8),
        CLASSES.astype(np.int8),
        CLASSES.astype(np.uint64),
        CLASSES[:, None],
        ONE_HOT,
        ONE_HOT.astype(np.float32),
        ONE_HOT.astype(int),
        ONE_HOT.astype(bool),
        SOFT,
        SOFT.astype(np.float32),
    ],
    ids=lambda t: f"{t.dtype}{t.shape}",
)
def test_forms_of_labels(t):
    x, _ = batch(6, 7, 3)
    check_agreement(lambda: dense(7, 5, 3), [(x, t)] * 3)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.astype(np.float64),
        lambda x: x.astype(np.float16),
        lambda x: x.astype(">f4"),
        lambda x: (255 * x).astype(np.uint8),
        lambda x: (9 * x).astype(np.int64),
        lambda x: x > 0.5,
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x[:, :, None],
        lambda x: x[::-1],
    ],
)
def test_forms_of_data(change):
    x, t = batch(6, 7, 3)
    given = change(x)
    before = given.copy()
    given.flags.writeable = False
    check_agreement(lambda: dense(7, 5, 3), [(given, t)] * 2)
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 100])
def test_the_first_loss_is_the_same_to_the_last_bit(n, dtype):
    """Nothing on the way from the batch to its loss is reordered."""
    (_, layered), (_, step) = both(lambda: dense(20, 30, 10, dtype=dtype))
    x, t = batch(n, 20, 10, dtype)
    assert step(x, t) == layered(x, t)


EXACT = (without_identities, common_subexpressions, rectified, labels_as_places)
"""Simplifications that leave every operation that rounds as it is."""


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_all_is_the_same_to_the_last_bit_without_those_that_reorder(activation, dtype, monkeypatch):
    monkeypatch.setattr(simplify, "SIMPLIFICATIONS", EXACT)
    pairs = both(lambda: dense(20, 30, 10, activation=activation, dtype=dtype))
    for seed in range(3):
        x, t = batch(100, 20, 10, dtype, seed)
        losses = [step(x, t) for _, step in pairs]
        assert losses[0] == losses[1]
    (written, _), (compiled, _) = pairs
    for name, value in written.params.items():
        np.testing.assert_array_equal(value, compiled.params[name], err_msg=name)


def test_the_same_batch_gives_the_same_bits_again():
    x, t = batch(100, 20, 10)
    found = []
    for _ in range(2):
        network = dense(20, 30, 10)
        step = compile(network, SGD(0.1))
        losses = [step(x, t) for _ in range(20)]
        found.append((losses, network.params["W1"].tobytes(), step.source))
    assert found[0] == found[1]


def test_batch_sizes_take_turns():
    batches = [batch(n, 7, 3, seed=n) for n in (6, 2, 6, 1, 100, 2)]
    step = check_agreement(lambda: dense(7, 5, 3), batches)
    assert "batches (2, 7)" in step.source  # the program of the last


def test_kinds_of_labels_take_turns():
    x, _ = batch(6, 7, 3)
    check_agreement(lambda: dense(7, 5, 3), [(x, CLASSES), (x, SOFT), (x, ONE_HOT), (x, CLASSES)])


def test_the_rate_may_change_between_steps():
    written, compiled, optimizers = dense(7, 5, 3), dense(7, 5, 3), (SGD(0.1), SGD(0.1))
    x, t = batch(6, 7, 3)
    layered, step = layered_step(written, optimizers[0]), compile(compiled, optimizers[1])
    for rate in (0.1, 1.0, 0.001, 0.5):
        for optimizer in optimizers:
            optimizer.lr = rate
        assert step(x, t) == pytest.approx(layered(x, t), rel=1e-6)
    assert largest_difference(written, compiled) < 4e-6


@pytest.mark.parametrize("make", [tied, repeated])
def test_shared_arrays_and_layers_used_twice(make):
    step = check_agreement(make, [batch(6, 5, 5)] * 3)
    assert step.as_written == {}


@pytest.mark.parametrize(
    "make",
    [
        lambda: around(Relu(), affine=TurnedAffine),
        lambda: around(Reversed(5)),
        lambda: around(Scaling()),
    ],
)
def test_derivatives_that_come_as_views_or_as_a_number(make):
    step = check_agreement(make, [batch(6, 7, 3)] * 3)
    assert step.as_written == {}


@pytest.mark.parametrize("rebind", ["params", "layer"])
def test_parameters_may_be_assigned_anew(rebind):
    pairs = both(lambda: dense(7, 5, 3))
    x, t = batch(6, 7, 3)
    for network, step in pairs:
        step(x, t)
        W = np.full((7, 5), 0.1, np.float32)
        if rebind == "params":
            network.params["W1"] = W
        else:
            network.layers["Affine1"].W = W
        step(x, t)
    (written, _), (compiled, _) = pairs
    assert largest_difference(written, compiled) < 2e-6
    assert compiled.layers["Affine1"].W is compiled.params["W1"]


def test_writing_into_parameters_in_place_reaches_the_step():
    pairs = both(lambda: dense(7, 5, 3))
    x, t = batch(6, 7, 3)
    for network, step in pairs:
        step(x, t)
        network.params["W2"] *= 2
        network.layers["Affine1"].b += 1
        step(x, t)
    assert largest_difference(pairs[0][0], pairs[1][0]) < 2e-6


def test_two_steps_of_one_network_take_turns():
    network, single = dense(7, 5, 3), dense(7, 5, 3)
    x, t = batch(6, 7, 3)
    steps = [compile(network, SGD(0.1)), compile(network, SGD(0.1))]
    alone = compile(single, SGD(0.1))
    for i in range(4):
        assert steps[i % 2](x, t) == alone(x, t)
    np.testing.assert_array_equal(network.params["W1"], single.params["W1"])


def test_the_step_of_a_data_set_is_the_step_of_its_batches():
    x, t = batch(50, 7, 3)
    rows = np.random.default_rng(0).permutation(50)
    ours, other = dense(7, 5, 3), dense(7, 5, 3)
    over, step = compile(ours, SGD(0.1)).over(x, t), compile(other, SGD(0.1))
    for start in (0, 20, 40):  # the last is smaller
        chosen = rows[start : start + 20]
        assert over(chosen) == step(x[chosen], t[chosen])
    np.testing.assert_array_equal(ours.params["W1"], other.params["W1"])


def test_one_data_set_after_the_other():
    """Each is its own, also where the last one is gone and its place in memory taken."""
    over, step = compile(dense(7, 5, 3), SGD(0.1)), compile(dense(7, 5, 3), SGD(0.1))
    rows = np.arange(6)
    for seed in range(10):
        x, t = batch(50, 7, 3, seed=seed)
        assert over.over(x, t)(rows) == step(x[:6], t[:6])


def test_pixels_may_stay_bytes():
    pixels = np.random.default_rng(0).integers(256, size=(50, 7)).astype(np.uint8)
    t = batch(50, 7, 3)[1]
    ours, other = dense(7, 5, 3), dense(7, 5, 3)
    over = compile(ours, SGD(0.1)).over(pixels, t, scale=1 / 255)
    step = compile(other, SGD(0.1))
    rows = np.arange(20)
    for _ in range(3):
        loss = step((pixels[rows] / np.float32(255)).astype(np.float32), t[rows])
        assert over(rows) == pytest.approx(loss, rel=1e-6)
    assert largest_difference(other, ours) < 3e-6


def test_a_network_with_names_of_its_own():
    def make():
        W = np.random.default_rng(0).standard_normal((2, 4, 4)).astype(np.float32)
        return Network(
            {
                "class": Affine(W[0], np.zeros(4, np.float32)),
                "np": Relu(),
                "层 2": Affine(W[1], np.zeros(4, np.float32)),
            }
        )

    check_agreement(make, [batch(6, 4, 4)] * 2)


class Noisy(Layer):
    """Draws in a way that the test says."""

    noise = ("u",)

    def __init__(self, how):
        self.how = how

    def draw(self, rng, x):
        return DRAWS[self.how](rng, x.shape)

    def forward(self, x):
        self.factor = 1 + 0.1 * self.u
        return x * self.factor

    def backward(self, dout):
        return dout * self.factor

    def infer(self, x):
        return x


DRAWS = {
    "random": lambda rng, shape: rng.random(shape),
    "normal": lambda rng, shape: (rng.standard_normal(shape),),
    "single": lambda rng, shape: rng.random(shape, dtype=np.float32),
    "shifted": lambda rng, shape: rng.random(shape) - 0.5,
    "twice": lambda rng, shape: (rng.random(shape), rng.random(shape))[1],
    "integers": lambda rng, shape: rng.integers(2, size=shape),
}


@pytest.mark.parametrize("how", DRAWS)
def test_noise_is_the_same_in_every_way_and_drawn_into_a_buffer_where_that_is_plain(how):
    def make():
        net = Network([*dense(7, 5, activation="sigmoid", dtype=np.float64).layers.values()])
        layers = [*net.layers.values(), Noisy("random"), Noisy(how)]
        return Network(layers, rng=np.random.default_rng(3))

    (written, layered), (compiled, step) = both(make)
    x, t = batch(6, 7, 5, np.float64)
    for _ in range(3):
        assert step(x, t) == pytest.approx(layered(x, t), rel=1e-12)
    assert largest_difference(written, compiled) < 1e-12
    assert written.rng.random() == compiled.rng.random()
    assert ("rng." in step.source) == (how in ("random", "normal", "single"))
    assert not step.as_written
