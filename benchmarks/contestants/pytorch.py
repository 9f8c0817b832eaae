"""PyTorch: modules, `cross_entropy` and its own SGD."""

import itertools

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from contestants.problem import RATE, Problem, Run


def eager(problem: Problem) -> Run:
    """As most programs are written."""
    return _runner(problem, compile=False)


def compiled(problem: Problem) -> Run:
    """Forward, loss and backward through `torch.compile`."""
    return _runner(problem, compile=True)


def _runner(problem: Problem, *, compile: bool) -> Run:
    x_train, t_train = map(torch.from_numpy, problem.data)
    layers: list[nn.Module] = []
    for (n, m), (W, b) in zip(itertools.pairwise(problem.sizes), problem.weights(), strict=True):
        linear = nn.Linear(n, m)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T.copy()))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)

    def loss_of(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return cross_entropy(model(x), t)

    if compile:
        loss_of = torch.compile(loss_of)
    batches = map(torch.from_numpy, problem.batches())

    def run(steps: int) -> float:
        value = 0.0
        for _ in range(steps):
            rows = next(batches)
            optimizer.zero_grad()
            loss = loss_of(x_train[rows], t_train[rows])
            loss.backward()
            optimizer.step()
            value = loss.item()
        return value

    return run
