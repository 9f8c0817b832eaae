"""Training: mini-batches, optimisers, history, weights and run folders."""

from clearprop.training.history import History
from clearprop.training.optimizers import SGD
from clearprop.training.progress import Moment, Progress, rich_progress
from clearprop.training.run_folder import RunConfig, RunFolder
from clearprop.training.trainer import Trainer
from clearprop.training.weights import load_weights, save_weights

__all__ = [
    "SGD",
    "History",
    "Moment",
    "Progress",
    "RunConfig",
    "RunFolder",
    "Trainer",
    "load_weights",
    "rich_progress",
    "save_weights",
]
