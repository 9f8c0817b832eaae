"""The values around a place in the source: local variables, what the layer holds, formulas."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from clearprop.checking.case import broadcasts

NUMBERS = (int, float, np.ndarray, np.number)
MOST = 12
"""So many parts of a tuple or list are looked at."""


class Atom(NamedTuple):
    """A value around a site: how it is written, what it is now, and how it comes about."""

    name: str
    now: Any
    get: Callable[[Mapping[str, Any]], Any]
    """From the local variables, in any run."""
    is_formula: bool = False
    by_count: bool = False
    """Whether it is the entry of a list that a local number counts: another one in each round."""


def is_float(value: Any) -> bool:
    """Whether something is a number or an array with derivatives."""
    return isinstance(value, NUMBERS) and np.asarray(value).dtype.kind == "f"


def atoms(local: Mapping[str, Any], pool: Iterable[tuple[str, Any]]) -> Iterator[Atom]:
    """Numbers and arrays at a site: local variables, what the layer holds, and parts of them.

    Besides, those of the `pool`, formulas in the source by their text, that can be computed here.
    """
    own = {n: v for n, v in local.items() if not n.startswith(".") and n.strip("_")}
    counts = {n: v for n, v in own.items() if type(v) is int}
    for name, value in sorted(own.items(), key=lambda pair: not isinstance(pair[1], NUMBERS)):
        yield from _parts(name, value, lambda local, name=name: local[name], counts)
    for text, formula in pool:
        try:
            now = formula(local)
        except Exception:  # what it is made of is not here
            continue
        if isinstance(now, NUMBERS):
            yield Atom(text, now, formula, is_formula=True)


def _parts(
    name: str, value: Any, get: Any, counts: Mapping[str, int], deep: int = 2
) -> Iterator[Atom]:
    if isinstance(value, NUMBERS):
        if np.asarray(value).dtype.kind in "fiub":
            yield Atom(name, value, get)
        return
    inside: Any = {}
    if isinstance(value, dict):
        inside = {f"{name}[{key!r}]": (key, v) for key, v in value.items()}
    elif isinstance(value, tuple | list):
        inside = {f"{name}[{i}]": (i, v) for i, v in enumerate(value[:MOST])}
        for n, i in counts.items() if deep and isinstance(value, list) else ():
            for sign, at in (("", i), ("-", -i)):  # from the front, and from the end
                if 0 <= i < len(value) + bool(sign) and (i or not sign) and is_float(value[at]):
                    yield Atom(
                        f"{name}[{sign}{n}]",
                        value[at],
                        lambda local, n=n, of=1 - 2 * bool(sign): get(local)[of * local[n]],
                        False,
                        True,
                    )
    for text, (key, v) in inside.items() if deep else ():
        yield from _parts(text, v, lambda local, key=key: get(local)[key], counts, deep - 1)
    if hasattr(value, "__dict__") and deep and not isinstance(value, type | FunctionType):
        for key, v in {**vars(type(value)), **vars(value)}.items():
            yield from _parts(
                f"{name}.{key}",
                v,
                lambda local, key=key: getattr(get(local), key),
                counts,
                deep - 1,
            )


def distinct(value: Any, around: Iterable[Atom]) -> list[Atom]:
    """Those that differ from a value, and arrays from one another: numbers are equal by chance."""
    seen = {(*_key(value), False)}
    found = []
    for atom in around:
        key = *_key(atom.now), atom.by_count
        if not key[0]:
            found.append(atom)
        elif key not in seen:
            found.append(atom)
            seen.add(key)
    return found


def _key(value: Any) -> tuple[Any, ...]:
    array = np.asarray(value)
    return array.shape, array.dtype.kind, array.tobytes()


def sizes_of(around: Iterable[Atom]) -> list[Atom]:
    """Lengths of axes of the values around, each once."""
    found: dict[int, Atom] = {}
    for atom in around:
        for k, n in enumerate(np.shape(atom.now)):
            if n > 1 and n not in found:
                get = atom.get
                found[n] = Atom(
                    f"{atom.name}.shape[{k}]", n, lambda local, get=get, k=k: get(local).shape[k]
                )
    return list(found.values())


def widened(atom: Atom, shape: tuple[int, ...]) -> Atom | None:
    """A value that goes with an array of a shape, with axes added at its end if need be."""
    have = np.shape(atom.now)
    if broadcasts(have, shape):
        return atom
    if have and have == shape[: len(have)]:
        more = len(shape) - len(have)
        brackets = ", ".join([*[":"] * len(have), *["None"] * more])
        return Atom(
            f"{atom.name}[{brackets}]",
            np.reshape(atom.now, have + (1,) * more),
            lambda local: np.reshape(v := atom.get(local), np.shape(v) + (1,) * more),
            atom.is_formula,
        )
    return None
