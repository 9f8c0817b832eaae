"""Networks: layers assembled by name, with a loss at the end."""

from clearprop.networks.convolutional import conv_layers, conv_net, deep_conv_net, features
from clearprop.networks.dense import dense_layers
from clearprop.networks.evaluation import Evaluation
from clearprop.networks.network import Network
from clearprop.networks.two_layer_net import TwoLayerNet

__all__ = [
    "Evaluation",
    "Network",
    "TwoLayerNet",
    "conv_layers",
    "conv_net",
    "deep_conv_net",
    "dense_layers",
    "features",
]
