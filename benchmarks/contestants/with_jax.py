"""JAX: a jitted step, and a whole epoch in one jitted scan."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from contestants.problem import RATE, Problem, Run


def _loss(params: Any, x: Any, t: Any) -> Any:
    for W, b in params[:-1]:
        x = jax.nn.relu(x @ W + b)
    W, b = params[-1]
    scores = jax.nn.log_softmax(x @ W + b)
    return -jnp.mean(jnp.take_along_axis(scores, t[:, None], axis=1))


def _step(params: Any, rows: Any, x_train: Any, t_train: Any) -> Any:
    loss, grads = jax.value_and_grad(_loss)(params, x_train[rows], t_train[rows])
    return jax.tree.map(lambda p, g: p - RATE * g, params, grads), loss


def jitted_step(problem: Problem) -> Run:
    """One call of a jitted function a step, the gather inside; waited for at the end only."""
    step = jax.jit(_step, donate_argnums=0)
    params, x_train, t_train = _start(problem)
    batches = (jnp.asarray(rows, jnp.int32) for rows in _first(problem))

    kept = list(batches)
    position = 0

    def run(steps: int) -> float:
        nonlocal params, position
        loss: Any = 0.0
        for _ in range(steps):
            params, loss = step(params, kept[position % len(kept)], x_train, t_train)
            position += 1
        return float(jax.block_until_ready((params, loss))[1])

    return run


def scanned_epoch(problem: Problem) -> Run:
    """All steps in one call: `lax.scan` over the row numbers of all batches."""
    params, x_train, t_train = _start(problem)

    @partial(jax.jit, donate_argnums=0)
    def epoch(params: Any, batches: Any, x_train: Any, t_train: Any) -> Any:
        def body(params: Any, rows: Any) -> Any:
            return _step(params, rows, x_train, t_train)

        return jax.lax.scan(body, params, batches)

    kept = np.array(_first(problem), np.int32)
    position = 0

    def run(steps: int) -> float:
        nonlocal params, position
        places = np.arange(position, position + steps) % len(kept)
        position += steps
        params, losses = epoch(params, jnp.asarray(kept[places]), x_train, t_train)
        return float(jax.block_until_ready((params, losses))[1][-1])

    return run


def _first(problem: Problem) -> list[np.ndarray]:
    batches = problem.batches()
    return [next(batches) for _ in range(500)]


def _start(problem: Problem) -> tuple[Any, Any, Any]:
    x_train, t_train = problem.data
    params = [(jnp.asarray(W), jnp.asarray(b)) for W, b in problem.weights()]
    return params, jnp.asarray(x_train), jnp.asarray(t_train, jnp.int32)
