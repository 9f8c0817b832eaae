"""The samples that a training learns from, those that are held out, and which it evaluates."""

import warnings
from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.data_set import taken
from clearprop.compiler.plans import as_arrays, flat
from clearprop.errors import ConfigError
from clearprop.networks import Network
from clearprop.training.data import Samples, read_samples

Parts = tuple[Any, Any, Any]
"""Inputs, targets and perhaps weights of the same samples, as they are given."""


class Sets(NamedTuple):
    """The samples of a training."""

    train: Samples
    test: Samples | None
    held_out: str
    """What `test` is: "test" or "validation" data."""
    evaluated: list[Samples]
    """Those that evaluations go through: what is learned from, if it is scored, then `test`."""
    score_name: str | None
    """What their score is; `None` where there is none."""


def read_sets(
    network: Network,
    train: Parts,
    test: Parts,
    *,
    validation: float | None,
    scale: float | None,
    score_training: bool,
    rng: np.random.Generator,
) -> Sets:
    """Check the data of a training under the names of the Trainer's arguments.

    Errors: `ConfigError` for arguments that do not belong together, and those of `read_samples`.
    """
    x_test, t_test, w_test = test
    if (x_test is None) != (t_test is None):
        raise ConfigError("x_test and t_test belong together: give both or neither")
    if validation is not None and x_test is not None:
        raise ConfigError("x_test takes the place of validation; give one of them")
    if w_test is not None and x_test is None:
        raise ConfigError(
            "w_test are the weights of x_test, which is missing; "
            + ("leave it out" if validation is None else "those of validation are in w_train")
        )
    if validation is not None:
        train, test = held_out(train, validation, rng)
    (x, t, w), names = train, ("x_train", "t_train", "w_train")
    learned = read_samples(network, x, t, names, scale, w)
    (x, t, w), names = test, ("x_test", "t_test", "w_test")
    held = None if x is None else read_samples(network, x, t, names, scale, w)
    score_name = network.score_name
    unscored = next((s.unscored for s in (learned, held) if s is not None and s.unscored), "")
    if unscored and score_name is not None:
        score_name = None
        warnings.warn(
            f"{type(network).__name__} is trained by the loss that it has written, and its score "
            f"is not known: {unscored}",
            stacklevel=3,
        )
    scored = score_training and score_name is not None
    evaluated = [s for s in (learned if scored else None, held) if s is not None]
    return Sets(
        learned, held, "test" if validation is None else "validation", evaluated, score_name
    )


def held_out(
    parts: tuple[Any, ...], share: float, rng: np.random.Generator
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Hold a share of the samples out, drawn by `rng`: the parts of the others, and of these.

    A part is an array, a tuple of arrays, or `None`, which stays.

    Errors: `ConfigError` for a share that leaves nothing on one side.

    >>> x = np.arange(10)
    >>> (x_train, t_train), (x_test, t_test) = held_out((x, x % 2), 0.2, np.random.default_rng(0))
    >>> x_train, x_test, t_test
    (array([0, 1, 2, 3, 5, 7, 8, 9]), array([4, 6]), array([0, 0]))
    """
    parts = tuple(None if part is None else as_arrays(part) for part in parts)
    arrays = [array for part in parts if part is not None for array in flat(part)]
    samples = min(len(array) if array.ndim else 0 for array in arrays)
    number = round(share * samples) if isinstance(share, float) and 0 < share < 1 else 0
    if not 0 < number < samples:
        raise ConfigError(
            f"validation must be a share of the {samples} samples between 0 and 1 that leaves some "
            f"on both sides, such as 0.1; got {share!r}"
        )
    held = np.zeros(samples, bool)
    held[rng.permutation(samples)[:number]] = True

    def rows(which: np.ndarray) -> tuple[Any, ...]:
        return tuple(None if part is None else taken(part, which) for part in parts)

    return rows(~held), rows(held)
