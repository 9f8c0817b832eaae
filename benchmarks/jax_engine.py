"""The engine for JAX on what JAX finds here, a GPU if there is one: is it right, and how quick?

    python benchmarks/jax_engine.py

First the time of a training step: our NumPy program on the processor, our program for JAX, and the
same network written for JAX by hand, with all digits as ours has them and as JAX does it unasked;
with all digits also so that it takes no step that is not finite, as ours, and on rows of data that
are on the device. Each gives its loss back in every step. All are timed in turns, each for a while
without a break; the median of the rounds is printed.
Then twenty networks take 20 steps each, in float32: how far they are from float64, as a multiple of
how far NumPy's float32 is (3 is the limit), and in float64, relative (1e-12 is the limit).
"""

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests" / "compiler"))

from twenty import TWENTY, distance, trained

from clearprop import Affine, Convolution, Flatten, Network, Pooling, Relu, TwoLayerNet, compile
from clearprop.training import SGD

SECONDS = 12.0
"""How long a network is timed, about."""
UNBROKEN = 0.05
"""So many seconds, or a few steps, make up a turn."""


def two_layers(rng, hidden=50):
    return TwoLayerNet(784, hidden, 10, rng=rng, dtype=np.float32)


def convolutional(rng):
    """The net of chapter 7: 30 filters of 5 × 5, a pool, 100 units."""
    layers = [Convolution.from_sizes(1, 30, 5, rng=rng), Relu(), Pooling(2, 2), Flatten()]
    return Network(
        [
            *layers,
            Affine.from_sizes(4320, 100, rng=rng),
            Relu(),
            Affine.from_sizes(100, 10, rng=rng),
        ]
    )


def loss_of_scores(jnp, jax, scores, t):
    return -jnp.take_along_axis(jax.nn.log_softmax(scores), t[:, None], axis=1).mean()


def by_hand(jax, images):
    """The loss as people write it for JAX."""
    jnp, lax = jax.numpy, jax.lax

    def dense(P, x, t):
        W1, b1, W2, b2 = P
        return loss_of_scores(jnp, jax, jax.nn.relu(x @ W1 + b1) @ W2 + b2, t)

    def convolution(P, x, t):
        W1, b1, W2, b2, W3, b3 = P
        h = lax.conv(x, W1, (1, 1), "VALID") + b1[:, None, None]
        h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        h = jax.nn.relu(h).reshape(len(x), -1)
        return loss_of_scores(jnp, jax, jax.nn.relu(h @ W2 + b2) @ W3 + b3, t)

    loss = convolution if images else dense

    def step(P, x, t, lr):
        value, gradient = jax.value_and_grad(loss)(P, x, t)
        return value, jax.tree.map(lambda p, g: p - lr * g, P, gradient)

    def held_back(P, x, t, lr):
        value, new = step(P, x, t, lr)
        ok = jnp.array([jnp.isfinite(a).all() for a in (value, *new)]).all()
        return value, jax.tree.map(lambda n, p: jnp.where(ok, n, p), new, P)

    def of_rows(P, x, t, rows, lr):
        return step(P, x[rows], t[rows], lr)

    return [jax.jit(f, donate_argnums=0) for f in (step, held_back, of_rows)]


def contestants(jax, make, x, t):
    """Functions that take one step on the batch of this number, and give the loss."""
    numpy, ours = (make(np.random.default_rng(0)) for _ in range(2))
    steps = {
        "NumPy program": compile(numpy, SGD(0.01)),
        "JAX program": compile(ours, SGD(0.01), engine="jax"),
    }
    found = {name: lambda i, step=step: step(x[i], t[i]) for name, step in steps.items()}
    data = jax.numpy.array(x.reshape(-1, *x.shape[2:])), t.reshape(-1)
    over = compile(make(np.random.default_rng(0)), SGD(0.01), engine="jax")
    whole = over.over(np.asarray(data[0]), data[1])
    n = x.shape[1]
    rows = [np.arange(i * n, (i + 1) * n) for i in range(len(x))]
    found["JAX program, rows"] = lambda i: whole(rows[i])
    usual, held_back, of_rows = by_hand(jax, x.ndim > 3)
    labels = t.astype(np.int32)
    there = data[0], jax.numpy.array(labels.reshape(-1))
    for name, step, given, precision in (
        ("by hand, all digits", usual, lambda i: (x[i], labels[i]), "highest"),
        ("by hand, held back", held_back, lambda i: (x[i], labels[i]), "highest"),
        ("by hand, rows", of_rows, lambda i: (*there, rows[i]), "highest"),
        ("by hand", usual, lambda i: (x[i], labels[i]), None),
    ):
        P = [jax.numpy.array(a) for a in make(np.random.default_rng(0)).params.values()]
        found[name] = _hand_step(jax, step, P, given, precision)
    return found


def _hand_step(jax, step, P, given, precision):
    state = [P]

    def take(i):
        with jax.default_matmul_precision(precision):
            value, state[0] = step(state[0], *given(i), 0.01)
        return float(value)

    return take


def timed(found, steps, rounds):
    """The time of a step of each, in microseconds: the median of some rounds."""
    losses = {name: [step(i) for i in range(steps)] for name, step in found.items()}
    first = losses["NumPy program"]
    for name, own in losses.items():
        if not np.allclose(own, first, rtol=2e-2):
            raise SystemExit(f"{name} has other losses: {own[:3]}, {first[:3]}")
    times = {name: [] for name in found}
    for group in (list(found)[:1], list(found)[1:]):  # NumPy's threads would disturb the others
        started = time.perf_counter()
        for i in range(rounds):
            if i > 2 and time.perf_counter() - started > SECONDS:
                break
            turned = i % len(group)
            for name in (*group[turned:], *group[:turned]):
                times[name].append(_time_of(found[name], steps))
    return {name: median(own) for name, own in times.items()}


def _time_of(step, steps):
    time.sleep(0.1)  # the threads of the one before wait busily for a while
    step(0)
    taken, start = 0, time.perf_counter()
    while not taken or time.perf_counter() - start < UNBROKEN:
        for i in range(steps):
            step(i)
        taken += steps
    return (time.perf_counter() - start) / taken * 1e6


def correct(quick):
    """Print how far the twenty are from float64; gives how many are too far."""
    wrong = 0
    print("\n| network | float32, × NumPy's | float64 | with compiling |")
    print("|---|---|---|---|")
    for name in list(TWENTY)[: 3 if quick else None]:
        start = time.perf_counter()
        exact = trained(name, np.float64)
        numpy = max(distance(trained(name, np.float32), exact), np.finfo(np.float32).eps)
        single = distance(trained(name, np.float32, engine="jax"), exact) / numpy
        double = distance(trained(name, np.float64, engine="jax"), exact)
        wrong += single > 3 or double > 1e-12
        took = time.perf_counter() - start
        print(f"| {name} | {single:.2f} | {double:.0e} | {took:.1f} s |", flush=True)
    return wrong


def times(jax, quick):
    """Print the table of times."""
    print("\n| µs a step | " + " | ".join(_NAMES) + " |")
    print("|---|" + "---|" * len(_NAMES))
    rng = np.random.default_rng(1)
    rounds = 3 if quick else 15
    for title, make, batch, shape in (
        ("784-50-10, batches of 100", two_layers, 100, (784,)),
        ("784-100-10, batches of 32", lambda rng: two_layers(rng, 100), 32, (784,)),
        ("784-1024-10, batches of 1000", lambda rng: two_layers(rng, 1024), 1000, (784,)),
        ("chapter 7, batches of 100", convolutional, 100, (1, 28, 28)),
    ):
        x = rng.random((8, batch, *shape), dtype=np.float32)
        t = rng.integers(10, size=(8, batch))
        found = timed(contestants(jax, make, x, t), 8, rounds)
        print(
            f"| {title} | " + " | ".join(f"{found[name]:,.0f}" for name in _NAMES) + " |",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three networks, few rounds")
    parser.add_argument("--only", choices=["correct", "times"])
    args = parser.parse_args()
    import jax

    print(f"JAX {jax.__version__}, NumPy {np.__version__}, {jax.devices()}\n")
    if args.only != "correct":
        times(jax, args.quick)
    sys.exit(args.only != "times" and bool(correct(args.quick)))


_NAMES = (
    *("NumPy program", "JAX program", "by hand, all digits", "by hand, held back", "by hand"),
    *("JAX program, rows", "by hand, rows"),
)


if __name__ == "__main__":
    main()
