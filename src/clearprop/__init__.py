"""clearprop: error backpropagation that you can see, check and run at speed."""

from clearprop import drawing  # which gives Graph its pictures
from clearprop.compiler import compile
from clearprop.explaining import Explanation, explain
from clearprop.graph import Graph, Variable, grad, graph, value_and_grad
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
    "Explanation",
    "Graph",
    "Layer",
    "MulLayer",
    "Network",
    "Relu",
    "Sigmoid",
    "Softmax",
    "SoftmaxWithLoss",
    "TwoLayerNet",
    "Variable",
    "compile",
    "dense_layers",
    "drawing",
    "explain",
    "grad",
    "graph",
    "numerical_gradient",
    "value_and_grad",
]
