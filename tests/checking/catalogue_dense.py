"""Mistakes in affine layers, activations, softmax and losses."""

import numpy as np
import right_layers as right
from fault import K, fault

# Affine


@fault(K.SIGN, "b")
class AffineBiasSign(right.Affine):
    """The bias gets its derivative with the opposite sign."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.db = -dout.sum(axis=0)
        return dx


@fault(K.FACTOR, "W b")
class AffineMean(right.Affine):
    """The derivatives of the parameters are averaged over the batch once more."""

    def backward(self, dout):
        self.dW = self.x.T @ dout / len(dout)
        self.db = dout.mean(axis=0)
        return dout @ self.W.T


@fault(K.TRANSPOSED, "x")
class AffineWithoutTranspose(right.Affine):
    """The weights are square, so the missing transpose does not show in the shapes."""

    def backward(self, dout):
        super().backward(dout)
        return dout @ self.W

    @classmethod
    def samples(cls, rng):
        yield cls(rng.standard_normal((4, 4)), rng.standard_normal(4)), rng.standard_normal((3, 4))


@fault(K.TRANSPOSED, "W")
class AffineTransposedWeights(right.Affine):
    """The derivative of the weights comes out transposed."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = dout.T @ self.x
        return dx


@fault(K.NOT_SUMMED, "b")
class AffineBiasNotSummed(right.Affine):
    """The bias was copied to every row, but its derivative is not summed over the rows."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.db = dout
        return dx


@fault(K.SUMMED, "b")
class AffineBiasSummedTwice(right.Affine):
    """The derivative of the bias is summed over everything."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.db = dout.sum()
        return dx


@fault(K.WRONG_AXIS, "b")
class AffineBiasAxis(right.Affine):
    """The derivative of the bias is summed over the outputs instead of the batch."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.db = dout.sum(axis=1)
        return dx


@fault(K.ACCUMULATES, "W")
class AffineAccumulates(right.Affine):
    """The derivative of the weights is added to that of the last time."""

    def __init__(self, W, b):
        super().__init__(W, b)
        self.dW = np.zeros_like(W)

    def backward(self, dout):
        self.dW = self.dW + self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


@fault(K.MISSING, "b")
class AffineForgetsBias(right.Affine):
    """Nobody sets the derivative of the bias."""

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


@fault(K.ZERO, "b")
class AffineZeroBias(right.Affine):
    """The derivative of the bias is made, and never filled."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.db = np.zeros_like(self.b)
        return dx


@fault(K.STALE, "W")
class AffineStale(right.Affine):
    """The input of the very first call is kept for good."""

    def __init__(self, W, b):
        super().__init__(W, b)
        self.x = None

    def forward(self, x):
        if self.x is None:
            self.x = x
        return x @ self.W + self.b


@fault(K.STALE, "x")
class AffineStaleWeights(right.Affine):
    """The transposed weights are copied once, when the layer is made."""

    def __init__(self, W, b):
        super().__init__(W, b)
        self.transposed = W.T.copy()

    def backward(self, dout):
        super().backward(dout)
        return dout @ self.transposed


@fault(K.EXTRA_TERM, "W")
class AffineDecay(right.Affine):
    """Weight decay is mixed into the derivative of the loss."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = self.dW + 0.01 * self.W
        return dx


@fault(K.CLIPPED, "W")
class AffineClips(right.Affine):
    """The derivative is clipped where nobody will look for it."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = np.clip(self.dW, -1, 1)
        return dx


@fault(K.IN_PLACE, "W")
class AffineUpdates(right.Affine):
    """The layer learns in the middle of its backward pass."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.W -= 0.1 * self.dW
        return dx


@fault(K.PRECISION, "W")
class AffineHalf(right.Affine):
    """A product is computed in half the precision."""

    def backward(self, dout):
        dx = super().backward(dout)
        low = self.x.T.astype(np.float32) @ dout.astype(np.float32)
        self.dW = low.astype(np.float64)
        return dx


@fault(K.DTYPE, "W")
class AffineNarrow(right.Affine):
    """The derivative has a lower precision than its weights."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = self.dW.astype(np.float32)
        return dx


@fault(K.DTYPE, "x")
class AffineWide(right.Affine):
    """float32 goes in, and its derivative is float64."""

    def backward(self, dout):
        return np.zeros(self.x.shape) + super().backward(dout)

    @classmethod
    def samples(cls, rng):
        for layer, x in super().samples(rng):
            yield cls(layer.W.astype(np.float32), layer.b.astype(np.float32)), x.astype(np.float32)


@fault(K.COUNT, "")
class AffineReturnsEverything(right.Affine):
    """The derivatives of the parameters are returned as well."""

    def backward(self, dout):
        return super().backward(dout), self.dW, self.db


# Activations


@fault(K.MASK_INVERTED, "x")
class ReluInverted(right.Relu):
    """The mask is the other way around."""

    def backward(self, dout):
        return np.where(self.mask, dout, 0)


@fault((K.MASK_MISSING, K.DROPPED_TERM), "x")
class ReluUnmasked(right.Relu):
    """The derivative passes everywhere."""

    def backward(self, dout):
        return 1.0 * dout


@fault(K.IN_PLACE, "dout")
class ReluInPlace(right.Relu):
    """Zeros are written into the caller's dout."""

    def backward(self, dout):
        dout[self.mask] = 0
        return dout


@fault(K.IN_PLACE, "x")
class ReluOverwritesInput(right.Relu):
    """The caller's input is overwritten."""

    def forward(self, x):
        self.mask = x <= 0
        x[self.mask] = 0
        return x


@fault(K.NOT_LINEAR, "x")
class ReluMaskOfDout(right.Relu):
    """The mask is made from dout and not from the input."""

    def backward(self, dout):
        return np.where(dout > 0, dout, 0)


@fault(K.STALE, "x")
class ReluStaleMask(right.Relu):
    """The mask is made once."""

    mask = None

    def forward(self, x):
        if self.mask is None or self.mask.shape != x.shape:
            self.mask = x <= 0
        return np.where(x <= 0, 0, x)


@fault((K.DROPPED_TERM, K.MASK_INVERTED), "x")
class LeakyReluLostSlope(right.LeakyRelu):
    """The small slope of the left side is forgotten."""

    def backward(self, dout):
        return np.where(self.x > 0, dout, 0)


@fault(K.IGNORES_DOUT, "x")
class SigmoidWithoutDout(right.Sigmoid):
    """The local derivative is right, and the chain rule is forgotten."""

    def backward(self, dout):
        return self.out * (1 - self.out)


@fault(K.DROPPED_TERM, "x")
class SigmoidHalf(right.Sigmoid):
    """One of the two factors is forgotten."""

    def backward(self, dout):
        return dout * (1 - self.out)


@fault(K.NOT_LINEAR, "x")
class SigmoidTwice(right.Sigmoid):
    """dout goes in twice."""

    def backward(self, dout):
        d = dout * self.out
        return d * dout * (1 - self.out)


@fault(K.WRONG_VALUE, "x")
class TanhOfInput(right.Tanh):
    """The derivative is written in terms of the output, and used with the input."""

    def forward(self, x):
        self.x = x
        return np.tanh(x)

    def backward(self, dout):
        return dout * (1 - self.x**2)


@fault(K.WRONG_VALUE, "x")
class TanhNotSquared(right.Tanh):
    """The square is forgotten."""

    def backward(self, dout):
        return dout * (1 - self.out)


@fault(K.IN_PLACE, "output")
class TanhOverwritesOutput(right.Tanh):
    """The output is reused as scratch paper."""

    def backward(self, dout):
        self.out **= 2
        return dout * (1 - self.out)


@fault(K.DROPPED_TERM, "x")
class GeluTerm(right.Gelu):
    """The product rule has two terms; one is forgotten."""

    def backward(self, dout):
        return dout * 0.5 * (1 + self.th)


@fault((K.FACTOR, K.DROPPED_TERM), "x")
class GeluCube(right.Gelu):
    """The 3 of the derivative of x³ is forgotten."""

    def backward(self, dout):
        slope = np.sqrt(2 / np.pi) * (1 + 0.044715 * self.x**2)
        return dout * (0.5 * (1 + self.th) + 0.5 * self.x * (1 - self.th**2) * slope)


@fault(K.DROPPED_TERM, "x")
class SwishTerm(right.Swish):
    """Only the sigmoid is differentiated, not the x in front of it."""

    def backward(self, dout):
        return dout * self.x * self.s * (1 - self.s)


@fault((K.WRONG_VALUE, K.MASK_MISSING, K.MASK_INVERTED, K.DROPPED_TERM), "alpha")
class PReluMask(right.PRelu):
    """The slope learns from the positive side as well."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.dalpha = (dout * self.x).sum(axis=0)
        return dx


# Softmax and losses


@fault(K.DROPPED_TERM, "x")
class SoftmaxDiagonal(right.Softmax):
    """Each score is thought to move its own probability only."""

    def backward(self, dout):
        return dout * self.y * (1 - self.y)


@fault(K.WRONG_AXIS, "x")
class SoftmaxAxis(right.Softmax):
    """The sum runs over the batch."""

    def backward(self, dout):
        return self.y * (dout - (dout * self.y).sum(axis=0, keepdims=True))


@fault((K.DROPPED_TERM, K.NOT_SUMMED), "x")
class LogSoftmaxSum(right.LogSoftmax):
    """dout is not summed over the classes."""

    def backward(self, dout):
        return dout - np.exp(self.out) * dout


@fault(K.FACTOR, "x")
class LossWithoutMean(right.SoftmaxWithLoss):
    """The mean of forward is not a mean backward."""

    def backward(self, dout=1):
        return super().backward(dout) * len(self.t)


@fault(K.FACTOR, "x")
class LossMeanOverAll(right.SoftmaxWithLoss):
    """It is divided by the number of scores instead of the number of samples."""

    def backward(self, dout=1):
        return super().backward(dout) / self.y.shape[1]


@fault(K.SIGN, "x")
class LossSign(right.SoftmaxWithLoss):
    """Labels minus probabilities."""

    def backward(self, dout=1):
        return -super().backward(dout)


@fault(K.IGNORES_DOUT, "x")
class LossWithoutDout(right.SoftmaxWithLoss):
    """A loss stands at the end, so dout is left out; until the loss gets a weight."""

    def backward(self, dout=1):
        return super().backward(1)


@fault((K.DROPPED_TERM, K.UNKNOWN), "x")
class LossWithoutLabels(right.SoftmaxWithLoss):
    """The right answers are not subtracted."""

    def backward(self, dout=1):
        return dout * self.y / len(self.t)


@fault(K.PRECISION, "x")
class LossWithSmallConstant(right.SoftmaxWithLoss):
    """Forward keeps away from log 0 with a constant that backward knows nothing of."""

    def forward(self, x, t):
        super().forward(x, t)
        return -np.log(self.y[np.arange(len(t)), t] + 1e-5).sum() / len(t)


@fault(K.FACTOR, "y")
class SquaredErrorTwo(right.MeanSquaredError):
    """The square gives a factor of 2, which the ½ of forward has taken already."""

    def backward(self, dout=1):
        return 2 * super().backward(dout)


@fault(K.CLIPPED, "y")
class HuberTooNarrow(right.Huber):
    """Backward changes from square to straight at another place than forward."""

    def backward(self, dout=1):
        return dout * np.clip(self.gap, -0.5, 0.5) / self.gap.size
