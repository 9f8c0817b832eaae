"""clearprop: error backpropagation that you can see, check and run at speed."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from clearprop import drawing, page  # which give Graph its pictures and its page
from clearprop.graph import (
    Graph,
    Variable,
    grad,
    graph,
    hessian,
    jacobian,
    jvp,
    value_and_grad,
)
from clearprop.primitives.numerical import numerical_gradient
from clearprop.primitives.stopping import stop_gradient

if TYPE_CHECKING:
    from clearprop.checking import Report, assert_gradients, check
    from clearprop.compiler import compile
    from clearprop.explaining import Explanation, explain
    from clearprop.layers import (
        AddLayer,
        Affine,
        BatchNormalization,
        Convolution,
        Dropout,
        Elu,
        Embedding,
        Flatten,
        Gelu,
        GlobalAveragePooling,
        Huber,
        Layer,
        LeakyRelu,
        Loss,
        MeanSquaredError,
        MulLayer,
        Pooling,
        Relu,
        Sigmoid,
        SigmoidWithLoss,
        Softmax,
        SoftmaxWithLoss,
        Softplus,
        Tanh,
        TransposedConvolution,
        col2im,
        im2col,
    )
    from clearprop.networks import (
        Network,
        TwoLayerNet,
        conv_layers,
        conv_net,
        deep_conv_net,
        dense_layers,
        features,
    )
    from clearprop.playing import play

__version__ = "0.1.0"

_LATER = {
    **dict.fromkeys(("Report", "assert_gradients", "check"), "checking"),
    **dict.fromkeys(("Explanation", "explain"), "explaining"),
    **dict.fromkeys(("Network", "TwoLayerNet", "conv_layers", "conv_net"), "networks"),
    **dict.fromkeys(("deep_conv_net", "dense_layers", "features"), "networks"),
    "compile": "compiler",
    "play": "playing",
}
"""Where there is what is imported when it is first asked for; the rest of `__all__` is layers."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        found = getattr(import_module(f"{__name__}.{_LATER.get(name, 'layers')}"), name)
        globals()[name] = found
        return found
    if name.startswith("_") or find_spec(f"{__name__}.{name}") is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")  # such as training


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "AddLayer",
    "Affine",
    "BatchNormalization",
    "Convolution",
    "Dropout",
    "Elu",
    "Embedding",
    "Explanation",
    "Flatten",
    "Gelu",
    "GlobalAveragePooling",
    "Graph",
    "Huber",
    "Layer",
    "LeakyRelu",
    "Loss",
    "MeanSquaredError",
    "MulLayer",
    "Network",
    "Pooling",
    "Relu",
    "Report",
    "Sigmoid",
    "SigmoidWithLoss",
    "Softmax",
    "SoftmaxWithLoss",
    "Softplus",
    "Tanh",
    "TransposedConvolution",
    "TwoLayerNet",
    "Variable",
    "assert_gradients",
    "check",
    "col2im",
    "compile",
    "conv_layers",
    "conv_net",
    "deep_conv_net",
    "dense_layers",
    "drawing",
    "explain",
    "features",
    "grad",
    "graph",
    "hessian",
    "im2col",
    "jacobian",
    "jvp",
    "numerical_gradient",
    "page",
    "play",
    "stop_gradient",
    "value_and_grad",
]
