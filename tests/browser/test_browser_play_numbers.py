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

REFUSED = ("two outputs", "lazy cell")  # several targets, and state that is None at first
NAMES = [name for name in TWENTY if name not in REFUSED]
CLOSE = {np.float64: 1e-12, np.float32: 1e-5}


def step_of(name, programs, x, t, rng):
    """A program that takes one step, and gives the loss, what was learned and the state."""
    params = []
    for g, names in enumerate(programs.groups):
        start = 0
        for own in names:
            array = programs.network.params[own]
            params.append({"name": own, "group": g, "start": start, "shape": [*array.shape]})
            start += array.size
    takes = programs.takes
    raw = takes.get("step_draws", []) + takes["step"]
    noise = [
        np.ravel(getattr(rng, take["method"])(tuple(take["shape"]) or None)).tolist()
        for take in raw
        if take["kind"] == "noise"
    ]
    first = {
        "data": {
            "batch": ROWS,
            "sample": [*x.shape[1:]],
            "targets": [*t.shape[1:]],
            "groups": programs.groups,
            "vectors": [[k for k in kinds if k] for kinds in programs.vectors],
            "params": params,
            "takes": takes,
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
    return f"""(() => {{
      {runtime()}
      {programs.script()}
      {machine}
      const first = {json.dumps(first)}, noise = {json.dumps(noise)};
      for (const held of [first.arrays.states, first.arrays.fixed]) {{
        for (const [k, a] of Object.entries(held)) held[k] = {kind}.from(a);
      }}
      first.X = {taken}.from(first.X);
      first.T = {targets}.from(first.T);
      const machine = new Machine(first);
      let i = 0;
      machine.noise = (take) => (take.shape.length ? {kind}.from(noise[i++]) : noise[i++][0]);
      const results = machine.call("step", machine.batch([...Array({ROWS}).keys()]));
      return {{ loss: results[0], good: results.at(-1), used: i,
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
        steps.append(("eval", step_of(name, programs, x, t, copy.deepcopy(network.rng))))
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
