"""The other words of a layer: noise, state, its formula at prediction, and arrays it does not name.

`draw` draws from `rng` alone; `forward` leaves the state as it is, `next_state` gives the next one;
`infer` opens, repeats, has `forward`'s shape and dtype and changes nothing; and no float array that
the output depends on is left out.
"""

from typing import Any

import numpy as np

from clearprop.checking.automatic import agrees, open_forward
from clearprop.checking.copies import fingerprint, generator_states, random_fingerprint
from clearprop.checking.evidence import Evidence
from clearprop.checking.findings import Kind
from clearprop.checking.passes import told
from clearprop.checking.run import LayerRaised, flat
from clearprop.errors import ConfigError
from clearprop.graph.node import parts
from clearprop.graph.parameters import KINDS, Path, at_path, dotted, layers_of, names_of
from clearprop.graph.passing import Pass, has_infer, inline, prediction_flags
from clearprop.networks.learning import next_state, state_names

DRAW = "draw from the rng that draw is given, one array for each name"
STATE = (
    "leave state and fixed as they are, and return in next_state a new array for each name of "
    "state and then of carried, in order"
)
INFER = (
    "write infer in plain NumPy, of its inputs, parameters and state alone, with forward's shape "
    "and dtype, and let it change nothing"
)


def layers_inside(e: Evidence) -> dict[Path, tuple[Any, ...]]:
    """The layers inside that `forward` calls, by path, with the inputs of their first use."""
    found: dict[Path, tuple[Any, ...]] = {}
    if e.is_function or not hasattr(e, "out"):
        return found
    layer = e.trial.copy()
    paths = {id(held): path for path, held in layers_of(layer) if path}

    def noted(inner: Any, inputs: tuple[Any, ...], name: str | None) -> Any:
        if id(inner) in paths:
            found.setdefault(paths[id(inner)], inputs)
        return inline(inner, inputs, name)

    if paths:
        e.trial.call(layer, e.trial.inputs, record=noted)
    return found


def draws_from_rng(e: Evidence) -> None:
    """Let `draw` draw twice from equal generators: it must give the same, and use no other."""
    layer, inputs = e.trial.copy(), tuple(e.trial.inputs)
    names = names_of(layer, "noise")
    one, two = (
        Pass(rng=np.random.default_rng(0)).draw(layer, inputs) if names else () for _ in "ab"
    )
    for name, u, v in zip(names, one, two, strict=True):
        if fingerprint(u) != fingerprint(v):
            message = "draw gives something else for an equal rng: it draws from another source"
            e.fault(Kind.STOCHASTIC, message, name, remedy=DRAW)


def keeps_state(e: Evidence) -> None:
    """Hold the state after `forward` against the state before, and look at `next_state`."""
    trial, run = e.trial, e.trial.run()
    after = _arrays(run.layer)
    for name, value in _arrays(trial.bound(trial.copy(), trial.inputs)).items():
        if after[name] != value and name not in trial.arguments:
            message = f"forward changes {name}, which must stay as it is within a step"
            e.fault(Kind.IN_PLACE, message, name, remedy=STATE)
    names = state_names(run.layer)
    try:
        first = _next(e.name, run.layer) if names else {}
        if e.analytic and trial.has_backward:
            run.derivatives(e.dout)
        again = _next(e.name, run.layer) if names else {}
    except Exception as error:
        message = f"next_state does not work: {told(error)}"
        e.fault(Kind.SHAPE, message, "next_state", remedy=STATE)
        return
    for name in names:
        old, new = np.asarray(getattr(run.layer, name)), first[name]
        if old.dtype != object and (old.shape, old.dtype) != (new.shape, new.dtype):
            message = f"next_state gives {name} as {new.dtype} {new.shape}, but it is "
            message += f"{old.dtype} {old.shape}"
            e.fault(Kind.SHAPE, message, "next_state", remedy=STATE)
        elif fingerprint(new) != fingerprint(again[name]):
            message = f"after backward, or asked twice, next_state gives another {name}"
            e.fault(Kind.STATEFUL, message, "next_state", remedy=STATE)


def infers(e: Evidence) -> None:
    """Run the formula at prediction, where it is another one."""
    trial = e.trial
    if not has_infer(trial.layer) or not callable(getattr(trial.layer, "infer", None)):
        return  # what only takes a flag may keep running values as it likes

    def fault(kind: Kind, message: str, **more: Any) -> None:
        e.fault(kind, f"infer {message}", "infer", remedy=INFER, **more)

    layer = trial.bound(trial.copy(), trial.inputs, "infer")
    inputs = [np.array(x)[()] if isinstance(x, np.ndarray) else x for x in trial.inputs]
    held, drawn = _arrays(layer), (generator_states(layer), random_fingerprint())
    others = [1.5 * x + 1 if i in trial.float_places else x for i, x in enumerate(trial.inputs)]
    try:
        found = [np.array(part) for part in trial.outputs(trial.call(layer, inputs, "infer"))]
        changed = [key for key, value in _arrays(layer).items() if held[key] != value]
        drew = (generator_states(layer), random_fingerprint()) != drawn
        again = trial.outputs(trial.call(layer, trial.inputs, "infer"))
        ran = trial.run(inputs=others).layer
        after = trial.outputs(trial.call(ran, trial.inputs, "infer"))
    except LayerRaised as raised:
        fault(Kind.RAISES, f"raises {told(raised.error)}")
        return
    given = ", ".join(f"{out.dtype} {out.shape}" for out in found)
    due = ", ".join(f"{out.dtype} {out.shape}" for out in e.run.outputs)
    pairs = zip(trial.input_names, inputs, trial.inputs, strict=True)
    changed += [name for name, x, kept in pairs if fingerprint(x) != fingerprint(kept)]
    if given != due:
        fault(Kind.SHAPE, f"gives {given}, and forward {due}")
    elif changed:
        fault(Kind.IN_PLACE, f"changes {', '.join(changed)}")
    elif drew:
        fault(Kind.STOCHASTIC, "draws random numbers")
    elif not all(np.array_equal(flat(found), flat(out)) for out in (again, after)):
        fault(Kind.STATEFUL, "gives something else after another call: it uses what that kept")
    else:
        opened = open_forward(trial, formula="infer")
        reason = opened if isinstance(opened, str) else ""
        if not isinstance(opened, str) and not agrees(opened, flat(found)):
            reason = "it gives other numbers on Variables than on arrays"
        if reason:  # a forward that takes a flag may be closed, as any forward
            flagged = bool(prediction_flags(type(trial.layer).forward))
            fault(Kind.RAISES, f"cannot be opened on a graph: {reason}", fault=not flagged)


def in_the_next_step(e: Evidence) -> Evidence | None:
    """The layer as the next step will find it, if it has state: what was zero no longer is."""
    run, layer = e.trial.run(), e.trial.copy()
    stateful = [(path, held) for path, held in layers_of(layer) if state_names(held)]
    for path, held in stateful:
        ran = at_path(run.layer, path)
        try:
            new = next_state(e.name, ran, ran)
        except Exception:  # it was not called, or has been told of
            continue
        for (_, name), value in new.items():
            setattr(held, name, value)
    return Evidence(e.name, layer, e.inputs, e.rng, stages="values") if stateful else None


def _next(name: str, layer: Any) -> dict[str, np.ndarray]:
    before = _arrays(layer)
    names = [attribute for _, attribute in next_state(name, layer, layer)]
    given = [np.array(part) for part in parts(layer.next_state())]
    changed = [key for key, value in _arrays(layer).items() if before.get(key) != value]
    if changed:
        raise ConfigError(f"it changes {', '.join(changed)} itself")
    return dict(zip(names, given, strict=True))


def _arrays(layer: Any) -> dict[str, Any]:
    """Fingerprints of all arrays that a layer and those inside it name, by their paths."""
    return {
        dotted((*path, name)): fingerprint(value)
        for path, held in layers_of(layer)
        for kind in KINDS
        for name in names_of(held, kind)
        if kind != "noise" and isinstance(name, str)
        if (value := getattr(held, name, None)) is not None
    }
