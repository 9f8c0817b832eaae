"""Which method of a layer is its backward, where the name does not say it: the one that acts so.

It takes what has the output's shape, is linear in it, and gives what has the shape of an input. The
derivatives of parameters may be left to a method of their own, which is then run behind it.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from clearprop.checking.arguments import input_names
from clearprop.checking.copies import fingerprint, private, same_draws
from clearprop.checking.interface import CLEARS, Calling, calling
from clearprop.checking.nests import computed, hanging, leaves, spoken
from clearprop.checking.pairing import likeness, stems
from clearprop.graph.parameters import Path
from clearprop.layers import Layer

LOOKS = re.compile(
    r"(?i)back|bwd|bprop|vjp|pull|adjoint|cotangent|grad|deriv|delta|sensitivit|r(ue|ü)ckw|retro"
)
"""What stands in the names of methods that give derivatives."""
ELSE = re.compile(
    r"(?i)inv|decod|predict|infer|sampl|numer|check|clip|norm|appl|zero|clear|reset|requires|"
    r"descent|optim|delete|remove|(^|_)(save|load|write|read|dump|export|plot|show|draw|render|print|"
    r"log|fit|train|set|add|register|open|close|send|post|upload|download|request|run|main|exit|quit|"
    r"kill|move|step|update(?!.*grad))(_|$|(?-i:[A-Z]))"
)
"""What stands in the names of methods that do something else with them, or with a file."""


def own_methods(cls: type) -> list[str]:
    """The names of the methods that people wrote for a class, in the order in which they stand."""
    bases = [base for base in cls.__mro__[:-1] if base is not Layer]
    names = dict.fromkeys(chain.from_iterable(map(vars, bases)))
    return [name for name in names if callable(getattr(cls, name, None))]


class Tried(NamedTuple):
    """What a method did behind a forward: how it was called, what it gave, what it changed."""

    how: Calling
    given: Any
    before: dict[Path, Any]
    changed: dict[Path, np.ndarray]


class Probe:
    """A layer at inputs, on copies of which its methods are tried."""

    def __init__(self, layer: Any, inputs: Sequence[Any]) -> None:
        self.layer, self.inputs = private(layer), private(list(inputs))
        self.names = input_names(layer.forward, len(inputs))
        self.rng = np.random.default_rng(0)
        self.out = self.output(self.inputs)

    def output(self, inputs: Sequence[Any]) -> np.ndarray:
        with same_draws():
            return first_array(private(self.layer).forward(*private(list(inputs))))

    def dout(self) -> np.ndarray:
        return self.rng.uniform(0.5, 1.5, self.out.shape) * self.rng.choice([-1, 1], self.out.shape)

    def floats(self) -> list[int]:
        """The places of the inputs that a derivative may be taken by."""
        return [
            i
            for i, x in enumerate(self.inputs)
            if isinstance(x, np.ndarray) and x.dtype.kind == "f"
        ]

    def tried(self, dout: np.ndarray, *methods: str) -> Tried | None:
        """Run methods one after the other behind a forward; what the last one did, if it runs."""
        layer, inputs, last = private(self.layer), private(self.inputs), None
        try:
            with same_draws():
                raw = layer.forward(*inputs)
                for name in methods:
                    last = self._call(layer, name, dout, inputs, raw)
        except (Exception, SystemExit):  # it is no such method
            return None
        return last

    def _call(
        self, layer: Any, name: str, dout: np.ndarray, inputs: Sequence[Any], raw: Any
    ) -> Tried | None:
        before = {path: fingerprint(value) for path, value in hanging(layer).items()}
        how = calling(getattr(layer, name), self.names)
        if how.unknown:
            return None
        cache = raw[-1] if isinstance(raw, tuple | list) and len(raw) > 1 else None
        placed, named = how.arguments([dout.copy()], inputs, cache, raw)
        given = getattr(layer, name)(*placed, **named)
        arrays = {p: x for p, x in hanging(layer).items() if isinstance(x, np.ndarray)}
        changed = {p: x for p, x in arrays.items() if before.get(p) != fingerprint(x)}
        return Tried(how, given, before, changed)

    def is_derivative(self, path: Path) -> bool:
        """Whether something is called like the derivative of an array on the layer."""
        if LOOKS.search(spoken(path)):
            return True
        return any(likeness(own, path) for own in hanging(self.layer) if own != path)

    def by_inputs(self, tried: Tried) -> list[tuple[int, np.ndarray]]:
        """The arrays that fit an input, with its place: given, or kept as its derivative."""
        arrays = [x for _, x in leaves(tried.given) if isinstance(x, np.ndarray)]
        if not arrays:
            fresh = {p: x for p, x in tried.changed.items() if p not in tried.before}
            arrays = [x for p, x in (fresh or tried.changed).items() if stems(p[-1])]
        return [(i, x) for i in self.floats() for x in arrays if x.shape == self.inputs[i].shape]

    def acts(self, name: str) -> bool:
        """Whether a method does what a backward does."""
        one, two = self.dout(), self.dout()
        runs = [self.tried(dout, name) for dout in (one, two, one + two)]
        if not all(run and run.how.takes_dout for run in runs):
            return False
        if not self.floats():
            return any(map(self.is_derivative, runs[0].changed))  # type: ignore[union-attr]
        found = [self.by_inputs(run) for run in runs if run]
        return any(
            i == j == k and np.allclose(a + b, c, rtol=1e-6, atol=1e-12) and np.any(c)
            for (i, a), (j, b), (k, c) in zip(*found, strict=False)
        )

    def is_right(self, name: str) -> bool:
        """Whether a derivative that it gives is right along a direction."""
        dout = self.dout()
        run = self.tried(dout, name)
        return any(self.agrees(i, dout, d) for i, d in (self.by_inputs(run) if run else ()))

    def agrees(self, i: int, dout: np.ndarray, d: np.ndarray) -> bool:
        """Whether something is the derivative by an input along a direction."""
        x = self.inputs[i]
        if x.shape != d.shape:
            return False
        v = self.rng.uniform(0.5, 1.5, x.shape)
        around = [*self.inputs[:i]], [*self.inputs[i + 1 :]]
        one, two = (self.output([*around[0], x + h * v, *around[1]]) for h in (1e-5, -1e-5))
        slope = float(np.sum(dout * (one - two))) / 2e-5
        return bool(np.isclose(slope, np.sum(d * v), rtol=1e-4, atol=1e-8))

    def kept(self) -> list[str]:
        """What forward leaves on the layer, or a property gives, that is called a derivative."""
        layer = self._run()
        before = {path: fingerprint(value) for path, value in hanging(self.layer).items()}
        held = {**hanging(layer), **computed(layer)}
        new = {p[0]: x for p, x in held.items() if len(p) == 1 and before.get(p) != fingerprint(x)}
        shapes = [self.inputs[i].shape for i in self.floats()]
        named = [name for name in new if stems(name) & {"", *self.names}]
        return [name for name in named if np.shape(new[name]) in shapes]

    def _run(self) -> Any:
        layer = private(self.layer)
        with same_draws():
            layer.forward(*private(self.inputs))
        return layer

    def is_slope(self, name: str) -> bool:
        """Whether an array on the layer is the slope of each element, or of a loss."""
        d, dout = np.asarray(getattr(self._run(), name)), self.dout()
        if self.out.size > 1 and self.out.shape != d.shape:
            return False
        return any(self.agrees(i, dout, dout * d) for i in self.floats())

    def following(self, back: str) -> list[tuple[str, Tried]]:
        """The methods that give or set derivatives of parameters which `back` leaves to them."""
        dout = self.dout()
        first = self.tried(dout, back)
        if not first:
            return []
        found, done = list[tuple[str, Tried]](), {*first.changed}
        alone = len([*leaves(first.given)]) <= len(self.floats())
        for name in _candidates(type(self.layer)):
            run = self.tried(dout, back, name) if LOOKS.search(name) and name != back else None
            if not run or not {*run.how.roles} <= {*first.how.roles}:
                continue
            spoiled = [p for p in run.changed if p in run.before and not self.is_derivative(p)]
            derived = {p for p in run.changed if self.is_derivative(p)} - done
            if not spoiled and (derived if run.changed else alone and self.by_parameters(run)):
                found.append((name, run))
                done |= {*run.changed}
        return found

    def by_parameters(self, run: Tried) -> bool:
        """Whether a method gives what is new, and made as arrays on the layer are."""
        if run.how.roles and not run.how.takes_dout:  # what gives all by itself
            return False
        arrays = [x for _, x in leaves(run.given) if x is not None]
        own = {x.shape for x in hanging(self.layer).values() if isinstance(x, np.ndarray)}
        old = list(run.before.values())
        return bool(arrays) and all(
            isinstance(x, np.ndarray) and x.shape in own and fingerprint(x) not in old
            for x in arrays
        )


def backward_like(layer: Any, inputs: Sequence[Any], among: Sequence[str] = ()) -> dict[str, Any]:
    """The methods by which a layer is to be run backward; `reading` tells what was taken for it.

    Those named by `among` may be wrong, and do not look like it by their names.
    """
    if isinstance(layer, Layer) or hasattr(layer, "reading") or hasattr(layer, "not_understood"):
        return {}
    cls, found = type(layer), dict[str, Any]()
    try:
        probe = Probe(layer, inputs)
    except (Exception, SystemExit):  # that is told where it is examined
        return {}
    back = "backward" if getattr(layer, "backward", None) is not None else ""
    taken = []
    if not back:
        looks = [n for n in _candidates(cls) if LOOKS.search(n) or n in among]
        acting = [n for n in _candidates(cls) if probe.acts(n)]
        # What has no such name must be right: it may be the inverse of forward, and no backward.
        meant = [n for n in acting if n in looks] or [n for n in acting if probe.is_right(n)]
        kept = probe.kept()
        if not meant and (right := [n for n in kept if probe.is_slope(n)]):
            back = lambda self: getattr(self, right[0])  # noqa: E731
            return {"backward": back, "reading": f"self.{right[0]} was taken for backward"}
        if not meant:
            odd = (*acting, *looks, *(f"self.{name}" for name in kept))
            return {"not_understood": tuple(dict.fromkeys(odd))}
        back, taken = meant[0], [meant[0]]
        found["backward"] = inspect.getattr_static(cls, back)
    behind = probe.following(back)
    if behind:
        run = probe.tried(probe.dout(), back)
        found["backward"] = _followed(getattr(cls, back), run.how, behind)  # type: ignore[union-attr]
        taken = [back, *(name for name, _ in behind)]
    return {**found, "reading": f"{' + '.join(taken)} was taken for backward"} if found else {}


def _candidates(cls: type) -> list[str]:
    """The methods that may give derivatives, and do nothing to anything else."""
    return [
        name
        for name in own_methods(cls)
        if not name.startswith("__")
        and not ELSE.search(name)
        and not CLEARS.fullmatch(name)
        and getattr(cls, name) is not getattr(cls, "forward", None)
    ]


def _followed(back: Any, how: Calling, behind: Sequence[tuple[str, Tried]]) -> Callable[..., Any]:
    """A backward that runs others behind it, which are given what it was given."""
    places = [
        (name, [how.roles.index(role) for role in run.how.roles if role in how.roles])
        for name, run in behind
    ]

    def backward(self: Any, *given: Any, **named: Any) -> Any:
        found = back(self, *given, **named)
        rest = [getattr(self, name)(*(given[i] for i in those)) for name, those in places]
        more = [found, *(d for d in rest if d is not None)]
        return tuple(d for d in more if d is not None) if len(more) > 1 else found

    backward.__signature__ = inspect.signature(back)  # type: ignore[attr-defined]
    return backward


def first_array(raw: Any) -> np.ndarray:
    """The output, or the first of several."""
    return np.asarray(next(x for _, x in leaves(raw)), np.float64)
