"""Faulty layers, each with one mistake of the textbooks, and the finding that must be made.

An entry is a right layer with another `backward` (or another method that it uses). `FAULTS` lists
them all; `docs/exercises.md` is made from it.
"""

import catalogue_dense
import catalogue_others
from fault import FAULTS

__all__ = ["FAULTS", "catalogue_dense", "catalogue_others"]
