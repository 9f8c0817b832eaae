"""One step by the program of a playing page is the step that Python takes, for twenty networks."""

import copy
import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "compiler"))
from twenty import OPTIMIZERS, ROWS, TWENTY, batches, cast

from clearprop.compiler import compile
from clearprop.compiler.engines.javascript import runtime
from clearprop.playing.programs import Programs
from clearprop.playing.writing import _asset as asset
from clearprop.training import SGD

REFUSED = ("two outputs", "lazy cell")  # several targets, and state that is None at first
NAMES = [name for name in TWENTY if name not in REFUSED]
CLOSE = {np.float64: 1e-12, np.float32: 1e-5}


def machine_of(programs, x, t):
    """A page's machine with the numbers of a network, as `machine`; a script that says more."""
    params = []
    for g, names in enumerate(programs.groups):
        start = 0
        for own in names:
            array = programs.network.params[own]
            params.append({"name": own, "group": g, "start": start, "shape": [*array.shape]})
            start += array.size
    first = {
        "data": {
            "batch": ROWS,
            "sample": [*x.shape[1:]],
            "targets": [*t.shape[1:]],
            "groups": programs.groups,
            "vectors": [[k for k in kinds if k] for kinds in programs.vectors],
            "params": params,
            "takes": programs.takes,
            "gives": programs.gives,
            "rate": programs.rate,
        },
        "arrays": {
            "params": {n: np.ravel(a).tolist() for n, a in programs.network.params.items()},
            "states": {n: np.ravel(a).tolist() for n, a in programs.states.items()},
            "fixed": {n: np.ravel(a).tolist() for n, a in programs.fixed.items()},
        },
        "X": np.ravel(x).tolist(),
        "T": np.ravel(t).tolist(),
    }
    machine = asset("machine.js")
    if programs.network.params[params[0]["name"]].dtype == np.float64:
        machine = machine.replace("Float32Array", "Float64Array")
    kind = "Float64Array" if "Float64Array" in machine else "Float32Array"
    taken, targets = ("Int32Array" if a.dtype.kind == "i" else kind for a in (x, t))
    return (
        kind,
        f"""
      {runtime()}
      {programs.script()}
      {machine}
      const first = {json.dumps(first)};
      for (const held of [first.arrays.states, first.arrays.fixed]) {{
        for (const [k, a] of Object.entries(held)) held[k] = {kind}.from(a);
      }}
      first.X = {taken}.from(first.X);
      first.T = {targets}.from(first.T);
      const machine = new Machine(first);
      const batch = () => machine.batch([...Array({ROWS}).keys()]);
    """,
    )


def step_of(programs, x, t, rng):
    """One step with noise of Python: a script that gives the loss, what was learned, the state."""
    raw = programs.takes.get("step_draws", []) + programs.takes["step"]
    noise = [
        np.ravel(getattr(rng, take["method"])(tuple(take["shape"]) or None)).tolist()
        for take in raw
        if take["kind"] == "noise"
    ]
    kind, machine = machine_of(programs, x, t)
    return f"""(() => {{
      {machine}
      const noise = {json.dumps(noise)};
      let i = 0;
      machine.noise = (take) => (take.shape.length ? {kind}.from(noise[i++]) : noise[i++][0]);
      const results = machine.call("step", batch());
      return {{ loss: results[0], good: results.at(-1),
        params: Object.fromEntries(first.data.params.map((p) => [p.name, [...machine.param(p)]])),
        states: Object.fromEntries(Object.entries(machine.states).map(([k, a]) => [k, [...a]])) }};
    }})()"""


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    page = tmp_path_factory.mktemp("blank") / "blank.html"
    page.write_text("<!doctype html><title>blank</title>", "utf-8")
    return page


@pytest.mark.parametrize("dtype", CLOSE)
def test_one_step_is_that_of_python(browser, blank, dtype):
    steps, wanted = [], []
    for name in NAMES:
        make, x, t = TWENTY[name]
        network = make().astype(dtype)
        optimizer = OPTIMIZERS[list(TWENTY).index(name) % len(OPTIMIZERS)]()
        x, t = cast(batches(x, 21)[0], dtype), cast(batches(t, 41)[0], dtype)
        programs = Programs(network, optimizer, x, t)
        steps.append(("eval", step_of(programs, x, t, copy.deepcopy(network.rng))))
        exact = network.astype(np.float64)
        loss = compile(exact, optimizer)(cast(x, np.float64), cast(t, np.float64))
        states = {f"{n}.{a}": getattr(o, a) for n, o, a, _ in exact.members.stateful}
        wanted.append((loss, {**exact.params}, states))
    found = browser.visit(blank, *steps).results
    far = {}
    for name, step, (loss, params, states) in zip(NAMES, found, wanted, strict=True):
        assert step["good"], name
        pairs = [(step["loss"], loss)]
        pairs += [(step["params"][n], a) for n, a in params.items()]
        pairs += [(step["states"][n], a) for n, a in states.items() if n in step["states"]]
        assert len(step["states"]) == len(states), name
        far[name] = max(
            np.abs(np.ravel(a) - np.ravel(b)).max() / max(np.abs(b).max(), 1e-3) for a, b in pairs
        )
    assert {n: d for n, d in far.items() if not d < CLOSE[dtype]} == {}


@pytest.mark.parametrize("name", ["convolutional", "drop path", "gaussian noise"])
def test_what_is_seen_inside_is_the_step_that_follows(browser, blank, name):
    """With its own noise: the derivatives that are shown times the rate are what the step does."""
    make, x, t = TWENTY[name]
    network = make().astype(np.float32)
    x, t = cast(batches(x, 21)[0], np.float32), cast(batches(t, 41)[0], np.float32)
    _, machine = machine_of(Programs(network, SGD(0.05), x, t), x, t)
    script = f"""(() => {{
      {machine}
      const seen = machine.call("slopes", batch()).map((a) => (a.slice ? a.slice() : a));
      const slope = new Map(first.data.gives.slopes.map((give, i) => [give.name, seen[i]]));
      const params = first.data.params, before = params.map((p) => machine.param(p).slice());
      const told = machine.call("step", batch());
      let far = 0, most = 0;
      params.forEach((p, k) => machine.param(p).forEach((v, i) => {{
        far = max(far, abs(v - before[k][i] + 0.05 * slope.get(p.name)[i]));
        most = max(most, abs(v - before[k][i]));
      }}));
      return [told[0] - seen[0], far, most];
    }})()"""
    loss, far, most = browser.visit(blank, ("eval", script)).results[0]
    assert abs(loss) < 1e-6
    assert far < 1e-5
    assert most > 1e-3
