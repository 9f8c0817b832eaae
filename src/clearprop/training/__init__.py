"""Training: mini-batches, optimisers, schedules, history, weights and run folders."""

from clearprop.training.history import History
from clearprop.training.optimizers import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    Optimizer,
    RMSprop,
)
from clearprop.training.progress import Moment, Progress, rich_progress
from clearprop.training.run_folder import RunConfig, RunFolder
from clearprop.training.schedules import Constant, Cosine, Exponential, StepDecay, Warmup
from clearprop.training.trainer import Trainer
from clearprop.training.weights import load_weights, save_weights

__all__ = [
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Exponential",
    "History",
    "Moment",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "Progress",
    "RMSprop",
    "RunConfig",
    "RunFolder",
    "StepDecay",
    "Trainer",
    "Warmup",
    "load_weights",
    "rich_progress",
    "save_weights",
]
