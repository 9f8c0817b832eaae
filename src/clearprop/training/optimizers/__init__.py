"""Optimisers: how derivatives become a change of the parameters, one formula a file."""

from clearprop.training.optimizers.adagrad import AdaGrad
from clearprop.training.optimizers.adam import Adam
from clearprop.training.optimizers.adamw import AdamW
from clearprop.training.optimizers.base import Optimizer, Updates
from clearprop.training.optimizers.checks import all_finite
from clearprop.training.optimizers.groups import Group
from clearprop.training.optimizers.momentum import Momentum
from clearprop.training.optimizers.nesterov import Nesterov
from clearprop.training.optimizers.rmsprop import RMSprop
from clearprop.training.optimizers.settings import Setting, positive_int, positive_number
from clearprop.training.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Group",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "RMSprop",
    "Setting",
    "Updates",
    "all_finite",
    "positive_int",
    "positive_number",
]
