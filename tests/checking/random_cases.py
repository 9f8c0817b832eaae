"""Our layers at random shapes, magnitudes and dtypes, with kinks and ties, from a seed."""

import numpy as np

from clearprop import AddLayer, Affine, MulLayer, Relu, Sigmoid, Softmax, SoftmaxWithLoss

MAGNITUDES = [1e-30, 1e-8, 1e-3, 1.0, 1.0, 1.0, 1e3, 1e8, 1e30]


def shape(rng, least=1, most=4):
    return tuple(int(n) for n in rng.integers(1, 7, rng.integers(least, most)))


def values(rng, size, magnitude=None):
    """Numbers of some magnitude; one case in three has zeros and equal values in it."""
    x = rng.standard_normal(size)
    if rng.random() < 1 / 3:
        x = np.round(x)
    scale = rng.choice(MAGNITUDES) if magnitude is None else magnitude
    x = x * scale
    if rng.random() < 1 / 3 and abs(scale) < 1e20:
        x = x.astype(np.float32)
    if rng.random() < 0.2 and np.ndim(x) > 1:
        x = np.asfortranarray(x)
    return x


def affine(rng):
    n_in, n_out = rng.integers(1, 8, 2)
    layer = Affine(values(rng, (n_in, n_out)), values(rng, n_out))
    batch = () if rng.random() < 0.1 else (int(rng.integers(1, 6)),)
    return layer, (values(rng, (*batch, n_in)),)


def softmax(rng):
    # Beyond some thousands every probability is 0 or 1 and every derivative 0.
    magnitude = rng.choice([1e-30, 1e-3, 1.0, 1.0, 10.0, 1e4])
    return Softmax(), (values(rng, shape(rng), magnitude),)


def loss(rng):
    n, c = int(rng.integers(1, 7)), int(rng.integers(2, 7))
    x = values(rng, (n, c), rng.choice([1e-3, 1.0, 1.0, 10.0, 1e3]))
    numbers = rng.integers(c, size=n)
    kinds = [numbers, np.eye(c)[numbers], rng.dirichlet(np.ones(c), n)]
    return SoftmaxWithLoss(), (x, kinds[rng.integers(3)])


def elementwise(cls):
    return lambda rng: (cls(), (values(rng, shape(rng, 0)),))


def pair(cls):
    def make(rng):
        full = shape(rng, 0)
        other = tuple(1 if rng.random() < 0.3 else n for n in full)[int(rng.integers(0, 2)) :]
        x, y = values(rng, full), values(rng, other)
        return cls(), (x, y) if rng.random() < 0.5 else (y, x)

    return make


MAKERS = [
    affine,
    elementwise(Relu),
    elementwise(Sigmoid),
    softmax,
    loss,
    pair(AddLayer),
    pair(MulLayer),
]


def case(seed):
    rng = np.random.default_rng(seed)
    return MAKERS[seed % len(MAKERS)](rng)
