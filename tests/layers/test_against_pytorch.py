"""Losses, activations, normalisation and embeddings agree with PyTorch, forward and backward."""

import numpy as np
import pytest

from clearprop import (
    BatchNormalization,
    Dropout,
    Elu,
    Embedding,
    Gelu,
    Huber,
    LeakyRelu,
    MeanSquaredError,
    SigmoidWithLoss,
    SoftmaxWithLoss,
    Softplus,
    Tanh,
)
from clearprop.errors import ConfigError, ShapeError

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
    assert_agrees(LeakyRelu(0.2), lambda x: F.leaky_relu(x, 0.2), x)
    assert_agrees(Elu(0.7), lambda x: F.elu(x, 0.7), x)
    # theirs is x itself from 20 on, which is 2e-9 off
    assert_agrees(Softplus(), lambda x: F.softplus(x, threshold=40), x)


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


@pytest.mark.parametrize("shape", [(2, 1), (6, 4), (1, 3, 2, 2), (4, 3, 5, 2)])
@pytest.mark.parametrize("momentum", [0.9, 0.5])
def test_batch_normalization(shape, momentum):
    n, axes = shape[1], (0, 2, 3)[: len(shape) - 1]
    layer = BatchNormalization(*RNG.standard_normal((2, n)), momentum, eps=1e-3)
    kind = torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d
    theirs = kind(n, eps=1e-3, momentum=1 - momentum, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(layer.gamma))
        theirs.bias.copy_(torch.tensor(layer.beta))
    for _ in range(3):
        x = 2 + 3 * RNG.standard_normal(shape)
        theirs.zero_grad()
        assert_agrees(layer, theirs, x)
        for d, v in ((layer.dgamma, theirs.weight), (layer.dbeta, theirs.bias)):
            np.testing.assert_allclose(d, v.grad.numpy(), rtol=1e-9, atol=1e-12)
        layer.running_mean, layer.running_var = layer.next_state()
        np.testing.assert_allclose(layer.running_mean, theirs.running_mean.numpy(), rtol=1e-12)
    # PyTorch divides the variance that it keeps by one less than the number of values.
    count = x.size // n
    past = momentum**3
    unbiased = past + (layer.running_var - past) * count / (count - 1)
    np.testing.assert_allclose(unbiased, theirs.running_var.numpy(), rtol=1e-12)
    with torch.no_grad():
        theirs.running_var.copy_(torch.tensor(layer.running_var))
        expected = theirs.eval()(torch.tensor(x)).numpy()
    np.testing.assert_allclose(layer.infer(x), expected, rtol=1e-9, atol=1e-12)
    assert np.allclose(layer.forward(x).mean(axis=axes), layer.beta)


def test_batch_normalization_refuses_a_batch_whose_variance_is_0():
    layer = BatchNormalization.from_size(3)
    with pytest.raises(ShapeError, match=r"x \(1, 3\) has one value for each feature"):
        layer.forward(np.ones((1, 3)))
    with pytest.raises(ShapeError, match=r"x \(2, 4\) does not fit gamma \(3,\)"):
        layer.forward(np.ones((2, 4)))
    with pytest.raises(ShapeError, match="must be vectors"):
        BatchNormalization(np.ones(3), np.ones(2))
    assert layer.infer(np.ones((1, 3))).shape == (1, 3)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.5, 0.9])
def test_dropout(ratio):
    """PyTorch draws other numbers: what is kept is given to both."""
    layer, x = Dropout(ratio), RNG.standard_normal((200, 50))
    out = layer.forward(x)
    kept = torch.tensor(layer.keep)
    v = torch.tensor(x, requires_grad=True)
    expected = v * kept / (1 - ratio)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-15)
    dout = RNG.standard_normal(x.shape)
    expected.backward(torch.tensor(dout))
    np.testing.assert_allclose(layer.backward(dout), v.grad.numpy(), rtol=1e-15)
    torch.manual_seed(0)
    theirs = torch.nn.Dropout(ratio)(torch.ones(x.shape))
    shares = np.mean(layer.keep), float((theirs > 0).double().mean())
    assert shares == pytest.approx((1 - ratio, 1 - ratio), abs=0.02)
    assert float(theirs.max()) == pytest.approx(1 / (1 - ratio))
    np.testing.assert_array_equal(layer.infer(x), torch.nn.Dropout(ratio).eval()(v).detach())


@pytest.mark.parametrize("ratio", [1, 1.0, -0.1, float("nan")])
def test_dropout_refuses_what_is_no_share(ratio):
    with pytest.raises(ConfigError, match="must be from 0 to below 1"):
        Dropout(ratio)
    layer = Dropout()
    layer.ratio = ratio
    with pytest.raises(ConfigError, match="must be from 0 to below 1"):
        layer.forward(np.ones(3))
