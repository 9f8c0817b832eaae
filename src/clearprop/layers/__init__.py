"""Layers: `forward` and `backward` in plain NumPy, one file each."""

from clearprop.layers.add import AddLayer
from clearprop.layers.affine import Affine
from clearprop.layers.base import Layer
from clearprop.layers.batch_normalization import BatchNormalization
from clearprop.layers.classifier_loss import ClassifierLoss
from clearprop.layers.columns import col2im, im2col
from clearprop.layers.convolution import Convolution
from clearprop.layers.dropout import Dropout
from clearprop.layers.elu import Elu
from clearprop.layers.embedding import Embedding
from clearprop.layers.flatten import Flatten
from clearprop.layers.gelu import Gelu
from clearprop.layers.global_average_pooling import GlobalAveragePooling
from clearprop.layers.huber import Huber
from clearprop.layers.leaky_relu import LeakyRelu
from clearprop.layers.loss import Loss, score_of
from clearprop.layers.mean_squared_error import MeanSquaredError
from clearprop.layers.mul import MulLayer
from clearprop.layers.pooling import Pooling
from clearprop.layers.regression_loss import RegressionLoss
from clearprop.layers.relu import Relu
from clearprop.layers.sigmoid import Sigmoid
from clearprop.layers.sigmoid_with_loss import SigmoidWithLoss
from clearprop.layers.softmax import Softmax
from clearprop.layers.softmax_with_loss import SoftmaxWithLoss
from clearprop.layers.softplus import Softplus
from clearprop.layers.tanh import Tanh
from clearprop.layers.transposed_convolution import TransposedConvolution

__all__ = [
    "AddLayer",
    "Affine",
    "BatchNormalization",
    "ClassifierLoss",
    "Convolution",
    "Dropout",
    "Elu",
    "Embedding",
    "Flatten",
    "Gelu",
    "GlobalAveragePooling",
    "Huber",
    "Layer",
    "LeakyRelu",
    "Loss",
    "MeanSquaredError",
    "MulLayer",
    "Pooling",
    "RegressionLoss",
    "Relu",
    "Sigmoid",
    "SigmoidWithLoss",
    "Softmax",
    "SoftmaxWithLoss",
    "Softplus",
    "Tanh",
    "TransposedConvolution",
    "col2im",
    "im2col",
    "score_of",
]
