"""clearprop: error backpropagation that you can see, check and run at speed."""

from clearprop.layers import (
    AddLayer,
    Affine,
    Layer,
    MulLayer,
    Relu,
    Sigmoid,
    Softmax,
    SoftmaxWithLoss,
)
from clearprop.networks import Network, TwoLayerNet, dense_layers
from clearprop.primitives.numerical import numerical_gradient

__version__ = "0.1.0"

__all__ = [
    "AddLayer",
    "Affine",
    "Layer",
    "MulLayer",
    "Network",
    "Relu",
    "Sigmoid",
    "Softmax",
    "SoftmaxWithLoss",
    "TwoLayerNet",
    "dense_layers",
    "numerical_gradient",
]
