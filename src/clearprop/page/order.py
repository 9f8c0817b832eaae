"""The order of the steps: when each value appears on a page, and when each derivative does.

First the forward pass, one node at a time, in the order in which the nodes were computed; then the
backward pass through the same nodes in the opposite order. A value that is used in several places
gets a step of its own on the way back: there the derivatives are summed. An opened frame is no
step, what stands in it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from clearprop.drawing.outline import End, Flow, Item, Scope

Phase = Literal["start", "forward", "seed", "backward", "sum", "end"]


@dataclass(frozen=True, eq=False, slots=True)
class Moment:
    """A step: a node that computes or sends back, or a value whose derivatives are summed."""

    phase: Phase
    item: Item | None = None
    flow: Flow | None = None


class Timetable:
    """The moments of both passes, and at which of them what appears.

    `starts` are the outputs at which the backward pass starts.
    """

    def __init__(self, scope: Scope, starts: list[Item]) -> None:
        self.scope = scope
        self.flows = [flow for s in scope.walk() for flow in s.flows]
        self.around = {i.inside: (s, i) for s in scope.walk() for i in s.items if i.inside}
        """The frame that a scope is the inside of, and the scope that this frame stands in."""
        self.coming: dict[Item | Scope, dict[int, tuple[Flow, End]]] = {}
        """What comes to an item, by operand, or leaves an inner scope, by output."""
        self.going: dict[Item, dict[int, Flow]] = {}
        self.home: dict[Flow, Scope] = {}
        self._connect(scope)
        self.nodes = list(_nodes(scope))
        self.moments = [Moment("start"), *(Moment("forward", item) for item in self.nodes)]
        self.step_of = {item: i + 1 for i, item in enumerate(self.nodes)}
        self.value_at = {flow: self._value_at(flow) for flow in self.flows}
        self.total_at: dict[Flow, int] = {}
        """When the derivative by a value is complete."""
        self.share_at: dict[End, int] = {}
        """When one of its users has sent back its share."""
        self.waiting: dict[Flow, int] = {}
        if starts:
            self._go_back(starts)
        self.moments.append(Moment("end"))
        for flow in self.flows:
            if flow.derivative is not None:  # 0, since no user sends anything back
                self.total_at.setdefault(flow, self.end)

    @property
    def end(self) -> int:
        """The number of the last step."""
        return len(self.moments) - 1

    def back_at(self, flow: Flow, end: End | None) -> int:
        """When the derivative by a value is there, or the share of one of its users."""
        total = self.total_at.get(flow, self.end)
        return total if end is None else self.share_at.get(end, total)

    def shares(self, flow: Flow) -> list[End]:
        """The users of a value that send a derivative back."""
        return [end for end in flow.ends if _sends(flow, end)]

    def origin(self, flow: Flow) -> str:
        """What a value is known by: the id that it has in the outermost scope it gets to."""
        if len(flow.ends) == 1 and flow.ends[0].item is None:
            _, frame = self.around[self.home[flow]]
            outer = self.going.get(frame, {}).get(flow.ends[0].operand)
            if outer is not None:
                return self.origin(outer)
        return flow.origin

    def _connect(self, scope: Scope) -> None:
        for s in scope.walk():
            for flow in s.flows:
                self.home[flow] = s
                if flow.source is not None:
                    going = self.going.setdefault(flow.source, {})
                    going[_place(flow.source, flow.output, going)] = flow
                for end in flow.ends:
                    coming = self.coming.setdefault(end.item or s, {})
                    coming[_place(end.item, end.operand, coming)] = (flow, end)

    # Forward.

    def _value_at(self, flow: Flow) -> int:
        source = flow.source
        if source is None:
            outer = self._outside(flow)
            return self._value_at(outer[0]) if outer else 0
        if source.inside is not None:
            return self._value_at(self.coming[source.inside][flow.output][0])
        return self.step_of.get(source, 0)

    def _outside(self, flow: Flow) -> tuple[Flow, End] | None:
        """Where a value comes from that enters a frame."""
        scope = self.home[flow]
        _, frame = self.around[scope]
        return self.coming[frame].get(scope.ports.index(flow))

    # Backward.

    def _go_back(self, starts: list[Item]) -> None:
        self.waiting = {flow: len(self.shares(flow)) for flow in self.flows}
        self.moments.append(Moment("seed"))
        self._arrive([self.coming[item][0] for item in starts], self.end)
        for item in reversed(self.nodes):
            if any(flow in self.total_at for flow in self.going.get(item, {}).values()):
                self.moments.append(Moment("backward", item))
                sent = self.coming.get(item, {}).values()
                self._arrive([(flow, end) for flow, end in sent if _sends(flow, end)], self.end)

    def _arrive(self, sent: list[tuple[Flow, End]], now: int) -> None:
        """Note what is sent back at a step, and what becomes complete by it."""
        for flow, end in sent:
            self.share_at[end] = now
            self.waiting[flow] -= 1
        for flow in dict.fromkeys(flow for flow, _ in sent):
            if self.waiting[flow] == 0:
                self._complete(flow, now)

    def _complete(self, flow: Flow, now: int) -> None:
        if len(self.shares(flow)) > 1:
            self.moments.append(Moment("sum", flow=flow))
            now = self.end
        self.total_at[flow] = now
        if flow.source is None:
            beyond = self._outside(flow)
        elif flow.source.inside is not None:
            beyond = self.coming[flow.source.inside].get(flow.output)
        else:
            return
        if beyond is not None and _sends(*beyond):
            self._arrive([beyond], now)


def _nodes(scope: Scope) -> Iterator[Item]:
    """What computes something, in the order in which it does."""
    for item in scope.items:
        if item.inside is not None:
            yield from _nodes(item.inside)
        elif item.kind in ("operation", "layer", "fold"):
            yield item


def _place(item: Item | None, number: int, others: dict[int, Any]) -> int:
    """The number of an operand or a result; a fold has those of many nodes."""
    return len(others) if item is not None and item.kind == "fold" else number


def _sends(flow: Flow, end: End) -> bool:
    """Whether a derivative comes back from there; what a fold sends is not known singly."""
    if end.derivative is not None:
        return True
    folded = end.item is not None and end.item.kind == "fold"
    return folded and flow.derivative is not None
