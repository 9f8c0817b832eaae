"""The book's `dataset.mnist`: the digits that are in clearprop's box."""

from clearprop.datasets import load_mnist

__all__ = ["load_mnist"]
