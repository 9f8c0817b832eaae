"""The module names of *Deep Learning from Scratch*, answered by clearprop's layers.

`python -m clearprop.book SCRIPT [ARGS…]` runs a script of the book as it is, also where the book's
own `common` and `dataset` folders are missing. In a notebook, `install()` does the same.

Numbers come out as in the book, also where the library's own layers differ: the loss adds 1e-7 to
each probability, dropout scales at prediction, batch normalisation adds 1e-6 to the variance, and
all randomness comes from NumPy's global generator, so that `np.random.seed` decides.
"""

from clearprop.book.installing import NAMES, install

__all__ = ["NAMES", "install"]
