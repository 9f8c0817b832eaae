"""Mini-batches: the order in which samples are learned from."""

import copy
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from clearprop.errors import ConfigError, ShapeError
from clearprop.networks import Network
from clearprop.training.data import Samples, carried
from clearprop.training.optimizers.settings import positive_int

USUAL = 100
"""Samples in a batch where nobody says how many."""


class MiniBatches:
    """The row numbers of mini-batches without end, epoch after epoch.

    At the start of each epoch the samples are shuffled, unless `in_order`, and cut into batches.
    Every sample is therefore seen exactly once an epoch. Where `batch_size` does not divide the
    data, the last batch of the epoch is smaller: an epoch has `⌈samples / batch_size⌉` iterations.

    (The book draws every batch anew, so that in the time of an epoch more than a third of the
    samples is not seen at all, and others are seen twice or more.)

    Source: Bottou 2012, *Stochastic Gradient Descent Tricks*.

    >>> batches = MiniBatches(5, 2, np.random.default_rng(0))
    >>> epoch = [next(batches) for _ in range(3)]
    >>> [len(rows) for rows in epoch], sorted(np.concatenate(epoch).tolist())
    ([2, 2, 1], [0, 1, 2, 3, 4])
    """

    def __init__(
        self, samples: int, batch_size: int, rng: np.random.Generator, *, in_order: bool = False
    ) -> None:
        self.samples, self.batch_size = samples, batch_size
        self.rng, self.in_order = rng, in_order
        self._start = samples
        """Where the next batch begins in the order of this epoch."""
        self._before = rng.bit_generator.state
        """The generator as it stood before this epoch was shuffled."""

    @property
    def per_epoch(self) -> int:
        """How many batches make an epoch."""
        return -(-self.samples // self.batch_size)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> np.ndarray:
        if self._start >= self.samples:
            self._shuffle()
            self._start = 0
        self._start += self.batch_size
        return self._order[self._start - self.batch_size : self._start]

    def put_back(self) -> None:
        """Give the last batch once more, for a step that failed."""
        self._start -= self.batch_size

    @property
    def state(self) -> dict[str, Any]:
        """Where in which epoch the next batch begins, as values that JSON holds."""
        return {"start": self._start, "before": self._before, "now": self.rng.bit_generator.state}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken. Errors: `KeyError`, `TypeError`, `ValueError`."""
        start = state["start"]
        if type(start) is not int or start < 0:
            raise ValueError(f"{start!r} is not the start of a batch")
        for key in ("before", "now"):  # refused before anything is changed
            copy.deepcopy(self.rng).bit_generator.state = state[key]
        self.rng.bit_generator.state = self._before = state["before"]
        self._start = start
        if start < self.samples:
            self._shuffle()
        self.rng.bit_generator.state = state["now"]

    def _shuffle(self) -> None:
        self._before = self.rng.bit_generator.state
        rows = np.arange(self.samples)
        self._order = rows if self.in_order else self.rng.permutation(self.samples)


def size_of_batches(batch_size: int | None, network: Network, samples: Samples) -> int:
    """How many samples a batch has, `USUAL` ones or all of fewer where nobody says.

    Errors: `ConfigError` for more than there are, and for batches that the network cannot take.
    """
    number = samples.number
    size = min(USUAL, number) if batch_size is None else positive_int("batch_size", batch_size)
    if size > number:
        raise ConfigError(
            f"batch_size {batch_size} is larger than the {number} samples of x_train; "
            f"use {number} or less"
        )
    if (name := carried(network)) and number % size:
        raise ConfigError(
            f"{name} is carried from batch to batch, which must be of one size; "
            f"leave out {number % size} of the {number} samples, or use another "
            "batch_size"
        )
    check_single(network, number, size, samples.batch(slice(1)))
    return size


def without_single(samples: int, batch_size: int) -> int:
    """The next batch size that leaves no batch of one sample, smaller ones first.

    >>> [without_single(81, size) for size in (7, 8, 1)], without_single(3, 2)
    ([7, 7, 3], 3)
    """
    sizes = (*range(batch_size, 1, -1), *range(max(batch_size, 2), samples))
    return next((size for size in sizes if samples % size != 1), samples)


def check_single(network: Network, samples: int, batch_size: int, batch: tuple[Any, ...]) -> None:
    """Refuse batches of which one is of one sample, if the network cannot learn from such.

    Batch normalisation cannot: there is no variance. `batch` is one sample. Nothing is changed.

    Errors: `ConfigError` names a batch size that goes.
    """
    if samples % batch_size != 1 and batch_size != 1:
        return
    try:
        with np.errstate(all="ignore"):
            network.loss(*batch)
    except ShapeError as error:
        good = without_single(samples, batch_size)
        raise ConfigError(
            f"{samples} samples in batches of {batch_size}: one of them is of one sample, from "
            f"which this network cannot learn ({error}); use batches of {max(good, 2)}"
        ) from error


def generator(rng: int | np.random.Generator | None) -> np.random.Generator:
    """Make the one source of randomness from a seed, or take the user's own.

    Errors: `ConfigError` for anything that is neither a seed ≥ 0, a `Generator` nor `None`.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        return np.random.default_rng()
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(int(rng))
    raise ConfigError(f"rng must be a seed ≥ 0, a numpy.random.Generator or None, got {rng!r}")


def steps(epochs: int | None, iterations: int | None, per_epoch: int) -> int:
    """How many iterations so many epochs, or iterations, are.

    Errors: `ConfigError` unless one of them is given, and positive.

    >>> steps(3, None, 10), steps(None, 7, 10)
    (30, 7)
    """
    if (epochs is None) == (iterations is None):
        given = "neither" if epochs is None else "both"
        raise ConfigError(f"give epochs or iterations, one of them; {given} was given")
    if epochs is not None:
        return positive_int("epochs", epochs) * per_epoch
    return positive_int("iterations", iterations)
