"""The leaves of a program: Variables that stand for every value of their shape and dtype."""

from typing import Any, NoReturn

from clearprop.errors import UnsupportedError
from clearprop.graph.node import variable
from clearprop.graph.variable import Variable


class Traced(Variable):
    """A Variable that stands for every value of its shape and dtype.

    What a program does must not depend on the values that it happened to be recorded with, so a
    Traced refuses to be branched on or turned into a number.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        self._refuse("branches on a value (if, while, and, or)")

    def __float__(self) -> float:
        self._refuse("turns a value into a number (float)")

    def __int__(self) -> int:
        self._refuse("turns a value into a number (int)")

    def item(self, *index: int) -> Any:
        """Refused: a program is recorded for all values."""
        self._refuse("turns a value into a number (item)")

    def tolist(self) -> Any:
        """Refused: a program is recorded for all values."""
        self._refuse("turns values into numbers (tolist)")

    @staticmethod
    def _refuse(what: str) -> NoReturn:
        raise UnsupportedError(
            f"it {what}, so that what it does depends on more than shapes; write it with np.where"
        )


Traced.made_as = Traced


def traced(value: Any, name: str) -> Traced:
    """Make a leaf of a program, sharing its array."""
    v = variable(Traced, value, None, None)
    v.name = name
    return v
