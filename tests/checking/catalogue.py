"""Faulty layers, each with one mistake of the textbooks, and the finding that must be made.

An entry is a right layer with another `backward` (or another method that it uses). `FAULTS` lists
them all; `docs/exercises.md` is made from it.
"""

from dataclasses import dataclass

import numpy as np
import right_layers as right

from clearprop.checking import Kind

K = Kind


@dataclass(frozen=True)
class Fault:
    """A faulty layer: the kinds of finding that are a right diagnosis, and where it is."""

    layer: type
    kinds: tuple[Kind, ...]
    arguments: frozenset[str]
    story: str


FAULTS: list[Fault] = []


def fault(kinds, arguments):
    """Enter a class into the catalogue; its docstring is the story of the mistake."""

    def enter(cls):
        given = kinds if isinstance(kinds, tuple) else (kinds,)
        FAULTS.append(Fault(cls, given, frozenset(arguments.split()), cls.__doc__))
        return cls

    return enter


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


@fault((K.WRONG_VALUE, K.MASK_MISSING, K.MASK_INVERTED), "alpha")
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


@fault(K.DROPPED_TERM, "x")
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
        return -np.log(self.y[np.arange(len(t)), t] + 1e-7).sum() / len(t)


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


# Normalisation


@fault(K.DROPPED_TERM, "x")
class BatchNormMean(right.BatchNorm):
    """The mean depends on x too, but nothing goes back through it."""

    def backward(self, dout):
        super().backward(dout)
        dxhat = dout * self.gamma
        dvar = (dxhat * self.centred).sum(axis=0) * -0.5 / self.std**3
        return dxhat / self.std + dvar * 2 * self.centred / len(dout)


@fault(K.DROPPED_TERM, "x")
class BatchNormVariance(right.BatchNorm):
    """The variance is taken for a constant."""

    def backward(self, dout):
        super().backward(dout)
        dxhat = dout * self.gamma
        return (dxhat - dxhat.mean(axis=0)) / self.std


@fault(K.DROPPED_TERM, "x")
class BatchNormScaleOnly(right.BatchNorm):
    """Mean and variance are both taken for constants."""

    def backward(self, dout):
        super().backward(dout)
        return dout * self.gamma / self.std


@fault(K.DROPPED_TERM, "x")
class BatchNormWithoutGamma(right.BatchNorm):
    """gamma is left out on the way back."""

    def backward(self, dout):
        return super().backward(dout) / self.gamma


@fault(K.SIGN, "x")
class BatchNormVarianceSign(right.BatchNorm):
    """The minus of the power −½ is lost."""

    def backward(self, dout):
        super().backward(dout)
        dxhat = dout * self.gamma
        dvar = (dxhat * self.centred).sum(axis=0) * 0.5 / self.std**3
        dx = dxhat / self.std + dvar * 2 * self.centred / len(dout)
        return dx - (dxhat / self.std).sum(axis=0) / len(dout)


@fault(K.FACTOR, "x")
class BatchNormTwo(right.BatchNorm):
    """The 2 of the square in the variance is lost."""

    def backward(self, dout):
        super().backward(dout)
        dxhat = dout * self.gamma
        dvar = (dxhat * self.centred).sum(axis=0) * -0.5 / self.std**3
        dmean = -(dxhat / self.std).sum(axis=0)
        return dxhat / self.std + dvar * self.centred / len(dout) + dmean / len(dout)


@fault(K.WRONG_VALUE, "gamma")
class BatchNormGammaOfCentred(right.BatchNorm):
    """gamma's derivative is made from the centred values, before the division."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.dgamma = (dout * self.centred).sum(axis=0)
        return dx


@fault(K.PRECISION, "x gamma")
class BatchNormEpsilon(right.BatchNorm):
    """The small constant is added outside the root."""

    def forward(self, x):
        out = super().forward(x)
        std = np.sqrt((self.centred**2).mean(axis=0)) + self.eps
        self.xhat = self.centred / std
        self.std = std
        return out


@fault(K.WRONG_AXIS, "x")
class LayerNormAxis(right.LayerNorm):
    """Backward averages over the batch, forward over the features."""

    def backward(self, dout):
        super().backward(dout)
        d = dout * self.gamma
        return (d - d.mean(axis=0) - self.xhat * (d * self.xhat).mean(axis=0)) / self.std


@fault(K.WRONG_AXIS, "beta gamma")
class LayerNormParameterAxis(right.LayerNorm):
    """The parameters' derivatives are summed over the features."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.dbeta, self.dgamma = dout.sum(axis=1), (dout * self.xhat).sum(axis=1)
        return dx


@fault(K.FACTOR, "x")
class DropoutUnscaled(right.Dropout):
    """Forward divides by the share that is kept, backward does not."""

    def backward(self, dout):
        return dout * self.mask


@fault(K.STOCHASTIC, "x")
class DropoutDrawsAgain(right.Dropout):
    """Backward draws a mask of its own."""

    def backward(self, dout):
        mask = self.rng.random(dout.shape) > self.ratio
        return dout * mask / (1 - self.ratio)


# Images and sequences


@fault(K.WRONG_PLACE, "x")
class ConvolutionMirrored(right.Convolution):
    """The kernel is turned by 180° once too often."""

    def backward(self, dout):
        W = self.W
        self.W = W[:, :, ::-1, ::-1]
        dx = super().backward(dout)
        self.W = W
        return dx


@fault(K.NOT_SUMMED, "x")
class ConvolutionOverwrites(right.Convolution):
    """Where patches overlap, the last one overwrites the others."""

    def backward(self, dout):
        super().backward(dout)
        dx = np.zeros_like(self.x)
        for i, j, patch in self.places():
            dx[patch] = np.tensordot(dout[:, :, i, j], self.W, 1)
        return self.cut(dx)


@fault(K.SHAPE, "x")
class ConvolutionPadded(right.Convolution):
    """The padding is not cut off again."""

    def cut(self, dx):
        return dx


@fault(K.SUMMED, "b")
class ConvolutionBias(right.Convolution):
    """The derivative of the bias is summed over the filters, too."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.db = np.broadcast_to(dout.sum(), self.b.shape)
        return dx


@fault(K.MASK_MISSING, "x")
class PoolingToAll(right.MaxPooling):
    """The derivative goes to all elements of the window, not to the largest."""

    def backward(self, dout):
        return self.unfold(np.repeat(dout[..., None], 4, axis=-1))

    @classmethod
    def samples(cls, rng):
        yield cls(), rng.standard_normal((2, 3, 4, 6))


@fault(K.TIES, "x")
class PoolingTies(right.MaxPooling):
    """Where two values are the largest, both get the whole derivative."""

    def backward(self, dout):
        largest = self.windows == self.windows.max(axis=-1, keepdims=True)
        return self.unfold(np.where(largest, dout[..., None], 0))


@fault(K.FACTOR, "x")
class AveragePoolingUndivided(right.AveragePooling):
    """The average is not divided backward."""

    def backward(self, dout):
        return 4 * super().backward(dout)


@fault(K.NOT_SUMMED, "W")
class EmbeddingOverwrites(right.Embedding):
    """A word that comes twice keeps the derivative of its last place only."""

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        self.dW[self.idx] = dout


@fault(K.DROPPED_TERM, "q k")
class AttentionDiagonal(right.Attention):
    """The softmax in the middle is differentiated element by element."""

    def softmax_backward(self, da):
        return da * self.a * (1 - self.a)


@fault(K.FACTOR, "q k")
class AttentionUnscaled(right.Attention):
    """The 1/√d of the scores is forgotten on the way back."""

    def backward(self, dout):
        dq, dk, dv = super().backward(dout)
        return dq / self.scale, dk / self.scale, dv


@fault(K.SWAPPED, "q k")
class AttentionSwapped(right.Attention):
    """Queries and keys are returned in the wrong order."""

    def backward(self, dout):
        dq, dk, dv = super().backward(dout)
        return dk, dq, dv


@fault((K.DROPPED_TERM, K.UNKNOWN), "params[0] params[1] params[2] x h_prev")
class RnnWithoutTanh(right.RnnCell):
    """The tanh is not differentiated."""

    def backward(self, dout):
        Wx, Wh, _ = self.params
        x, h_prev, _ = self.cache
        self.grads[0][...], self.grads[1][...] = x.T @ dout, h_prev.T @ dout
        self.grads[2][...] = dout.sum(axis=0)
        return dout @ Wx.T, dout @ Wh.T


@fault((K.WRONG_VALUE, K.UNKNOWN), "params[1]")
class RnnWithNextState(right.RnnCell):
    """The recurrent weights' derivative is made from the new state, not the previous one."""

    def backward(self, dout):
        found = super().backward(dout)
        h = self.cache[2]
        self.grads[1][...] = h.T @ (dout * (1 - h**2))
        return found


@fault(K.DROPPED_TERM, "Wx Wh b x h_prev c_prev")
class LstmCellPath(right.LstmCell):
    """What comes back through the cell's tanh is forgotten; only the next cell counts."""

    def into_the_cell(self, dh_next, dc_next, o, c_next):
        return dc_next


@fault((K.WRONG_PLACE, K.UNKNOWN), "Wx Wh b x h_prev")
class LstmGateOrder(right.LstmCell):
    """Two gates change places on the way back."""

    def join(self, gates):
        f, g, i, o = gates
        return np.hstack([f, i, g, o])


# Arithmetic and shapes


@fault(K.SWAPPED, "x y")
class MultiplyNotExchanged(right.Multiply):
    """The factors do not change places."""

    def backward(self, dout):
        return dout * self.x, dout * self.y


@fault(K.SIGN, "y")
class SubtractLikeAdd(right.Subtract):
    """The subtrahend gets the derivative of a sum."""

    def backward(self, dout):
        return dout, dout


@fault(K.NOT_SUMMED, "row")
class AddBiasNotSummed(right.AddBias):
    """What was broadcast is not summed."""

    def backward(self, dout):
        return dout, dout


@fault(K.COUNT, "")
class AddBiasOneOnly(right.AddBias):
    """One of two derivatives is forgotten."""

    def backward(self, dout):
        return dout


@fault(K.MISSING, "row")
class AddBiasNone(right.AddBias):
    """None stands in the place of a derivative."""

    def backward(self, dout):
        return dout, None


@fault(K.SHAPE, "x")
class FlattenForgets(right.Flatten):
    """The derivative is not folded back."""

    def backward(self, dout):
        return dout


@fault((K.WRONG_PLACE, K.TRANSPOSED), "x")
class PermuteAgain(right.Permute):
    """The permutation is applied again instead of undone; all axes are equally long."""

    def backward(self, dout):
        return dout.transpose(0, 2, 3, 1)


@fault((K.WRONG_PLACE, K.SWAPPED), "x y")
class ConcatenateSwapped(right.Concatenate):
    """The parts are handed back in the wrong order."""

    def backward(self, dout):
        return dout[:, self.width :], dout[:, : self.width]


@fault((K.WRONG_PLACE, K.WRONG_AXIS), "x")
class RunningSumForward(right.RunningSum):
    """The running sum must run backward on the way back."""

    def backward(self, dout):
        return np.cumsum(dout, axis=1)


@fault(K.DROPPED_TERM, "x")
class UnitLengthConstant(right.UnitLength):
    """The length is taken for a constant."""

    def backward(self, dout):
        return dout / self.length


@fault(K.RAISES, "dout")
class AffineDoesNotFit(right.Affine):
    """The order of the product is wrong, and the shapes say so."""

    def backward(self, dout):
        super().backward(dout)
        return self.W.T @ dout

    @classmethod
    def samples(cls, rng):
        yield cls(rng.standard_normal((5, 3)), rng.standard_normal(3)), rng.standard_normal((4, 5))


@fault(K.INTEGER, "x")
class ReluWholeNumbers(right.Relu):
    """The result is written into an array of integers."""

    def backward(self, dout):
        dx = np.zeros(dout.shape, dtype=int)
        dx[~self.mask] = dout[~self.mask]
        return dx
