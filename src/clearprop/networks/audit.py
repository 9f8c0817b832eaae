"""No float array that an output depends on is left out of training without a word."""

from copy import copy as shallow
from typing import Any

import numpy as np

from clearprop.errors import ConfigError
from clearprop.graph.node import data_of, parts
from clearprop.graph.parameters import dotted
from clearprop.graph.passing import Pass, run, running
from clearprop.graph.twins import twin


def audit(name: str, layer: Any, hanging: list[Any], formula: str, inputs: tuple[Any, ...]) -> None:
    """Refuse a layer whose output depends on a float array that none of its tuples names.

    `hanging` are the paths and arrays in question. Each is changed, and the layer run again on the
    same inputs and noise. Errors: `ConfigError`.
    """
    plain = tuple(map(data_of, inputs))
    with np.errstate(all="ignore"):
        base = _outputs(layer, formula, plain)
        if base is None or not _same(base, _outputs(layer, formula, plain)):
            return  # it draws random numbers of its own: nothing can be told
        for path, array in hanging:
            changed = array + 0.5 * (1 + np.abs(array)).astype(array.dtype)
            if not _same(base, _outputs(layer, formula, plain, path, changed)):
                own = "an attribute of its own, in params"
                learned = f'params = ("{path[0]}",)' if len(path) == 1 else own
                raise ConfigError(
                    f"{name}: the output of {type(layer).__name__} depends on self.{dotted(path)}, "
                    f"a float array {array.shape} that its params, state, noise and fixed do not "
                    f"name, so that it would be left out of training; write {learned} to have it "
                    f'learned, or fixed = ("{path[0]}",)'
                )


def _outputs(
    layer: Any, formula: str, inputs: tuple[Any, ...], path: Any = None, changed: Any = None
) -> list[Any] | None:
    copy = twin(layer)
    try:
        if path is not None:
            copy.__dict__[path[0]] = _with(copy.__dict__[path[0]], path[1:], changed)
        with running(Pass(formula, np.random.default_rng(0))):
            out = run(copy, formula, inputs)
    except Exception:
        return None
    return [np.asarray(data_of(part)) for part in parts(out)]


def _with(held: Any, path: tuple[Any, ...], changed: Any) -> Any:
    """A copy of what hangs on a layer, with another array at the end of a path."""
    if not path:
        return changed
    if isinstance(held, tuple):
        items = [_with(v, path[1:], changed) if i == path[0] else v for i, v in enumerate(held)]
        return held._make(items) if hasattr(held, "_make") else tuple(items)  # type: ignore
    made = shallow(held)
    entries = made if isinstance(held, dict | list) else made.__dict__
    entries[path[0]] = _with(entries[path[0]], path[1:], changed)
    return made


def _same(a: list[Any] | None, b: list[Any] | None) -> bool:
    if a is None or b is None or len(a) != len(b):
        return False
    pairs = zip(a, b, strict=True)
    return all(np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in pairs)
