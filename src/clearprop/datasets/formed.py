"""Data with the form in which they were read, so that others can be read in the same way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.datasets.dataset import Dataset


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
