"""scikit-learn: `MLPClassifier`, one `partial_fit` a batch."""

import numpy as np
from sklearn.neural_network import MLPClassifier

from contestants.problem import RATE, Problem, Run


def make(problem: Problem) -> Run:
    """Plain SGD without momentum, penalty or shuffling, which is what the others compute."""
    x_train, t_train = problem.data
    batches = problem.batches()
    model = MLPClassifier(
        problem.sizes[1:-1],
        solver="sgd",
        learning_rate_init=RATE,
        momentum=0,
        nesterovs_momentum=False,
        alpha=0,
        batch_size=problem.batch,
        shuffle=False,
    )
    classes = np.arange(problem.sizes[-1])
    model.partial_fit(x_train[: problem.batch], t_train[: problem.batch], classes=classes)
    for held, (W, b) in zip(
        zip(model.coefs_, model.intercepts_, strict=True), problem.weights(), strict=True
    ):
        held[0][...], held[1][...] = W, b

    def run(steps: int) -> float:
        for _ in range(steps):
            rows = next(batches)
            model.partial_fit(x_train[rows], t_train[rows])
        return float(model.loss_)

    return run
