"""What a backward pass did, as facts: places, steps and what arrived where. No words yet."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.errors import GraphError, ShapeError
from clearprop.explaining.expressions import Name
from clearprop.explaining.opening import open_networks
from clearprop.graph.backward import derivatives, reach
from clearprop.graph.graph import Graph
from clearprop.graph.node import Node, Recorded, parts, variable
from clearprop.graph.rounding import cleared, disturbed, is_tiny
from clearprop.graph.shares import shares
from clearprop.graph.variable import Variable


@dataclass(eq=False)
class Place:
    """A value on the graph: an input or the output of a node."""

    variable: Any
    name: Name = field(init=False)
    derivative: Any = None
    """The derivative of the result by it; `None` where none arrives."""
    arrivals: list["Contribution"] = field(default_factory=list)
    step: "Step | None" = None
    """What made it."""
    paths: int = 0
    """The number of ways from the result to it."""
    multiplications: int = 0
    """How many local derivatives all these ways together pass."""
    scalar: bool = True
    """Whether every step on the ways to it works on single numbers."""
    serves: int = 0
    """Which leaves lie below it, a bit for each."""
    below: int = 0
    """The number of ways from it to leaves."""
    shown: Any = None
    """The value with 0 for what rounding has left of it, where that is so."""
    left: tuple[float, float] = (0.0, 0.0)
    """How much rounding has left in the value, and in the derivative."""

    @property
    def data(self) -> Any:
        return self.variable.data if self.shown is None else self.shown


@dataclass(eq=False)
class Constant:
    """An array that was met on the way and has no derivative."""

    data: Any
    name: Name = field(init=False)


@dataclass(eq=False)
class Contribution:
    """What one step sends to one of its inputs: upstream × local."""

    step: "Step"
    position: int
    to: Place
    value: Any
    local: Any
    """The local derivative where it is a single number, else `None`."""
    left: float = 0.0
    """How much rounding has left in what is sent, or in the local derivative."""


@dataclass(eq=False)
class Step:
    """A node, with what went in and what is sent back."""

    node: Node
    inputs: list[Any]
    """A `Place` for each Variable, a `Constant` for each other array, the rest as it is."""
    outputs: list[Place]
    contributions: list[Contribution] = field(default_factory=list)

    @property
    def values(self) -> list[Any]:
        """What went in, as the places have it."""
        pairs = zip(self.inputs, self.node.values, strict=True)
        return [x.data if isinstance(x, Place) else value for x, value in pairs]

    @property
    def scalar(self) -> bool:
        values = (*self.node.values, *(place.data for place in self.outputs))
        return len(self.outputs) == 1 and all(np.ndim(v) == 0 for v in values)


@dataclass(eq=False)
class Story:
    """A backward pass from `result` to its leaves."""

    result: Place
    leaves: list[Place]
    steps: list[Step]
    """In the order of the forward pass."""
    asked: list[Place]
    """By what the derivatives are asked for."""

    @property
    def reached(self) -> list[Place]:
        """The leaves that a derivative arrives at."""
        return [leaf for leaf in self.leaves if leaf.derivative is not None]

    @property
    def constants(self) -> list[Constant]:
        """The arrays met on the way."""
        return [x for step in self.steps for x in step.inputs if isinstance(x, Constant)]

    @property
    def multiplications(self) -> int:
        """How often the backward pass applied a local derivative."""
        return sum(len(step.contributions) for step in self.steps)

    @property
    def multiplied_out(self) -> int:
        """How often it would have, one path after the other, with nothing reused."""
        return sum(leaf.multiplications for leaf in self.reached)

    def towards(self, asked: Iterable[Place]) -> list[Step]:
        """The steps between the result and some places, in the order of the backward pass."""
        wanted = set(asked)
        found = []
        for step in self.steps:
            if any(c.to in wanted for c in step.contributions):
                found.append(step)
                wanted.update(step.outputs)
        return found[::-1]


def tell(result: Any, by: Any = None) -> Story:
    """Run a backward pass beside the graph and keep what happens; no `grad` is touched.

    `by` is a Variable of the graph, the name of one, or several; `None` means all leaves.

    Errors: `GraphError` for what is not a computed Variable, and for a `by` that is not on its
    graph; `ShapeError` for a result that is not one number.
    """
    _check(result)
    story, places, replaced = _told(result)
    tiny = (is_tiny(x).any() for p in places.values() for x in _numbers(p) if x is not None)
    if any(tiny):
        others = [_told(graph.outputs[0])[1].values() for graph in disturbed(Graph([result]))]
        for place, *like in zip(places.values(), *others, strict=True) if others else ():
            _clear(place, like)
    _name_all(story)
    story.asked = story.reached
    if by is not None:
        several = by if isinstance(by, list | tuple) else [by]
        story.asked = list(dict.fromkeys(_find(story, v, replaced, places) for v in several))
    return story


def _numbers(place: Place) -> list[Any]:
    sent = [x for c in place.arrivals for x in (c.value, c.local)]
    return [place.data, place.derivative, *sent]


def _clear(place: Place, others: Sequence[Place]) -> None:
    """Put 0 where rounding has left something of it, as other inputs show."""
    place.shown, value_left = cleared(place.data, [p.data for p in others])
    place.derivative, left = cleared(place.derivative, [p.derivative for p in others])
    place.left = (value_left, left)
    for c, *like in zip(place.arrivals, *(p.arrivals for p in others), strict=True):
        c.value, sent = cleared(c.value, [x.value for x in like])
        c.local, local = cleared(c.local, [x.local for x in like])
        c.left = max(sent, local)


def _told(result: Any) -> tuple[Story, dict[Any, Place], dict[Any, Any]]:
    """The passes, without names: the story, its places, and what stands for what was opened."""
    opened, replaced = open_networks(result)
    nodes, made = reach([opened])
    places: dict[Any, Place] = {}

    def place(v: Any) -> Place:
        return places.setdefault(key(v), Place(v))

    dtype = opened.data.dtype if opened.data.dtype.kind == "f" else np.float64
    found = derivatives([(opened, np.ones(opened.data.shape, dtype)[()])])
    steps = []
    for node in reversed(nodes):
        inputs = [place(x) if isinstance(x, Recorded) else constant(x) for x in node.inputs]
        several = isinstance(node.out, tuple)
        outputs = [
            place(variable(Variable, out, node, i if several else None))
            for i, out in enumerate(parts(node.out))
        ]
        steps.append(Step(node, inputs, outputs))
        for output in outputs:
            output.step = steps[-1]
    for v, d in found.items():
        place(v).derivative = d
    for v in (v for variables in made.values() for v in variables):
        place(v).variable = v  # with the name that its owner gave
    result_place = place(opened)
    leaves = [p for p in places.values() if p.step is None]
    story = Story(result_place, leaves, steps, [])
    _send_back(story)
    return story, places, replaced


def _check(result: Any) -> None:
    if not isinstance(result, Variable):
        raise GraphError(
            f"explain: got a {type(result).__name__}; give a Variable that was computed from others"
        )
    if result.node is None:
        raise GraphError(
            "explain: this Variable was given, not computed, so there is no backward pass to tell; "
            "explain a result"
        )
    if result.data.size != 1:
        raise ShapeError(
            f"explain: the result has shape {result.data.shape} and is not one number; "
            "reduce it first (v.sum()), or explain one element (v[0])"
        )


def key(v: Any) -> Any:
    """What a value is known by, whichever Variable holds it."""
    return v if v.node is None else (v.node, v.index)


def constant(x: Any) -> Any:
    """What is met on the way without a derivative: a `Constant` if it is an array."""
    is_array = isinstance(x, np.ndarray) and x.ndim and x.dtype.kind in "fiub"
    return Constant(x) if is_array else x


def _send_back(story: Story) -> None:
    """Find what each step sends to each input, in the order of the backward pass."""
    story.result.paths = 1
    for step in reversed(story.steps):
        arrived = [output.derivative for output in step.outputs]
        if all(d is None for d in arrived):
            continue
        sent = shares(step.node, arrived)
        local = shares(step.node, [np.ones_like(arrived[0])[()]]) if step.scalar else []
        send_on(step, sent, local)
    for i, leaf in enumerate(story.leaves):
        leaf.serves, leaf.below = 1 << i, 1
    for step in story.steps:
        for output in step.outputs:
            for contribution in step.contributions:
                output.serves |= contribution.to.serves
                output.below += contribution.to.below


def send_on(step: Step, sent: Sequence[Any], local: Sequence[Any]) -> None:
    """Note what a step sends to its inputs (`None` where nothing), and along how many ways.

    `local` are the local derivatives where they are single numbers, else empty.
    """
    paths = sum(output.paths for output in step.outputs)
    length = sum(output.multiplications for output in step.outputs)
    scalar = step.scalar and all(output.scalar for output in step.outputs)
    for position, value in enumerate(sent):
        if value is None:
            continue
        to = step.inputs[position]
        made = Contribution(step, position, to, value, local[position] if local else None)
        step.contributions.append(made)
        to.arrivals.append(made)
        to.paths += paths
        to.multiplications += length + paths
        to.scalar = to.scalar and scalar


def _name_all(story: Story) -> None:
    """Give every place a name of its own: the owner's, or x1, x2 … for inputs and u1, u2 …."""
    owned: dict[str, list[Place]] = {}
    for p in (*story.leaves, *(o for s in story.steps for o in s.outputs)):
        if p.variable.name:
            owned.setdefault(p.variable.name, []).append(p)
    taken = set(owned)
    for name, places in owned.items():
        if len(places) == 1:
            places[0].name = Name(name)
            continue
        for p, fresh in zip(places, numbered(name, taken, always=True), strict=False):
            p.name = Name(fresh)
    leaves = [p for p in story.leaves if not p.variable.name]
    prefix = numbered("x", taken, always=len(leaves) > 1)
    for p in leaves:
        p.name = Name(next(prefix))
    if not story.result.variable.name:
        ends_in_loss = hasattr(getattr(story.steps[-1].node.operation, "layer", None), "loss")
        free = next((n for n in "yzrf" if n not in taken), "y")
        name = "loss" if ends_in_loss else free
        story.result.name = Name(next(numbered(name, taken, always=False)))
    between = numbered("u", taken, always=True)
    for step in story.steps:
        for p in step.outputs:
            if not p.variable.name and p is not story.result:
                p.name = Name(next(between))
    plain = numbered("c", taken, always=len(story.constants) > 1)
    for step in story.steps:
        operation = step.node.operation
        own = getattr(operation, "operands", ()) if hasattr(operation, "layer") else ()
        for i, x in enumerate(step.inputs):
            if isinstance(x, Constant):  # a layer has a name for it, such as t
                called = numbered(own[i], taken, always=False) if own else plain
                x.name = Name(next(called))


def numbered(name: str, taken: set[str], always: bool) -> Iterator[str]:
    """`name` itself where that is enough, then name1, name2 …, those that are taken left out."""
    if not always and name not in taken:
        taken.add(name)
        yield name
    # W1, W2; but a name that ends in a digit, or is long, is not changed into another: x1_2
    link = "_" if name[-1:].isdigit() or len(name) > 1 else ""
    n = 0
    while True:
        n += 1
        fresh = f"{name}{link}{n}"
        if fresh not in taken:
            taken.add(fresh)
            yield fresh


def _find(story: Story, by: Any, replaced: dict[Any, Any], places: dict[Any, Place]) -> Place:
    if isinstance(by, Recorded):
        v = replaced.get(by, by)
        if found := places.get(key(v)):
            return found
        raise GraphError(
            f"explain: {by.name or 'the Variable'!r} given as by is not on the graph of "
            f"{story.result.name.text!r}, which does not depend on it"
        )
    if not isinstance(by, str):
        raise GraphError(f"explain: by is a {type(by).__name__}; give a Variable or its name")
    for p in places.values():
        if p.name.text == by:
            return p
    names = ", ".join(p.name.text for p in places.values()) or "none"
    raise GraphError(f"explain: no value on this graph is called {by!r}; there are: {names}")
