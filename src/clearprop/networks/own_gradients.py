"""A `gradient` that somebody wrote belongs to the formulas that its class has, as `backward` does.

Where a subclass writes one of these anew, the gradient of `Network` serves, which differentiates
whatever `loss` says.
"""

from typing import Any

from clearprop.errors import ConfigError
from clearprop.graph.code import code_of
from clearprop.graph.overriding import is_outdated

FORMULAS = ("forward", "predict", "loss")
GRADIENTS = ("gradient", "loss_and_gradient")
COMPUTING = (*FORMULAS, *GRADIENTS)
"""What a network computes; one that writes none of them anew runs its layers alone."""


def differentiate_anew(cls: type) -> None:
    """Put `Network`'s gradient in place of one that a base class of a network wrote by hand for
    another formula. Errors: `ConfigError` where another gradient is built on that."""
    for name in GRADIENTS:
        found = [c for c in cls.__mro__ if name in vars(c)]
        by_hand = [c for c in found[:-1] if not _asks(vars(c)[name])]
        if by_hand and is_outdated(cls, name, FORMULAS, by_hand[0]):
            if by_hand[0] is not found[0]:
                raise ConfigError(
                    f"{cls.__name__} writes {' or '.join(FORMULAS)} anew, and the {name} of "
                    f"{by_hand[0].__name__}, on which that of {found[0].__name__} is built, does "
                    f"not belong to it; write {name} in {cls.__name__}, too"
                )
            setattr(cls, name, vars(found[-1])[name])


def _asks(method: Any) -> bool:
    """Whether a gradient is made of another one, as by clipping what `super().gradient` gives."""
    code = code_of(method)
    return code is None or not set(GRADIENTS).isdisjoint(code.co_names)
