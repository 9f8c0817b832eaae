"""The views of a page: the same graph at every depth that can be looked at, each laid out."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from clearprop.drawing.building import LIMIT, outline
from clearprop.drawing.compose import compose
from clearprop.drawing.folding import folded
from clearprop.drawing.measure import clean
from clearprop.drawing.opening import Open, is_network
from clearprop.drawing.outline import LEAVES, End, Flow, Item, Scope
from clearprop.errors import ClearpropError
from clearprop.explaining.expressions import Name, Partial
from clearprop.graph.graph import Graph
from clearprop.graph.variable import Parameter
from clearprop.page.backward import BackwardPass, run_backward
from clearprop.page.facts import Facts
from clearprop.page.live import Live, give_slots, live_of
from clearprop.page.names import Names
from clearprop.page.nudge import MOST, nudged
from clearprop.page.order import Timetable
from clearprop.page.painting import Painter, Picture
from clearprop.page.steps import Steps, remarks, written
from clearprop.page.values import Json, Values

WIDE, NARROW = 1180, 400
"""How wide pictures are at most, in units of which a readable one has about a pixel."""
MOST_ROWS = 120
"""So many shapes are folded for narrow windows, too; more would be rows without end."""
SINGLE = 600
"""Layers can be opened one by one if that takes no more items than this, all views together."""


@dataclass(slots=True)
class Choice:
    """A depth to look at: what it is called, and the outline."""

    label: list[Any]
    scope: Scope
    opened: frozenset[str]


@dataclass(slots=True)
class View:
    """A picture with its steps."""

    picture: Picture
    narrow: str
    """The picture for a narrow window; empty if it is the same."""
    data: Json


@dataclass(slots=True)
class Views:
    """All views of a graph, and what they share."""

    views: list[View] = field(default_factory=list)
    start: int = 0
    values: Values = field(default_factory=Values)
    remarks: dict[str, dict[str, str]] = field(default_factory=dict)
    result: Json = field(default_factory=dict)
    """What is differentiated; empty if nothing is."""
    results: list[Json] = field(default_factory=list)
    leaves: list[Json] = field(default_factory=list)
    live: Json = field(default_factory=dict)
    """What the page needs to compute; where it cannot, `why`."""
    program: str = "null"
    """The program, in JavaScript."""


@np.errstate(all="ignore")  # what is not finite is shown as what it is
def views_of(graph: Graph, open: Open | None = None, limit: int = LIMIT) -> Views:
    """Lay the graph out at every depth, and tell both passes at each.

    Errors: those of `outline`.
    """
    passed = run_backward(graph)
    choices, start = _choices(graph, passed, open, limit)
    made = Views(start=start)
    live, why = live_of(graph, passed)
    if live is not None:
        for choice in choices:
            give_slots(choice.scope, live)
    names = Names()
    by_opened = {choice.opened: i for i, choice in enumerate(choices)}
    starts = [_mark_starts(choice.scope, passed) for choice in choices]
    tables = [Timetable(c.scope, s) for c, s in zip(choices, starts, strict=True)]
    for i in (start, *range(len(choices))):  # what is looked at first is numbered first
        names.give(choices[i].scope, tables[i])
    is_one = passed.starts_at_one and starts[0]  # the one number that is differentiated
    single = tables[0].coming[starts[0][0]][0][0].id if is_one else None
    result = Name(names.known[single]) if single else Name(names.fresh("L"))
    made.result = written(result) if passed.seeds else {}
    leaves = set(graph.leaves)

    @cache
    def check(v: Any) -> Json | None:
        return nudged(graph, v, passed.derivative(v), passed.seeds) if v in leaves else None

    for choice, timetable in zip(choices, tables, strict=True):
        first = next((f for f in timetable.flows if f.id == single), None) if single else None
        facts = Facts(timetable, names, result, first, live)
        steps = Steps(facts, passed, made.values, check)
        view = _view(choice, steps, by_opened)
        made.views.append(view)
        for name, step in steps.remarked.items():
            made.remarks.setdefault(name, remarks(step))
        if not made.results:
            said = view.data["steps"][0]["body"][0][2]
            made.results, made.leaves = said["y"], said["xs"]
    made.live = {"why": why}
    if live is not None:
        _enliven(made, graph, passed, live, names, single)
    return made


def _enliven(
    made: Views, graph: Graph, passed: BackwardPass, live: Live, names: Names, single: str | None
) -> None:
    """Add the program, and what it is given at first."""
    indices = range(len(graph.leaves))
    result = live.slot("value", single) if single else None
    said: Json = {
        "names": [names.known.get(f"x{i}", "") for i in indices],
        "result": result,
        "gradient": [live.gradient(i, passed.derivative(v)) for i, v in enumerate(graph.leaves)],
        "learned": [isinstance(v, Parameter) for v in graph.leaves],
        "nudges": len(graph.nodes) <= MOST and all(np.isfinite(s).all() for _, s in passed.seeds),
    }
    if said["nudges"]:
        said["ends"] = [[live.end(v), np.ravel(seed).tolist()] for v, seed in passed.seeds]
    try:
        made.program = live.script()
    except ClearpropError as error:
        made.live = {"why": str(error)}
        return
    made.live = said | {"leaves": live.leaves(), "single": live.single()}


# What to look at.


def _choices(
    graph: Graph, passed: BackwardPass, open: Open | None, limit: int
) -> tuple[list[Choice], int]:
    """The depths, from the whole to the single operation, and which of them comes first."""

    choices: dict[frozenset[str], Choice] = {}

    def look(what: Open, label: str, **said: str) -> Choice:
        scope = outline(graph, what, limit, passed.derivative)
        opened = frozenset(i.id for i in scope.all_items() if i.inside is not None)
        return choices.setdefault(opened, Choice([label, said], scope, opened))

    whole = look("network", _level(graph))
    if open in (None, 0, "network") and not any(node.operation.opens for node in graph.nodes):
        return [whole], 0
    layers = look("layers", "level_layers")
    singles = dict(s for base in (whole, layers) for s in _singles(base))
    room = SINGLE // max(len([*layers.scope.all_items()]) + 10, 1)
    if len(singles) <= room:
        for opened, name in singles.items():
            if opened not in choices:
                with suppress(ClearpropError):  # if it cannot be opened, its node says so
                    look(sorted(opened), "level_opened", node=name)
    look("primitives", "level_primitives")
    wanted = layers if open is None else look(open, "level_chosen")
    return list(choices.values()), list(choices).index(wanted.opened)


def _level(graph: Graph) -> str:
    if any(is_network(node) for node in graph.nodes):
        return "level_network"
    layers = any(node.operation.opens for node in graph.nodes)
    return "level_layers" if layers else "level_primitives"


def _singles(choice: Choice) -> Iterator[tuple[frozenset[str], str]]:
    """What there would be to look at if one more layer were opened."""
    for item in choice.scope.all_items():
        if item.kind == "layer" and not item.why_closed:
            yield choice.opened | {item.id}, clean(item.name)


# One view.


def _mark_starts(scope: Scope, passed: BackwardPass) -> list[Any]:
    """The outputs at which the backward pass starts; their arrows say with what."""
    starts: dict[Flow, Item] = {}
    for item in scope.items:
        if item.kind == "output" and (seed := passed.start_at(item.variable)) is not None:
            flow, end = next((f, e) for f in scope.flows for e in f.ends if e.item is item)
            if starts.setdefault(flow, item) is item:
                end.derivative = seed
    return [*starts.values()]


def _view(choice: Choice, steps: Steps, by_opened: dict[frozenset[str], int]) -> View:
    timetable = steps.timetable
    here = by_opened[choice.opened]
    opens, closes = {}, {}
    for item in choice.scope.all_items():
        more = by_opened.get(choice.opened | {item.id})
        if item.kind == "layer" and more is not None:
            opens[item.id] = [more, clean(item.name)]
        inside = {id for id in choice.opened if id.startswith(f"{item.id}/")}
        less = by_opened.get(choice.opened - inside - {item.id})
        if item.inside is not None and less is not None and less != here:
            closes[item.id] = [less, clean(item.name)]
    told = steps.all()
    labels, plain = _labels(steps, told)
    scene = compose(choice.scope, legend=False)
    wide = folded(scene, WIDE)
    narrow = folded(scene, NARROW) if len(scene.shapes) <= MOST_ROWS else wide
    painter = Painter(wide, timetable)
    picture = painter.paint("", labels, opens, closes)
    small = ""
    if narrow is not wide:
        small = Painter(narrow, timetable, painter.known).paint("", labels, opens, closes).svg
    for step, lit in zip(told, picture.lit, strict=True):
        step["lit"] = lit
    turn = next((i for i, m in enumerate(timetable.moments) if m.phase == "seed"), None)
    data = {
        "label": choice.label,
        "steps": told,
        "peeks": [_peek(steps, *peek) for peek in picture.peeks],
        "plain": plain,
        "opens": opens,
        "closes": closes,
        "turn": timetable.end if turn is None else turn,
    }
    return View(picture, small, data)


def _labels(steps: Steps, told: list[Json]) -> tuple[dict[str, str], dict[str, list[Any]]]:
    """What a screen reader says of each shape: formulas, which are the same in each language.

    And for those that are a name and a value, the name, and the number of the value.
    """
    labels, plain = {}, {}
    for item, step in steps.timetable.step_of.items():
        said = told[step]["title"][1]
        text = said.get("said", {}).get("m", "")
        text = text["en"] if isinstance(text, dict) else text
        labels[item.id] = f"{said['node']}: {text}" if text else said["node"]
    for flow in steps.timetable.flows:
        source = flow.source
        items = [source] if source is not None and source.kind in LEAVES else []
        items += [e.item for e in flow.ends if e.item is not None and e.item.kind == "output"]
        for item in items:
            name = steps.facts.names.known[steps.timetable.origin(flow)]
            plain[item.id] = [name, steps.values.add(flow.value)]
            labels[item.id] = _plain(name, steps.values.list[plain[item.id][1]])
    return labels, plain


def _plain(name: str, said: Json) -> str:
    value = said.get("s") or said.get("shape", "")
    return f"{name} = {value}" if name else str(value)


def _peek(steps: Steps, flow: Flow, end: End | None) -> Json:
    """What is shown of a part that is pointed at: its value and derivative, and from when on."""
    timetable = steps.timetable
    made: Json = {"value": steps.values.add(flow.value), "at": timetable.value_at[flow]}
    place = steps.facts.place(flow)
    if isinstance(getattr(place, "name", None), Name):
        made["x"] = written(place.name)
        made["d"] = written(Partial(steps.facts.result, place.name))
    value = flow.derivative if end is None else end.derivative
    if value is not None:
        made["derivative"] = steps.values.add(value)
        made["back"] = timetable.back_at(flow, end)
        made["share"] = end is not None
    return made
