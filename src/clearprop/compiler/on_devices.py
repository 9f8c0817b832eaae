"""Programs for JAX, with what they keep on its devices from one call to the next."""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

import numpy as np

from clearprop.compiler.devices import Devices, Numbers
from clearprop.compiler.engines import Job
from clearprop.compiler.lookups import look_up, look_up_all, lookups
from clearprop.compiler.processes import agree, told
from clearprop.compiler.program import Program
from clearprop.compiler.rewriting import value_in
from clearprop.errors import ConfigError
from clearprop.graph.node import Node


class OnDevices(Program):
    """A program that JAX compiles at its first call.

    `checks` is what reads targets; those that the program does not look at by itself have no text.
    What is not a matter of the batch alone is decided here, once: between two steps there is
    nothing to do but to hand over the batch and to look whether the step counts.
    """

    uses_blas = False

    def __init__(self, job: Job, source: str, checks: Mapping[Node, str], exact: Numbers) -> None:
        super().__init__(source, job.function)
        self._devices = devices = Devices(job.devices)
        shared = devices.number > 1 and bool(job.rows) and job.rows % devices.number == 0
        if devices.number > 1 and not shared and not job.gathered:
            raise ConfigError(
                f"a batch of {job.rows} samples cannot be shared by {devices.number} devices; give "
                f"batches of a multiple of {devices.number}, or use fewer devices"
            )
        self.keeps = bool(job.kept)
        self._job, self._exact = job, exact
        self._checks = [*checks] if job.label_checks and not job.gathered else []
        self._beside = [node for node in self._checks if not checks[node]]
        """What must be looked at in every call, and not only if the step does not count."""
        look_up_all(lookups(job.trace, job.gathered.keys()), job.gathered)
        free = [v for v in job.trace.leaves if v not in job.stored and v not in job.gathered]
        self._free: list[Any] = [
            (v, job.drawn.get(v), shared and v.shape[:1] == (job.rows,)) for v in free
        ]
        """What is given in a call, the generator's method that draws it, whether it is shared."""
        self._lookups = lookups(job.trace, {*free})
        if job.gathered:
            self._free.insert(0, (None, None, shared))  # the rows of the batch
        self._as_given = not (job.drawn or devices.far or devices.whole)
        """Whether JAX takes what is given as it is."""
        self._stored = [(array, v in job.kept) for v, array in job.stored.items()]
        self._numbers = n = len(job.trace.outputs) - len(job.replaces)
        """How many outputs replace nothing."""
        new = {v: n + i for i, v in enumerate(job.replaces.values())}
        self._new = [new.get(v) if v in job.kept else None for v in job.stored]
        """Of each stored array that stays on the devices the output that replaces it, if any."""
        self._passing = [(i, v) for i, v in enumerate(job.stored) if v not in job.kept]
        self._written = [(job.stored[v], new[v]) for _, v in self._passing if v in new]
        """The stored arrays that do not stay there, and the outputs that replace them."""
        self._kept: list[Any] | None = None
        """The stored arrays as they lie on the devices, between calls."""
        self._same: dict[Any, tuple[float, Any]] = {}
        """Of plain numbers the last value, and where that lies on the devices."""
        facts = {"program": self.source, "data": [*job.gathered.values()]}
        agree(facts | {"parameters": [array for array, _ in self._stored]})
        self._data = [devices.put(a, kept=True) for a in job.gathered.values()]
        function = self.namespace[job.function]
        self._function = exact.jax.jit(function, out_shardings=devices.whole)

    def run(self, *args: Any) -> Any:
        """Run the program. Errors: `LabelError` for targets that do not fit."""
        return self.end(self.begin(*args))

    def begin(self, *args: Any) -> Any:
        """Let the program run, without waiting for it; what comes of it counts for `end` alone."""
        with told(), self._exact:
            values = self._drawn(args) if self._job.drawn else args
            if self._lookups:
                look_up(self._lookups, self._known(values))
            placed = values if self._as_given else self._placed(values)
            stored = self._there()
            return values, stored, self._function(*stored, *self._data, *placed)

    def end(self, begun: Any) -> Any:
        """Take over what a program has computed that `begin` let run, and give what it gives."""
        (values, stored, outputs), n = begun, self._numbers
        with told():
            if self._devices.far:
                for x in outputs[:n]:  # all under way before one is waited for
                    x.copy_to_host_async()
            if self._beside:
                self._check(self._beside, values)
            returned: list[Any] = [np.asarray(x).copy()[()] for x in outputs[:n]]
            if self._job.checks:
                ok = isfinite(returned[0])
                if not ok:
                    self._check(self._checks, values)
                    return (np.asarray(outputs[-1])[()], *returned[1:], ok)
                returned.append(ok)
            for array, i in self._written:
                array[...] = np.asarray(outputs[i])
            if self.keeps:
                pairs = zip(stored, self._new, strict=True)
                self._kept = [x if i is None else outputs[i] for x, i in pairs]
        return returned[0] if len(returned) == 1 else tuple(returned)

    def _check(self, nodes: list[Node], values: Iterable[Any]) -> None:
        """Look at targets. Errors: `LabelError` says what is wrong with them."""
        for node in nodes:
            value_in(node, self._known(values))

    def _known(self, values: Iterable[Any]) -> dict[Any, Any]:
        """What is given in a call, by leaf."""
        return {v: x for (v, *_), x in zip(self._free, values, strict=True)}

    def _drawn(self, args: tuple[Any, ...]) -> list[Any]:
        """What is given in a call, where noise is drawn by the generator that comes first."""
        rng, *given = args
        rest = iter(given)
        return [
            next(rest) if method is None else getattr(rng, method)(v.shape, v.dtype)
            for v, method, _ in self._free
        ]

    def _placed(self, values: Iterable[Any]) -> list[Any]:
        """What is given in a call, where it is computed with."""
        return [
            self._number(v, x) if type(x) is float else self._devices.put(x, shared=shared)
            for (v, _, shared), x in zip(self._free, values, strict=True)
        ]

    def _number(self, v: Any, x: float) -> Any:
        """A plain number where it is computed with, and where it stays while it is the same."""
        if not self._devices.far or self._devices.together:
            return x
        if self._same.get(v, (None,))[0] is not x:
            self._same[v] = x, self._exact.jax.device_put(x, self._devices.whole)
        return self._same[v][1]

    def _there(self) -> list[Any]:
        """The stored arrays where they are computed with."""
        put = self._devices.put
        there = self._kept or [put(a, kept=True) if stays else None for a, stays in self._stored]
        for i, v in self._passing:
            there[i] = put(self._job.stored[v])
        return there

    def fetch(self) -> None:
        """Bring the stored arrays up to date; what lies on the devices is not used again."""
        kept, self._kept = self._kept, None
        for (array, _), x, i in zip(self._stored, kept or (), self._new, strict=False):
            if i is not None:
                array[...] = np.asarray(x)
