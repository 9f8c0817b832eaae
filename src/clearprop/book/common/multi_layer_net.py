"""The book's `common.multi_layer_net`."""

from collections.abc import Sequence

from clearprop.book.common.multi_layer_net_extend import MultiLayerNetExtend

__all__ = ["MultiLayerNet"]


class MultiLayerNet(MultiLayerNetExtend):
    """`MultiLayerNetExtend` without dropout and batch normalisation.

    >>> list(MultiLayerNet(4, [3], 2, activation="sigmoid").params)
    ['W1', 'b1', 'W2', 'b2']
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: str | float = "relu",
        weight_decay_lambda: float = 0,
    ) -> None:
        sizes = input_size, hidden_size_list, output_size
        super().__init__(*sizes, activation, weight_init_std, weight_decay_lambda)
