"""Data with the form in which they were read, so that others can be read in the same way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from clearprop.datasets.dataset import Dataset


class Form(Protocol):
    """How things of the user's own become the numbers that a network takes."""

    @property
    def task(self) -> str: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def width(self) -> int: ...
    @property
    def inputs(self) -> dict[str, slice]: ...

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON."""
        ...


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
