"""The engine for C: kernels beside NumPy, threads, the compiler, its cache, and doing without."""

import os
import random
import re
import stat
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
from nets import batch, copied, dense
from test_random_images import network
from twenty import distance, ratio, trained

from clearprop import Affine, Layer, Network, Relu, grad
from clearprop.compiler import compile
from clearprop.compiler.engines import engine, usable
from clearprop.errors import ConfigError, NonFiniteError, UnsupportedError
from clearprop.layers import Convolution, Flatten, GlobalAveragePooling, Pooling
from clearprop.training import SGD, Adam, Trainer

compilers = import_module("clearprop.compiler.engines.c.compilers")
halves = import_module("clearprop.compiler.engines.c.halves")
trial = import_module("clearprop.compiler.engines.c.trial")

NEEDS_C = pytest.mark.skipif(engine("c").why_not() is not None, reason="no C compiler works here")


@pytest.fixture
def anew(monkeypatch):
    """Look for a compiler and a cache again, before the test and after it."""
    caches = (compilers.compiler, compilers.folder, halves.runner)
    for cache in caches:
        cache.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()


def images(n=6, channels=3, pool=2, dtype=np.float32, whole=False):
    """A network with two convolutions and pools, and a batch; of whole numbers, if asked for."""
    rng = np.random.default_rng(3)

    def numbers(*shape):
        found = rng.integers(-2, 3, shape) if whole else rng.standard_normal(shape) / 3
        return found.astype(dtype)

    layers = [
        Convolution(numbers(5, channels, 3, 3), numbers(5), pad=1),
        Relu(),
        Pooling(pool, pool, 2),
        Convolution(numbers(17, 5, 2, 2), numbers(17), stride=2),
        Relu(),
        Pooling(2, 2, 1),
        Flatten(),
    ]
    x = found = numbers(n, channels, 12, 11)
    for layer in layers:
        found = layer.forward(found)
    layers.append(Affine(numbers(found.shape[1], 4), numbers(4)))
    return Network(layers), x, rng.integers(4, size=n)


# --- the same numbers --------------------------------------------------------------------------


@NEEDS_C
@pytest.mark.parametrize("name", ["wide", "convolutional", "batch norm", "drop path", "skip"])
def test_steps_are_as_exact_as_numpys(name):
    assert ratio(name, engine="c") <= 3
    exact = trained(name, np.float64)
    assert distance(trained(name, np.float64, engine="c"), exact) < 1e-12


def convolutions(seed):
    """Layers and a shape: strides, padding, odd sizes, one image, 1 and 17 channels."""
    r = random.Random(seed)
    kinds = {
        "convolution": lambda: (
            r.choice([1, 2, 5, 17, 33]),
            (r.randint(1, 3), r.randint(1, 3)),
            (r.randint(1, 2), r.randint(1, 3)),
            (r.randint(0, 2), r.randint(0, 1)),
            r.random() < 0.8,
        ),
        "pool": lambda: (
            r.randint(1, 3),
            r.randint(1, 3),
            r.choice([None, 1, 2, (2, 1), 4]),
            r.random() < 0.5,
        ),
        "own": lambda: (r.choice([2, 3]), r.randint(1, 3), r.choice(["einsum", "dot"])),
        "average": lambda: (r.randint(1, 3), r.randint(1, 3), r.choice([None, 1, 2])),
    }
    others = ["relu", "relu", "tanh", "own pool", "dropout", "residual"]
    names = ["convolution"] * 4 + ["pool"] * 3 + ["own", "average", *others]
    chosen = [r.choice(names) for _ in range(r.randint(1, 6))]
    specs = [(name, *kinds.get(name, tuple)()) for name in chosen]
    shape = r.choice([1, 2, 5, 17]), r.choice([1, 3, 17]), r.randint(4, 11), r.randint(4, 11)
    return specs, shape, r.random() < 0.5


def steps(seed, engine, dtype):
    """Two losses, what was learned, and scores; nothing if there is no such network."""
    specs, shape, flat = convolutions(seed)
    net = network(specs, shape, seed, dtype, flat)
    if net is None:
        return None
    step, rng = compile(net, SGD(0.02), engine=engine), np.random.default_rng(seed)
    x, t = rng.standard_normal((2, *shape)).astype(dtype), rng.integers(3, size=(2, shape[0]))
    losses = np.array([step(*pair) for pair in zip(x, t, strict=True)])
    return losses, [*copied(net).values(), compile(net, engine=engine)(x[0])]


MANY = int(os.environ.get("CLEARPROP_NETWORKS", "8"))
"""How many random networks: `CLEARPROP_NETWORKS=200` for a thorough look."""


@NEEDS_C
@pytest.mark.parametrize("seed", range(MANY))
def test_random_networks_of_convolutions_are_as_exact_as_numpys(seed):
    exact = steps(seed, "numpy", np.float64)
    if exact is None:
        return
    assert distance(steps(seed, "c", np.float64), exact) < 1e-12
    if ("dropout",) not in convolutions(seed)[0]:  # the noise of float32 is other noise
        numpy = max(distance(steps(seed, "numpy", np.float32), exact), 2e-7)
        assert distance(steps(seed, "c", np.float32), exact) <= 3 * numpy


@NEEDS_C
def test_sums_over_many_pixels_are_as_exact_as_numpys():
    """The mean of each image, and the derivative of a bias, of numbers that are all above 0."""

    def made(dtype, engine):
        rng = np.random.default_rng(0)
        W, V = rng.random((8, 1, 3, 3)), rng.standard_normal((8, 3))
        layers = [Convolution(W, np.ones(8)), Relu(), GlobalAveragePooling(), Affine(V, np.ones(3))]
        net = Network(layers).astype(dtype)
        x = rng.random((4, 1, 60, 60)).astype(dtype)
        scores = compile(net, engine=engine)(x)
        loss = compile(net, SGD(1.0), engine=engine)(x, np.array([0, 1, 2, 1]))
        return np.array(loss), [scores, *(np.array(v) for v in net.params.values())]

    exact = made(np.float64, "numpy")
    numpy = max(distance(made(np.float32, "numpy"), exact), np.finfo(np.float32).eps)
    assert distance(made(np.float32, "c"), exact) <= 3 * numpy


@NEEDS_C
@pytest.mark.parametrize("pool", [2, 3])
def test_of_equal_maxima_the_first_is_the_largest(pool):
    """Whole numbers are exact, and full of equal ones: all bits are NumPy's."""
    found = {}
    for name in ("numpy", "c"):
        net, x, t = images(pool=pool, dtype=np.float64, whole=True)
        step = compile(net, SGD(2.0**-10), engine=name)
        step.prepare(x, t)
        found[name] = step(x / 1, t), copied(net)
    assert found["c"][0] == found["numpy"][0]
    for name, value in found["numpy"][1].items():
        # The loss has exp in it, which NumPy computes for both.
        np.testing.assert_allclose(found["c"][1][name], value, rtol=1e-14, atol=1e-16)


@NEEDS_C
def test_nan_is_handed_on_as_numpy_does():
    net, x, _ = images()
    x[0, 0, 2, 3] = np.nan
    found, wanted = (compile(net, engine=name)(x) for name in ("c", "numpy"))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    assert np.isnan(wanted).any()
    assert not np.isnan(wanted).all()


@NEEDS_C
def test_an_update_goes_in_one_pass():
    found = {}
    for name in ("numpy", "c"):
        net = dense(100, 50, 10)
        step = compile(net, Adam(0.01), engine=name)
        for i in range(5):
            step(*batch(20, 100, 10, seed=i))
        found[name] = copied(net)
    assert "void update_chain" in step.source
    for name, value in found["numpy"].items():
        np.testing.assert_allclose(found["c"][name], value, rtol=1e-4, atol=1e-6)


@NEEDS_C
def test_a_step_that_is_not_finite_changes_nothing():
    net, x, t = images()
    step = compile(net, SGD(0.1), engine="c")
    step(x, t)
    before = copied(net)
    x[0] = np.inf
    with pytest.raises(NonFiniteError):
        step(x, t)
    np.testing.assert_equal(copied(net), before)


# --- threads -----------------------------------------------------------------------------------


@NEEDS_C
def test_the_bits_are_the_same_in_one_thread_and_in_two():
    learned = []
    for threads in (1, "auto", "auto"):
        net, x, t = images(n=15)
        step = compile(net, SGD(0.01), engine="c", threads=threads)
        losses = [step(x, t) for _ in range(40)]  # enough to have tried both ways
        learned.append((losses, copied(net)))
    np.testing.assert_equal(learned[1], learned[0])
    np.testing.assert_equal(learned[2], learned[0])


@NEEDS_C
def test_both_ways_are_tried_and_the_quicker_is_taken():
    kernels = engine("c").Kernels(
        compilers.compiler(),
        [
            """
#include <time.h>
void sleeps(void **p, long n0, long n1, long half) {
    struct timespec t = {0, 20000000};
    nanosleep(&t, 0);
    ((double *)p[0])[half] += n1 - n0;
}
"""
        ],
        alone=False,
    )
    counts = np.zeros(2)
    call = kernels.bind("sleeps", 5, [counts])
    for _ in range(20):
        call()
    task = call.kept[0]
    np.testing.assert_equal(counts, [60, 40])
    assert task.threads == 1
    assert task.mean[1] < task.mean[0]


@NEEDS_C
def test_a_process_that_was_forked_has_a_worker_of_its_own():
    program = """
import os, sys, numpy as np
sys.path[:0] = sys.argv[1:]
from test_c import compile, images, SGD
net, x, t = images(n=15)
step = compile(net, SGD(0.01), engine="c")
losses = [step(x, t) for _ in range(30)]
child = os.fork()
more = [step(x, t) for _ in range(30)]
if child == 0:
    os._exit(0 if np.isfinite(more).all() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    here = os.path.dirname(__file__)
    subprocess.run([sys.executable, "-c", program, here, *sys.path], check=True, timeout=60)


# --- the compiler and its cache ----------------------------------------------------------------


def test_without_a_compiler_numpy_goes_on_and_says_so(anew, tmp_path):
    anew.setenv("CC", str(tmp_path / "no compiler"))
    with pytest.warns(UserWarning, match=r"no C compiler was found \(looked for .*NumPy computes"):
        step = compile(dense(7, 5, 3), SGD(0.1), engine="auto")
    assert step.engine == "numpy"
    assert np.isfinite(step(*batch(20, 7, 3)))
    assert "KERNELS" not in step.source


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'cc: out of ideas' >&2; exit 3", "failed: cc: out of ideas"),
        ("echo '#define __SSE2__ 1'", "this processor has neither AVX2 nor NEON"),
        ("echo '#define __AVX2__ 1 '", "what was compiled cannot be used|No such file"),
    ],
)
def test_a_compiler_that_fails_is_done_without(anew, tmp_path, script, said):
    anew.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    failing = tmp_path / "cc"
    failing.write_text(f"#!/bin/sh\n{script}\n")
    failing.chmod(0o755)
    anew.setenv("CC", str(failing))
    x, t = batch(20, 7, 3)
    with pytest.warns(UserWarning, match=said):
        trainer = Trainer(dense(7, 5, 3), x, t, batch_size=20, engine="c", on_progress=False)
    assert np.isfinite(trainer.train(iterations=3).loss).all()


@NEEDS_C
def test_a_cache_that_cannot_be_written_or_is_open_to_others_is_not_used(anew, tmp_path):
    (tmp_path / "file").write_text("")
    anew.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    own = compilers.folder()
    assert not own.is_relative_to(tmp_path)
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    net, x, t = images()
    assert np.isfinite(compile(net, SGD(0.01), engine="c")(x, t))
    assert list(own.glob("*.so"))

    compilers.folder.cache_clear()
    opened = tmp_path / "cache" / "clearprop" / "c"
    opened.mkdir(parents=True)
    opened.chmod(0o777)
    anew.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert compilers.folder() != opened


@NEEDS_C
def test_what_others_could_have_written_is_not_loaded(anew, tmp_path):
    anew.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = "int answer(void) { return 42; }"
    found = compilers.compiler()
    path = found.library(source)
    assert path == found.library(source)
    path.write_bytes(b"planted")
    path.chmod(0o666)
    assert found.load(source).answer() == 42
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


@NEEDS_C
def test_several_processes_may_compile_the_same(tmp_path):
    program = """
from importlib import import_module
compilers = import_module("clearprop.compiler.engines.c.compilers")
print(compilers.compiler().load("int answer(void) { return 42; }").answer())
"""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", program]
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(3)]
    assert [p.communicate(timeout=60)[0] for p in running] == [b"42\n"] * 3
    assert len(list((tmp_path / "clearprop" / "c").glob("*.so"))) == 1
    assert not list((tmp_path / "clearprop" / "c").glob("compiling-*"))


# --- the trial ---------------------------------------------------------------------------------

MISTAKES = {
    "a product": (r"a0_0 \+= w0 \*", "a0_0 -= w0 *"),
    "a sum": (r"a0_0 \+= g0 \*", "a0_0 = g0 *"),
    "what both halves give": (r"= sum\[f\] \+ sum\[f \+", "= sum[f] - sum[f +"),
    "of equal ones the last": (r"~\(x1 <= a\)", "(x1 >= a)"),
    "a derivative at another place": ("== 1, ", "== 2, "),
    "maximum": (r"\(\(a >= b\) \|", "((a <= b) |"),
    "the last vector of a row": ("const long f = 1;", "const long f = 0;"),
    "filters": (r"\[f \+ (15|7)\] =", "[f + 6] ="),
}


@NEEDS_C
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_kernel_that_is_wrong_is_dropped_with_a_word(anew, tmp_path, mistake):
    anew.setenv("XDG_CACHE_HOME", str(tmp_path))
    load = compilers.Compiler.load

    def load_wrong(self, *sources):
        return load(self, *(re.sub(*MISTAKES[mistake], source) for source in sources))

    net, x, t = images(dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        halves.runner()  # without a mistake
        patch.setattr(compilers.Compiler, "load", load_wrong)
        with pytest.warns(RuntimeWarning, match=r"in C for .* differs from NumPy by .* not used"):
            step = compile(net, SGD(0.01), engine="c").prepare(x, t)
    other, *_ = images()
    assert step(x, t) == pytest.approx(compile(other, SGD(0.01))(x, t), rel=1e-5)
    for name, value in copied(other).items():
        np.testing.assert_allclose(net.params[name], value, rtol=1e-4, atol=1e-6)


@NEEDS_C
def test_numpy_goes_on_where_a_program_cannot_be_compiled(anew, tmp_path):
    anew.setenv("XDG_CACHE_HOME", str(tmp_path))
    halves.runner()
    load = compilers.Compiler.load
    anew.setattr(compilers.Compiler, "load", lambda self, *c: load(self, *(f"{s}?" for s in c)))
    net, x, t = images()
    with pytest.warns(RuntimeWarning, match="the C compiler .* failed: .*; NumPy does it"):
        step = compile(net, SGD(0.01), engine="c").prepare(x, t)
    assert "kernels" not in step.source
    other, *_ = images()
    assert step(x, t) == pytest.approx(compile(other, SGD(0.01))(x, t), rel=1e-5)


class Scaled(Layer):
    """Images times what is the same for all of them."""

    params = ("scale",)

    def __init__(self, scale):
        self.scale = scale

    def forward(self, x):
        return np.maximum(x * self.scale + 1, 0)


@NEEDS_C
@pytest.mark.parametrize("shape", [(1, 6, 5, 4), (1, 6, 1, 4), (1, 6, 1, 1), (6, 5, 4), (6, 1, 1)])
def test_what_is_the_same_for_all_images_is_read_by_channels(shape):
    rng = np.random.default_rng(0)
    W, scale, V = (rng.standard_normal(s) for s in ((6, 2, 3, 3), shape, (120, 3)))
    x, t = rng.standard_normal((7, 2, 5, 4)), rng.integers(0, 3, 7)
    found = []
    for name in ("c", "numpy"):  # a kernel that is wrong is an error here
        layers = [Convolution(W.copy(), pad=1), Scaled(scale.copy()), Flatten()]
        step = compile(Network([*layers, Affine(V.copy(), np.zeros(3))]), SGD(0.1), engine=name)
        found.append([step(x, t) for _ in range(4)])
    np.testing.assert_allclose(*found, rtol=1e-12)


@NEEDS_C
def test_a_product_of_kronecker_is_differentiated_with_right_kernels():
    slope = grad(lambda a: np.sum(np.kron(a, a) ** 2))
    x = np.random.default_rng(0).standard_normal((3, 4))
    np.testing.assert_allclose(compile(slope, engine="c")(x), slope(x), rtol=1e-12)


@NEEDS_C
def test_what_has_passed_is_not_tried_again(anew, tmp_path):
    anew.setenv("XDG_CACHE_HOME", str(tmp_path))
    net, x, t = images()
    compile(net, SGD(0.01), engine="c").prepare(x, t)

    def refuse(*args):
        raise AssertionError("tried again")

    anew.setattr(trial, "_Trial", refuse)
    compile(images()[0], SGD(0.01), engine="c").prepare(x, t)


# --- what is asked for -------------------------------------------------------------------------


@NEEDS_C
def test_a_training_in_c_goes_on_to_the_same_bits(tmp_path):
    x, t = batch(90, 20, 3)

    def trainer():
        net = dense(20, 16, 3)
        return Trainer(net, x, t, x, t, batch_size=30, engine="c", rng=1, on_progress=False)

    whole = trainer()
    whole.train(epochs=4)
    half, other = trainer(), trainer()
    half.train(epochs=2)
    half.save(tmp_path / "half.safetensors")
    other.resume(tmp_path / "half.safetensors")
    other.train(epochs=2)
    np.testing.assert_equal(copied(other.network), copied(whole.network))


@NEEDS_C
def test_the_program_is_numpy_with_c_in_it():
    net, x, t = images()
    step = compile(net, SGD(0.01), engine="auto").prepare(x, t)
    assert step.engine == "c"
    text = step.source
    assert 'KERNELS = r"""' in text
    assert "// Convolution1.forward convolve, then Convolution1.forward add, then" in text
    assert "def make(kernels, P):" in text
    with pytest.raises(UnsupportedError, match="does not run by itself"):
        step.save("anywhere")


def test_c_knows_no_devices():
    name = usable("auto")[0]
    step = compile(dense(7, 5, 3), SGD(0.1), engine=name, devices=2)
    with pytest.raises(ConfigError, match=f"the engine {name} knows no devices"):
        step(*batch(20, 7, 3))
