"""The settings of a run, as they follow from the options and the data."""

import math
from typing import TYPE_CHECKING, Any

from clearprop.cli.language import asked
from clearprop.errors import ConfigError, DataError

if TYPE_CHECKING:
    from clearprop.datasets import Dataset

RATES = {"sgd": 0.1, "momentum": 0.01, "nesterov": 0.01, "adagrad": 0.01}
"""The usual learning rates; of the others it is 0.001."""


def settings_of(
    kind: str, dataset: "Dataset", hidden: tuple[int, ...], given: dict[str, Any]
) -> dict[str, Any]:
    """The settings of a run on data, where some are given.

    Errors: `ConfigError` for settings that such a network does not have, or names that are unknown;
    `DataError` for data of one class.
    """
    from clearprop.datasets.formed import Formed
    from clearprop.training.batches import without_single
    from clearprop.training.run_config import OPTIMIZERS, SCHEDULES

    x = dataset.x_train
    if kind == "own":
        own = ("activation", "init", "batch_norm", "dropout")
        for name in (*(n for n in own if n in given), *(["hidden"] if hidden else [])):
            raise ConfigError(
                f"--{name.replace('_', '-')} says nothing of a network of your own; leave it out"
            )
    elif not hidden:
        hidden = (100,) if kind == "conv" else (50,)
    found: dict[str, Any] = {"kind": kind, "optimizer": "sgd" if kind == "two-layer" else "adam"}
    if kind in ("conv", "deep-conv"):
        # With a rate that stays they end where chance leaves them, a quarter of a percent lower.
        found["schedule"] = "cosine"
    classes = 1
    if isinstance(dataset, Formed):
        found |= {"batch": min(100, max(1, len(x) // 10)), "optimizer": "adam"}
        found |= {"task": dataset.task, "form": dataset.form.to_dict()}
        classes = len(dataset.classes) or 1
    else:
        classes = _classes(dataset)
    if x.ndim > 2:
        found["shape"] = x.shape[1:]
    found["language"] = asked.get()
    found |= {"sizes": (math.prod(x.shape[1:]), *hidden, classes), **given}
    for option, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
        if found.get(option, "constant" if option == "schedule" else "") not in known:
            raise ConfigError(f"--{option} is one of {', '.join(known)}, not {found[option]!r}")
    if "batch" not in given and (kind == "own" or given.get("batch_norm")):
        # Where a batch may be normalised none is of one sample.
        held = round((given.get("validation") or 0) * len(x))
        found["batch"] = without_single(len(x) - held, found.get("batch", 100))
    found.setdefault("rate", RATES.get(found["optimizer"], 0.001))
    return found


def _classes(dataset: "Dataset") -> int:
    """How many scores the network must give: class numbers go from 0 to the largest label."""
    classes = int(max(dataset.t_train.max(initial=0), dataset.t_test.max(initial=0))) + 1
    if classes < 2:
        raise DataError("all labels are 0, so there is one class only; give two classes at least")
    return classes
