"""What does not fit a network is refused by name: inputs, outputs, weights, another formula."""

import inspect
from functools import lru_cache
from typing import Any

from clearprop.errors import ConfigError, ShapeError
from clearprop.graph.passing import Pass
from clearprop.networks.evaluation import first_output


def check_arity(network: Any, x: Any, name: str = "x") -> None:
    """Refuse more or fewer inputs than `forward` takes. Errors: `ShapeError`."""
    forward, number = type(network).forward, len(x) if isinstance(x, tuple) else 1
    if not _takes(forward, number):
        _, *asked = inspect.signature(forward).parameters
        one = "a list" if isinstance(x, list) else "one array"
        found = f"a tuple of {number}" if isinstance(x, tuple) else one
        raise ShapeError(
            f"{type(network).__name__}.forward takes {' and '.join(asked)}, and {name} is "
            f"{found}; give several inputs as a tuple of so many arrays, one input as an array"
        )


@lru_cache(maxsize=256)
def _takes(forward: Any, number: int) -> bool:
    """Whether a `forward` can be called with so many inputs."""
    try:
        inspect.signature(forward).bind(None, *[None] * number)
    except TypeError:
        return False
    return True


def check_outputs(network: Any, scores: Any) -> None:
    """Refuse several outputs where there is one loss, and no `loss` of its own to say which.

    Errors: `ConfigError`.
    """
    one = not isinstance(network.lastLayer, list | tuple) and not network.has_own_loss()
    if one and first_output(scores) is not scores:
        raise ConfigError(
            f"{type(network).__name__}.forward gives {len(scores)} outputs, and there is one loss;"
            " give loss=[…] with one for each output, and targets t as a tuple"
        )


def check_weighs(network: Any, name: str) -> None:
    """Refuse weights of samples, called `name`, where a loss knows of none.

    Errors: `ConfigError`.
    """
    for loss in (network, *network.losses):
        method = loss.loss if loss is network else loss.forward
        if "w" not in inspect.signature(method).parameters:
            raise ConfigError(
                f"{type(loss).__name__}.{method.__name__} takes no weights w of the samples; "
                f"leave {name} out, or let it take them"
            )


def check_predict(network: Any, passing: Pass, x: Any) -> None:
    """Refuse a `predict` that runs layers in another way than what is learned.

    Errors: `ConfigError`.
    """
    if not (network.is_chain() and network.has_own("predict")) or passing.predicted:
        return
    walk = network.walk("infer", x)
    walk.predict(x)
    if not (passing.chained and walk.passing.chained):
        raise ConfigError(
            f"{type(network).__name__} has a predict of its own that its loss does not use, so "
            "that it would learn one thing and predict another; call it forward, which loss "
            "and predict both mean, or call self.predict(x) in loss"
        )


def refuse_class(what: str, thing: Any) -> None:
    """Refuse a class in place of what it makes. Errors: `ConfigError`."""
    if isinstance(thing, type):
        name = thing.__name__
        raise ConfigError(f"the {what} is the class {name}; call it: {name}(…)")
