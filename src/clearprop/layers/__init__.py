"""Layers: `forward` and `backward` in plain NumPy, one file each."""

from clearprop.layers.add import AddLayer
from clearprop.layers.affine import Affine
from clearprop.layers.base import Layer
from clearprop.layers.mul import MulLayer
from clearprop.layers.relu import Relu
from clearprop.layers.sigmoid import Sigmoid
from clearprop.layers.softmax import Softmax
from clearprop.layers.softmax_with_loss import SoftmaxWithLoss

__all__ = [
    "AddLayer",
    "Affine",
    "Layer",
    "MulLayer",
    "Relu",
    "Sigmoid",
    "Softmax",
    "SoftmaxWithLoss",
]
