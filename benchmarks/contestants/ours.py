"""Our own steps: compiled, and with the layers as they are written."""

import numpy as np

from clearprop import Affine, Network, Relu
from clearprop.compiler import BlasThreads, compile
from clearprop.training import SGD
from clearprop.training.step import layered_step
from contestants.problem import RATE, Problem, Run


def compiled(problem: Problem) -> Run:
    """The compiled step, as the Trainer runs it."""
    return _over(problem, problem.data[0], None)


def compiled_on_bytes(problem: Problem) -> Run:
    """The same on pixels that stay bytes until they are needed, as `clearprop train` has them."""
    return _over(problem, np.rint(255 * problem.data[0]).astype(np.uint8), 1 / 255)


def compiled_with_c(problem: Problem) -> Run:
    """The compiled step with kernels in C."""
    return _over(problem, problem.data[0], None, engine="c")


def _over(problem: Problem, x_train: np.ndarray, scale: float | None, engine: str = "numpy") -> Run:
    compiled_step = compile(network(problem), SGD(RATE), engine=engine)
    step = compiled_step.over(x_train, problem.data[1], scale)
    threads = BlasThreads.for_products_of(problem.largest_product)
    batches = problem.batches()

    def run(steps: int) -> float:
        loss = 0.0
        with threads, np.errstate(all="ignore"):
            for _ in range(steps):
                loss = step(next(batches))
        return loss

    return run


def as_written(problem: Problem) -> Run:
    """The step that calls the layers."""
    step = layered_step(network(problem), SGD(RATE))
    x_train, t_train = problem.data
    batches = problem.batches()

    def run(steps: int) -> float:
        loss = 0.0
        for _ in range(steps):
            rows = next(batches)
            loss = step(x_train.take(rows, axis=0), t_train.take(rows))
        return loss

    return run


def network(problem: Problem) -> Network:
    """The network of the problem."""
    layers = []
    for W, b in problem.weights():
        layers += [Affine(W, b), Relu()]
    return Network(layers[:-1])
