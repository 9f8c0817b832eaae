"""The printed program: its text, its file, tracebacks through it, and that it allocates nothing."""

import gc
import linecache
import os
import re
import subprocess
import sys
import traceback
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from nets import around, batch, dense

from clearprop import Affine, Embedding, Flatten, Network, Relu, TwoLayerNet
from clearprop.compiler import compile
from clearprop.training import SGD

PAGE = Path(__file__).parents[2] / "docs" / "compiler.md"


def two_layer_net():
    return TwoLayerNet(784, 50, 10, rng=np.random.default_rng(0), dtype=np.float32)


@pytest.fixture(scope="module")
def step():
    return compile(two_layer_net(), SGD(0.1)).prepare(*batch(100, 784, 10))


def test_the_program_of_the_two_layer_net_is_the_one_in_the_documentation(step):
    """A change here is a change of what people read: `python tools/compiler_page.py`."""
    assert f"```python\n{step.source.rstrip()}\n```" in PAGE.read_text(encoding="utf-8")


def test_the_text_is_the_same_in_every_process(step):
    code = (
        "import numpy as np; from test_program import *; "
        "print(compile(two_layer_net(), SGD(0.1)).prepare(*batch(100, 784, 10)).source, end='')"
    )
    for seed in ("1", "2"):
        found = subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parent,
            env={
                "PYTHONHASHSEED": seed,
                "PYTHONIOENCODING": "utf-8",
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
            capture_output=True,
            check=True,
        )
        assert found.stdout.decode() == step.source


def test_one_statement_a_line_with_its_place_and_shapes(step):
    body = step.source.partition("def step(")[2].splitlines()[1:]
    calls = [line for line in body if line.lstrip().startswith("np.")]
    assert calls
    for line in calls:
        statement, _, comment = line.partition("  # ")
        assert ";" not in statement
        assert re.match(r"\S+: .*→ \(", comment.strip()), line
    for place in ("Affine1.forward", "Relu1.backward", "loss.forward", "update"):
        assert f"# {place}: " in step.source


def test_it_needs_numpy_alone():
    step = compile(dense(7, 5, 3), SGD(0.1)).prepare(*batch(6, 7, 3))
    assert set(re.findall(r"^(?:from|import) (\w+)", step.source, re.M)) == {"math", "numpy"}
    assert "clearprop" not in step.source.partition('"""\n')[2]


def test_saved_it_runs_without_clearprop_and_computes_the_same(tmp_path):
    network = dense(7, 5, 3)
    x, t = batch(6, 7, 3)
    np.savez(
        tmp_path / "given.npz",
        x=x,
        t=t,
        P=np.concatenate([np.ravel(p) for p in network.params.values()]),
    )
    step = compile(network, SGD(0.1))
    losses = [step(x, t) for _ in range(3)]
    step.save(tmp_path / "trained.py")
    code = """
import sys
sys.modules["clearprop"] = None
import numpy as np
from trained import make
given = np.load("given.npz")
P = given["P"]
step = make(P)
print([float(step(given["x"], given["t"], np.float32(0.1))[0]) for _ in range(3)])
np.save("after.npy", P)
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    assert run.stdout.strip() == str(losses)
    after = np.concatenate([np.ravel(p) for p in network.params.values()])
    np.testing.assert_array_equal(np.load(tmp_path / "after.npy"), after)


def test_a_traceback_shows_the_line_of_the_program():
    network = dense(7, 5, 3)
    step = compile(network, SGD(0.1))
    x, t = batch(6, 7, 3)
    step(x, t)
    program = step._last.program  # called past the checks, to have an error inside
    with pytest.raises(ValueError, match=r"shape|aligned|mismatch") as caught:
        program.run(x[:, :5], t, np.float32(0.1))
    text = "".join(traceback.format_exception(caught.value))
    assert f'File "{program.filename}"' in text
    assert re.search(r"np\.(dot|matmul)\(x, W1, out=Affine1", text)
    number = caught.traceback[-1].lineno + 1
    assert (
        linecache.getline(program.filename, number) == program.source.splitlines(True)[number - 1]
    )


def test_the_text_is_forgotten_with_the_program():
    step = compile(dense(7, 5, 3), SGD(0.1)).prepare(*batch(6, 7, 3))
    filename = step._last.program.filename
    assert filename in linecache.cache
    del step
    gc.collect()
    assert filename not in linecache.cache


def peak(run) -> int:
    """The most bytes that are allocated at once while `run` runs a second time."""
    run()
    gc.collect()
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        run()
        return tracemalloc.get_traced_memory()[1] - start
    finally:
        tracemalloc.stop()


BUFFER = 8192 * 4 + 4096
"""NumPy reads broadcast operands through a buffer of this size at most, whatever theirs is."""


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_a_step_allocates_no_arrays(activation):
    """Not even for a moment. All arrays here are larger than NumPy's own buffer."""
    network = dense(200, 300, 150, activation=activation)
    step = compile(network, SGD(0.1))
    x, t = batch(128, 200, 150)
    assert peak(lambda: step(x, t)) < BUFFER < 4 * 128 * 150
    over = step.over(np.tile(x, (3, 1)), np.tile(t, 3))
    rows = np.arange(128)
    with np.errstate(all="ignore"):
        assert peak(lambda: over(rows)) < BUFFER


def test_every_statement_that_makes_an_array_writes_into_one_that_is_there(step):
    body = step.source.partition("def step(")[2]
    assert not re.findall(r"= np\.(?!add\.reduce\(\w+, axis=None\))", body)
    for call in re.findall(r"^ +(np\.[\w.]+\(.*?\)) *#", body, re.M):
        assert "out=" in call, call


def test_the_measure_of_allocations_sees_an_array():
    assert peak(lambda: np.ones((128, 150), np.float32)) > BUFFER


def test_what_is_added_at_an_index_is_written_where_it_is_needed(tmp_path):
    """The rows of an embedding that a batch has used, beside the other derivatives."""
    rng = np.random.default_rng(0)
    layers = [Embedding(rng.standard_normal((7, 3))), Flatten(), Affine.from_sizes(6, 2, rng=rng)]
    step = compile(Network(layers).astype(np.float32), SGD(0.1))
    step.prepare(np.array([[0, 6], [6, 6]]), np.array([0, 1]))
    written = [
        line.split("  #")[0].strip() for line in step.source.splitlines() if "put_at" in line
    ]
    assert written[0].startswith("dEmbedding1_put_at = G[")
    assert "dEmbedding1_put_at.fill(0)" in written
    added = "np.add.at(dEmbedding1_put_at_flat, dEmbedding1_put_at_places"
    assert any(line.startswith(added) for line in written)
    step.save(tmp_path / "step.py")  # which calls nothing of ours


def test_the_arena_is_smaller_than_its_values_together():
    """Values whose lives do not overlap share their place."""
    step = compile(dense(100, *[80] * 20, 10), SGD(0.1)).prepare(*batch(64, 100, 10))
    program = step._last.program
    values = sum(node.out.nbytes for node in step.graph.nodes if isinstance(node.out, np.ndarray))
    assert 0 < program.nbytes < values / 2


def test_views_that_nothing_reads_are_left_out(step):
    setup, _, body = step.source.partition("    def step(")
    for line in setup.splitlines():
        name = line.strip().split(" = ")[0]
        if " = " in line and name != "arena":
            assert len(re.findall(rf"\b{name}\b", setup + body)) > 1, line


def test_every_program_has_a_file_name_of_its_own():
    steps = [compile(around(Relu()), SGD(0.1)).prepare(*batch(6, 7, 3)) for _ in range(2)]
    names = {step._last.program.filename for step in steps}
    assert len(names) == 2
    assert all(name.startswith("<clearprop: step, ") for name in names)


def test_compiled_objects_say_what_they_are():
    network = TwoLayerNet(4, 3, 2, rng=np.random.default_rng(0))
    step = compile(network, SGD(0.1))
    assert repr(step) == "<Step of TwoLayerNet: no program before the first call>"
    step(np.ones((3, 4)), np.zeros(3, int))
    lines = step.source.count("\n")
    assert repr(step) == f"<Step of TwoLayerNet: a program of {lines} lines of numpy, see source>"
    assert repr(compile(np.exp)).startswith("<Compiled: no program")
