"""Networks: layers assembled by name, with a loss at the end."""

from clearprop.networks.dense import dense_layers
from clearprop.networks.evaluation import Evaluation
from clearprop.networks.network import Network
from clearprop.networks.two_layer_net import TwoLayerNet

__all__ = ["Evaluation", "Network", "TwoLayerNet", "dense_layers"]
