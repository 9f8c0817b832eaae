"""Twenty networks, which every engine runs; and a program that runs them with one of them.

`python tests/compiler/twenty.py --engine jax --devices 4` prints how far 20 steps in float32 are
from the same steps in float64, as a multiple of how far NumPy's float32 is.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "networks"))

from one_file_layers import BatchNorm, Dropout, affine, rng, weights
from one_file_networks import CASES, Language
from one_file_sequences import BareEmbedding, Rnn

from clearprop import Convolution, Flatten, Network, Pooling, Relu
from clearprop.compiler import compile
from clearprop.training import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop

ROWS, STEPS = 8, 20

OPTIMIZERS = (
    lambda: SGD(0.05),
    lambda: Momentum(0.02, 0.9),
    lambda: Adam(0.01),
    lambda: Nesterov(0.02, 0.8, weight_decay=0.01),
    lambda: AdaGrad(0.05, clip_norm=1.0),
    lambda: RMSprop(0.01, groups={"*b*": {"lr": 0.02}}),
    lambda: AdamW(0.01, weight_decay=0.05, clip_value=0.5),
    lambda: SGD(lambda step: 0.1 / step),
)


def convolutional():
    """Convolutions, pools of both kinds, padding, strides, normalisation, dropout."""
    filters = [weights(3, 1, 3, 3), weights(4, 3, 2, 2, seed=1)]
    return Network(
        [
            Convolution(filters[0], np.zeros(3), pad=1),
            Relu(),
            Pooling(2, 2),
            Convolution(filters[1], None, stride=2, pad=1),
            Pooling(2, 2, stride=1, kind="average"),
            Flatten(),
            BatchNorm(16),
            Dropout(0.2),
            affine(16, 3, seed=2),
        ],
        rng=rng(5),
    )


def wide():
    """The usual chain, and wide enough for sums to matter."""
    return Network([affine(784, 50), Relu(), affine(50, 10, seed=1)])


NAMES = (
    *("swish", "prelu", "gaussian noise", "drop path", "batch norm", "layer norm"),
    *("block by hand", "shared by hand", "deep", "cell", "lazy cell", "bare embedding"),
    *("causal", "heads", "skip", "two outputs", "tied transpose"),
)
# A bias of attention's keys has the derivative 0, and what Adam makes of its rounding is chance:
# the two that have one are at the place of SGD.
TWENTY = {
    "wide": (wide, np.zeros((1, 784)), np.array([9])),
    "convolutional": (convolutional, np.zeros((1, 1, 8, 8)), np.array([2])),
    "language": (lambda: Language(Rnn(4, 4), BareEmbedding), *CASES["language"][1:]),
    **{name: CASES[name] for name in NAMES},
}


def batches(like, seed):
    """Batches for all steps, of arrays like these: floats, or numbers up to the largest."""
    if isinstance(like, tuple):
        return list(zip(*(batches(part, seed + i) for i, part in enumerate(like)), strict=True))
    draw, shape = rng(seed), (STEPS, ROWS, *like.shape[1:])
    if like.dtype.kind == "i":
        return list(draw.integers(like.max() + 1, size=shape))
    return list(draw.standard_normal(shape))


def cast(x, dtype):
    if isinstance(x, tuple):
        return tuple(cast(part, dtype) for part in x)
    return x.astype(dtype) if x.dtype.kind == "f" else x


def trained(name, dtype, **how):
    """The losses of 20 steps of one network, and all it has learned; and its step."""
    make, x, t = TWENTY[name]
    network = make().astype(dtype)
    optimizer = OPTIMIZERS[list(TWENTY).index(name) % len(OPTIMIZERS)]()
    step = compile(network, optimizer, **how)
    pairs = zip(batches(x, 21), batches(t, 41), strict=True)
    losses = [step(cast(x, dtype), cast(t, dtype)) for x, t in pairs]
    learned = [network.params[n] for n in network.params]
    learned += [getattr(layer, a) for _, layer, a, _ in network.members.stateful]
    learned += [optimizer.arrays[n] for n in optimizer.arrays]
    return np.array(losses), [np.array(a) for a in learned], step


def distance(found, exact):
    """The largest difference, relative to the largest number of each array."""
    pairs = zip((found[0], *found[1]), (exact[0], *exact[1]), strict=True)
    return max(float(abs(a - b).max() / max(abs(b).max(), 1e-3)) for a, b in pairs)


def ratio(name, **how):
    """How far from float64 an engine's float32 is, as a multiple of NumPy's."""
    exact = trained(name, np.float64)
    numpy = max(distance(trained(name, np.float32), exact), np.finfo(np.float32).eps)
    return distance(trained(name, np.float32, **how), exact) / numpy


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(TWENTY))
    parser.add_argument("--engine", default="jax")
    parser.add_argument("--devices", type=int)
    parser.add_argument("--coordinator")
    parser.add_argument("--process", type=int)
    parser.add_argument("--processes", type=int)
    args = parser.parse_args()
    if args.coordinator:
        from clearprop.training.joining import join

        join(args.coordinator, args.process, args.processes)
    how = {"engine": args.engine, "devices": args.devices}
    for name in args.names:
        in_float32 = ratio(name, **how)
        in_float64 = distance(trained(name, np.float64, **how), trained(name, np.float64))
        print(
            f"{name:<16} float32 {in_float32:6.3f} × NumPy's   float64 {in_float64:.1e}", flush=True
        )


if __name__ == "__main__":
    main()
