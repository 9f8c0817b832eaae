"""The examination of one layer at given values, in the order in which a person would do it.

Forward, backward, the true derivatives, the comparison, the contract. A stage that makes the next
ones meaningless ends the examination with what it found.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.checking import compare, contract, repeating, stimuli, words
from clearprop.checking.arguments import runs_alone
from clearprop.checking.automatic import open_forward
from clearprop.checking.evidence import Evidence
from clearprop.checking.findings import Found, Kind
from clearprop.checking.layer_report import LayerReport
from clearprop.checking.nests import hanging, leaves, shape_of
from clearprop.checking.passes import first_forward, told
from clearprop.checking.precision import measure
from clearprop.checking.run import LayerRaised, Run
from clearprop.checking.trial import Trial
from clearprop.checking.understanding import first_backward
from clearprop.graph.node import data_of

LARGE = 2**14
"""Numbers in a batch from which only the comparison of values is done on all of it."""


def examine(e: Evidence) -> LayerReport:
    """Go through all stages, and report what was found."""
    try:
        e.trial = e.like.variant(e.inputs) if e.like else Trial(e.name, e.layer, e.inputs)
        _stages(e)
    except Found as found:
        e.add(found.finding)
    except LayerRaised as raised:
        problem = f"{raised.method} raises {told(raised.error)}, when it is called again"
        e.fault(Kind.RAISES, problem)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        message = f"the check could not go on here: {told(error)}"
        e.fault(Kind.NOT_COMPARED, message, fault=False)
    return LayerReport(
        name=e.name,
        kind=type(e.layer).__name__,
        rows=tuple(e.rows.values()),
        findings=(*e.findings, *(e.trial.notes if hasattr(e, "trial") else ())),
        closed=e.closed,
    )


def _stages(e: Evidence) -> None:
    if e.stages == "all" and not e.exhaustive:
        _on_few(e)
    e.run = first_forward(e)
    e.out = e.run.vector
    written = e.trial.has_backward
    if e.like is None and e.stages != "arrays":
        words.draws_from_rng(e)
        repeating.forward_repeats(e)
        measure(e)
    e.dout = e.random_dout()
    if written:
        first_backward(e)
        if e.like is None and e.stages != "arrays":
            repeating.backward_repeats(e)
    e.open()
    if not written:
        compare.stand_in(e)
    compare.all_arguments(e)
    if written and e.stages == "all":
        contract.linear_in_dout(e)
        contract.nothing_stale(e)
        other = contract.after_an_update(e)
        if other and not e.faulty:
            _also(e, _like(e, e.trial.inputs, other), "with other parameters")
        if not e.is_function:
            _on_others(e)
            contract.keeps_float32(e)
    if e.stages == "all" and not runs_alone(e.layer):
        words.keeps_state(e)
        words.infers(e)
        if not e.faulty and (following := words.in_the_next_step(e)):
            _also(e, following, "in the step that follows")


def _takes(e: Evidence, inputs: list[Any]) -> bool:
    """Whether forward gives finite numbers on part of the batch, a row for each sample."""
    try:
        run = e.trial.run(inputs=inputs)
        near = e.trial.run(inputs=[_shaken(x) for x in inputs]).vector
    except LayerRaised:
        return False
    if near.shape != run.vector.shape or not np.allclose(near, run.vector, rtol=1e-6, atol=1e-9):
        return False  # all rounding, as of an inverse that is none
    arrays = [[x for x in xs if shape_of(x)] for xs in (e.trial.inputs, inputs)]
    if not all(arrays):
        return bool(np.isfinite(run.vector).all())
    n, few = (len(xs[0]) for xs in arrays)
    whole = e.trial.run()
    if any(now and not given for now, given in zip(_odd(run), _odd(whole), strict=True)):
        return False
    of_all = [out.shape for out in whole.outputs]
    of_few = [(few, *shape[1:]) if shape[:1] == (n,) else shape for shape in of_all]
    shapes = [out.shape for out in run.outputs]
    return bool(run.vector.size and np.isfinite(run.vector).all()) and shapes == of_few


def _odd(run: Run) -> tuple[bool, bool]:
    """Whether forward keeps arrays without elements, and places that count from the end."""
    held = [*hanging(run.layer).values(), *(leaf for _, leaf in leaves(run.cache))]
    arrays = [x for x in held if isinstance(x, np.ndarray)]
    whole = [x for x in arrays if x.dtype.kind == "i" and x.size]
    return any(not x.size for x in arrays), any(x.min() < 0 for x in whole)


def _shaken(x: Any) -> Any:
    """An array of floats with other last digits."""
    is_float = isinstance(x, np.ndarray) and x.dtype.kind == "f"
    return x * (1 + 1e-13 * (np.arange(x.size).reshape(x.shape) % 3)) if is_float else x


def _on_few(e: Evidence) -> None:
    """Examine a few samples of a large batch thoroughly; on all of it only values are compared."""
    work = sum(x.size for x in e.trial.inputs if isinstance(x, np.ndarray))
    inputs = e.trial.batch(0, 4) if work > LARGE else None
    if inputs is None or not _takes(e, inputs):
        return
    few = Evidence(e.name, e.layer, inputs, e.rng, is_function=e.is_function)
    report, notes = examine(few), e.trial.notes
    e.trial, e.eps = few.trial.variant(e.trial.inputs), few.eps
    e.trial.notes = notes
    e.findings = [f for f in few.findings if f not in few.trial.notes]
    e.rows = {row.argument: row for row in report.rows}
    e.stages = "arrays"


def _on_others(e: Evidence) -> None:
    """Check on inputs that were not given as well: a single sample, others, equal values."""
    for when, inputs in stimuli.others(e):
        if e.faulty:
            return
        if _takes(e, inputs) and not _wraps_anew(e, inputs):
            _also(e, _like(e, inputs), when)
    ties = stimuli.tied(e)
    if ties is not None and not e.faulty and _takes(e, ties):
        for finding in examine(_like(e, ties)).faults:
            if finding.kind is Kind.TIES:  # told, not failed: these values were not given
                message = f"where values are tied, which they are not here: {finding.message}"
                e.add(replace(finding, message=message, fault=False))


def _wraps_anew(e: Evidence, inputs: list[Any]) -> bool:
    """Whether forward then counts places from the end that it does not for what was given.

    A place that is computed from a value is right only where such values may be.
    """
    if not e.opened or not any(map(_places, e.opened.graph.nodes)):
        return False
    if any(np.min(a) < 0 for node in e.opened.graph.nodes for a in _places(node)):
        return False
    other = open_forward(e.trial.variant(inputs))
    nodes = () if isinstance(other, str) else other.graph.nodes
    return any(np.min(a) < 0 for node in nodes for a in _places(node))


def _places(node: Any) -> list[np.ndarray]:
    """The arrays of integers that something is indexed with."""
    if node.operation.name not in ("clearprop.getitem", "np.take", "np.take_along_axis"):
        return []
    arrays = [np.asarray(data_of(x)) for x in node.inputs[1:]]
    return [x for x in arrays if x.dtype.kind == "i" and x.size]


def _like(e: Evidence, inputs: list[Any], trial: Trial | None = None) -> Evidence:
    return Evidence(
        e.name,
        e.layer,
        inputs,
        e.rng,
        stages="values",
        like=trial or e.trial,
        eps=e.eps,
        reproducible=e.reproducible,
    )


def _also(e: Evidence, other: Evidence, when: str) -> None:
    for finding in examine(other).findings:
        if not finding.fault and finding.kind is not Kind.PRECISION:
            continue
        if when is stimuli.TWICE and finding.kind in (Kind.RAISES, Kind.MASK_MISSING):
            continue  # it may be no index, or one of places that forward writes to
        if finding.kind is Kind.PRECISION and finding.argument in e.roughly:
            continue  # that has been told
        fault = finding.fault and finding.kind is not Kind.NOT_FINITE  # nobody gave these values
        e.add(replace(finding, message=f"{when}: {finding.message}", fault=fault))
