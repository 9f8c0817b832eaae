"""The outermost method of a network decides what is meant by everything inside it.

`loss`, `gradient` and what trains mean the layers' `forward`; `predict`, `accuracy` and `evaluate`
their `infer`. Only `gradient` and what trains are steps of learning; the others look, on copies.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from clearprop.errors import UnsupportedError
from clearprop.graph.node import Recorded
from clearprop.graph.passing import current, is_bare
from clearprop.networks.fitting import check_arity


def looks(formula: str) -> Callable[[Any], Any]:
    """Let a method decide, if it is the outermost, which formula all inside means."""

    def wrapped(method: Any) -> Any:
        @wraps(method)
        def outermost(self: Any, x: Any, *args: Any, **more: Any) -> Any:
            passing = current()
            if not is_bare():
                passing.predicted |= formula == "infer"
                return method(self, x, *args, **more)
            x, args, more = plain(x), plain(args), {k: plain(v) for k, v in more.items()}
            check_list(self, x)
            if not self.__dict__.get("_writes"):
                try:
                    with self.look(formula, x, *args, views=True, by=method.__name__) as twin:
                        return method(twin, x, *args, **more)
                except (ValueError, UnsupportedError) as error:
                    if not any("read-only" in str(e) for e in (error, error.__cause__)):
                        raise
                    self.__dict__["_writes"] = True  # a layer that fills an array of its own
            with self.look(formula, x, *args) as twin:
                return method(twin, x, *args, **more)

        return outermost

    return wrapped


def learns(method: Any) -> Any:
    """Let a method be a step of learning, if it is the outermost."""

    @wraps(method)
    def outermost(self: Any, x: Any, *args: Any, **more: Any) -> Any:
        if not is_bare():
            return method(self, x, *args, **more)
        x, args, more = plain(x), plain(args), {k: plain(v) for k, v in more.items()}
        check_list(self, x)
        with self.learn(x):
            return method(self, x, *args, **more)

    return outermost


def check_list(network: Any, x: Any) -> None:
    """A list is one array that is to be, and no tuple of several inputs. Errors: `ShapeError`."""
    if isinstance(x, list) and not network.has_own("predict"):
        check_arity(network, x)


def plain(x: Any) -> Any:
    """Arrays of other libraries, such as tensors of PyTorch, as NumPy's; all else as it is.

    A layer would compute with them by the rules, and in the dtypes, of those libraries.
    """
    if type(x) is tuple:
        return tuple(map(plain, x))
    foreign = not isinstance(x, np.ndarray | np.generic | Recorded) and hasattr(x, "__array__")
    return np.asarray(x) if foreign else x


OUTERMOST: dict[str, Callable[[Any], Any]] = {
    "loss": looks("forward"),
    "predict": looks("infer"),
    "accuracy": looks("infer"),
    "evaluate": looks("infer"),
    "_scores": looks("infer"),
    "_loss_at_prediction": looks("infer"),
    "gradient": learns,
    "loss_and_gradient": learns,
}
"""The methods that decide, in `Network` and wherever a subclass writes them anew."""
