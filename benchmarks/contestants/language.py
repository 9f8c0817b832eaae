"""A language model with an LSTM, for us, PyTorch and JAX."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from contestants.problem import RATE, SEED, Run

BATCHES = 20
"""Different batches, which come again."""


@dataclass(frozen=True)
class Language:
    """Learn which word comes next, by SGD: embedding, LSTM, affine, softmax with its loss.

    The words are drawn at random, since their meaning makes no difference to the time.
    """

    vocabulary: int
    units: int = 100
    length: int = 35
    batch: int = 20

    def weights(self) -> dict[str, np.ndarray]:
        """The first parameters; the gates stand in the order forget, input, output, new."""
        rng = np.random.default_rng(SEED)

        def drawn(n: int, m: int) -> np.ndarray:
            return (rng.standard_normal((n, m)) / np.sqrt(n)).astype(np.float32)

        V, H = self.vocabulary, self.units
        zeros = np.zeros(4 * H, np.float32), np.zeros(V, np.float32)
        made = drawn(V, H), drawn(H, 4 * H), drawn(H, 4 * H), zeros[0], drawn(H, V), zeros[1]
        return dict(zip(("W", "Wx", "Wh", "b", "Wo", "bo"), made, strict=True))

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Words (N, T), and the words that follow them (N · T,)."""
        rng = np.random.default_rng(SEED + 1)
        words = rng.integers(self.vocabulary, size=(BATCHES, self.batch, self.length + 1))
        found = [(np.ascontiguousarray(w[:, :-1]), w[:, 1:].reshape(-1)) for w in words]
        return itertools.cycle(found)


def _network(problem: Language) -> Any:
    from clearprop import Affine, Embedding, Layer, Network

    class Lstm(Layer):
        """All time steps, as a learner would write them; differentiated as it stands."""

        params = ("Wx", "Wh", "b")

        def __init__(self, Wx: Any, Wh: Any, b: Any) -> None:
            self.Wx, self.Wh, self.b = Wx, Wh, b

        def forward(self, x: Any) -> Any:
            N, T, D = x.shape
            H = self.Wh.shape[0]
            a = (x.reshape(N * T, D) @ self.Wx + self.b).reshape(N, T, 4 * H)
            h = c = np.zeros((N, H), a.dtype)
            found = []
            for t in range(T):
                z = a[:, t] + h @ self.Wh
                forget, take, show = (1 / (1 + np.exp(-z[:, k * H : k * H + H])) for k in range(3))
                c = forget * c + take * np.tanh(z[:, 3 * H :])
                h = show * np.tanh(c)
                found.append(h)
            return np.stack(found, axis=1).reshape(N * T, H)

    w = problem.weights()
    layers = [Embedding(w["W"]), Lstm(w["Wx"], w["Wh"], w["b"]), Affine(w["Wo"], w["bo"])]
    return Network(layers)


def compiled(problem: Language, engine: str = "numpy") -> Run:
    """Our compiled step."""
    from clearprop.compiler import compile
    from clearprop.training import SGD

    return runner(problem, compile(_network(problem), SGD(RATE), engine=engine))


def compiled_with_c(problem: Language) -> Run:
    """Our compiled step with kernels in C."""
    return compiled(problem, engine="c")


def runner(problem: Any, step: Callable[[Any, Any], float]) -> Run:
    """Steps on one batch of a problem after the other."""
    batches = problem.batches()

    def run(steps: int) -> float:
        loss = 0.0
        for _ in range(steps):
            loss = step(*next(batches))
        return loss

    return run


def eager(problem: Language) -> Run:
    """PyTorch, with its own LSTM."""
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy

    V, H, w = problem.vocabulary, problem.units, problem.weights()
    embedding, lstm = nn.Embedding(V, H), nn.LSTM(H, H, batch_first=True)
    affine = nn.Linear(H, V)

    def ordered(a: np.ndarray) -> np.ndarray:
        forget, take, show, new = np.split(a, 4, axis=-1)
        return np.concatenate([take, forget, new, show], axis=-1).T

    given = {
        embedding.weight: w["W"],
        lstm.weight_ih_l0: ordered(w["Wx"]),
        lstm.weight_hh_l0: ordered(w["Wh"]),
        lstm.bias_ih_l0: w["b"],
        lstm.bias_hh_l0: w["b"],
        affine.weight: w["Wo"].T,
        affine.bias: w["bo"],
    }
    with torch.no_grad():
        for parameter, value in given.items():
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))
    lstm.bias_hh_l0.requires_grad_(False)  # one bias, as the others have
    learned = [p for p in given if p.requires_grad]
    optimizer = torch.optim.SGD(learned, lr=RATE)

    def step(x: Any, t: Any) -> float:
        optimizer.zero_grad()
        scores = affine(lstm(embedding(torch.from_numpy(x)))[0].reshape(-1, H))
        loss = cross_entropy(scores, torch.from_numpy(t))
        loss.backward()
        optimizer.step()
        return loss.item()

    return runner(problem, step)


def jitted(problem: Language) -> Run:
    """JAX: a jitted step, with `lax.scan` over time."""
    import jax
    import jax.numpy as jnp

    N, H = problem.batch, problem.units

    def loss_of(w: Any, x: Any, t: Any) -> Any:
        a = w["W"][x] @ w["Wx"] + w["b"]

        def cell(state: Any, a: Any) -> Any:
            h, c = state
            z = a + h @ w["Wh"]
            forget, take, show = (jax.nn.sigmoid(z[:, k * H : k * H + H]) for k in range(3))
            c = forget * c + take * jnp.tanh(z[:, 3 * H :])
            h = show * jnp.tanh(c)
            return (h, c), h

        zero = jnp.zeros((N, H), jnp.float32)
        _, found = jax.lax.scan(cell, (zero, zero), a.swapaxes(0, 1))
        scores = found.swapaxes(0, 1).reshape(-1, H) @ w["Wo"] + w["bo"]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(scores), t[:, None], axis=1))

    def update(w: Any, x: Any, t: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(w, x, t)
        return jax.tree.map(lambda p, g: p - RATE * g, w, grads), loss

    jit = jax.jit(update, donate_argnums=0)
    w = jax.tree.map(jnp.asarray, problem.weights())

    def step(x: Any, t: Any) -> float:
        nonlocal w
        w, loss = jit(w, x, t)
        return float(loss)

    return runner(problem, step)
