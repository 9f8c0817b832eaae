"""What the parameters of an estimator mean: their ranges, the network, the optimiser."""

import copy
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ConfigError
from clearprop.layers import Affine, Layer, Relu, Sigmoid, Tanh
from clearprop.networks import Network
from clearprop.training import SGD, Adam, Momentum, Nesterov, Optimizer
from clearprop.training.data import parameter_dtype

ACTIVATIONS: dict[str, type[Layer] | None] = {
    "identity": None,
    "logistic": Sigmoid,
    "tanh": Tanh,
    "relu": Relu,
}


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def _number(low: float, high: float = np.inf, above: bool = False) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        if not isinstance(value, Real) or isinstance(value, bool):
            return False
        return (low < float(value) if above else low <= float(value)) and float(value) < high

    return fits


def _sizes(value: Any) -> bool:
    listed = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)
    return all(map(_whole, value)) if listed else _whole(value)


_RANGES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "hidden_layer_sizes": ("a whole number of 1 or more, or a list of such", _sizes),
    "activation": (f"one of {', '.join(ACTIVATIONS)}", lambda v: str(v) in ACTIVATIONS),
    "network": (
        "a function of the numbers of features and outputs and a generator that makes a network, "
        "or None",
        lambda v: v is None or (callable(v) and not isinstance(v, Network)),
    ),
    "solver": (
        '"adam", "sgd" or an Optimizer of clearprop.training',
        lambda v: isinstance(v, Optimizer) or str(v) in ("adam", "sgd"),
    ),
    "alpha": ("a number of 0 or more", _number(0)),
    "batch_size": ('"auto" or a whole number of 1 or more', lambda v: v == "auto" or _whole(v)),
    "learning_rate": (
        '"constant", "cosine", "invscaling" or "adaptive"',
        lambda v: str(v) in ("constant", "cosine", "invscaling", "adaptive"),
    ),
    "learning_rate_init": ("a number above 0", _number(0, above=True)),
    "power_t": ("a number of 0 or more", _number(0)),
    "max_iter": ("a whole number of 1 or more", _whole),
    "tol": ("a number of 0 or more", _number(0)),
    "momentum": ("a number from 0 to below 1", _number(0, 1)),
    "validation_fraction": ("a number between 0 and 1", _number(0, 1, above=True)),
    "beta_1": ("a number from 0 to below 1", _number(0, 1)),
    "beta_2": ("a number from 0 to below 1", _number(0, 1)),
    "epsilon": ("a number above 0", _number(0, above=True)),
    "dtype": (
        '"float32", "float64" or None',
        lambda v: v is None or v in (np.float32, np.float64, "float32", "float64"),
    ),
    "n_iter_no_change": (
        "a whole number of 1 or more, or infinity",
        lambda v: _whole(v) or v == np.inf,
    ),
    **dict.fromkeys(
        ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping"),
        ("True or False", lambda v: isinstance(v, bool | np.bool)),
    ),
}
"""What each parameter must be, in words, and whether a value is."""


def check_settings(estimator: Any) -> None:
    """Refuse a parameter out of its range. Errors: `ConfigError` names it."""
    for name, (wanted, fits) in _RANGES.items():
        value = getattr(estimator, name)
        if not fits(value):
            raise ConfigError(f"{type(estimator).__name__}: {name} must be {wanted}, got {value!r}")


def made_by(estimator: Any) -> dict[str, Any]:
    """The parameters by which a network is made, and which stay with it."""
    dtype = estimator.dtype
    return {
        "hidden_layer_sizes": np.ravel(estimator.hidden_layer_sizes).tolist(),
        "activation": estimator.activation,
        "network": estimator.network,
        "dtype": None if dtype is None else np.dtype(dtype).name,
        "standardize_target": getattr(estimator, "standardize_target", None),
    }


def make_network(
    estimator: Any, n_outputs: int, loss: Any, dtype: DTypeLike, rng: np.random.Generator
) -> Network:
    """The network of an estimator: what its factory makes, or affine layers with activations.

    The first parameters of hidden layers, biases too, are spread as by Glorot and Bengio 2010,
    equation 16, and as those of `MLPClassifier`; the last layer starts at 0, so that at first all
    answers are alike. Small tables are not learned to the end in the usual number of epochs, and
    answers from a wider start are worse.

    Errors: `ConfigError` if the factory makes something else, or other outputs than asked for.
    """
    n_features = estimator.n_features_in_
    if estimator.network is not None:
        network = estimator.network(n_features, n_outputs, rng)
        if not isinstance(network, Network):
            raise ConfigError(
                f"network= is a function that must return a Network, and it gave {network!r}"
            )
        shape = np.shape(network.predict(np.zeros((1, n_features), parameter_dtype(network))))
        if shape != (1, n_outputs):
            raise ConfigError(
                f"network={estimator.network!r} was asked for {n_outputs} outputs; what it made "
                f"turns one sample into {shape}, not {(1, n_outputs)}"
            )
        return network
    hidden = np.ravel(estimator.hidden_layer_sizes).astype(int).tolist()
    activation = ACTIVATIONS[estimator.activation]
    layers: list[Layer] = []
    n_in = n_features
    for n_out in hidden:
        bound = ((2 if activation is Sigmoid else 6) / (n_in + n_out)) ** 0.5
        W, b = (rng.uniform(-bound, bound, shape).astype(dtype) for shape in ((n_in, n_out), n_out))
        layers += [Affine(W, b), *([] if activation is None else [activation()])]
        n_in = n_out
    layers.append(Affine(np.zeros((n_in, n_outputs), dtype), np.zeros(n_outputs, dtype)))
    return Network(layers, loss, rng=rng)


def make_optimizer(estimator: Any) -> Optimizer:
    """The optimiser of an estimator, new: by name, or a copy of the one that was given."""
    if isinstance(estimator.solver, Optimizer):
        optimizer = copy.deepcopy(estimator.solver)
        optimizer.reset()
        return optimizer
    lr = float(estimator.learning_rate_init)
    if estimator.solver == "adam":
        return Adam(lr, estimator.beta_1, estimator.beta_2, estimator.epsilon)
    if estimator.momentum == 0:
        return SGD(lr)
    kind = Nesterov if estimator.nesterovs_momentum else Momentum
    return kind(lr, estimator.momentum)
