"""The ways in which a backward may be meant to be called, where its names leave a choice."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.checking.arguments import CONSTANT_NAMES, TRUTH_NAMES
from clearprop.checking.interface import (
    OUTPUT,
    Calling,
    Kept,
    Left,
    are_outputs,
    is_number,
    parts_of,
)
from clearprop.checking.nests import leaves
from clearprop.checking.run import Run

FILLED = re.compile(
    r"(?i)(\w*_)?(grads|gradients|derivatives|derivs|(grads?|gradients?)_?(store|dict|map|acc\w*)|"
    r"store|sink|acc(umulators?)?)"
)
"""What a mapping may be called that `backward` is to put the derivatives of parameters in."""


def otherwise(how: Calling, run: Run, returned: Sequence[str]) -> Iterator[Calling]:
    """Other ways to call a backward that raises when it is called like this."""
    raw, inputs = run.raw, len(run.trial.form)
    if isinstance(raw, tuple | list) and len(raw) == 1:
        yield replace(how, packed=True)
    if isinstance(raw, tuple) and len(raw) > 1 and how.roles.count("dout") == 1:
        yield replace(how, first_only=True)
    places = tuple(range(inputs))
    if len(how.roles) == inputs > 1 and "dout" in how.roles:
        yield replace(how, roles=places)
        for name in _left(run):  # its own scores, where forward gives the loss by them
            left = [Left(name) if role == "dout" else role for role in how.roles]
            yield replace(how, roles=tuple(left))
    if how.any_number:
        for roles in (places, (*places, "dout"), ("dout", *places)):
            yield replace(how, roles=roles, any_number=False)


def handed_back(how: Calling, raw: Any, returned: Sequence[str]) -> Iterator[Calling]:
    """That `backward` is given what forward gives by the name of an input, behind its output."""
    again = [isinstance(role, int) for role in how.roles]
    mixed = [n for n, is_input in zip(how.names, again, strict=False) if is_input and n in returned]
    if mixed and isinstance(raw, tuple) and len(raw) > 1:
        kept = {n: Kept((returned.index(n),)) for n in mixed}
        roles = (kept.get(n, r) for n, r in zip(how.names, how.roles, strict=False))
        yield replace(how, roles=tuple(roles), first_only=True)


def _left(run: Run) -> Iterator[str]:
    """The names of what forward leaves on the layer in the form of its first input."""
    for name, value in vars(run.layer).items() if hasattr(run.layer, "__dict__") else ():
        fits = isinstance(value, np.ndarray) and value.shape == np.shape(run.inputs[0])
        if fits and value.dtype.kind == "f" and not any(value is x for x in run.inputs):
            yield name


def turned(how: Calling, raw: Any) -> Iterator[Calling]:
    """Derivatives kept in another form than the values: transposed, or as rows."""
    out = np.asarray(parts_of(raw)[0])
    if how.takes_dout and out.ndim == 2:
        yield replace(how, turned="transposed")
    if how.takes_dout and out.ndim == 1:
        yield replace(how, turned="rows")


def readings(
    how: Calling, raw: Any, inputs: Sequence[Any], returned: Sequence[str]
) -> Iterator[Calling]:
    """What arguments may be that their names do not explain, the likeliest first.

    `raw` is what forward gives, and `returned` the names by which it does so: what `backward`
    calls by such a name is that, and no derivative. The first that fits is to be taken.
    """
    roles_now = [None if i in how.guessed else role for i, role in enumerate(how.roles)]
    free = [i for i, role in enumerate(roles_now) if role is None]
    douts = [i for i, role in enumerate(roles_now) if role == "dout"]
    parts = parts_of(raw)
    arrays = are_outputs(parts, inputs)

    def way(roles: Mapping[int, Any], **more: Any) -> Iterator[Calling]:
        full = [roles.get(i, role) for i, role in enumerate(roles_now)]
        full = ["dout" if role is None else role for role in full]
        if full.count("dout") in (1, len(parts), sum(arrays)):
            yield replace(how, roles=tuple(full), **more)

    fills = [i for i in douts if FILLED.fullmatch(how.names[i])]
    if len(douts) > sum(arrays) and fills and len(fills) < len(douts):
        yield from way(dict.fromkeys(fills, "filled"))
    named = {i: returned.index(how.names[i]) for i in (*free, *douts) if how.names[i] in returned}
    if len(free) + len(douts) > len(named) > 0:
        kept = {i: Kept((n,) if len(parts) > 1 else ()) for i, n in named.items()}
        yield from way(kept, first_only=len(parts) > 1)
    inside = [leaf for _, leaf in leaves(parts)]
    if not free and len(douts) == len(parts) and all(map(is_number, inside)):
        yield replace(how, nested=True)
    if not all(arrays):
        # The cache, whatever it is called, or what is in it.
        inside = parts[-1] if isinstance(parts[-1], tuple | list) else ()
        open_ = [i for i, r in enumerate(roles_now) if r is None or isinstance(r, int)]
        if free and len(open_) == len(inside) > 1:
            yield from way({i: Kept((-1, n)) for n, i in enumerate(open_)}, first_only=True)
        if free and not douts and "cache" in how.roles:
            yield from way({})
        for at in () if "cache" in how.roles else (*free, *reversed(douts)):
            yield from way({at: "cache"})
        return
    labels = {how.names[i] for i in free} & (CONSTANT_NAMES | TRUTH_NAMES)
    if len(free) + len(douts) == len(parts) and not labels:
        yield from way({})
    if len(parts) == len(free) == 1 and not (labels and len(inputs) > 1):
        yield from way({free[0]: Kept(())})  # its own output
        if len(inputs) == 1:
            yield from way({free[0]: 0})
    elif len(parts) == 1 and not free:
        own = [i for i in douts if OUTPUT.fullmatch(how.names[i])]
        yield from way({i: Kept(()) for i in own})
    elif len(parts) == len(free) + 1:
        yield from way({i: Kept((n,)) for n, i in enumerate(free, 1)}, first_only=True)
    elif len(free) == 1 and len(parts) > 2:
        yield from way({free[0]: "cache"}, first_only=True)
