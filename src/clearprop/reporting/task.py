"""What the numbers of the data mean, as the report says it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Task:
    """The names of classes and columns, and the unit of the answers."""

    classes: Sequence[str] = ()
    """The names of the classes; their numbers where there are none."""
    inputs: Mapping[str, slice] = field(default_factory=dict)
    """Where the numbers of each column of a table stand in a row."""
    target: str = "target"
    mean: float = 0.0
    deviation: float = 1.0
    """An answer `y` of a regression means `y · deviation + mean`."""

    def name(self, number: int) -> str:
        """The name of a class."""
        return self.classes[number] if self.classes else str(number)
