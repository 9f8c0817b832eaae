"""Our own steps: compiled, and with the layers as they are written."""

import numpy as np

from clearprop import Affine, Network, Relu
from clearprop.compiler import compile
from clearprop.training import SGD
from clearprop.training.step import layered_step
from contestants.problem import RATE, Problem, Run


def compiled(problem: Problem) -> Run:
    """The compiled step."""
    return _runner(problem, compile(network(problem), SGD(RATE)))


def as_written(problem: Problem) -> Run:
    """The step that calls the layers."""
    return _runner(problem, layered_step(network(problem), SGD(RATE)))


def network(problem: Problem, dtype: type = np.float32) -> Network:
    """The network of the problem."""
    layers = []
    for W, b in problem.weights(dtype):
        layers += [Affine(W, b), Relu()]
    return Network(layers[:-1])


def _runner(problem: Problem, step: object) -> Run:
    x_train, t_train = problem.data
    batches = problem.batches()

    def run(steps: int) -> float:
        loss = 0.0
        for _ in range(steps):
            rows = next(batches)
            loss = step(x_train.take(rows, axis=0), t_train.take(rows))  # type: ignore[operator]
        return loss

    return run
