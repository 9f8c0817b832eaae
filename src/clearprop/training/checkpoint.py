"""Checkpoints: all that a training needs to go on as if it had not been stopped."""

import copy
import hashlib
import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.plans import flat
from clearprop.errors import ConfigError, FileFormatError
from clearprop.files import FilePath
from clearprop.networks import Network
from clearprop.training.batches import MiniBatches
from clearprop.training.best import Best
from clearprop.training.data import Samples
from clearprop.training.history import History
from clearprop.training.optimizers.base import Optimizer, Updates
from clearprop.training.sets import Sets
from clearprop.training.weights import (
    TRAINING,
    contents,
    read_arrays,
    take_up,
    write_arrays,
)

_LOSS, _EVALUATIONS = f"{TRAINING}loss", f"{TRAINING}evaluations"
_SEEN, _BEST = f"{TRAINING}seen.", f"{TRAINING}best."


class Training(NamedTuple):
    """What a checkpoint is made of, and what takes it up again."""

    network: Network
    optimizer: Optimizer
    batches: MiniBatches
    best: Best
    facts: dict[str, Any]
    """What must be the same when it goes on, under the names of the Trainer's arguments."""


def training_of(
    network: Network, optimizer: Updates, batches: MiniBatches, sets: Sets, best: Best, **how: Any
) -> Training:
    """A training as checkpoints know it; `how` it runs must be the same when it goes on.

    Errors: `ConfigError` for an optimizer whose state nobody knows, since it is no `Optimizer`.
    """
    optimizer = _of_optimizer(optimizer)
    facts = {
        "batch_size": batches.batch_size,
        "data": [_fingerprint(s) for s in (sets.train, sets.test) if s is not None],
        "shuffle": not batches.in_order,
        **how,
        **settings_of(optimizer),
    }
    return Training(network, optimizer, batches, best, facts)


class Checkpoint(NamedTuple):
    """A checkpoint as it was read: `restore` takes it up."""

    file: str
    arrays: dict[str, np.ndarray]
    about: dict[str, Any]

    @property
    def notes(self) -> Mapping[str, Any]:
        """What else the Trainer noted."""
        return self.about["training"]["notes"]

    def restore(self, training: Training) -> History:
        """Go on from here, and return the history until here.

        Nothing is changed if something does not fit.

        Errors: `ConfigError` for another training, and those of `load_weights`.
        """
        file, entry, network = self.file, self.about["training"], training.network
        for name, now in _facts(training).items():  # older versions knew fewer
            if (then := entry["facts"].get(name, now)) != now and name == "data":
                raise ConfigError(
                    f"{file} was written by a training on other data; give those that it was "
                    "trained on, in the same order"
                )
            if then != now:
                raise ConfigError(
                    f"{file} was written by a training with {name} {then}, and this one has "
                    f"{now}; make the Trainer as it was made then"
                )
        best = {name: array for name, array in self.arrays.items() if name.startswith(_BEST)}
        by, now = entry.get("best_by", "score"), training.best.by
        if best and by != now:
            raise ConfigError(
                f"{file} holds the best network by its {by}, and this training goes by the {now}; "
                f"make the Trainer with best_by={by!r}"
            )
        batches, before = training.batches.state, entry.get("before")
        try:
            history = History.of(entry["score"], self.arrays[_LOSS], self.arrays[_EVALUATIONS])
            if before is not None:
                copy.deepcopy(network.rng).bit_generator.state = before
            training.batches.load(entry["batches"])
        except (KeyError, TypeError, ValueError) as error:
            raise _broken(file, error) from None
        try:
            take_up(file, self.arrays, self.about, network, training.optimizer)
        except BaseException:
            training.batches.load(batches)
            raise
        members = network.members
        named = {f"{_SEEN}{name}.{a}": (name, a) for name, _, a, _ in members.stateful}
        seen = {key: self.arrays[n] for n, key in named.items() if n in self.arrays}
        network.learning.recall(members, seen, before)
        training.best.load({n.removeprefix(_BEST): a for n, a in best.items()}, history)
        return history


def write_checkpoint(
    path: FilePath, training: Training, history: History, notes: Mapping[str, Any]
) -> None:
    """Write a checkpoint, wholly or not at all; it is a weights file, too (see `load_weights`).

    `notes` are what else the Trainer wants to find again: whole numbers from 0 on, or `None`.

    Errors: `OutputError` if the file cannot be written, `DTypeError` for parameters or state that
    such a file does not hold.
    """
    network = training.network
    arrays, about = contents(network, training.optimizer)
    seen, before = network.learning.memory(network.members)
    for (name, attribute), value in seen.items():
        if value is not None:
            arrays[f"{_SEEN}{name}.{attribute}"] = np.asarray(value, order="C")
    arrays |= {_BEST + name: array for name, array in training.best.arrays.items()}
    # An evaluation where a training was stopped is not part of the course it goes on with.
    course = history.evaluations
    course = course[course[:, 0] % training.batches.per_epoch == 0]
    arrays[_LOSS], arrays[_EVALUATIONS] = history.loss, course
    entry = {
        "score": history.score_name,
        "best_by": training.best.by,
        "facts": _facts(training),
        "batches": training.batches.state,
        "before": before,
        "notes": notes,
    }
    write_arrays(path, arrays, about | {"iteration": len(history), "training": entry})


def read_checkpoint(path: FilePath) -> Checkpoint:
    """Read a checkpoint.

    Errors: `FileNotFoundError` if there is none, `FileFormatError` for a file that is truncated or
    of another kind.
    """
    file = os.fspath(path)
    arrays, about = read_arrays(path)
    if "training" not in about:
        raise FileFormatError(
            f"{file} holds weights, but not where the training stood; write it with Trainer.save, "
            "or give the Trainer a checkpoint_path"
        )
    try:
        entry = about["training"]
        loss, evaluations = arrays[_LOSS], arrays[_EVALUATIONS]
        # Older versions knew no loss on test data.
        if loss.ndim != 1 or evaluations.shape[1:] not in ((4,), (5,)):
            raise ValueError(f"a history of shapes {loss.shape}, {evaluations.shape}")
        if not all(isinstance(entry[key], dict) for key in ("facts", "batches", "notes")):
            raise TypeError("its settings are no objects")
        if not all(n is None or (type(n) is int and n >= 0) for n in entry["notes"].values()):
            raise ValueError(f"notes are {entry['notes']}")
        for name in (n for n in arrays if n.startswith(_BEST)):
            last = arrays[name.removeprefix(_BEST)]
            if (last.shape, last.dtype) != (arrays[name].shape, arrays[name].dtype):
                raise ValueError(f"{name} has shape {arrays[name].shape}, not {last.shape}")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _broken(file, error) from None
    return Checkpoint(file, arrays, about)


def _broken(file: str, error: Exception) -> FileFormatError:
    return FileFormatError(f"{file} does not say where its training stood: {error!r}")


def _facts(training: Training) -> dict[str, Any]:
    """What must be the same, with the parameters that are frozen now."""
    return training.facts | {"frozen": sorted(getattr(training.network.params, "frozen", ()))}


def settings_of(optimizer: Optimizer) -> dict[str, Any]:
    """The settings of an optimiser that stay the same when a training goes on, as JSON has them.

    A learning rate may be another, as that of a longer schedule is. Of schedules nobody can see
    whether they are the same.

    >>> from clearprop.training import SGD
    >>> settings_of(SGD(0.1, clip_norm=1.0))["optimizer.clip_norm"]
    1.0
    """

    def seen(settings: Mapping[str, Any]) -> dict[str, Any]:
        plain = {n: "a schedule" if callable(v) else v for n, v in settings.items() if n != "lr"}
        return {n: list(v) if isinstance(v, tuple) else v for n, v in plain.items()}

    names = *optimizer.hyperparameters, "weight_decay", "decay", "clip_value", "clip_norm"
    found = seen({name: getattr(optimizer, name) for name in names})
    found["groups"] = {pattern: seen(each) for pattern, each in optimizer.groups.items()}
    return {f"optimizer.{name}": value for name, value in found.items()}


def _of_optimizer(optimizer: Updates) -> Optimizer:
    """An optimiser whose state can be kept.

    Errors: `ConfigError` for anything that updates without being an `Optimizer`.
    """
    if not isinstance(optimizer, Optimizer):
        raise ConfigError(
            f"a checkpoint holds the state of the optimizer, and {optimizer!r} does not say what "
            "that is; write it as an Optimizer (see clearprop.training.Optimizer), or train "
            "without checkpoint_path"
        )
    return optimizer


def _fingerprint(samples: Samples) -> str:
    """A short text that other data would not have: of shapes, dtypes and a thousand of the rows."""
    digest = hashlib.blake2b(digest_size=8)
    data, rows = samples.data, slice(None, None, math.ceil(samples.number / 1000))
    x, *targets = data.batch(rows)
    x = x if data.scale is not None else data.inputs(x)
    t, *w = data.targets(*targets)
    for array in (*flat(x), *flat(t), *w):
        shape = (samples.number, *array.shape[1:])
        digest.update(f"{shape} {array.dtype} {data.scale}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
