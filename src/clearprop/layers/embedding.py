"""An embedding: a row of numbers, learned, for each class."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import LabelError, ShapeError
from clearprop.layers.arguments import check_sizes, parameter, upstream
from clearprop.layers.base import Layer, Samples
from clearprop.layers.initialisation import initial_weights
from clearprop.primitives.indexing import Place, at, put_at
from clearprop.primitives.labels import read_labels


class Embedding(Layer):
    """Look up a row of `W` for each class number, such as that of a word.

    **Forward**: `out = onehot W`, where each row of the matrix `onehot` has its 1 at the class
    number; it is not built, for the product only picks rows: `W[idx]`.

    **Backward**: `dW = onehotᵀ dout`: each row of `W` gets the sum of the derivatives from
    all places where it was used, and 0 where it was not. Class numbers have no derivative, and
    `backward` gives none.

    **Shapes**: `W` (V, D); `idx` whole numbers from 0 to V − 1 of any shape (…); `out` (…, D).

    Parameters: the array `W`, used as it is and shared, not copied. `Embedding.from_sizes` draws
    it.

    Errors: `LabelError` for class numbers that are out of range or not whole numbers, `ShapeError`
    if `W` is no matrix or `dout` has not the shape of the output, `DTypeError` for what is not
    real.

    Source: *Deep Learning from Scratch 2*, section 4.1.

    >>> embedding = Embedding(W=np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    >>> embedding.forward(np.array([2, 0, 2]))
    array([[4., 5.],
           [0., 1.],
           [4., 5.]])
    >>> embedding.backward(np.ones((3, 2)))
    ()
    >>> embedding.dW
    array([[1., 1.],
           [0., 0.],
           [2., 2.]])
    """

    params: ClassVar[tuple[str, ...]] = ("W",)
    constants: ClassVar[tuple[str, ...]] = ("idx",)

    def __init__(self, W: Any) -> None:
        self.W = parameter(W, "Embedding", "W")
        self._check_parameter()
        self.dW: Any = None
        self.idx: Any = None

    @classmethod
    def from_sizes(
        cls,
        n_classes: int,
        n_out: int,
        *,
        init: str | float = 0.01,
        rng: "np.random.Generator | None" = None,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """Make a layer from its sizes; `init` is the standard deviation of the first numbers.

        >>> Embedding.from_sizes(1000, 16, rng=np.random.default_rng(0))
        Embedding(W: (1000, 16))
        """
        check_sizes("Embedding", n_classes, n_out)
        return cls(initial_weights((n_classes, n_out), init, rng, dtype))

    def forward(self, idx: Any) -> Any:
        self._check_parameter()
        shape = (*np.shape(idx), np.shape(self.W)[0])
        try:
            self.idx = read_labels(idx, shape)
        except LabelError as error:
            raise LabelError(f"Embedding: idx: {_in_words(error, idx, shape[-1])}") from None
        # (…) → (…, D)
        return at(self.W, self.idx)

    def backward(self, dout: Any) -> tuple[()]:
        W = np.shape(self.W)
        out_shape = None if self.idx is None else (*np.shape(self.idx), W[1])
        dout = upstream(dout, out_shape, "Embedding")
        # (…, D) → (V, D)
        self.dW = put_at(dout, self.idx, form=(Place(0),), shape=W)
        return ()

    def _check_parameter(self) -> None:
        if np.ndim(self.W) != 2:
            raise ShapeError(f"Embedding: W must be a matrix (V, D), got {np.shape(self.W)}")

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        yield cls(rng.standard_normal((5, 3))), (rng.integers(5, size=(1, 4)),)
        yield cls(rng.standard_normal((3, 2))), (rng.integers(3, size=20),)
        yield cls(rng.standard_normal((4, 1))), (rng.integers(4, size=(2, 3, 2)),)
        yield cls(rng.standard_normal((1, 3))), (np.array(0),)


def _in_words(error: LabelError, idx: Any, rows: int) -> str:
    """What is wrong with numbers of words, which are no labels of classes."""
    numbers = np.asarray(idx)
    if "out of range" not in str(error):
        return str(error)
    wrong = numbers[(numbers < 0) | (numbers >= rows)][0]
    return f"{wrong} is out of range: W has {rows} rows, so that numbers go from 0 to {rows - 1}"
