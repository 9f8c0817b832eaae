"""The book's `layer_naive`: the two nodes of the fruit shop."""

from clearprop.layers import AddLayer, MulLayer

__all__ = ["AddLayer", "MulLayer"]
