"""Layers with inputs to try them on: from `samples`, or made where that is plain."""

import inspect
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.checking.arguments import CONSTANT_NAMES, positional
from clearprop.checking.copies import private
from clearprop.checking.findings import Finding, Kind
from clearprop.checking.passes import told
from clearprop.graph.node import parts

Pair = tuple[Any, tuple[Any, ...]]
MOST = 100
"""How many samples of a layer are taken, should they never end."""


def samples_of(thing: Any, rng: np.random.Generator) -> list[Pair] | Finding:
    """The samples of a layer or of a class of layers, or what is wrong with them."""
    cls = thing if isinstance(thing, type) else type(thing)
    if not callable(getattr(thing, "forward", None)):
        message = f"{cls.__name__} has no forward(); there is nothing to check"
        return Finding(layer=cls.__name__, kind=Kind.MISSING, message=message)
    if callable(getattr(thing, "samples", None)):
        found = _written(thing, cls.__name__, rng)
        if found is not None:
            return found
    return _made(thing, cls, rng)


def _written(thing: Any, name: str, rng: np.random.Generator) -> list[Pair] | Finding | None:
    try:
        found = list(itertools.islice(iter(thing.samples(rng)), MOST))
    except NotImplementedError:
        return None
    except (Exception, SystemExit) as error:
        return _finding(name, f"samples raises {told(error)}")
    if not found:
        return _finding(name, "samples yields nothing, so nothing was checked")
    pairs = []
    for entry in found:
        if not (isinstance(entry, tuple) and len(entry) == 2 and hasattr(entry[0], "forward")):
            kind = type(entry).__name__
            return _finding(name, f"samples yields a {kind}, not pairs (layer, inputs)")
        layer, inputs = entry
        pairs.append((layer, tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)))
    return pairs


def _made(thing: Any, cls: type, rng: np.random.Generator) -> list[Pair] | Finding:
    """Make inputs on which `forward` runs."""
    layer = thing
    if isinstance(thing, type):
        try:
            inspect.signature(cls).bind()
        except (TypeError, ValueError):
            return _finding(cls.__name__, f"it cannot be made without arguments; {_example(cls)}")
        try:
            layer = cls()
        except (Exception, SystemExit) as error:
            return _finding(cls.__name__, f"{cls.__name__}() raises {told(error)}; {_example(cls)}")
    tried: str | None = None
    for inputs in _inputs(layer, rng):
        try:
            out = private(layer).forward(*private(inputs))
            if all(np.isfinite(np.asarray(part)).all() for part in parts(out)):
                return [(layer, inputs)]
        except NotImplementedError as error:
            return _finding(cls.__name__, f"forward raises {told(error)}")
        except (Exception, SystemExit) as error:
            tried = tried or told(error)
    why = f"on a matrix (4, 5), forward raises {tried}" if tried else "none gave finite numbers"
    return _finding(
        cls.__name__, f"no inputs could be made on which it runs: {why}; {_example(cls)}"
    )


def _inputs(layer: Any, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
    """Guesses at inputs: matrices and vectors as wide as the parameters, images, sequences."""
    names = _required(layer.forward)
    if not names:
        return
    for shape in _shapes(layer):
        normal = [rng.standard_normal(shape) for _ in names]
        labels: list[Any] = [None]
        if any(name in CONSTANT_NAMES for name in names[1:]) and shape:
            classes = shape[-1]
            numbers = rng.integers(classes, size=shape[:-1])
            labels = [numbers, np.eye(classes)[numbers], rng.standard_normal(shape)]
        for label in labels:
            yield tuple(
                label if name in CONSTANT_NAMES and i and label is not None else x
                for i, (name, x) in enumerate(zip(names, normal, strict=True))
            )
        yield tuple(rng.uniform(0.5, 1.5, shape) for _ in names)
    rows = min((len(w) for w in _parameters(layer) if w.ndim == 2), default=3)
    yield tuple(rng.integers(rows, size=(4,)) for _ in names)


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    shapes: list[tuple[int, ...]] = []
    for w in _parameters(layer):
        if w.ndim == 1:
            shapes.append((4, w.size))
        elif w.ndim == 2:
            shapes += [(4, w.shape[0]), (4, w.shape[1]), (2, 3, w.shape[0])]
        elif w.ndim == 4:
            shapes.append((2, w.shape[1], w.shape[2] + 3, w.shape[3] + 3))
    return [*dict.fromkeys([*shapes, (4, 5), (2, 3, 6, 6), (2, 3, 5), (6,), ()])]


def _parameters(layer: Any) -> list[np.ndarray]:
    values = getattr(layer, "__dict__", {}).values()
    return [w for w in values if isinstance(w, np.ndarray) and w.dtype.kind == "f"]


def _required(function: Any) -> list[str]:
    """The names of the arguments that must be given."""
    return [p.name for p in positional(function) if p.default is p.empty]


def _example(cls: type) -> str:
    made = ", ".join(f"{name}=…" for name in _required(cls))
    return (
        "write, in the class: @classmethod def samples(cls, rng): "
        f"yield cls({made}), (rng.standard_normal((4, 5)),)"
    )


def _finding(name: str, message: str) -> Finding:
    return Finding(layer=name, kind=Kind.SAMPLES, message=message)
