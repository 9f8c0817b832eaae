"""Node and the base of Variable: the two things a graph is made of."""

from itertools import count
from typing import Any, ClassVar

_serial = count().__next__

NOTHING: frozenset[Any] = frozenset()


class Node:
    """One operation that was carried out: what went in, what came out.

    Its `operation`, a primitive or a layer, has `name`, `symbol` and `formula`, computes by
    `evaluate(*values, **params)` and goes back by `vjp(wanted, dout, out, values, params)`, the
    derivatives by the wanted inputs; it `opens` if there is something inside.

    A node refers to the Variables that went in, never to those that came out: the graph is freed
    from its end when the last Variable is dropped, without reference cycles.
    """

    __slots__ = ("inputs", "marks", "operation", "out", "params", "serial", "values")

    def __init__(
        self,
        operation: Any,
        inputs: tuple[Any, ...],
        values: tuple[Any, ...],
        params: dict[str, Any],
        out: Any,
        marks: tuple[tuple[int, Any], ...] | None = None,
    ) -> None:
        self.operation = operation
        self.inputs = inputs
        """Variables, and plain numbers and arrays, which are constants of the graph."""
        self.values = values
        """The inputs as arrays, as they were when the node was made."""
        self.params = params
        self.out = out
        self.marks = marks
        """What the large arrays among the values were like: see constants.py."""
        self.serial = _serial()
        """Counts upward: a node is always made after the nodes it depends on."""

    def __repr__(self) -> str:
        shapes = ", ".join(str(getattr(x, "shape", ())) for x in self.values)
        return f"<Node {self.operation.name}({shapes})>"


class Recorded:
    """The slots of a Variable. What is an instance of this is on the graph."""

    __slots__ = ("data", "grad", "grad_of", "index", "name", "node")

    made_as: ClassVar[type["Recorded"]]
    """The class of what is computed from Variables of this class."""

    stands_for_all: ClassVar[bool] = False
    """Whether it stands for all values of its shape, so that no shape may depend on them."""

    may_change: ClassVar[bool] = True
    """Whether its owner may write into the value of a leaf while the graph lives."""

    data: Any
    grad: Any
    grad_of: frozenset[Any]
    """What `grad` is the derivative of: the marks of the results whose `backward` it is from."""
    name: str | None
    node: Node | None
    index: int | None
    """Which of the node's outputs this is; None where it has one only."""


def variable(
    made_as: type[Recorded],
    data: Any,
    node: Node | None = None,
    index: int | None = None,
    name: str | None = None,
) -> Any:
    """Make a Variable around a value that is known to be good."""
    made = made_as.__new__(made_as)
    made.data = data
    made.grad = None
    made.grad_of = NOTHING
    made.name = name
    made.node = node
    made.index = index
    return made


def mark_of(v: Recorded) -> Any:
    """What stands for a result without keeping it alive: the number of its node, and its index.

    A leaf, which keeps nothing else alive, stands for itself.
    """
    return v if v.node is None else (v.node.serial, v.index)


def data_of(x: Any) -> Any:
    """The value of a Variable; what is none stays as it is."""
    return x.data if isinstance(x, Recorded) else x


def parts(out: Any) -> tuple[Any, ...]:
    """What an operation or a layer gives: several for a tuple or a list, otherwise one."""
    return tuple(out) if isinstance(out, tuple | list) else (out,)
