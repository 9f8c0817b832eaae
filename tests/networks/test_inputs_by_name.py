"""A layer's inputs may be given by name, as those of its forward may."""

import numpy as np
import pytest
from one_file_layers import affine
from one_file_networks import T, X

from clearprop import Layer, Network, SoftmaxWithLoss, Variable, compile
from clearprop.training import SGD


class Scaled(Layer):
    def forward(self, x, scale=1.0, shift=0.0):
        self.scale = scale
        return x * scale + shift

    def backward(self, dout):
        return dout * self.scale


class Flagged(Layer):
    def forward(self, x, train_flg=True):
        return x * 2 if train_flg else x


class Alone(Layer):
    def forward(self, x, *, scale):
        return x * scale


def test_in_any_order():
    layer = Scaled()
    for call in (
        lambda: layer(X, scale=3.0),
        lambda: layer(scale=3.0, x=X),
        lambda: layer(X, 3.0, shift=0.0),
        lambda: layer(Variable(X), scale=3.0).data,
    ):
        np.testing.assert_array_equal(call(), layer(X, 3.0))
    np.testing.assert_array_equal(layer(X, shift=2.0), layer(X, 1.0, 2.0))
    assert SoftmaxWithLoss()(X, t=T % 4) == SoftmaxWithLoss()(X, T % 4)
    network = Network([affine(4, 3)])
    np.testing.assert_array_equal(network(x=X), network(X))
    np.testing.assert_array_equal(network(x=Variable(X)).data, network(X))


def test_in_a_network_of_ones_own():
    class Named(Network):
        def __init__(self):
            super().__init__()
            self.a, self.scaled, self.flagged = affine(4, 3), Scaled(), Flagged()

        def forward(self, x):
            return self.flagged(self.scaled(self.a(x), shift=1.0), train_flg=True)

    network = Named()
    scores = 2 * (network.a(X) + 1)  # what is said outright holds at prediction, too
    np.testing.assert_allclose(network.predict(X), scores)
    differences = network.numerical_gradient(X, T)
    for name, d in network.gradient(X, T).items():
        np.testing.assert_allclose(d, differences[name], rtol=1e-5, atol=1e-8)
    assert compile(network, SGD(0.1))(X, T) == pytest.approx(network.lastLayer(scores, T))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Scaled()(X, size=3), r"Scaled\.forward: got an unexpected .* 'size'"),
        (lambda: Scaled()(X, x=3), r"Scaled\.forward: multiple values for argument 'x'"),
        (lambda: Scaled()(scale=3), r"Scaled\.forward: missing a required argument: 'x'"),
        (lambda: Alone()(X, scale=3), r"Alone\.forward takes scale by name alone"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()
