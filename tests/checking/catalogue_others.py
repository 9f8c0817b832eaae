"""Mistakes in normalisation, images, sequences, arithmetic and shapes."""

import numpy as np
import right_layers as right
from fault import K, fault

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


@fault((K.DROPPED_TERM, K.FACTOR), "x")
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


@fault((K.FACTOR, K.DROPPED_TERM), "x")
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


@fault((K.SUMMED, K.WRONG_AXIS), "b")
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


@fault((K.SWAPPED, K.WRONG_PLACE), "q k")
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


@fault((K.WRONG_VALUE, K.UNKNOWN, K.DROPPED_TERM), "params[1]")
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


@fault((K.WRONG_PLACE, K.UNKNOWN, K.SWAPPED), "Wx Wh b x h_prev")
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
