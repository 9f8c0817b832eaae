"""Layers: `forward` and `backward` in plain NumPy, one file each."""

from clearprop.layers.add import AddLayer as AddLayer
from clearprop.layers.affine import Affine as Affine
from clearprop.layers.base import Layer as Layer
from clearprop.layers.batch_normalization import BatchNormalization as BatchNormalization
from clearprop.layers.classifier_loss import ClassifierLoss as ClassifierLoss
from clearprop.layers.dropout import Dropout as Dropout
from clearprop.layers.embedding import Embedding as Embedding
from clearprop.layers.gelu import Gelu as Gelu
from clearprop.layers.huber import Huber as Huber
from clearprop.layers.loss import Loss as Loss
from clearprop.layers.loss import score_of as score_of
from clearprop.layers.mean_squared_error import MeanSquaredError as MeanSquaredError
from clearprop.layers.mul import MulLayer as MulLayer
from clearprop.layers.regression_loss import RegressionLoss as RegressionLoss
from clearprop.layers.relu import Relu as Relu
from clearprop.layers.sigmoid import Sigmoid as Sigmoid
from clearprop.layers.sigmoid_with_loss import SigmoidWithLoss as SigmoidWithLoss
from clearprop.layers.softmax import Softmax as Softmax
from clearprop.layers.softmax_with_loss import SoftmaxWithLoss as SoftmaxWithLoss
from clearprop.layers.tanh import Tanh as Tanh
