import itertools

import numpy as np
import pytest
from small_problem import make_network, points, weights

from clearprop.errors import ConfigError
from clearprop.networks import Network, dense_layers
from clearprop.training import Trainer
from clearprop.training.batches import MiniBatches, generator, without_single
from clearprop.training.sets import held_out


@pytest.mark.parametrize(
    ("samples", "batch_size"), [(10, 5), (10, 3), (7, 7), (5, 1), (1, 1), (101, 100)]
)
def test_each_sample_is_seen_once_an_epoch(samples, batch_size):
    batches = MiniBatches(samples, batch_size, np.random.default_rng(0))
    for _ in range(3):
        epoch = list(itertools.islice(batches, -(-samples // batch_size)))
        assert all(len(rows) == batch_size for rows in epoch[:-1])
        assert sorted(np.concatenate(epoch)) == list(range(samples))


def test_epochs_differ_and_seeds_repeat():
    first, again, other = (
        list(itertools.islice(MiniBatches(50, 50, np.random.default_rng(seed)), 2))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], other[0])


def test_generator_takes_seeds_and_generators():
    own = np.random.default_rng(5)
    assert generator(own) is own
    assert generator(np.int64(3)).integers(1000) == np.random.default_rng(3).integers(1000)
    assert generator(None).integers(2**60) != generator(None).integers(2**60)


@pytest.mark.parametrize("bad", [-1, 1.5, "1", True, np.random.RandomState(0)])
def test_generator_refuses_what_is_no_seed(bad):
    with pytest.raises(ConfigError, match="rng must be a seed"):
        generator(bad)


def test_what_is_held_out_is_drawn_once_and_for_all_parts():
    x, y, t = np.arange(20), np.arange(20) * 2.0, list(range(20))
    (parts, rest), (held, held_t) = held_out(((x, y), t), 0.25, np.random.default_rng(1))
    assert [len(part) for part in held] == [5, 5]
    assert sorted([*rest, *held_t]) == t
    for a, b, c in (*zip(*parts, rest, strict=True), *zip(*held, held_t, strict=True)):
        assert (a, b) == (c, 2 * c)
    again = held_out(((x, y), t), 0.25, np.random.default_rng(1))
    assert np.array_equal(again[1][1], held_t)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 0.01, 0.99, 2, True, "half", float("nan")])
def test_a_share_that_leaves_nothing_is_refused(share):
    with pytest.raises(ConfigError, match="validation must be a share of the 20 samples"):
        held_out((np.arange(20), np.arange(20)), share, np.random.default_rng(0))


@pytest.mark.parametrize(("samples", "batch_size"), [(81, 8), (90, 1), (85, 84)])
def test_a_network_that_cannot_learn_from_one_sample_is_refused_at_once(samples, batch_size):
    x, t = points()
    rng = np.random.default_rng(0)
    network = Network(dense_layers((4, 8, 3), batch_norm=True, rng=rng))
    before, how = weights(network), {"rng": 0, "on_progress": False}
    with pytest.raises(ConfigError, match="of one sample, from which this network cannot") as told:
        Trainer(network, x[:samples], t[:samples], batch_size=batch_size, **how)
    assert f"{samples} samples in batches of {batch_size}: " in str(told.value)
    assert weights(network) == before
    good = int(str(told.value).rpartition(" ")[2])
    assert good == without_single(samples, batch_size)
    Trainer(network, x[:samples], t[:samples], batch_size=good, **how).train(epochs=1)
    Trainer(make_network(), x[:samples], t[:samples], batch_size=batch_size, **how)


def test_batch_sizes_that_leave_no_single_sample():
    for samples in range(2, 40):
        for size in range(1, samples + 1):
            good = without_single(samples, size)
            assert 1 < good <= samples
            assert samples % good != 1
            assert good == size or size == 1 or samples % size == 1
