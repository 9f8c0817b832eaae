"""autograd: a loss in its NumPy, differentiated."""

from typing import Any

import autograd.numpy as anp
from autograd import value_and_grad

from contestants.problem import RATE, Problem, Run


def make(problem: Problem) -> Run:
    """`value_and_grad` of a loss over the list of parameters."""
    x_train, t_train = problem.data
    params = problem.weights()
    batches = problem.batches()

    def loss_of(params: Any, x: Any, t: Any) -> Any:
        for W, b in params[:-1]:
            x = anp.maximum(anp.dot(x, W) + b, 0)
        W, b = params[-1]
        scores = anp.dot(x, W) + b
        scores = scores - anp.max(scores, axis=1, keepdims=True)
        log_sum = anp.log(anp.sum(anp.exp(scores), axis=1))
        return anp.mean(log_sum - scores[anp.arange(len(t)), t])

    gradient = value_and_grad(loss_of)

    def run(steps: int) -> float:
        loss: Any = 0.0
        for _ in range(steps):
            rows = next(batches)
            loss, grads = gradient(params, x_train[rows], t_train[rows])
            for (W, b), (dW, db) in zip(params, grads, strict=True):
                W -= RATE * dW
                b -= RATE * db
        return float(loss)

    return run
