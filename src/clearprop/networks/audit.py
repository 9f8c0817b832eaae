"""No float array that is computed with is left out of training without a word."""

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from copy import copy as shallow
from types import MappingProxyType
from typing import Any

import numpy as np

from clearprop.errors import ConfigError, said
from clearprop.graph.agreement import disagrees
from clearprop.graph.node import data_of, parts
from clearprop.graph.parameters import Path, dotted, layers_of, names_of
from clearprop.graph.passing import Pass, run, running
from clearprop.graph.recording import unwrapped
from clearprop.graph.twins import twin

Hanging = tuple[Any, Path, np.ndarray]
"""A layer, and the path from it to a float array that none of its tuples names."""


def audit(name: str, layer: Any, hanging: list[Any], formula: str, inputs: tuple[Any, ...]) -> None:
    """Refuse a layer whose output depends on a float array that none of its tuples names.

    `hanging` are the paths and arrays in question. Errors: `ConfigError`.
    """
    plain = tuple(map(data_of, inputs))

    def output(changed: Iterable[Hanging]) -> Any:
        copy = twin(layer)
        exchange(changed, {id(layer): copy})
        with running(Pass(formula, np.random.default_rng(0))):
            return run(copy, formula, plain)

    for _, path, array in depending([(layer, *held) for held in hanging], output):
        raise left_out(f"{name}: the output of {type(layer).__name__}", path, array)


def goes_otherwise(layer: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> bool:
    """Whether a layer gives something else for arrays than it gave on the graph; if it can be told,
    since it draws nothing."""
    if any(names_of(held, "noise") for _, held in layers_of(layer)):
        return False

    def on_arrays() -> Any:
        with running(Pass("forward")):
            return parts(run(twin(layer), "forward", unwrapped(inputs)))

    return disagrees(outputs, on_arrays)


def depending(hanging: list[Hanging], compute: Callable[[Any], Any]) -> Iterator[Hanging]:
    """Those of the arrays that what is computed depends on.

    `compute` does it anew with other arrays in place of these, on copies and with the same noise.
    As a rule it depends on none, and is asked once with all of them changed.
    """
    if not hanging:
        return
    with np.errstate(all="ignore"):
        base = _outputs(compute, ())
        if base is None or not _same(base, _outputs(compute, ())):
            return  # it draws random numbers of its own: nothing can be told
        others = [(layer, path, _another(a, i)) for i, (layer, path, a) in enumerate(hanging)]
        if not _same(base, _outputs(compute, others)):
            for known, other in zip(hanging, others, strict=True):
                if not _same(base, _outputs(compute, [other])):
                    yield known


def left_out(what: str, path: Path, array: np.ndarray) -> ConfigError:
    """The error for an array that would be left out, and that this depends on."""
    own = "an attribute of its own, in params"
    learned = f'params = ("{path[0]}",)' if len(path) == 1 else own
    return ConfigError(
        f"{what} depends on self.{dotted(path)}, a float array {array.shape} that its params, "
        f"state, noise and fixed do not name, so that it would be left out of training; write "
        f'{learned} to have it learned, or fixed = ("{path[0]}",)'
    )


def exchange(changed: Iterable[Hanging], copies: dict[int, Any]) -> None:
    """Let the copies of layers hold other arrays."""
    for layer, path, array in changed:
        held = copies[id(layer)].__dict__
        held[path[0]] = _with(held[path[0]], path[1:], array)


def _another(array: np.ndarray, number: int) -> np.ndarray:
    """Other values, not all moved alike: what is computed may be a ratio, or their differences."""
    step = np.linspace(0.25, 0.75, array.size).reshape(array.shape) * (1 + number / 7)
    return (array + step * (1 + np.abs(array))).astype(array.dtype)


def _outputs(compute: Callable[[Any], Any], changed: Iterable[Hanging]) -> list[Any] | None:
    refusal = said.refusal
    try:
        out = compute(changed)
    except Exception:
        said.refusal = refusal  # nobody goes on from here
        return None
    return [np.asarray(data_of(part)) for part in parts(out)]


def _with(held: Any, path: Path, changed: Any) -> Any:
    """A copy of what hangs on a layer, with another array at the end of a path."""
    if not path:
        return changed
    if isinstance(held, tuple):
        items = [_with(v, path[1:], changed) if i == path[0] else v for i, v in enumerate(held)]
        return held._make(items) if hasattr(held, "_make") else tuple(items)  # type: ignore
    made = dict(held) if isinstance(held, MappingProxyType) else shallow(held)
    entries = made if isinstance(made, MutableMapping | list) else made.__dict__
    entries[path[0]] = _with(entries[path[0]], path[1:], changed)
    return made


def _same(a: list[Any] | None, b: list[Any] | None) -> bool:
    if a is None or b is None or len(a) != len(b):
        return False
    pairs = zip(a, b, strict=True)
    return all(np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in pairs)
