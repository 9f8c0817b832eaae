"""What a gradient check costs: ours, the book's numerical gradient, PyTorch's gradcheck.

    python benchmarks/checking.py [--quick]

The network is the book's, 784-50-10 with 39,760 parameters. Ours checks every layer on a batch of
100 images: inputs and parameters, contract and all. The others compare the derivatives of the loss
by the parameters, on the 3 images of the chapter. `--quick` leaves out what takes long.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from clearprop import TwoLayerNet, check

GOAL = 0.1
"""Seconds within which our check is to be done."""


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The shortest of some runs: other work on the machine can only make them longer."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return float(best)


def numerical(network: TwoLayerNet, x: np.ndarray, t: np.ndarray) -> None:
    """The chapter's gradient check: all parameters one by one."""
    backprop, differences = network.gradient(x, t), network.numerical_gradient(x, t)
    assert all(np.mean(abs(backprop[n] - differences[n])) < 1e-9 for n in backprop)


def torch_check(
    network: TwoLayerNet, x: np.ndarray, t: np.ndarray, fast: bool
) -> Callable[[], object] | None:
    """`torch.autograd.gradcheck` on the same network, or `None` without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    data, labels = torch.tensor(x), torch.tensor(t)
    parameters = [torch.tensor(p, requires_grad=True) for p in network.params.values()]

    def loss(W1, b1, W2, b2):
        scores = torch.relu(data @ W1 + b1) @ W2 + b2
        return torch.nn.functional.cross_entropy(scores, labels)

    return lambda: torch.autograd.gradcheck(loss, parameters, fast_mode=fast)


def main() -> int:
    """Print the table; 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out what takes long")
    quick = parser.parse_args().quick
    rng = np.random.default_rng(0)
    network = TwoLayerNet(784, 50, 10, rng=rng)
    x, t = rng.random((100, 784)), rng.integers(10, size=100)
    rows: list[tuple[str, float]] = []
    with threadpool_limits(1):
        ours = seconds(lambda: check(network, x, t), 10)
        rows.append(("`clearprop.check`, every layer, batch of 100", ours))
        slow = seconds(lambda: check(network, x[:3], t[:3]), 10)
        rows.append(("`clearprop.check`, every layer, 3 images", slow))
        if not quick:
            by_hand = seconds(lambda: numerical(network, x[:3], t[:3]), 1)
            rows.append(("the book's numerical gradient, 3 images", by_hand))
        for fast in (True,) if quick else (True, False):
            run = torch_check(network, x[:3], t[:3], fast)
            if run is None:
                print("PyTorch is not installed: its gradcheck is left out.\n", file=sys.stderr)
                break
            name = f"`torch.autograd.gradcheck`, 3 images{', fast mode' if fast else ''}"
            rows.append((name, seconds(run, 3 if fast else 1)))
    print("| check of 784-50-10 | seconds | times ours |\n|---|---:|---:|")
    for name, took in rows:
        print(f"| {name} | {took:.3f} | {took / ours:,.1f} |")
    print(f"\nGoal: {GOAL} s. {'Reached.' if ours <= GOAL else 'Missed.'}")
    return 0 if ours <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
