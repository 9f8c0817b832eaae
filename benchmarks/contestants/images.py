"""The networks of images of the book, for us and for PyTorch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from contestants.problem import RATE, SEED, Problem, Run

NETS = {
    "SimpleConvNet": ("conv 30 5 0", "relu", "pool", "flat", "affine 100", "relu", "affine 10"),
    "DeepConvNet": (
        *("conv 16 3 1", "relu", "conv 16 3 1", "relu", "pool"),
        *("conv 32 3 1", "relu", "conv 32 3 2", "relu", "pool"),
        *("conv 64 3 1", "relu", "conv 64 3 1", "relu", "pool"),
        *("flat", "affine 50", "relu", "affine 10"),
    ),
}
"""Filters, their size and the border; units. Without dropout, whose noise would differ."""


@dataclass(frozen=True)
class Images:
    """Learn MNIST with a network of images, by SGD, with batches of 100.

    With `small` there are 1,000 made-up images.
    """

    net: str
    batch: int = 100
    small: bool = False

    @property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Images (N, 1, 28, 28) float32 from 0 to 1, and class numbers (N,) int64."""
        x, t = Problem((784, 10), self.batch, self.small).data
        return x.reshape(-1, 1, 28, 28), t

    def layers(self) -> Iterator[tuple[str, int, tuple[np.ndarray, np.ndarray] | None]]:
        """Each layer: what it is, its border, and its first (W, b), drawn after He."""
        rng = np.random.default_rng(SEED)
        channels, side = 1, 28
        for layer in NETS[self.net]:
            kind, *numbers = layer.split()
            size, pad = 0, 0
            if kind == "conv":
                out, size, pad = map(int, numbers)
                shape: tuple[int, ...] = (out, channels, size, size)
                fan_in, channels, side = channels * size**2, out, side + 2 * pad - size + 1
            elif kind == "affine":
                out = int(numbers[0])
                shape, fan_in, channels = (channels, out), channels, out
            else:
                side //= 2 if kind == "pool" else 1
                channels *= side**2 if kind == "flat" else 1
                yield kind, 0, None
                continue
            W = rng.standard_normal(shape) * np.sqrt(2 / fan_in)
            yield kind, pad, (W.astype(np.float32), np.zeros(out, np.float32))

    def batches(self) -> Iterator[np.ndarray]:
        """Row numbers of one batch after the other."""
        return Problem((784, 10), self.batch, self.small).batches()


def compiled(problem: Images) -> Run:
    """Our compiled step."""
    from clearprop.compiler import compile
    from clearprop.training import SGD

    return _runner(problem, compile(_network(problem), SGD(RATE)))


def compiled_with_c(problem: Images) -> Run:
    """Our compiled step with kernels in C."""
    from clearprop.compiler import compile
    from clearprop.training import SGD

    return _runner(problem, compile(_network(problem), SGD(RATE), engine="c"))


def as_written(problem: Images) -> Run:
    """Our step that calls the layers."""
    from clearprop.training import SGD
    from clearprop.training.step import layered_step

    return _runner(problem, layered_step(_network(problem), SGD(RATE)))


def _network(problem: Images) -> Any:
    from clearprop import Affine, Network, Relu
    from clearprop.layers import Convolution, Flatten, Pooling

    plain = {"relu": Relu, "flat": Flatten, "pool": lambda: Pooling(2, 2)}
    return Network(
        [
            plain[kind]()
            if weights is None
            else Convolution(*weights, pad=pad)
            if kind == "conv"
            else Affine(*weights)
            for kind, pad, weights in problem.layers()
        ]
    )


def _runner(problem: Images, step: Any) -> Run:
    x_train, t_train = problem.data
    batches = problem.batches()

    def run(steps: int) -> float:
        loss = 0.0
        for _ in range(steps):
            rows = next(batches)
            loss = step(x_train.take(rows, axis=0), t_train.take(rows))
        return loss

    return run


def eager(problem: Images) -> Run:
    """PyTorch, as most programs are written."""
    return _of_torch(problem, channels_last=False)


def channels_last(problem: Images) -> Run:
    """PyTorch with the channels innermost in memory."""
    return _of_torch(problem, channels_last=True)


def _of_torch(problem: Images, *, channels_last: bool) -> Run:
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy

    def layer(kind: str, pad: int, weights: Any) -> nn.Module:
        if weights is None:
            return {"relu": nn.ReLU(), "flat": nn.Flatten(), "pool": nn.MaxPool2d(2)}[kind]
        W, b = weights
        if kind == "conv":
            made: Any = nn.Conv2d(W.shape[1], W.shape[0], W.shape[2], padding=pad)
        else:
            W = np.ascontiguousarray(W.T)
            made = nn.Linear(W.shape[1], W.shape[0])
        with torch.no_grad():
            made.weight.copy_(torch.from_numpy(W))
            made.bias.copy_(torch.from_numpy(b))
        return made

    model = nn.Sequential(*(layer(*entry) for entry in problem.layers()))
    x_train, t_train = map(torch.from_numpy, problem.data)
    if channels_last:
        model, x_train = (v.to(memory_format=torch.channels_last) for v in (model, x_train))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    batches = map(torch.from_numpy, problem.batches())

    def run(steps: int) -> float:
        value = 0.0
        for _ in range(steps):
            rows = next(batches)
            optimizer.zero_grad()
            loss = cross_entropy(model(x_train[rows]), t_train[rows])
            loss.backward()
            optimizer.step()
            value = loss.item()
        return value

    return run
