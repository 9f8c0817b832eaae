"""Products of vectors, matrices and stacks of them."""

import numpy as np

from clearprop.primitives.broadcasting import sum_to
from clearprop.primitives.table import primitive


def _matmul_x1(dout, out, x1, x2):
    if np.ndim(x2) == 1:
        grad = np.expand_dims(dout, -1) * x2
        return sum_to(grad, np.shape(x1))
    if np.ndim(x1) == 1:
        grad = np.matmul(x2, np.expand_dims(dout, -1))
        return sum_to(np.reshape(grad, np.shape(grad)[:-1]), np.shape(x1))
    return sum_to(np.matmul(dout, np.swapaxes(x2, -1, -2)), np.shape(x1))


def _matmul_x2(dout, out, x1, x2):
    if np.ndim(x1) == 1:
        if np.ndim(x2) == 1:
            return dout * x1
        return sum_to(np.expand_dims(x1, -1) * np.expand_dims(dout, -2), np.shape(x2))
    if np.ndim(x2) == 1:
        grad = np.matmul(np.swapaxes(x1, -1, -2), np.expand_dims(dout, -1))
        return sum_to(np.reshape(grad, np.shape(grad)[:-1]), np.shape(x2))
    return sum_to(np.matmul(np.swapaxes(x1, -1, -2), dout), np.shape(x2))


ROWS = (
    primitive(
        np.matmul,
        "x1 x2",
        ("dout x2ᵀ", _matmul_x1),
        ("x1ᵀ dout", _matmul_x2),
        symbol="@",
        bind=lambda args, kwargs: (args, kwargs),
        samples=lambda rng: [
            ((rng.standard_normal((3, 4)), rng.standard_normal((4, 2))), {}),
            ((rng.standard_normal(4), rng.standard_normal((5, 4, 2))), {}),
            ((rng.standard_normal((5, 2, 4)), rng.standard_normal(4)), {}),
            ((rng.standard_normal(4), rng.standard_normal(4)), {}),
            ((rng.standard_normal((5, 1, 3, 4)), rng.standard_normal((2, 4, 2))), {}),
        ],
    ),
)
