"""Whether a picture is like those that a network learned from."""

import numpy as np

KNOWN, TRIED = 10_000, 500
"""So many training images are compared with, and so many test images say how near is usual."""


class Likeness:
    """How far pictures are from images that were learned, measured by how far others are.

    `x_train` and `x_test` are images of one kind, a row each, as in a `Dataset` of bytes. A picture
    is unlike what was learned if its nearest training image is farther away than that of 99 of 100
    test images are, as the root of the summed squares of differences. A random choice of both is
    enough. It says nothing of what the network makes of the picture.

    >>> x = np.random.default_rng(0).integers(200, 255, (2000, 16)).astype(np.uint8)
    >>> Likeness(x[:1000], x[1000:]).unlike(np.float32([x[0] / 255, np.zeros(16)]))
    array([False,  True])
    """

    def __init__(self, x_train: np.ndarray, x_test: np.ndarray) -> None:
        rng = np.random.default_rng(0)
        self._known, tried = (
            rng.permutation(x)[:count].astype(np.float32) / 255
            for x, count in ((x_train, KNOWN), (x_test, TRIED))
        )
        self.usual = float(np.quantile(self._nearest(tried), 0.99))

    def unlike(self, x: np.ndarray) -> np.ndarray:
        """Which of the pictures (N, D), 0 to 1, are unlike what was learned: (N,), bool."""
        return self._nearest(x) > self.usual

    def _nearest(self, x: np.ndarray) -> np.ndarray:
        """How far the nearest training image is, (N,)."""
        squares = (x**2).sum(1)[:, np.newaxis] - 2 * x @ self._known.T + (self._known**2).sum(1)
        return np.sqrt(np.maximum(squares.min(axis=1), 0))
