"""Networks: layers assembled by name, with a loss at the end."""

from clearprop.networks.dense import dense_layers
from clearprop.networks.network import Network
from clearprop.networks.two_layer_net import TwoLayerNet

__all__ = ["Network", "TwoLayerNet", "dense_layers"]
