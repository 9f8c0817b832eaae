"""The settings of a run, as JSON: its network, its optimizer, its data."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np

from clearprop import __version__
from clearprop.errors import ConfigError
from clearprop.files import shown
from clearprop.layers import MeanSquaredError, SoftmaxWithLoss
from clearprop.networks import Network, conv_net, deep_conv_net, dense_layers
from clearprop.speech import LANGUAGES
from clearprop.training.optimizers.adagrad import AdaGrad
from clearprop.training.optimizers.adam import Adam
from clearprop.training.optimizers.adamw import AdamW
from clearprop.training.optimizers.base import Optimizer
from clearprop.training.optimizers.momentum import Momentum
from clearprop.training.optimizers.nesterov import Nesterov
from clearprop.training.optimizers.rmsprop import RMSprop
from clearprop.training.optimizers.settings import Setting
from clearprop.training.optimizers.sgd import SGD
from clearprop.training.schedules import Cosine, Exponential, StepDecay, Warmup

Make = Callable[[np.random.Generator], Network]
"""A function that makes a network of one's own; its first weights come from the generator."""

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}
"""The optimizers that a run can ask for by name."""

SCHEDULES: dict[str, Callable[[float, int], Setting]] = {
    "constant": lambda rate, steps: rate,
    "cosine": lambda rate, steps: Cosine(rate, steps),
    "step": lambda rate, steps: StepDecay(rate, -(-steps // 3)),
    "exponential": lambda rate, steps: Exponential(rate, steps, 0.01),
    "warmup": lambda rate, steps: Warmup(Cosine(rate, -(-steps * 19 // 20)), -(-steps // 20)),
}
"""How a rate may change over all steps: half a cosine down to 0; a tenth after each third; evenly
down to a hundredth; up over the first twentieth, and then a cosine."""

KINDS: dict[str, Callable[..., Network] | None] = {
    "two-layer": None,
    "conv": conv_net,
    "deep-conv": deep_conv_net,
    "own": None,
}
"""The kinds of networks, and what makes those of convolutions."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The settings of a run: what is needed to build its network again and to repeat it.

    >>> RunConfig(sizes=(784, 50, 10), seed=1).rate
    0.1
    """

    sizes: tuple[int, ...]
    """Of the input, the hidden layers and the output."""
    kind: str = "two-layer"
    """One of `KINDS`; one of `"own"` is made by a function that the settings do not name."""
    shape: tuple[int, ...] | None = None
    """That of a sample where the network takes images: channels, height and width."""
    activation: str = "relu"
    init: str | float = "he"
    batch_norm: bool = False
    dropout: float | None = None
    """The share that is left out behind hidden layers; `None` as is usual for the network."""
    batch: int = 100
    rate: float = 0.1
    optimizer: str = "sgd"
    """One of `OPTIMIZERS`."""
    schedule: str = "constant"
    """One of `SCHEDULES`."""
    weight_decay: float | None = None
    """`None` as is usual for the optimizer."""
    iterations: int = 10_000
    seed: int = 0
    dtype: str = "float32"
    compile: bool = True
    engine: str = "numpy"
    """What runs the steps, see `clearprop.compile`."""
    devices: int | None = None
    """How many devices share a batch, where the engine knows several."""
    patience: int | None = None
    """After how many epochs without a better score it ends; `None` for never."""
    validation: float | None = None
    """The share of the training data that was held out in place of the test data."""
    save_every: float = 30.0
    """Seconds from one checkpoint to the next at most."""
    data: str | None = None
    """The file or folder that it learned from; `None` for MNIST."""
    task: str = "classification"
    """Or "regression"."""
    form: dict[str, Any] | None = None
    """How the data became numbers, as the reader of the data wrote it; `None` for IDX files."""
    language: str | None = None
    """The one that was asked for, in which the run is told of; `None` for that of the reader."""
    version: str = __version__

    def network(self, rng: np.random.Generator | None = None, make: Make | None = None) -> Network:
        """Build the network with first weights drawn from `rng` (from `seed` where none is given).

        `make` makes a network of one's own, and is given for such a run alone.

        Errors: `ConfigError` for settings from which no network can be built, and where `make` is
        missing, out of place, or gives something else.
        """
        if self.least_bytes() >> 62:
            raise ConfigError(f"sizes {self.sizes} are more than any memory holds")
        rng = np.random.default_rng(self.seed) if rng is None else rng
        if (self.kind == "own") != (make is not None):
            raise ConfigError(
                f"the network is {self.kind}, and made from the settings; leave --network out"
                if make
                else "the network is one of your own, which the settings do not hold; give "
                "--network FILE.py:FUNCTION as when it was trained"
            )
        noise = rng.spawn(1)[0]
        if make is not None:
            network = make(noise)
            if not isinstance(network, Network):
                name = getattr(make, "__qualname__", make)
                raise ConfigError(f"{shown(name)} must give a Network, and gave {shown(network)}")
            return network
        how: dict[str, Any] = {"activation": self.activation, "init": self.init}
        how |= {"dtype": self.dtype, "batch_norm": self.batch_norm, "rng": rng}
        how |= {} if self.dropout is None else {"dropout": self.dropout}
        convolutional = KINDS[self.kind]
        if convolutional is None:
            loss = MeanSquaredError() if self.task == "regression" else SoftmaxWithLoss()
            return Network(dense_layers(self.sizes, **how), loss, rng=noise)
        self._check_images()
        network = convolutional(self.shape, self.sizes[-1], hidden=self.sizes[1], **how)
        network.rng = noise
        return network

    def least_bytes(self) -> int:
        """How many bytes the weights of the network take at least, without making it."""
        pairs = list(pairwise(self.sizes))
        if self.kind != "two-layer":
            # Behind the poolings at least a sixty-fourth of the pixels is left.
            pixels = math.prod(n // 8 for n in (self.shape or (0,))[1:])
            pairs = [] if self.kind == "own" else [(pixels, self.sizes[1]), *pairs[1:]]
        return sum((a + 1) * b for a, b in pairs) * np.dtype(self.dtype).itemsize

    def make_optimizer(self) -> Optimizer:
        """The optimizer, with the learning rate, its schedule and the weight decay."""
        rate = SCHEDULES[self.schedule](self.rate, self.iterations)
        decay: dict[str, Any] = (
            {} if self.weight_decay is None else {"weight_decay": self.weight_decay}
        )
        return OPTIMIZERS[self.optimizer](lr=rate, **decay)

    def check(self) -> None:
        """Refuse settings that could not be read again: what was learned would be lost with them.

        Errors: `ConfigError`.
        """
        for name, right in _RIGHT.items():
            value = getattr(self, name)
            if not right(list(value) if isinstance(value, tuple) else value):
                raise ConfigError(f'"{name}" is missing or wrong: {value!r}')

    def to_json(self) -> str:
        """The settings as JSON. Errors: as for `check`."""
        self.check()
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the settings from JSON.

        Errors: `ConfigError` names the setting that is missing or of the wrong kind.
        """
        try:
            values = json.loads(text, parse_constant=float)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"not JSON: {error}") from None
        if not isinstance(values, dict):
            raise ConfigError("the settings of a run are a JSON object")
        for name, right in _RIGHT.items():
            if name not in values and name in _LATER:
                continue  # a run of before there were these
            if name not in values or not right(values[name]):
                raise ConfigError(f'"{name}" is missing or wrong: {values.get(name)!r}')
        unknown = ", ".join(shown(name) or '""' for name in values.keys() - _RIGHT.keys())
        if unknown:
            raise ConfigError(f"settings that this version does not know: {unknown}")
        shape = values.get("shape")
        lists = {"sizes": tuple(values["sizes"]), "shape": None if shape is None else tuple(shape)}
        return cls(**{**values, **lists})

    def _check_images(self) -> None:
        shape, sizes = self.shape, self.sizes
        if shape is None or len(shape) != 3 or len(sizes) != 3 or math.prod(shape) != sizes[0]:
            raise ConfigError(
                f"a {self.kind} network takes images (channels, height, width), of as many numbers "
                f"as sizes begin with, and has one hidden layer behind its convolutions; got shape "
                f"{shape} and sizes {sizes}"
            )


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _seed(value: Any) -> bool:
    return type(value) is int and value >= 0


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300  # NaN is not


def _text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(_whole(n) and n for n in value)


_LATER = (
    *("compile", "data", "patience", "validation", "save_every", "task", "form", "optimizer"),
    *("kind", "shape", "batch_norm", "dropout", "schedule", "weight_decay", "engine", "devices"),
    "language",
)

_RIGHT = {
    "sizes": _sizes,
    "kind": lambda v: isinstance(v, str) and v in KINDS,
    "shape": lambda v: v is None or _sizes(v),
    "activation": _text,
    "init": lambda v: _text(v) or _number(v),
    "batch_norm": lambda v: isinstance(v, bool),
    "dropout": lambda v: v is None or (_number(v) and 0 <= v < 1),
    "batch": _whole,
    "rate": _number,
    "optimizer": lambda v: isinstance(v, str) and v in OPTIMIZERS,
    "schedule": lambda v: isinstance(v, str) and v in SCHEDULES,
    "weight_decay": lambda v: v is None or (_number(v) and v >= 0),
    "iterations": _whole,
    "seed": _seed,
    "dtype": lambda v: v in ("float16", "float32", "float64"),
    "compile": lambda v: isinstance(v, bool),
    "engine": _text,
    "devices": lambda v: v is None or (_whole(v) and v),
    "patience": lambda v: v is None or (_whole(v) and v),
    "validation": lambda v: v is None or (_number(v) and 0 < v < 1),
    "save_every": lambda v: _number(v) and v > 0,
    "data": lambda v: v is None or (isinstance(v, str) and "\0" not in v),
    "task": lambda v: v in ("classification", "regression"),
    "form": lambda v: v is None or isinstance(v, dict),
    "language": lambda v: v is None or v in LANGUAGES,
    "version": _text,
}
