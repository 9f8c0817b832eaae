"""A masked array is refused wherever it comes in: what lies under the mask would count."""

import numpy as np
import pytest
from one_file_layers import affine

from clearprop import (
    Layer,
    MeanSquaredError,
    Network,
    SigmoidWithLoss,
    SoftmaxWithLoss,
    Variable,
    compile,
)
from clearprop.errors import DTypeError
from clearprop.training import SGD, Trainer

X = np.ones((6, 4))
T = np.arange(6) % 3
MASKED = np.ma.masked_array(X, mask=X > 2)
MASKED[2, 1] = np.ma.masked
LABELS = np.ma.masked_array(T, mask=T == 1)
WEIGHTS = np.ma.masked_array(np.ones(6), mask=T == 1)
NUMBERS = np.ma.masked_array(np.full((6, 3), 1e3), mask=True)


class Plain(Layer):
    def forward(self, x):
        return x * 2


class Free(Network):
    def __init__(self):
        super().__init__()
        self.a = affine(4, 3)

    def forward(self, x):
        return self.a(2 * x)


def chain():
    return Network([Plain(), affine(4, 3)])


def by_loss(loss, t):
    return Network([affine(4, 3)], loss).loss(X, t)


WAYS = {
    "chain predict": lambda: chain().predict(MASKED),
    "chain call": lambda: chain()(MASKED),
    "chain gradient": lambda: chain().gradient(MASKED, T),
    "chain differences": lambda: chain().numerical_gradient(MASKED, T),
    "predict": lambda: Free().predict(MASKED),
    "loss": lambda: Free().loss(MASKED, T),
    "gradient": lambda: Free().gradient(MASKED, T),
    "differences": lambda: Free().numerical_gradient(MASKED, T),
    "evaluate": lambda: Free().evaluate(MASKED, T),
    "prediction": lambda: compile(Free())(MASKED),
    "prediction of several": lambda: compile(Free())((MASKED,)),
    "step": lambda: compile(Free(), SGD())(MASKED, T),
    "step on labels": lambda: compile(Free(), SGD())(X, LABELS),
    "step with weights": lambda: compile(Free(), SGD())(X, T, WEIGHTS),
    "Trainer": lambda: Trainer(Free(), MASKED, T),
    "Trainer on labels": lambda: Trainer(Free(), X, LABELS),
    "Trainer with weights": lambda: Trainer(Free(), X, T, w_train=WEIGHTS),
    "validation": lambda: Trainer(Free(), MASKED, T, validation=0.5),
    "labels": lambda: by_loss(SoftmaxWithLoss(), LABELS),
    "soft labels": lambda: by_loss(SoftmaxWithLoss(), NUMBERS),
    "numbers": lambda: by_loss(MeanSquaredError(), NUMBERS),
    "chances": lambda: by_loss(SigmoidWithLoss(), NUMBERS),
    "labels of gradient": lambda: Free().gradient(X, LABELS),
    "accuracy": lambda: Free().accuracy(X, LABELS),
    "weights": lambda: Free().loss(X, T, WEIGHTS),
    "Variable": lambda: Variable(MASKED),
    "function": lambda: compile(lambda x: np.mean(x))(MASKED),
    "function by name": lambda: compile(lambda x: np.mean(x))(x=MASKED),
    "step on a data set": lambda: compile(Free(), SGD()).over(X, LABELS),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_masked_array_is_refused(way):
    with pytest.raises(DTypeError, match=r"is a MaskedArray, whose masked .* masked\.filled\(val"):
        WAYS[way]()
