"""Mini-batches: the order in which samples are learned from."""

from collections.abc import Iterator

import numpy as np

from clearprop.errors import ConfigError


def mini_batches(
    samples: int, batch_size: int, rng: np.random.Generator, *, in_order: bool = False
) -> Iterator[np.ndarray]:
    """Yield the row numbers of mini-batches without end, epoch after epoch.

    At the start of each epoch the samples are shuffled, unless `in_order`, and cut into batches.
    Every sample is therefore seen exactly once an epoch. Where `batch_size` does not divide the
    data, the last batch of the epoch is smaller: an epoch has `⌈samples / batch_size⌉` iterations.

    (The book draws every batch anew, so that in the time of an epoch more than a third of the
    samples is not seen at all, and others are seen twice or more.)

    Source: Bottou 2012, *Stochastic Gradient Descent Tricks*.

    >>> batches = mini_batches(5, 2, np.random.default_rng(0))
    >>> epoch = [next(batches) for _ in range(3)]
    >>> [len(rows) for rows in epoch], sorted(np.concatenate(epoch).tolist())
    ([2, 2, 1], [0, 1, 2, 3, 4])
    """
    while True:
        order = np.arange(samples) if in_order else rng.permutation(samples)
        for start in range(0, samples, batch_size):
            yield order[start : start + batch_size]


def generator(rng: int | np.random.Generator | None) -> np.random.Generator:
    """Make the one source of randomness from a seed, or take the user's own.

    Errors: `ConfigError` for anything that is neither a seed ≥ 0, a `Generator` nor `None`.

    >>> int(generator(0).integers(100))
    85
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        return np.random.default_rng()
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(int(rng))
    raise ConfigError(f"rng must be a seed ≥ 0, a numpy.random.Generator or None, got {rng!r}")
