"""A backward pass in words, as a teacher would tell it."""

from clearprop.explaining.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
