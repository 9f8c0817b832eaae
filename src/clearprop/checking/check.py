"""`check`: is the derivative right, and if not, where and why?"""

import copy
import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.checking.adopting import adopted
from clearprop.checking.copies import left_alone
from clearprop.checking.nests import leaves
from clearprop.checking.report import Report
from clearprop.checking.subjects import Function, Inspector, Recordable, is_network, own_layers
from clearprop.errors import ConfigError

_ALL = object()


def check(
    thing: Any = _ALL,
    *inputs: Any,
    rng: int | np.random.Generator = 0,
    exhaustive: bool = False,
    gradient: Any = None,
) -> Report:
    """Check derivatives, and say which layer, argument and element is wrong, and the likely cause.

    `thing` is

    - a layer with inputs, or without them: then its `samples(rng)` serve;
    - a class of layers, tried on its samples;
    - a network with a batch, `check(network, x, t)`: each layer is checked at the values that it
      really sees, the loss layer and the gradient as a whole too;
    - a list of layers, in a row on inputs, or each on its samples;
    - a function of arrays with inputs: its automatic derivative, or the one given as
      `gradient=df`, where `df(*inputs)` gives the gradient of a function that gives one number;
    - the path of a Python file: every layer that it defines;
    - nothing at all: every layer of clearprop.

    `backward` is compared with automatic differentiation of `forward`, where that can be opened,
    and with central differences of `forward`. Random directions detect; single elements are swept
    to locate a fault, or with `exhaustive=True`. It is also checked that `backward` uses `dout`
    and is linear in it, that nothing is written into, that both repeat and keep nothing from
    earlier calls, and that shapes and dtypes fit.

    The work is done on float64 copies: what is checked stays as it is, and so do the global random
    states. The same `rng` (a seed, or a generator, which is copied) gives the same report.

    Errors: `ConfigError` for something that cannot be checked at all, `FileFormatError` for a file
    that cannot be imported. What is wrong with a layer is never raised, it is in the report.

    >>> from clearprop import Affine, check
    >>> class Forgetful(Affine):
    ...     def backward(self, dout):
    ...         dx = super().backward(dout)
    ...         self.db = self.db / len(dout)
    ...         return dx
    >>> report = check(Forgetful(np.eye(3), np.zeros(3)), np.arange(6.0).reshape(2, 3))
    >>> print(report.ok, report.faults[0].place, report.faults[0].kind, sep=" | ")
    False | Forgetful, b[1] | factor
    """
    inspector = Inspector(_generator(rng), exhaustive)
    with left_alone(), _threads(inputs):
        return _check(inspector, thing, inputs, gradient)


def _threads(inputs: tuple[Any, ...]) -> AbstractContextManager[Any]:
    """One BLAS thread for products of middle size, which crawl when others keep a core busy.

    Small ones are not shared out anyway, and large ones gain by it.
    """
    parts = [leaf for _, leaf in leaves(inputs) if isinstance(leaf, np.ndarray)]
    if not 2**14 < sum(x.size for x in parts) < 2**24:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1, user_api="blas")


def assert_gradients(thing: Any, *inputs: Any, **options: Any) -> Report:
    """Check as `check` does, and raise `AssertionError` with the table if there is a fault.

    For tests: `assert_gradients(MyLayer)`.

    >>> from clearprop import Sigmoid
    >>> assert_gradients(Sigmoid).ok
    True
    """
    report = check(thing, *inputs, **options)
    if not report.ok:
        raise AssertionError(f"\n{report}")
    return report


def _generator(rng: Any) -> np.random.Generator:
    if isinstance(rng, np.random.Generator):
        return copy.deepcopy(rng)
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise ConfigError(
            f"check: rng is {rng!r}; give a seed such as 0, or np.random.default_rng(0)"
        ) from None


def _check(inspector: Inspector, thing: Any, inputs: tuple[Any, ...], gradient: Any) -> Report:
    if gradient is not None and (hasattr(thing, "forward") or not callable(thing)):
        raise ConfigError("check: gradient=… goes with a function, not with a layer or network")
    if not isinstance(thing, str | os.PathLike | list | tuple) and not is_network(thing):
        thing = adopted(thing, () if gradient is not None else inputs)
    if thing is _ALL:
        return Report("clearprop", inspector.classes(own_layers()))
    if isinstance(thing, str | os.PathLike):
        if inputs:
            raise ConfigError("check: the layers of a file are tried on their samples; leave x out")
        return inspector.file(Path(thing))
    if isinstance(thing, list | tuple):
        return Report("layers", inspector.layers(thing, inputs))
    if is_network(thing):
        return inspector.network(thing, inputs)
    if isinstance(thing, type):
        if inputs:
            raise ConfigError(
                f"check: {thing.__name__} is a class; give a layer with inputs, as in "
                f"check({thing.__name__}(…), x), or the class alone to try its samples"
            )
        return Report(thing.__name__, inspector.by_samples(thing))
    if callable(thing) and not hasattr(thing, "forward"):
        return _function(inspector, thing, inputs, gradient)
    if hasattr(thing, "forward") or hasattr(thing, "backward"):
        name = type(thing).__name__
        found = inspector.place(name, thing, inputs)[0] if inputs else inspector.by_samples(thing)
        return Report(name, tuple(found))
    raise ConfigError(
        f"check: {thing!r} is no layer, network, function, list of layers or path "
        "of a file; a layer has forward(x) and backward(dout), or names like these"
    )


def _function(inspector: Inspector, f: Any, inputs: tuple[Any, ...], gradient: Any) -> Report:
    name = getattr(f, "__name__", type(f).__name__)
    if not inputs:
        raise ConfigError(f"check: a function needs inputs, as in check({name}, x)")
    if gradient is not None and not callable(gradient):
        raise ConfigError(f"check: gradient is a {type(gradient).__name__}; give a function df(x)")
    layer = Recordable(f) if gradient is None else Function(f, gradient)
    return Report(name, (inspector.layer(name, layer, inputs, is_function=True),))
