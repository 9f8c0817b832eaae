"""Graphs and networks at random whose pages are edited: by seed, made the same way each time."""

import numpy as np

from clearprop import (
    Affine,
    BatchNormalization,
    Convolution,
    Dropout,
    Flatten,
    MeanSquaredError,
    Network,
    Pooling,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
    Tanh,
    Variable,
    graph,
)

ONE = [
    lambda a: a * a,
    lambda a: 3 * a,
    lambda a: 2.5 - a,
    lambda a: a / 7,
    lambda a: -a,
    lambda a: np.exp(0.3 * a),
    lambda a: np.log(a * a + 1),
    lambda a: np.sqrt(np.abs(a) + 0.25),
    np.tanh,
    np.sin,
    np.abs,
    lambda a: np.maximum(a, 0.5),
    lambda a: np.where(a > 1, a, 0.1 * a),
    lambda a: a**3,
    lambda a: Sigmoid()(a),
    lambda a: Relu()(a),
    lambda a: np.log(a),
    lambda a: 1 / a,
]
"""Of one value, number or array."""

TWO = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (b * b + 1),
    np.minimum,
    lambda a, b: a * b + a,
]
"""Of two of the same shape, or of a number and an array."""

REDUCED = [
    lambda a: a.sum(),
    lambda a: a.mean(),
    lambda a: a.max(),
    lambda a: (a * a).sum(axis=-1).mean(),
    lambda a: np.log(np.exp(a - a.max()).sum()),
    lambda a: np.mean(a.reshape(-1)[1:] - a.reshape(-1)[:-1]),
    lambda a: (a.T @ a).sum(),
]

SHAPES = [(3,), (2, 3), (4, 5), (12,), (8, 9), (2, 2, 3), (30,)]
EDITS = (0.0, 1.0, -1.0, 2.0, 0.5, 120.0, -0.001, 1e-9, 4e5)


def _round(rng, shape):
    return np.round(rng.standard_normal(shape) * 2, 3)


def numbers(seed):
    """A graph of numbers: what gives it, its inputs."""
    rng = np.random.default_rng(seed)
    inputs = [float(x) for x in _round(rng, int(rng.integers(1, 4)))]
    plan = rng.integers(0, 1000, (int(rng.integers(2, 8)), 3))

    def make(values):
        made = list(values)
        for kind, i, j in plan:
            a, b = made[i % len(made)], made[j % len(made)]
            two = kind % 2
            f = (TWO if two else ONE)[kind // 2 % len(TWO if two else ONE)]
            made.append(f(a, b) if two else f(a))
        return sum(made[1 : len(values)], made[0]) * 0.5 - made[-1]

    return make, inputs


def arrays(seed):
    """A graph of arrays, and at times a number among its inputs, that ends in a number."""
    rng = np.random.default_rng(seed)
    shape = SHAPES[seed % len(SHAPES)]
    inputs = [_round(rng, shape) for _ in range(int(rng.integers(1, 3)))]
    if rng.random() < 0.5:
        inputs.append(float(_round(rng, ())))
    if len(shape) == 2 and rng.random() < 0.5:
        inputs.append(_round(rng, shape[1:]))
    plan = rng.integers(0, 1000, (int(rng.integers(1, 6)), 3))
    end = REDUCED[int(rng.integers(len(REDUCED)))]

    def make(values):
        made = list(values)
        for kind, i, j in plan:
            a, b = made[i % len(made)], made[j % len(made)]
            two = kind % 2
            f = (TWO if two else ONE)[kind // 2 % len(TWO if two else ONE)]
            made.append(f(a, b) if two else f(a))
        return end(sum(made[1 : len(values)], made[0]) * 0.5 - made[-1])

    return make, inputs


def net(seed):
    """A network with its loss, an input and targets."""
    rng = np.random.default_rng(seed)

    def w(*shape):
        return np.round(rng.standard_normal(shape) * 0.6, 3)

    x, t = w(3, 4), np.array([0, 1, 2])
    activation = [Relu, Sigmoid, Tanh][seed % 3]
    kind = seed % 5
    if kind == 0:
        layers = [Affine(w(4, 3), w(3)), activation(), Affine(w(3, 3), w(3))]
    elif kind == 1:
        x = w(2, 1, 5, 5)
        layers = [Convolution(w(2, 1, 2, 2), w(2)), Relu(), Pooling(2, 2, 2), Flatten()]
        layers += [Affine(w(8, 3), w(3))]
        t = t[:2]
    elif kind == 2:
        layers = [
            Affine(w(4, 3), w(3)),
            BatchNormalization(np.ones(3), np.zeros(3)),
            activation(),
            Affine(w(3, 3), w(3)),
        ]
    elif kind == 3:
        layers = [Affine(w(4, 6), w(6)), activation(), Dropout(0.5), Affine(w(6, 3), w(3))]
    else:
        layers = [Affine(w(4, 3), w(3)), activation(), Affine(w(3, 2), w(2))]
        return Network(layers, loss=MeanSquaredError(), rng=np.random.default_rng(0)), x, w(3, 2)
    return Network(layers, loss=SoftmaxWithLoss(), rng=np.random.default_rng(0)), x, t


def save(path, make, inputs):
    """Write the page of a graph that gives these inputs the names v0, v1 …"""
    with np.errstate(all="ignore"):
        out = make([Variable(v, f"v{i}") for i, v in enumerate(inputs)])
    graph(out).save(path)
    return path


def save_net(path, seed, changes=()):
    """Write the page of a network's loss, with changes of its parameters or its input."""
    network, x, t = net(seed)
    for name, place, value in changes:
        (x if name == "x" else network.params[name])[place] = value
    with np.errstate(all="ignore"):
        graph(network.loss(Variable(x, "x"), t)).save(path)
    return path, network, x
