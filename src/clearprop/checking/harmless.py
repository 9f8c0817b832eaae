"""What differs without being wrong: kinks, where any slope between the sides is right; rounding."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np

from clearprop.checking import differences
from clearprop.checking.automatic import agrees, open_forward
from clearprop.checking.case import Case
from clearprop.checking.differences import Slope
from clearprop.checking.evidence import Evidence, first_true, index_at
from clearprop.checking.findings import Kind
from clearprop.checking.probing import HASTY, SWEEP, along, element, worst_first
from clearprop.checking.run import LayerRaised, Run
from clearprop.graph import Variable


def without_kinks(case: Case, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the elements without a derivative, where any slope between the sides is right."""
    wrong, kinks = np.array(wrong), np.zeros(wrong.shape, bool)
    if _smooth_together(case, [*islice(worst_first(wrong, case.a, case.t), HASTY)]):
        return wrong, kinks  # it is not kinks that are wrong here
    for tried, index in enumerate(worst_first(wrong, case.a, case.t)):
        if tried >= HASTY and not kinks.any():
            break  # so many without a kink
        if tried >= 8 * SWEEP:
            break
        if is_kink(case, index):
            wrong[index], kinks[index] = False, True
    if kinks.any():
        tell_kinks(case, kinks)
    return wrong, kinks


def _smooth_together(case: Case, indices: list[tuple[int, ...]]) -> bool:
    """Whether forward has a slope where some elements move at once."""
    e, x = case.e, np.zeros(case.a.shape)
    for k, index in enumerate(indices):
        x[index] = (1 + k / 16) * e.sizes[case.name][index] * (1 - 2 * (k % 2))
    h = 1e-7 if e.eps < 1e-12 else 1e-4
    return bool(along(e, case.name, x, h).smooth.all())


def is_kink(case: Case, index: tuple[int, ...]) -> bool:
    """Whether forward has a kink at this element, and backward gave one of the slopes around it."""
    slope = element(case.e, case.name, index, h=1e-7 if case.e.eps < 1e-12 else None)
    if slope.smooth.all() or not np.isfinite(slope.value).all():
        return False
    value, (low, high) = float(case.a[index]), slope.between(case.dout)
    margin = 1e-5 * max(abs(low), abs(high), abs(value))
    return low - margin <= value <= high + margin


def tell_kinks(case: Case, kinks: np.ndarray) -> None:
    """Add the finding, which is no fault, that some elements have no derivative."""
    e, name, index = case.e, case.name, first_true(kinks)
    if any(f.kind is Kind.KINK and f.argument == name for f in e.findings):
        return
    low, high = element(e, name, index, h=1e-7 if e.eps < 1e-12 else None).between(e.dout)
    many = f"{np.count_nonzero(kinks)} elements have" if kinks.sum() > 1 else "one element has"
    message = (
        f"{many} no derivative: forward has a kink there, with slopes from {low:.6g} to "
        f"{high:.6g}; backward may give any of them"
    )
    e.fault(Kind.KINK, message, name, index=index, analytic=float(case.a[index]), fault=False)


def look_at_ties(e: Evidence) -> None:
    """Where values are tied (a maximum), move them together: then there is a derivative again."""
    inputs = {n: a.value for n, a in e.trial.arguments.items() if a.slot is None}
    if (
        e.eps > differences.EPS
        or not inputs
        or (e.faulty | (e.roughly if e.like else set())) & set(inputs)
        or any(f.kind is Kind.TIES for f in e.findings)
    ):
        return
    unit = max(differences.typical(x) for x in inputs.values())
    here = _together(e, inputs, unit, e.pull)
    if here is None:
        return
    if e.trial.has_backward and any(_is_rough_beside(e, inputs, unit, k) for k in range(4)):
        return
    message = (
        f"where values are equal, moving them together changes forward by {here[0] / unit:.6g}, "
        f"but the derivatives of backward sum to {here[1] / unit:.6g}: each of the equal values "
        "was given the whole derivative, or none"
    )
    e.fault(Kind.TIES, message, next(iter(inputs)))


def _is_rough_beside(e: Evidence, inputs: dict[str, np.ndarray], unit: float, seed: int) -> bool:
    """Whether it is so nearby, where nothing is tied: forward is too rough for differences."""
    rng, size = np.random.default_rng(seed), 1e-3 * unit
    beside = {name: x + size * rng.uniform(-1, 1, x.shape) for name, x in inputs.items()}
    pull = lambda dout: e.trial.run(beside).derivatives(dout)  # noqa: E731
    return _together(e, beside, unit, pull) is not None


def _together(
    e: Evidence, inputs: dict[str, np.ndarray], unit: float, pull: Callable[..., Any]
) -> tuple[float, float] | None:
    """By how much forward changes where all inputs move alike, and as backward says; or alike."""
    together = differences.slope(
        lambda h: e.forward(**{n: x + h * unit for n, x in inputs.items()}), e.forward(**inputs)
    )
    if not together.smooth.any():
        return None
    found = pull(np.where(together.smooth, e.dout, 0))
    numeric, error = together.along(e.dout)
    analytic = unit * sum(float(np.sum(found[n])) for n in inputs if n in e.analytic)
    size = unit * sum(float(np.sum(np.abs(found[n]))) for n in inputs if n in e.analytic)
    most = e.within(1e-5) * max(size, abs(numeric)) + 10 * error
    return (numeric, analytic) if abs(numeric - analytic) > most else None


def note_kinks(case: Case, slope: Slope) -> None:
    """Tell the kinks that a random direction came across, where they can be named."""
    rough = np.flatnonzero(~slope.smooth)
    if not rough.size or case.a.size != slope.smooth.size:
        return
    kinks = np.zeros(case.a.shape, bool)
    for i in rough[:32]:
        index = index_at(i, kinks.shape)
        kinks[index] = is_kink(case, index)
    if kinks.any():
        tell_kinks(case, kinks)


def beyond_rounding(case: Case, wrong: np.ndarray) -> np.ndarray:
    """Leave out what rounding can explain: how much do both move with the last bits of the values?

    Where large numbers cancel, two right formulas differ by far more than their last digits. What
    `forward` kept is jittered as well: of an output that was rounded to 1, `1 - out` knows nothing.
    Up and down, of which the smaller move counts: a mask of what was cut off moves one way only.
    """
    e, name, a = case.e, case.name, case.a
    noise = np.zeros(a.shape)
    for k in range(3 if wrong.any() else 0):
        if case.dout is not e.shaken_for:
            e.shaken, e.shaken_for = [], case.dout
        if k == len(e.shaken):
            e.shaken.append(_shaken(e, case.dout))
        if (moved := e.shaken[k]) is None:
            return wrong
        blurred, true, *backward = (found.get(name) for found in moved)
        for t in (t for t in (blurred, true) if t is not None):
            noise += np.nan_to_num(np.abs(t - case.t), nan=np.inf)
        if all(m.shape == a.shape for m in backward):
            given, *kept = (np.abs(m - a) for m in backward)
            noise += given + np.minimum(*kept)
        if np.all(np.abs(a - case.t)[wrong] > 1e3 * noise[wrong]):
            break  # far beyond
    return wrong & ~(np.abs(a - case.t) <= 8 * noise)


def _shaken(e: Evidence, dout: np.ndarray) -> list[dict[str, np.ndarray]] | None:
    """The derivatives at values with other last bits: the true ones twice, and thrice of backward.

    First with other last bits of all values inside: 1 / (1 + exp(-30)) is known to all its digits,
    and 1 less that to two. The true ones are none where forward is closed. The last two times
    `backward` is given other last bits of what `forward` kept: smaller numbers, and larger ones.
    """
    own = {path[0] for arg in e.trial.arguments.values() if arg.slot for path in arg.slot.paths}
    jitter = {key: _jittered(e, arg.value) for key, arg in e.trial.arguments.items()}
    opened = open_forward(e.trial, jitter) if e.opened else None
    if isinstance(opened, str):
        return None
    try:
        moved = e.trial.run(jitter).derivatives(dout)
        kept = [_with_kept(e, own, way).derivatives(dout) for way in (-1, 1)]
        blurred = e.shaken[0][0] if e.shaken else _blurred(e, dout)  # the same each time
        return [blurred, opened.derivatives(dout) if opened else {}, moved, *kept]
    except LayerRaised:
        return None


class Blurred(Variable):
    """A Variable of which the last bit is another one."""

    __slots__ = ("_blurred",)
    rng = np.random.default_rng(0)

    @property
    def data(self) -> Any:  # type: ignore[override]
        return self._blurred

    @data.setter
    def data(self, value: Any) -> None:
        if getattr(value, "dtype", np.dtype(int)).kind == "f":
            signs = self.rng.choice((-1, 1), np.shape(value)) * (value != 0)  # where kinks are
            value = value + signs * np.spacing(value)
        self._blurred = value


Blurred.made_as = Blurred


def _blurred(e: Evidence, dout: np.ndarray) -> dict[str, np.ndarray]:
    """The true derivatives where every value inside has another last bit; or none.

    None too where the output is another one then, as where values are compared for being equal.
    """
    for seed in range(4 if e.opened else 0):
        Blurred.rng = np.random.default_rng(seed)
        opened = open_forward(e.trial, kind=Blurred)
        if isinstance(opened, str):
            break
        if agrees(opened, e.out, rtol=0.05):
            return opened.derivatives(dout)
    return {}


def _with_kept(e: Evidence, own: set[Any], way: int) -> Run:
    """A run of forward after which what it kept has other last bits."""
    run, made = e.trial.run(), dict[int, Any]()
    for key, value in list(getattr(run.layer, "__dict__", {}).items()):
        is_array = isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f"
        if is_array and key not in own:
            if id(value) not in made:  # what is one array under two names stays one
                made[id(value)] = value, _jittered(e, value, way)
            setattr(run.layer, key, made[id(value)][1])
    return run


def _jittered(e: Evidence, array: Any, way: int = 0) -> Any:
    """An array with other last bits: smaller, larger, or either where no way is given."""
    part = e.rng.uniform(-1, 1, np.shape(array))
    moved = array * part if not way else way * np.abs(array * part)
    return array + 64 * differences.EPS * moved
