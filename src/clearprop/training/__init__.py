"""Training: mini-batches, optimisers, schedules, history, weights and run folders."""

from clearprop.training.history import History as History
from clearprop.training.joining import join as join
from clearprop.training.optimizers.adagrad import AdaGrad as AdaGrad
from clearprop.training.optimizers.adam import Adam as Adam
from clearprop.training.optimizers.adamw import AdamW as AdamW
from clearprop.training.optimizers.base import Optimizer as Optimizer
from clearprop.training.optimizers.momentum import Momentum as Momentum
from clearprop.training.optimizers.nesterov import Nesterov as Nesterov
from clearprop.training.optimizers.rmsprop import RMSprop as RMSprop
from clearprop.training.optimizers.sgd import SGD as SGD
from clearprop.training.progress import Moment as Moment
from clearprop.training.progress import Progress as Progress
from clearprop.training.progress import rich_progress as rich_progress
from clearprop.training.run_config import RunConfig as RunConfig
from clearprop.training.run_folder import RunFolder as RunFolder
from clearprop.training.schedules import Constant as Constant
from clearprop.training.schedules import Cosine as Cosine
from clearprop.training.schedules import Exponential as Exponential
from clearprop.training.schedules import StepDecay as StepDecay
from clearprop.training.schedules import Warmup as Warmup
from clearprop.training.trainer import Trainer as Trainer
from clearprop.training.weights import load_weights as load_weights
from clearprop.training.weights import save_weights as save_weights
