"""Data with the form in which they were read, so that others can be read in the same way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.datasets.dataset import Dataset
from clearprop.errors import ConfigError, DataError


@dataclass(frozen=True, eq=False, repr=False)
class Formed(Dataset):
    """A `Dataset` of the user's own, with its `form`, and `notes` of what was found in it."""

    form: Any
    notes: Sequence[str] = ()

    @property
    def task(self) -> str:
        """Regression or classification."""
        return self.form.task

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their numbers; none in a regression."""
        return self.form.classes

    def sizes(self, *hidden: int) -> tuple[int, ...]:
        """The sizes of a network with so many hidden neurons, as `dense_layers` takes them."""
        return (self.form.width, *hidden, len(self.classes) or 1)

    def decode(self, y: Any) -> np.ndarray:
        """What a network answers, (N, outputs), as people say it.

        Numbers (N,) in the unit of the target, float64, or the names of classes (N,).
        """
        if self.task == "regression":
            return self.form.in_unit(y)
        return np.array(self.classes)[np.argmax(y, axis=1)]

    def __repr__(self) -> str:
        train, test = len(self.x_train), len(self.x_test)
        notes = self.notes if len(self.notes) < 100 else [*self.notes[:100], "…"]
        head = (
            f"{train:,} samples to learn from, {test:,} to test on, {self.form.width} numbers each"
        )
        return "\n".join([f"{type(self).__name__}: {head}", *(f"  {note}" for note in notes)])


def held_out(where: object, rows: int, test: float, seed: int) -> np.ndarray:
    """Draw which rows are held out for testing: (rows,) bool, one at least and not all.

    Errors: `DataError` for fewer than two rows, `ConfigError` for a share that is none.
    """
    if not 0 < test < 1:
        raise ConfigError(f"test is the share of the rows to test on, between 0 and 1, not {test}")
    if rows < 2:
        raise DataError(f"{where}: there are {rows} rows; give two, to learn from and to test on")
    mask = np.zeros(rows, bool)
    number = min(max(round(test * rows), 1), rows - 1)
    mask[np.random.default_rng(seed).permutation(rows)[:number]] = True
    return mask
