"""Losses, activations and embeddings agree with PyTorch, forward and backward."""

import numpy as np
import pytest

from clearprop import (
    Embedding,
    Gelu,
    Huber,
    MeanSquaredError,
    SigmoidWithLoss,
    SoftmaxWithLoss,
    Tanh,
)

torch = pytest.importorskip("torch")
F = torch.nn.functional
RNG = np.random.default_rng(0)
SHAPES = [(1, 1), (5, 1), (4, 3), (7,), (2, 3, 4)]


def assert_agrees(layer, theirs, x, *constants):
    """The output, and the derivative under a random dout.

    PyTorch loses up to 1e-14 where a large score is right: it subtracts the score again.
    """
    v = torch.tensor(x, requires_grad=True)
    expected = theirs(v, *(torch.tensor(np.asarray(c)) for c in constants))
    out = layer.forward(x, *constants)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-9, atol=1e-13)
    dout = RNG.standard_normal(np.shape(out))
    expected.backward(torch.tensor(dout))
    np.testing.assert_allclose(layer.backward(dout), v.grad.numpy(), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [0.1, 3, 30])
def test_losses_of_numbers(shape, scale):
    x, t = scale * RNG.standard_normal((2, *shape))
    assert_agrees(MeanSquaredError(), F.mse_loss, x, t)
    for delta in (1.0, 0.2, 5.0):
        assert_agrees(Huber(delta), lambda x, t, d=delta: F.huber_loss(x, t, delta=d), x, t)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [0.1, 3, 1000])
def test_sigmoid_with_loss(shape, scale):
    x = scale * RNG.standard_normal(shape)
    theirs = F.binary_cross_entropy_with_logits
    assert_agrees(SigmoidWithLoss(), theirs, x, RNG.uniform(size=shape))
    assert_agrees(SigmoidWithLoss(), theirs, x, RNG.integers(2, size=shape).astype(float))


@pytest.mark.parametrize("scale", [0.1, 3, 1000])
def test_softmax_with_loss(scale):
    x, t = scale * RNG.standard_normal((6, 4)), RNG.integers(4, size=6)
    assert_agrees(SoftmaxWithLoss(), F.cross_entropy, x, t)
    assert_agrees(SoftmaxWithLoss(), F.cross_entropy, x, RNG.dirichlet(np.ones(4), size=6))


def test_weights_of_samples():
    x, t = RNG.standard_normal((2, 5))
    w = RNG.uniform(size=5)

    def weighted(loss):
        return lambda x, t, w: (loss(x, t, reduction="none") * w).sum() / w.sum()

    assert_agrees(MeanSquaredError(), weighted(F.mse_loss), x, t, w)
    assert_agrees(Huber(), weighted(F.huber_loss), x, t, w)
    labels = RNG.integers(3, size=5)
    x = RNG.standard_normal((5, 3))
    assert_agrees(SoftmaxWithLoss(), weighted(F.cross_entropy), x, labels, w)


@pytest.mark.parametrize("shape", [(), *SHAPES])
@pytest.mark.parametrize("scale", [0.1, 3, 1000])
def test_activations(shape, scale):
    x = np.asarray(scale * RNG.standard_normal(shape))
    assert_agrees(Tanh(), torch.tanh, x)
    assert_agrees(Gelu(), lambda x: F.gelu(x, approximate="tanh"), x)


@pytest.mark.parametrize("shape", [(), (1,), (20,), (3, 4), (2, 0)])
def test_embedding(shape):
    W, idx = RNG.standard_normal((5, 3)), np.asarray(RNG.integers(5, size=shape))
    theirs = torch.tensor(W, requires_grad=True)
    expected = F.embedding(torch.tensor(idx), theirs)
    layer = Embedding(W)
    out = layer.forward(idx)
    np.testing.assert_array_equal(out, expected.detach().numpy())
    dout = RNG.standard_normal(out.shape)
    expected.backward(torch.tensor(dout))
    layer.backward(dout)
    np.testing.assert_allclose(layer.dW, theirs.grad.numpy(), rtol=1e-12, atol=1e-14)
