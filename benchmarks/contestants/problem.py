"""The training problem that all contestants are given."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

Run = Callable[[int], float]
"""Goes so many steps on and returns the loss of the last."""

SEED = 0
RATE = 0.1


@dataclass(frozen=True)
class Problem:
    """Learn MNIST with fully connected layers of these sizes and ReLU between them, by SGD.

    A step takes the rows of a batch out of all 60,000 images, computes loss and derivatives, and
    updates the parameters. With `small` there are 1,000 made-up images instead.
    """

    sizes: tuple[int, ...]
    batch: int
    small: bool = False

    @cached_property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Images (N, 784) float32 from 0 to 1, and class numbers (N,) int64."""
        if self.small:
            rng = np.random.default_rng(SEED)
            x = rng.random((1000, self.sizes[0]), dtype=np.float32)
            x = np.rint(255 * x) / np.float32(255)
            return x, rng.integers(self.sizes[-1], size=1000)
        from clearprop.datasets import mnist_dataset

        dataset = mnist_dataset(np.float32)
        return dataset.x_train, dataset.t_train

    @property
    def largest_product(self) -> int:
        """Multiply-adds of the largest matrix product of a step."""
        return self.batch * max(n * m for n, m in itertools.pairwise(self.sizes))

    def weights(self, dtype: type = np.float32) -> list[tuple[np.ndarray, np.ndarray]]:
        """The first (W, b) of every layer, drawn after He."""
        rng = np.random.default_rng(SEED)
        return [
            (
                (rng.standard_normal((n, m)) * np.sqrt(2 / n)).astype(dtype),
                np.zeros(m, dtype),
            )
            for n, m in itertools.pairwise(self.sizes)
        ]

    def batches(self) -> Iterator[np.ndarray]:
        """Row numbers of one batch after the other, as the book draws them; 500, then again."""
        draw = np.random.RandomState(SEED)
        n = len(self.data[0])
        return itertools.cycle([draw.choice(n, self.batch) for _ in range(500)])
