"""Schedules: hyperparameters that change from step to step.

A schedule is a function of the step, which counts from 1; any function will do:
`SGD(lr=lambda step: 0.1 / step)`. These are the usual ones, as values that can be compared, hashed
and printed.
"""

import math
from dataclasses import dataclass, fields

from clearprop.errors import ConfigError
from clearprop.training.optimizers.settings import Setting, in_range


class _Schedule:
    """Checks its fields: whole numbers of steps, finite numbers, or schedules."""

    def __post_init__(self) -> None:
        for field in fields(self):  # pyright: ignore[reportArgumentType]
            value = getattr(self, field.name)
            what = f"{type(self).__name__}: {field.name}"
            if field.name == "steps":
                if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                    raise ConfigError(f"{what} must be a whole number of 1 or more, got {value!r}")
            elif not (callable(value) and field.name == "then"):
                object.__setattr__(self, field.name, in_range("", what, value))


@dataclass(frozen=True)
class Constant(_Schedule):
    """`value` in every step.

    >>> Constant(0.1)(step=7)
    0.1
    """

    value: float

    def __call__(self, step: int) -> float:
        return self.value


@dataclass(frozen=True)
class StepDecay(_Schedule):
    """Multiplied by `factor` after every `steps` steps: `start · factor^⌊(step − 1) / steps⌋`.

    PyTorch's `StepLR`.

    >>> [StepDecay(1.0, steps=2, factor=0.5)(step) for step in range(1, 6)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    start: float
    steps: int
    factor: float = 0.1

    def __call__(self, step: int) -> float:
        return self.start * self.factor ** ((step - 1) // self.steps)


@dataclass(frozen=True)
class Exponential(_Schedule):
    """Falls by `factor` over `steps` steps, evenly: `start · factor^((step − 1) / steps)`.

    PyTorch's `ExponentialLR` with `steps=1`.

    >>> [Exponential(1.0, steps=2, factor=0.25)(step) for step in range(1, 6)]
    [1.0, 0.5, 0.25, 0.125, 0.0625]
    """

    start: float
    steps: int = 1
    factor: float = 0.1

    def __call__(self, step: int) -> float:
        return self.start * self.factor ** ((step - 1) / self.steps)


@dataclass(frozen=True)
class Cosine(_Schedule):
    """Half a cosine: `end + (start − end) · (1 + cos(π (step − 1) / steps)) / 2`.

    `end` would be reached in the step after the last; from then on it stays as in the last, so a
    rate is never 0. PyTorch's `CosineAnnealingLR` has the same values, and rises again later.

    Source: Loshchilov and Hutter 2017, *SGDR: stochastic gradient descent with warm restarts*,
    equation 5, without restarts.

    >>> [round(Cosine(1.0, steps=4)(step), 3) for step in range(1, 7)]
    [1.0, 0.854, 0.5, 0.146, 0.146, 0.146]
    """

    start: float
    steps: int
    end: float = 0.0

    def __call__(self, step: int) -> float:
        angle = math.pi * (min(step, self.steps) - 1) / self.steps
        return self.end + (self.start - self.end) * (1 + math.cos(angle)) / 2


@dataclass(frozen=True)
class Warmup(_Schedule):
    """Rises evenly over `steps` steps to where `then` starts: `then(1) · step / steps`.

    After that comes `then`, a number or a schedule, with its own step 1.

    Source: Goyal et al. 2017, *Accurate, large minibatch SGD*, section 2.2, gradual warm-up.

    >>> [Warmup(StepDecay(1.0, steps=2, factor=0.5), steps=4)(step) for step in range(1, 9)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.5, 0.5]
    """

    then: Setting
    steps: int

    def __call__(self, step: int) -> float:
        then = self.then if callable(self.then) else Constant(self.then)
        return then(max(step - self.steps, 1)) * min(step / self.steps, 1.0)
