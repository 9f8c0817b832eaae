"""A language model of transformer blocks, for us, PyTorch and JAX."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from contestants.language import BATCHES, runner
from contestants.problem import SEED, Run

RATE, EPS = 1e-3, 1e-5
SHAPES = {
    "Wq": (1, 1),
    "Wk": (1, 1),
    "Wv": (1, 1),
    "Wo": (1, 1),
    "W1": (1, 4),
    "W2": (4, 1),
}
"""The weights of a block, in widths."""


@dataclass(frozen=True)
class Transformer:
    """Learn which character comes next, by Adam: embedding, blocks, affine, softmax with its loss.

    A block is attention to what went before and two affine layers with ReLU between them, each
    behind a layer normalisation without bias and beside a path that leaves it out. Without places
    of the characters, and with characters at random: neither makes a difference to the time.
    """

    characters: int
    width: int = 64
    heads: int = 4
    blocks: int = 2
    length: int = 32
    batch: int = 16

    def weights(self) -> tuple[np.ndarray, list[dict[str, np.ndarray]], np.ndarray]:
        """The first parameters: of the embedding, of each block, and of the affine layer."""
        rng = np.random.default_rng(SEED)
        V, D = self.characters, self.width

        def drawn(n: int, m: int) -> np.ndarray:
            return (rng.standard_normal((n, m)) / np.sqrt(n)).astype(np.float32)

        def block() -> dict[str, np.ndarray]:
            made = {name: drawn(n * D, m * D) for name, (n, m) in SHAPES.items()}
            zeros = {"b1": np.zeros(4 * D, np.float32), "b2": np.zeros(D, np.float32)}
            ones = {name: np.ones(D, np.float32) for name in ("g1", "g2")}
            return made | zeros | ones

        return drawn(V, D), [block() for _ in range(self.blocks)], drawn(D, V)

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Characters (N, T), and those that follow them (N · T,)."""
        rng = np.random.default_rng(SEED + 1)
        text = rng.integers(self.characters, size=(BATCHES, self.batch, self.length + 1))
        found = [(np.ascontiguousarray(c[:, :-1]), c[:, 1:].reshape(-1)) for c in text]
        return itertools.cycle(found)


def block_of(xp: Any, heads: int, x: Any, w: Any) -> Any:
    """A block, as it is written for NumPy and for what looks like it; x (N, T, D)."""
    N, T, D = x.shape

    def normed(x: Any, g: Any) -> Any:
        c = x - x.mean(axis=-1, keepdims=True)
        return g * c / xp.sqrt((c * c).mean(axis=-1, keepdims=True) + EPS)

    def split(z: Any) -> Any:
        return z.reshape(N, T, heads, D // heads).transpose(0, 2, 1, 3)

    y = normed(x, w["g1"])
    q, k, v = (split(y @ w[name]) for name in ("Wq", "Wk", "Wv"))
    a = q @ k.transpose(0, 1, 3, 2) / float(np.sqrt(D // heads))
    a = xp.where(np.tril(np.ones((T, T), bool)), a, -1e9)
    e = xp.exp(a - a.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    x = x + (p @ v).transpose(0, 2, 1, 3).reshape(N, T, D) @ w["Wo"]
    y = normed(x, w["g2"])
    return x + xp.maximum(y @ w["W1"] + w["b1"], 0) @ w["W2"] + w["b2"]


def compiled(problem: Transformer, engine: str = "numpy") -> Run:
    """Our compiled step."""
    from clearprop import Affine, Embedding, Layer, Network
    from clearprop.compiler import compile
    from clearprop.training import Adam

    class Block(Layer):
        """As a learner would write it; differentiated as it stands."""

        params = (*SHAPES, "b1", "b2", "g1", "g2")

        def __init__(self, w: dict[str, np.ndarray]) -> None:
            vars(self).update(w)

        def forward(self, x: Any) -> Any:
            w = {name: getattr(self, name) for name in self.params}
            return block_of(np, problem.heads, x, w)

    class Rows(Layer):
        """The characters of all texts below each other."""

        def forward(self, x: Any) -> Any:
            return x.reshape(-1, x.shape[-1])

    W, blocks, Wo = problem.weights()
    bo = np.zeros(len(W), np.float32)
    network = Network([Embedding(W), *map(Block, blocks), Rows(), Affine(Wo, bo)])
    return runner(problem, compile(network, Adam(RATE), engine=engine))


def compiled_with_c(problem: Transformer) -> Run:
    """Our compiled step with kernels in C."""
    return compiled(problem, engine="c")


def eager(problem: Transformer) -> Run:
    """PyTorch, with its own attention and normalisation."""
    import torch
    from torch import nn
    from torch.nn import functional

    N, T, D, heads = problem.batch, problem.length, problem.width, problem.heads

    def parameter(value: np.ndarray) -> Any:
        return nn.Parameter(torch.from_numpy(np.ascontiguousarray(value)))

    class Block(nn.Module):
        def __init__(self, w: dict[str, np.ndarray]) -> None:
            super().__init__()
            for name, value in w.items():
                setattr(self, name, parameter(value.T))

        def forward(self, x: Any) -> Any:
            def split(z: Any) -> Any:
                return z.view(N, T, heads, D // heads).transpose(1, 2)

            y = functional.layer_norm(x, (D,), self.g1, eps=EPS)
            q, k, v = (split(functional.linear(y, W)) for W in (self.Wq, self.Wk, self.Wv))
            a = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + functional.linear(a.transpose(1, 2).reshape(N, T, D), self.Wo)
            y = functional.layer_norm(x, (D,), self.g2, eps=EPS)
            return x + functional.linear(
                torch.relu(functional.linear(y, self.W1, self.b1)), self.W2, self.b2
            )

    W, blocks, Wo = problem.weights()
    embedding, affine = nn.Embedding(*W.shape), nn.Linear(D, len(W))
    embedding.weight, affine.weight = parameter(W), parameter(Wo.T)
    nn.init.zeros_(affine.bias)
    model = nn.Sequential(embedding, *map(Block, blocks), nn.Flatten(0, 1), affine)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)

    def step(x: Any, t: Any) -> float:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(t))
        loss.backward()
        optimizer.step()
        return loss.item()

    return runner(problem, step)


def jitted(problem: Transformer) -> Run:
    """JAX: a jitted step."""
    import jax
    import jax.numpy as jnp

    def loss_of(w: Any, x: Any, t: Any) -> Any:
        W, blocks, Wo, bo = w
        y = W[x]
        for block in blocks:
            y = block_of(jnp, problem.heads, y, block)
        scores = y.reshape(-1, problem.width) @ Wo + bo
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(scores), t[:, None], axis=1))

    def update(state: Any, x: Any, t: Any) -> Any:
        w, m, v, n = state
        loss, grads = jax.value_and_grad(loss_of)(w, x, t)
        n = n + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)

        def moved(p: Any, m: Any, v: Any) -> Any:
            return p - RATE * (m / (1 - 0.9**n)) / (jnp.sqrt(v / (1 - 0.999**n)) + 1e-8)

        return (jax.tree.map(moved, w, m, v), m, v, n), loss

    jit = jax.jit(update, donate_argnums=0)
    W, blocks, Wo = problem.weights()
    w = jax.tree.map(jnp.asarray, (W, blocks, Wo, np.zeros(len(W), np.float32)))
    state = (w, *(jax.tree.map(jnp.zeros_like, w) for _ in range(2)), jnp.float32(0))

    def step(x: Any, t: Any) -> float:
        nonlocal state
        state, loss = jit(state, x, t)
        return float(loss)

    return runner(problem, step)
