"""Whole networks of other hands: `feedforward(x)`, `backprop(x, y)`, and a cost between the two.

Such a backprop gives the derivatives of a cost by what is learned. The cost is a method of the
network; where it has none, it is the usual one that backprop is right for.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.checking.arguments import CONSTANT_NAMES, TRUTH_NAMES, positional
from clearprop.checking.copies import private, same_draws
from clearprop.checking.interface import OUTPUT
from clearprop.checking.nests import get_at, hanging, leaves
from clearprop.checking.run import takes
from clearprop.graph.code import numbers_in
from clearprop.graph.parameters import Path

Cost = Callable[[Any, Any, Any, Any], Any]
"""Of the network, x, y and the output."""

NAMES = re.compile(r"(?i)loss|cost|objective|criterion|energy|nll|log_?likelihood|error")
NO_COST = re.compile(r"(?i)grad|prime|deriv|delta|^d_?[A-Z]|history|plot|total|back")
SAYS_OUT = re.compile(r"(?i)pred|hat|out|^a\d?$")
LABELS = frozenset((*CONSTANT_NAMES, *TRUTH_NAMES))
SMALL = 1e-300


def _usual() -> Iterator[tuple[str, Callable[[Any, Any], Any]]]:
    """The usual costs of an output a and its labels y."""

    def entropy(a: Any, y: Any) -> Any:
        return -np.sum(y * np.log(a + SMALL))

    for text, cost in (
        ("½ Σ (out − y)²", lambda a, y: 0.5 * np.sum((a - y) ** 2)),
        ("−Σ y·ln(out)", entropy),
        (
            "−Σ (y·ln(out) + (1 − y)·ln(1 − out))",
            lambda a, y: entropy(a, y) + entropy(1 - a, 1 - y),
        ),
        ("Σ (out − y)²", lambda a, y: np.sum((a - y) ** 2)),
    ):
        yield text, cost
        yield text + " / N", lambda a, y, cost=cost: cost(a, y) / len(y)
        yield text + " / N", lambda a, y, cost=cost: cost(a, y) / np.shape(y)[-1]
    yield "Σ (out − y)² / size", lambda a, y: np.mean((a - y) ** 2)


def whole_model(cls: type, thing: Any, inputs: Sequence[Any], forward: str, back: str) -> Any:
    """What makes a network, its cost and its backprop one layer of x and y; or `None`.

    `reading` tells how it was read, or `not_read` why nothing could be compared.
    """
    run, given = getattr(cls, forward, None), positional(getattr(cls, back, None))[1:]
    if len(inputs) != 2 or takes(run, 3) or not takes(run, 2):
        return None
    if not 0 < len(given) < 4 or not any(p.name in LABELS for p in given):
        return None
    roles = _roles([p.name for p in given])
    methods = {"backward": _backward(getattr(cls, back), roles), "constants": ("x", "y")}
    own = {name: _forward(run, cost) for name, cost in _own_costs(cls, thing, inputs, run)}
    fits = [n for n, f in own.items() if _is_right(thing, {**methods, "forward": f}, inputs)]
    for name in (fits or [*own])[:1]:
        reading = f"{back} was taken for the derivatives of {name} by what is learned"
        return {**methods, "forward": own[name], "reading": reading}
    for text, usual in _usual():
        cost = lambda net, x, y, out, usual=usual: usual(out, y)  # noqa: E731
        made = {**methods, "forward": _forward(run, cost)}
        if _is_right(thing, made, inputs):
            reading = f"it has no cost of its own; {back} gives the derivatives of {text}"
            return {**made, "reading": reading}
    why = (
        f"{back} gives the derivatives of a cost that no method gives, and that is none of the "
        "usual ones, so that nothing was compared; write def loss(self, x, y), which gives it"
    )
    return {"forward": _forward(run, lambda net, x, y, out: out), "not_read": why}


def _roles(names: Sequence[str]) -> list[str]:
    """What arguments are: the input, the labels, or the output."""
    return [
        "y"
        if name in LABELS
        else "out"
        if OUTPUT.fullmatch(name) or SAYS_OUT.search(name) or place == 2
        else "x"
        for place, name in enumerate(names)
    ]


def _forward(run: Any, cost: Cost) -> Any:
    def forward(self: Any, x: Any, y: Any = None) -> Any:
        out = run(self, x)
        if y is None:  # the network itself runs its forward
            return out
        out = out[0] if isinstance(out, tuple) else out
        self._given = (x, y, out)  # a name that is passed over where arrays are looked for
        return cost(self, x, y, out)

    return forward


def _backward(back: Any, roles: Sequence[str]) -> Any:
    def backward(self: Any, *own: Any) -> Any:
        x, y, out = self._given
        given: dict[str, Any] = {"x": x, "y": y, "out": out}
        return back(self, *own) if own else _by_attribute(self, back(self, *map(given.get, roles)))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    backward.__signature__ = inspect.Signature([inspect.Parameter("self", kind)])  # type: ignore[attr-defined]
    return backward


def _by_attribute(net: Any, found: Any) -> Any:
    """Derivatives in lists, such as (nabla_b, nabla_w), by the lists of the same shapes."""
    if not isinstance(found, tuple) or not all(isinstance(part, list) for part in found):
        return found
    held = {name: _shapes(value) for name, value in vars(net).items() if isinstance(value, list)}
    named: dict[str, Any] = {}
    for part in found:
        fits = [n for n, shapes in held.items() if shapes == _shapes(part) and n not in named]
        named |= dict.fromkeys(fits[:1], part)
    return named if len(named) == len(found) else found


def _shapes(arrays: Sequence[Any]) -> list[tuple[int, ...]]:
    return [np.shape(x) for _, x in leaves(arrays)]


def _own_costs(
    cls: type, thing: Any, inputs: Sequence[Any], run: Any
) -> Iterator[tuple[str, Cost]]:
    """The costs that a network has itself: methods of two arguments that give one number."""
    names = [n for n in dir(cls) if NAMES.search(n) and not NO_COST.search(n)]
    for name in (n for n in names if inspect.isfunction(inspect.getattr_static(cls, n))):
        parameters = [p.name for p in positional(getattr(cls, name))][1:3]
        for roles in (_roles(parameters), ["out", "y"]):

            def cost(
                net: Any, x: Any, y: Any, out: Any, name: str = name, roles: Any = roles
            ) -> Any:
                given = {"x": x, "y": y, "out": out}
                return getattr(net, name)(*(given[role] for role in roles))

            try:
                with same_draws():
                    value = _forward(run, cost)(private(thing), *private(list(inputs)))
            except (Exception, SystemExit):  # it is no cost, or called in another way
                continue
            if np.size(value) == 1 and "y" in roles:
                yield name, cost
                break


def _is_right(thing: Any, made: Mapping[str, Any], inputs: Sequence[Any]) -> bool:
    """Whether backprop gives a derivative of a cost, or takes a step along one."""
    net, given = private(thing), private(list(inputs))
    numbers = [1.0, *(x for x in hanging(net).values() if isinstance(x, float))]
    numbers += numbers_in(made["backward"])
    held = {path: np.array(x) for path, x in hanging(net).items() if _is_floats(x)}
    try:
        with same_draws():
            made["forward"](net, *given)
            found = [d for _, d in leaves(made["backward"](net)) if _is_floats(d)]
        pairs = [(p, d) for d in found for p, x in held.items() if x.shape == d.shape]
        if not found:
            steps = [(path, x - np.asarray(get_at(net, path))) for path, x in held.items()]
            pairs = [(path, step) for path, step in steps if np.any(step)]
        shares = [_share(thing, made, given, path, d) for path, d in pairs]
    except (Exception, SystemExit):
        return False
    due = [1.0] if found else numbers
    return any(np.isclose(share, number, rtol=1e-4) for share in shares for number in due)


def _is_floats(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def _share(thing: Any, made: Any, given: Any, path: Path, d: np.ndarray) -> float:
    """How many times the derivative by an array of the network d is, along a direction."""
    net, ends = private(thing), []
    x = get_at(net, path)
    v, kept = np.random.default_rng(0).uniform(0.5, 1.5, x.shape), x.copy()
    with same_draws():
        for h in (1e-5, -1e-5):
            x[...] = kept + h * v
            ends.append(float(np.sum(made["forward"](net, *given))))
    return float(np.sum(d * v) / ((ends[0] - ends[1]) / 2e-5))
