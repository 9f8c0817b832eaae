"""A network may predict otherwise than it answers: loss, training and scores go by forward."""

import numpy as np
import pytest
from one_file_layers import affine

from clearprop import Network, Softmax, compile
from clearprop.training import SGD, Trainer

X = np.random.default_rng(1).standard_normal((30, 4))
T = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


class Chain(Network):
    def __init__(self):
        super().__init__([affine(4, 5), affine(5, 3)])


class Free(Network):
    def __init__(self):
        super().__init__()
        self.enter, self.leave = affine(4, 5), affine(5, 3)

    def forward(self, x):
        return self.leave(np.tanh(self.enter(x)))


class Penalised(Chain):
    def loss(self, x, t):
        return super().loss(x, t) + 0.1 * np.sum(self.layers["Affine1"].W ** 2)


class ByHand(Chain):
    def loss(self, x, t):
        return self.lastLayer(self(x), t)


def chances(scores):
    return Softmax()(scores)


def classes(scores):
    return np.argmax(scores, axis=1)


@pytest.mark.parametrize("made", [chances, classes])
@pytest.mark.parametrize("kind", [Chain, Free, Penalised, ByHand])
def test_loss_gradient_training_and_scores_mean_forward(kind, made):
    class Predicts(kind):
        def predict(self, x):
            return made(super().predict(x))

    class ByName(kind):
        def predict(self, x):
            return made(self.forward(x))

    plain = kind()
    np.testing.assert_array_equal(Predicts().predict(X), made(plain.predict(X)))
    np.testing.assert_allclose(compile(Predicts())(X), made(plain.predict(X)))
    for other in (Predicts(), ByName()):
        assert other.loss(X, T) == plain.loss(X, T)
        gradient = other.gradient(X, T)
        for name, d in plain.gradient(X, T).items():
            np.testing.assert_allclose(gradient[name], d)
        assert other.evaluate(X, T) == plain.evaluate(X, T)
        assert other.accuracy(X, T) == plain.accuracy(X, T)
    for compiled in (False, True):
        histories = [
            Trainer(c(), X, T, batch_size=10, optimizer=SGD(0.5), rng=0, compile=compiled).train(3)
            for c in (kind, Predicts)
        ]
        np.testing.assert_allclose(histories[0].loss, histories[1].loss)
        np.testing.assert_array_equal(histories[0].train_score, histories[1].train_score)


def test_predict_is_the_formula_where_the_loss_of_its_own_asks_it_and_there_is_no_forward():
    class Book(Chain):
        def predict(self, x):
            return self.layers["Affine2"](np.tanh(self.layers["Affine1"](x)))

        def loss(self, x, t):
            return self.lastLayer(self.predict(x), t)

    book, free = Book(), Free()
    for name, array in zip(book.params, free.params.values(), strict=True):
        book.params[name] = array.copy()
    assert book.evaluate(X, T) == free.evaluate(X, T)
    found = [
        Trainer(n, X, T, batch_size=10, optimizer=SGD(0.5), rng=0).train(5) for n in (book, free)
    ]
    np.testing.assert_allclose(found[0].loss, found[1].loss)
    np.testing.assert_array_equal(found[0].train_score, found[1].train_score)
