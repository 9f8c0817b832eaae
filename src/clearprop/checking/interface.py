"""What people call forward and backward, what they give to them and what comes back.

Each convention is an entry of a table, not a case of its own. A thing is brought into the form
`forward(*inputs)`, `backward(*douts)` by `adopted` and `Calling`, wherever it comes from.
"""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from clearprop.checking.arguments import CONSTANT_NAMES, TRUTH_NAMES
from clearprop.checking.copies import held_by
from clearprop.checking.nests import filled, hanging, is_nest
from clearprop.graph.code import code_of, codes
from clearprop.graph.parameters import Path, at_path

KEPT = ("output", "outputs")
"""Where a forward that returns nothing leaves its result."""
CLEARS = re.compile(
    r"(?i)_*(zero|clear|flush|reset)_?(the_)?(param\w*_?)?(grad(ient)?s?|derivatives|deltas)(_?param\w*)?"
)
"""Names of methods that set derivatives to 0 because backward adds to them."""

ANY_OF_THEM = frozenset(
    ("grads", "gradients", "derivatives", "getattr", "setattr", "vars", "__dict__")
)
"""What is read where derivatives of all kinds are set to 0."""

RATE = re.compile(r"(?i)lr|eta|alpha|rate|l_?rate|learn(ing)?_?rate|step(_?size)?")
CACHE = re.compile(
    r"(?i)_?(cache[sd]?|cached\w*|ctx|context|saved?\w*|memory|memo|tape|stash|residuals?|res|aux|kept|"
    r"pull_?(back)?|vjp\w*|back(_?fn)?)"
)
DOUT = re.compile(
    r"(?i)d(?!ata|ecay|rop)\w*|g\w{,2}|g_\w+|ct|cotangents?|(up|out|err|error|delta|grad|gradient|top|upstream|accum|residual|sensitivity)\w*|"
    r"\w*(grad|grads|gradient|gradients|delta|error|err)"
)
WIDELY = re.compile(r"(?i)(x|input|inputs|inp|z|data|in_?|a_?prev|bottom|features)")
"""What the input is called where forward calls it something else."""

OUTPUT = re.compile(r"(?i)out(put)?s?|activations?|result")
"""What `backward` may call the output of forward that it is given again."""

UPDATE = 0.5
"""The learning rate that a backward which wants one is given."""


def clearing(layer: Any) -> list[Any]:
    """The methods of a layer, and of what holds its parameters, that set derivatives to 0."""
    return [getattr(held, name) for held in held_by(layer) for name in _that_clear(type(held))]


@lru_cache(512)
def _that_clear(cls: type) -> list[str]:
    return [name for name in dir(cls) if CLEARS.fullmatch(name)]


def is_cleared(layer: Any) -> bool:
    """Whether derivatives are set to 0 from outside: by the layer, or by an optimiser near it.

    What names nothing that hangs on the layer belongs to something else of the same file.
    """
    if clearing(layer):
        return True
    beside = vars(sys.modules.get(type(layer).__module__, object)).values()
    others = (
        vars(x) if isinstance(x, type) else {x.__name__: x}
        for x in beside
        if (inspect.isroutine(x) or isinstance(x, type)) and not hasattr(x, "backward")
    )
    found = [f for named in others for name, f in named.items() if CLEARS.fullmatch(name)]
    own = ANY_OF_THEM.union(*hanging(layer)) if found else ANY_OF_THEM
    return any(not own.isdisjoint(_words(f)) for f in found)


def _words(function: Any) -> Iterator[Any]:
    """The names and texts that a function is made of; any of them, where that is not to be had."""
    code = code_of(getattr(function, "__func__", function))
    for part in codes(code) if code else ():
        yield from (*part.co_names, *part.co_consts)
    if code is None:
        yield from ANY_OF_THEM


def cleared(layer: Any) -> Any:
    """A layer after these methods, as one runs them before the next batch."""
    for method in clearing(layer):
        with suppress(Exception):  # it wants arguments, or it is frozen
            method()
    return layer


@dataclass(frozen=True)
class Calling:
    """How `backward` is called: what stands at each place, and by which names.

    A role is "dout", "cache", "rate", "filled" for a mapping that is to be filled, the number of an
    input that is given again, `Kept`, a part of the cache, or `Left`, what forward leaves on the
    layer; `None` is what must be given and is none of these.
    """

    roles: tuple[Any, ...] = ("dout",)
    named: tuple[tuple[str, Any], ...] = ()
    names: tuple[str, ...] = ()
    """The names of the arguments by place."""
    guessed: frozenset[int] = frozenset()
    """The places of those that were taken for inputs only since there are as many."""
    any_number: bool = False
    packed: bool = False
    """Whether dout is handed over in a tuple, as forward gave its one output in one."""
    first_only: bool = False
    """Whether forward gives its one output first, and then what it keeps for `backward`."""
    gives_both: bool = False
    """Whether there is no backward, since forward gives its derivatives together with its loss."""
    loss_last: bool = False
    """Whether the loss stands behind them."""
    nested: bool = False
    """Whether forward gives arrays in a nest, of which dout has the form."""
    pulls: bool = False
    """Whether what forward gives last is the backward: a function of dout."""
    turned: str = ""
    """How derivatives are kept, if not as the values are: "transposed", or as "rows"."""

    @property
    def unknown(self) -> list[str]:
        """The names of what must be given and is not understood."""
        return [name for name, role in zip(self.names, self.roles, strict=False) if role is None]

    @property
    def takes_dout(self) -> bool:
        return "dout" in self.roles or self.any_number

    @property
    def takes_cache(self) -> bool:
        return self.pulls or "cache" in (*self.roles, *dict(self.named).values())

    @property
    def updates(self) -> bool:
        return "rate" in self.roles or "rate" in dict(self.named).values()

    def arguments(
        self,
        douts: Sequence[Any],
        inputs: Sequence[Any],
        cache: Any,
        raw: Any,
        store: Any = None,
        layer: Any = None,
    ) -> Any:
        """The arguments of a call, by place and by name; `store` is to be filled."""
        if self.turned:
            douts = [d.T if self.turned == "transposed" else d[None] for d in douts]
        given = iter(parts_of(filled(raw, iter(douts))) if self.nested else douts)
        many = self.roles.count("dout") == 1 and (len(douts) > 1 or self.packed)
        many &= not self.nested

        def of(role: Any) -> Any:
            if role == "dout":
                return tuple(douts) if many else next(given)
            if role in ("cache", "filled"):
                return cache if role == "cache" else store
            if isinstance(role, Kept | Left):
                return role.of(raw if isinstance(role, Kept) else layer)
            return UPDATE if role == "rate" else inputs[role]

        placed = list(douts) if self.any_number else [of(role) for role in self.roles]
        return placed, {name: of(role) for name, role in self.named}


class Kept(NamedTuple):
    """A part of what forward gave, which `backward` is given back, by the way to it."""

    path: Path

    def of(self, raw: Any) -> Any:
        return at_path(raw, self.path)


class Left(NamedTuple):
    """An array that forward leaves on the layer, which `backward` is given all the same."""

    name: str

    def of(self, layer: Any) -> Any:
        return getattr(layer, self.name)


def calling(backward: Any, input_names: Sequence[str], slope: bool = False) -> Calling:
    """Read from the names of its arguments how a `backward` is called.

    `slope` tells that it is one by its name, such as `derivative(x)`: then an only argument is the
    input.
    """
    try:
        parameters = list(inspect.signature(backward).parameters.values())
    except (TypeError, ValueError):
        return Calling()
    by_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p.name for p in by_place if p.default is p.empty]
    spare = [p.name for p in by_place if p.default is not p.empty]
    if not needed and any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return Calling((), any_number=True)
    roles: list[Any] = [_role(name, input_names) for name in needed]
    guessed: set[int] = set()
    if len(needed) == 1 and not slope:
        roles = [roles[0] if roles[0] in ("cache",) else "dout"]
    elif slope and "dout" not in roles:
        guessed = {i for i, r in enumerate(roles) if r is None and i < len(input_names)}
        roles = [i if i in guessed else r for i, r in enumerate(roles)]
        if len(needed) == 1 and needed[0] not in input_names and roles[0] == 0:
            guessed = {0}
    elif "dout" not in roles and any(
        _may_be_dout(n, r) for n, r in zip(needed, roles, strict=True)
    ):
        # What nothing is known of is dout; where all are, those of several outputs.
        free = [_may_be_dout(n, r) for n, r in zip(needed, roles, strict=True)]
        first = free.index(True)
        roles = ["dout" if all(free) or i == first else r for i, r in enumerate(roles)]
    if not roles and spare:  # dout=1
        first = _role(spare[0], input_names)
        roles = ["dout" if first is None or not isinstance(first, int) else first]
        spare = spare[1:]
        if roles != ["dout"]:
            more = [_role(name, input_names) for name in spare]
            roles += [r for r in more if isinstance(r, int)]
    spare += [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    named = [(n, "rate") for n in spare if RATE.fullmatch(n) and not slope]
    return Calling(tuple(roles), tuple(named), tuple(needed), frozenset(guessed))


def parts_of(raw: Any) -> list[Any]:
    """The parts of what forward gives."""
    return list(raw) if isinstance(raw, tuple | list) and len(raw) > 1 else [raw]


def are_outputs(parts: Sequence[Any], inputs: Sequence[Any]) -> list[bool]:
    """Which parts are arrays that stand for themselves: no input, and none that came before.

    Behind floats, integers are none.
    """
    return [
        not is_nest(part)
        and is_number(part)
        and not any(part is x for x in (*parts[:i], *inputs))
        and not is_count(part, parts[0])
        for i, part in enumerate(parts)
    ]


def tree_of(function: Any) -> Any:
    """What was written as a function; `None` where its source is not there."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError):
        return None


def returned_names(function: Any) -> tuple[str, ...]:
    """The names by which a function returns what it gives; none where its source is not there."""
    tree = tree_of(function)
    last = [n.value for n in getattr(tree, "body", ()) if isinstance(n, ast.Return)][-1:]
    parts = last[0].elts if last and isinstance(last[0], ast.Tuple) else last
    return tuple(getattr(part, "id", getattr(part, "attr", "")) for part in parts)


def returns(function: Any) -> bool:
    """Whether it is written that a function returns something."""
    tree = tree_of(function)
    return any(isinstance(n, ast.Return) and n.value for n in ast.walk(tree)) if tree else False


def assigned_names(function: Any) -> list[str]:
    """The attributes of `self` that a method sets, in order; none where there is no source."""
    tree = tree_of(function)
    nodes = ast.walk(tree) if tree else ()
    targets = [t for n in nodes if isinstance(n, ast.Assign) for t in n.targets]
    own = [t for t in targets if isinstance(t, ast.Attribute) and isinstance(t.value, ast.Name)]
    return [t.attr for t in sorted(own, key=lambda t: t.lineno)]


def _role(name: str, input_names: Sequence[str]) -> Any:
    if name in input_names:
        return input_names.index(name)
    if RATE.fullmatch(name):
        return "rate"
    if CACHE.fullmatch(name):
        return "cache"
    if DOUT.fullmatch(name):
        return "dout"
    if WIDELY.fullmatch(name) and input_names:
        return 0
    return None


def _may_be_dout(name: str, role: Any) -> bool:
    """Whether an argument of which nothing else is known may be dout: labels are not."""
    return role is None and name not in CONSTANT_NAMES and name not in TRUTH_NAMES


def is_count(part: Any, first: Any) -> bool:
    """Whether a part is made of integers, and the first one of floats."""
    return (
        is_number(part)
        and is_number(first)
        and np.asarray(part).dtype.kind in "iu"
        and np.asarray(first).dtype.kind == "f"
    )


def is_number(value: Any) -> bool:
    """Whether something is an array of real numbers, or such a number."""
    if isinstance(value, bool | None):
        return False
    try:
        return np.asarray(value).dtype.kind in "fiub"
    except (ValueError, TypeError):
        return False
