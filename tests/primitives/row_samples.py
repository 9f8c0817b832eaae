"""Calls on which the tests try the rows, by the name of the row, as a user writes them."""

from typing import Any

import numpy as np

from clearprop.primitives.indexing import Place
from clearprop.primitives.table import Call


class Normal:
    """Stands in a call for an array of that shape of normally distributed numbers."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def drawn(self, rng: np.random.Generator) -> Any:
        return rng.standard_normal(self.shape)


class Symmetric(Normal):
    def drawn(self, rng: np.random.Generator) -> Any:
        x = super().drawn(rng)
        return x + np.swapaxes(x, -1, -2)


class Definite(Normal):
    def drawn(self, rng: np.random.Generator) -> Any:
        x = super().drawn(rng)
        return x @ np.swapaxes(x, -1, -2) + 2 * np.eye(self.shape[-1])


class Regular(Normal):
    """Matrices far from singular."""

    def drawn(self, rng: np.random.Generator) -> Any:
        return super().drawn(rng) + 3 * np.eye(self.shape[-1])


def call(*args: Any, **kwargs: Any) -> Call:
    return args, kwargs


def pairs(*shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> list[Call]:
    return [call(Normal(*first), Normal(*second)) for first, second in shapes]


def drawn(value: Any, rng: np.random.Generator) -> Any:
    """A call with numbers, each `Normal` in it drawn anew."""
    if isinstance(value, Normal):
        return value.drawn(rng)
    return type(value)(drawn(v, rng) for v in value) if isinstance(value, list | tuple) else value


RUNNING = [
    call(Normal(5)),
    call(Normal(3, 4)),
    call(Normal(3, 4), 0),
    call(Normal(2, 3, 4), axis=-2),
]
OF_EIGENVALUES = [call(Symmetric(3, 3)), call(Symmetric(2, 3, 3), "U"), call(np.array([[2.0]]))]
SQUARE = [
    call(Regular(3, 3)),
    call(Regular(2, 1, 3, 3)),
    call(Regular(1, 1)),
    call(np.zeros((0, 0))),
]
SINGULAR = np.array([[0.3, -1.2, 0.8], [1.1, 0.4, -0.5], [-0.8, -1.6, 1.3]])
WITH_SINGULAR = [*SQUARE, call(SINGULAR), call(np.eye(3))]
MASK = np.array([True, False, True, True])
OVER_GROUPS = [
    call(Normal(3, 4)),
    call(Normal(3, 4), 1),
    call(Normal(4), axis=-1, keepdims=True),
    call(Normal(2, 3, 4), axis=(0, -1)),
    call(Normal(2, 3, 4), axis=(2, 0), keepdims=True),
]
PLAIN = [*OVER_GROUPS, call(np.float64(0.7))]
MASKED = [
    *PLAIN,
    call(Normal(3, 4), axis=1, where=MASK),
    call(Normal(3, 4), where=np.ones((3, 4), bool), keepdims=True),
]
# More than one element a group, so that a standard deviation has a derivative.
SPREAD = [
    *OVER_GROUPS,
    call(Normal(5, 4), 0, ddof=1, where=np.arange(5)[:, None] != 2),
    call(Normal(5, 4), axis=0, correction=1.5, keepdims=True),
    call(Normal(5, 4), axis=1, mean=np.full((5, 1), 0.25)),
]
INITIAL = [*PLAIN, *(call(Normal(3, 4), 1, initial=x, where=MASK) for x in (-9.0, 0.0, 9.0))]
ZEROS = np.array([[0.5, 0.0, -1.2, 2.0], [-0.7, 1.5, 0.0, 0.0], [1.1, -0.3, 0.9, 1.6]])
EINSUM = [
    call("ij,jk->ik", Normal(2, 3), Normal(3, 4)),
    call("ij,jk", Normal(2, 3), Normal(3, 4), optimize=True),
    call("ij,jk,kl->il", Normal(2, 3), Normal(3, 4), Normal(4, 2), optimize="greedy"),
    call("ij,jk,ki", Normal(2, 3), Normal(3, 4), Normal(4, 2)),
    call("ij,ij", Normal(2, 3), Normal(2, 3)),
    call("ij->ji", Normal(2, 3)),
    call("ba", Normal(2, 3)),
    call("ij->j", Normal(2, 3)),
    call("ij->", Normal(2, 3)),
    call("ij,k->i", Normal(2, 3), Normal(4)),
    call("ii->i", Normal(3, 3)),
    call("ii", Normal(3, 3)),
    call("iij->j", Normal(3, 3, 1)),
    call("...ii->...", Normal(2, 3, 3)),
    call("...ij,jk->...ik", Normal(2, 3, 3), Normal(3, 4)),
    call("...i,...i", Normal(2, 3, 3), Normal(2, 1, 3)),
    call("i...,i...->...", Normal(2, 3), np.ones((2, 1))),
    call("ij,ij->ij", Normal(1, 3), Normal(2, 3)),
    call("ij,ij->j", Normal(2, 1), Normal(2, 3)),
    call("ij,jk->ik", Normal(2, 1), Normal(3, 4)),
    call("i,j->ij", Normal(3), Normal(4)),
    call(",i->i", Normal(), Normal(3)),
    call(Normal(2, 3), [0, 1], Normal(3, 4), [1, 2], [0, 2]),
    call(Normal(2, 3), [1, 0]),
    call(Normal(2, 3, 3), [..., 0, 1], Normal(2, 3), [..., 1], [..., 0]),
    call("ij,jk->ik", np.zeros((2, 0)), np.zeros((0, 3))),
]

SAMPLES: dict[str, list[Call]] = {
    "np.ldexp": [call(Normal(3, 4), np.array([-3, 0, 1, 3]))],
    "np.cumsum": RUNNING,
    "np.cumprod": [*RUNNING, call(np.array([2.0, 0.0, 3.0, 0.0, 4.0]))],
    "np.linalg.cholesky": [
        call(Definite(3, 3)),
        call(Definite(2, 2, 2)),
        call(Definite(3, 3), upper=True),
        call(np.zeros((0, 0))),
    ],
    "np.linalg.eigh": OF_EIGENVALUES,
    "np.linalg.eigvalsh": OF_EIGENVALUES,
    "np.linalg.svd": [
        call(Normal(3, 3)),
        call(Normal(4, 2), full_matrices=False),
        call(Normal(2, 2, 3), False),
        call(Normal(3, 2), compute_uv=False),
    ],
    "np.linalg.qr": [
        call(Normal(3, 3)),
        call(Normal(2, 4, 2)),
        call(Normal(2, 4), "complete"),
        call(Normal(4, 3), mode="r"),
    ],
    "clearprop.untied": [call(Normal(3, 2), np.array([1.0, 2.0]), name="f")],
    "clearprop.full_rank": [call(np.array([[1.0, 0.3, -0.4], [0.0, -2.0, 0.7], [0.0, 0.0, 1.5]]))],
    "np.einsum": EINSUM,
    "clearprop.getitem": [
        call(Normal(3, 4), form=(slice(1, None), 2)),
        call(Normal(3, 4), np.array([0, 2, 0]), form=(Place(0),)),
    ],
    "clearprop.put_at": [call(Normal(3), np.array([0, 2, 0]), form=(Place(0),), shape=(4,))],
    "np.concatenate": [
        call([Normal(2, 3), Normal(1, 3)]),
        call((Normal(2, 3), Normal(2, 3), Normal(1, 3)), None),
        call([Normal(2, 3), Normal(2, 0), Normal(2, 3)], -1),
        call([Normal(2, 3), np.arange(6).reshape(2, 3)], axis=1, dtype=np.float64),
    ],
    "np.stack": [
        call([Normal(2, 3), Normal(2, 3)]),
        call([Normal(2, 3), Normal(2, 3), Normal(2, 3)], 1),
        call([Normal(2, 3), Normal(2, 3)], axis=-1),
        call([Normal(), np.float64(2)]),
    ],
    "np.linalg.inv": SQUARE,
    "np.linalg.solve": [
        call(Regular(3, 3), Normal(3)),
        call(Regular(3, 3), Normal(3, 2)),
        call(Regular(2, 3, 3), Normal(3)),
        call(Regular(2, 1, 3, 3), Normal(4, 3, 2)),
        call(Regular(3, 3), Normal(2, 3, 1)),
    ],
    "np.linalg.det": WITH_SINGULAR,
    "clearprop.cofactors": WITH_SINGULAR,
    "np.linalg.slogdet": SQUARE,
    "np.linalg.pinv": [call(Normal(4, 3)), call(Normal(2, 2, 4))],
    "np.linalg.lstsq": [
        call(Normal(5, 3), Normal(5)),
        call(Normal(5, 3), Normal(5, 2), rcond=1e-10),
        call(Normal(2, 3), Normal(2, 2)),
    ],
    "np.linalg.norm": [
        call(Normal(3, 4)),
        call(Normal(2, 3, 4)),
        call(Normal(4), 2),
        *(call(Normal(3, 4), p, axis=1) for p in (None, 1, 2, 3, 0.5, -2, np.inf, -np.inf, 0)),
        call(Normal(4), 3, keepdims=True),
        *(
            call(Normal(2, 3, 4), p, axis=(2, 0))
            for p in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
        ),
        call(Normal(3, 4), "nuc", keepdims=True),
        call(np.zeros((2, 0))),
    ],
    "np.pad": [
        call(Normal(3, 4), 1),
        call(Normal(3, 4), ((0, 2), (1, 0)), constant_values=5.0),
        call(Normal(3, 4), (1, 2), "edge"),
        call(Normal(3, 4), ((2, 2), (3, 3)), mode="reflect"),
        call(Normal(3, 4), ((4, 2), (0, 5)), mode="symmetric"),
        call(Normal(3, 4), ((4, 0), (1, 9)), mode="wrap"),
        call(Normal(3, 4), {-1: (1, 2)}),
    ],
    "np.matmul": pairs(
        ((3, 4), (4, 2)),
        ((4,), (4,)),
        ((4,), (5, 4, 2)),
        ((5, 2, 4), (4,)),
        ((5, 1, 3, 4), (2, 4, 2)),
        ((5, 3, 4), (4, 2)),
        ((3, 0), (0, 2)),
    ),
    "np.vecdot": [
        call(Normal(3), Normal(3)),
        call(Normal(2, 1, 3), Normal(4, 3)),
        call(Normal(2, 0), Normal(0)),
        call(Normal(3, 2), Normal(3, 1), axis=0),
    ],
    "np.matvec": pairs(((3, 4), (4,)), ((5, 3, 4), (2, 1, 4)), ((3, 0), (0,))),
    "np.vecmat": pairs(((3,), (3, 4)), ((2, 1, 3), (5, 3, 4)), ((0,), (0, 2))),
    "np.dot": pairs(
        ((3, 4), (4, 2)),
        ((4,), (4,)),
        ((2, 3, 4), (4,)),
        ((4,), (2, 4, 3)),
        ((2, 3), (5, 3, 4)),
        ((2, 2, 3), (3, 4)),
        ((), (3, 2)),
        ((3,), ()),
        ((3, 0), (0, 2)),
    ),
    "np.inner": pairs(
        ((4,), (4,)), ((3, 4), (2, 4)), ((2, 3, 4), (4,)), ((4,), (2, 4)), ((), (2, 3))
    ),
    "np.outer": pairs(((3,), (4,)), ((2, 2), (3,)), ((), (3,)), ((0,), (2,))),
    "np.vdot": pairs(((3,), (3,)), ((2, 3), (3, 2)), ((), ()), ((2, 0), (0,))),
    "np.tensordot": [
        call(Normal(2, 3, 4), Normal(4, 3, 2), 1),
        call(Normal(2, 3, 4), Normal(3, 4, 2), axes=2),
        call(Normal(2, 3, 4), Normal(4, 3, 2), axes=([1, 0], [1, -1])),
        call(Normal(2, 3, 4), Normal(4, 3, 2), axes=([2, 0, 1], [0, 2, 1])),
        call(Normal(2, 3, 4), Normal(4, 3, 2), (-1, 0)),
        call(Normal(2, 3, 4), Normal(2), 0),
    ],
    "np.sum": MASKED,
    "np.prod": [*INITIAL, call(ZEROS, 1)],
    "np.mean": MASKED,
    "np.var": SPREAD,
    "np.std": SPREAD,
    **dict.fromkeys(("np.max", "np.amax", "np.min", "np.amin"), INITIAL),
    "scipy.special.zeta": [call(np.array([[2], [4], [3]]), np.array([0.6, 1.1, 1.9, 2.8]))],
    "np.where": [
        call(np.eye(3, 4, dtype=bool), Normal(3, 4), Normal(3, 4)),
        call(np.eye(3, 4, dtype=bool), Normal(1, 4), 2.0),
        call(np.array(True), Normal(4), Normal(3, 4)),
    ],
    "np.clip": [
        call(Normal(5, 4), -0.5, 0.5),
        call(Normal(5, 4), min=np.full(4, 0.1)),
        call(Normal(5, 4), None, np.full((5, 1), 0.1)),
        call(Normal(5, 4), np.full(4, 0.3), np.array([0.5, 0.2, -0.1, 0.6])),
    ],
    "np.take": [
        call(Normal(3, 4), np.array([[0, 11], [5, 5]])),
        call(Normal(3, 4), np.array([2, 0, -1, 2]), axis=1),
        call(Normal(3, 4), np.array([4, -9, 1]), 0, mode="wrap"),
        call(Normal(3, 4), np.array([4, -9, 1]), axis=-2, mode="clip"),
        call(Normal(3, 4), 1, axis=1),
    ],
    "np.take_along_axis": [
        call(Normal(3, 4), np.array([[0, 3, 3, 1, 2, 0]] * 3), 1),
        call(Normal(3, 4), np.array([[0, 2, 2, 1], [1, 2, 0, 0]]), axis=0),
        call(Normal(3, 4), np.array([[3, 1]]), -1),
        call(Normal(3, 4), np.array([0, 11, 5, 5, 2]), axis=None),
    ],
    "np.sort": [call(Normal(3, 4)), call(Normal(3, 4), 0), call(Normal(3, 4), axis=None)],
    "np.diagonal": [
        call(Normal(3, 4)),
        call(Normal(3, 4), 1),
        call(Normal(2, 3, 4, 5), offset=-1, axis1=-1, axis2=1),
    ],
    "np.bincount": [
        call(np.array([0, 3, 3, 1]), Normal(4)),
        call(np.array([0, 3, 3, 1]), Normal(4), 6),
    ],
    "np.reshape": [
        call(Normal(3, 4), (2, 6)),
        call(Normal(3, 4), -1),
        call(Normal(3, 4), (4, -1), order="F"),
        call(np.linspace(-1, 1, 12).reshape(3, 4).T, (2, 6), order="A"),
        call(Normal(1), ()),
    ],
    "np.ravel": [
        call(Normal(3, 4)),
        call(Normal(3, 4), "F"),
        call(np.linspace(-1, 1, 12).reshape(3, 4).T, order="K"),
    ],
    "np.expand_dims": [call(Normal(3, 4), (0, 2)), call(Normal(3), -1)],
    "np.squeeze": [
        call(Normal(1, 3, 1)),
        call(Normal(1, 3, 1), -1),
        call(Normal(1, 1), axis=(0, 1)),
    ],
    "np.broadcast_to": [
        call(Normal(1, 4), (2, 3, 4)),
        call(Normal(), 3),
        call(Normal(3, 1), (3, 0)),
    ],
    "np.transpose": [
        call(Normal(2, 3, 4)),
        call(Normal(2, 3, 4), (2, 0, 1)),
        call(Normal(2, 3, 4), axes=(-2, 0, -1)),
    ],
    "np.matrix_transpose": [call(Normal(2, 3, 4))],
    "np.swapaxes": [call(Normal(3, 4, 2), 0, -1)],
    "np.moveaxis": [call(Normal(3, 4, 2), 0, -1), call(Normal(3, 4, 2), (0, -1), (1, 0))],
    "np.flip": [call(Normal(3, 4)), call(Normal(3, 4), -1), call(Normal(3, 4, 2), axis=(0, 2))],
    "np.roll": [
        call(Normal(3, 4), 2),
        call(Normal(3, 4), -1, 1),
        call(Normal(3, 4), (1, -2), axis=(0, 1)),
        call(Normal(3, 4), 1, axis=(0, 1)),
    ],
    "np.rot90": [call(Normal(3, 4)), call(Normal(3, 4, 2), 3, (1, -1))],
    "np.tile": [
        call(Normal(2, 3), 2),
        call(Normal(2, 3), (3, 1, 2)),
        call(Normal(), (2, 2)),
        call(Normal(2, 3), (0, 1)),
    ],
    "np.repeat": [
        call(Normal(2, 3), 2),
        call(Normal(2, 3), 2, axis=-1),
        call(Normal(2, 3), [1, 0, 3], axis=1),
        call(Normal(2, 3), [2], 0),
        call(Normal(2, 3), [1, 2, 0, 1, 3, 1]),
    ],
    "np.copy": [call(Normal(3, 4), order="F")],
    "np.astype": [call(Normal(3, 4), np.float64, copy=False)],
    "np.lib.stride_tricks.sliding_window_view": [
        call(Normal(5), 3),
        call(Normal(4, 5), (2, 3)),
        call(Normal(4, 5), 2, axis=0),
        call(Normal(4, 5), (3, 2), axis=(-1, 0)),
        call(Normal(4, 5), (2, 2), axis=(1, 1)),
    ],
    "clearprop.add_windows": [
        call(Normal(3, 2), shape=(4,), axes=(0,)),
        call(Normal(3, 2, 4, 2), shape=(4, 5), axes=(1, 0)),
    ],
}
