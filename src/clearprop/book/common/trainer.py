"""The book's `common.trainer`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.book.common.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop

__all__ = ["Trainer"]

OPTIMIZERS = {
    kind.__name__.lower(): kind for kind in (SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam)
}


class Trainer:
    """Train a network as the book does: batches drawn anew in each step, from the global generator.

    The network has `params`, `gradient(x, t)`, `loss(x, t)` and `accuracy(x, t)`. A step appends to
    `train_loss_list` the loss of its batch after the update; the first step of each epoch appends
    to `train_acc_list` and `test_acc_list`, of `evaluate_sample_num_per_epoch` samples or of all.

    For training at speed, with history, checkpoints and reports, see `clearprop.training.Trainer`.
    """

    def __init__(
        self,
        network: Any,
        x_train: Any,
        t_train: Any,
        x_test: Any,
        t_test: Any,
        epochs: int = 20,
        mini_batch_size: int = 100,
        optimizer: str = "SGD",
        optimizer_param: Mapping[str, float] = {"lr": 0.01},  # only read
        evaluate_sample_num_per_epoch: int | None = None,
        verbose: bool = True,
    ) -> None:
        self.network, self.verbose = network, verbose
        self.x_train, self.t_train = x_train, t_train
        self.x_test, self.t_test = x_test, t_test
        self.epochs, self.batch_size = epochs, mini_batch_size
        self.evaluate_sample_num_per_epoch = evaluate_sample_num_per_epoch
        self.optimizer = OPTIMIZERS[optimizer.lower()](**optimizer_param)
        self.train_size = len(x_train)
        self.iter_per_epoch = max(self.train_size / mini_batch_size, 1)
        self.max_iter = int(epochs * self.iter_per_epoch)
        self.current_iter = self.current_epoch = 0
        self.train_loss_list: list[Any] = []
        self.train_acc_list: list[Any] = []
        self.test_acc_list: list[Any] = []

    def train_step(self) -> None:
        """Take one step, and see how well the network does if an epoch begins."""
        batch = np.random.choice(self.train_size, self.batch_size)  # noqa: NPY002
        x, t = self.x_train[batch], self.t_train[batch]
        self.optimizer.update(self.network.params, self.network.gradient(x, t))
        loss = self.network.loss(x, t)
        self.train_loss_list.append(loss)
        self._say(f"loss {loss}")
        if self.current_iter % self.iter_per_epoch == 0:
            self.current_epoch += 1
            n = self.evaluate_sample_num_per_epoch
            train = self.network.accuracy(self.x_train[:n], self.t_train[:n])
            test = self.network.accuracy(self.x_test[:n], self.t_test[:n])
            self.train_acc_list.append(train)
            self.test_acc_list.append(test)
            self._say(
                f"epoch {self.current_epoch}: accuracy {train} in training, {test} in the test"
            )
        self.current_iter += 1

    def train(self) -> None:
        """Take all steps, and see how well the network does on all test data."""
        for _ in range(self.max_iter):
            self.train_step()
        accuracy = self.network.accuracy(self.x_test, self.t_test)
        self._say(f"in the end: accuracy {accuracy} in the test")

    def _say(self, text: str) -> None:
        if self.verbose:
            print(text)
