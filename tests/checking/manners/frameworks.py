"""Small frameworks and scripts of research: layers with a mistake each."""
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

class Parameter:
    def __init__(self, data):
        self.data = np.asarray(data, dtype=np.float64)
        self.grad = np.zeros_like(self.data)

    def zero(self):
        self.grad[...] = 0

class Module:
    def parameters(self):
        return [v for v in vars(self).values() if isinstance(v, Parameter)]

    def zero_grad(self):
        for p in self.parameters():
            p.zero()

class Dense(Module):
    def __init__(self, in_features, out_features):
        bound = 1 / np.sqrt(in_features)
        self.weight = Parameter(np.random.uniform(-bound, bound, (out_features, in_features)))
        self.bias = Parameter(np.random.uniform(-bound, bound, out_features))

    def forward(self, inp):
        self._inp = inp
        return inp @ self.weight.data.T + self.bias.data

    def backward(self, grad_output):
        self.weight.grad += self._inp.T @ grad_output
        self.bias.grad += grad_output.sum(axis=0)
        return grad_output @ self.weight.data

# ----------------------------------------------------------------------- autograd style functions
class Context:
    def save_for_backward(self, *args):
        self.saved_tensors = args

class Mul:
    """elementwise product, b may broadcast over the rows of a"""

    def forward(self, a, b):
        self.ctx = Context()
        self.ctx.save_for_backward(a, b)
        return a * b

    def backward(self, grad):
        a, b = self.ctx.saved_tensors
        return grad * b, grad * a

class Div:
    def forward(self, a, b):
        self.saved_tensors = (a, b)
        return a / b

    def backward(self, grad_output):
        a, b = self.saved_tensors
        return grad_output / b, -grad_output * a / b

class Pow:
    def __init__(self, n):
        self.n = n

    def forward(self, x):
        self.x = x
        return x ** self.n

    def backward(self, g):
        return g * self.n * self.x ** self.n

class DepthwiseConv2D:
    """NHWC, kernel (kh, kw, C), valid"""

    def __init__(self, kernel):
        self.kernel = kernel

    def forward(self, x):
        self.x = x
        kh, kw, _ = self.kernel.shape
        H, W = x.shape[1] - kh + 1, x.shape[2] - kw + 1
        y = np.zeros((x.shape[0], H, W, x.shape[3]))
        for i in range(kh):
            for j in range(kw):
                y += x[:, i:i + H, j:j + W] * self.kernel[i, j]
        return y

    def backward(self, gy):
        kh, kw, _ = self.kernel.shape
        H, W = gy.shape[1:3]
        gx = np.zeros_like(self.x)
        self.grad_kernel = np.zeros_like(self.kernel)
        for i in range(kh):
            for j in range(kw):
                self.grad_kernel[i, j] = np.sum(gy * self.x[:, i:i + H, j:j + W], axis=(0, 1, 2))
                gx[:, i:i + H, j:j + W] += gy * self.kernel[kh - 1 - i, kw - 1 - j]
        return gx

class DilatedConv1D:
    """WaveNet like causal convolution, x is (batch, channels, time)"""

    def __init__(self, c_in, c_out, k, dilation):
        self.W = np.random.randn(k, c_in, c_out) * 0.5
        self.dilation = dilation
        self.dW = None

    def forward(self, x):
        k = len(self.W)
        pad = (k - 1) * self.dilation
        self.xp = np.pad(x, ((0, 0), (0, 0), (pad, 0)))
        T = x.shape[2]
        self.pad, self.T = pad, T
        return sum(np.einsum("bct,cd->bdt", self.xp[:, :, i * self.dilation:i * self.dilation + T], self.W[i]) for i in range(k))

    def backward(self, dy):
        dxp = np.zeros_like(self.xp)
        self.dW = np.zeros_like(self.W)
        for i in range(len(self.W)):
            lo = i * self.dilation
            self.dW[i] = np.einsum("bct,bdt->cd", self.xp[:, :, lo:lo + self.T], dy)
            dxp[:, :, i:i + self.T] += np.einsum("bdt,cd->bct", dy, self.W[i])
        return dxp[:, :, self.pad:]

class Conv3D:
    """one channel volumes (N, D, H, W), stride 1"""

    def __init__(self, w):
        self.params = [w]
        self.grads = [None]

    def forward(self, vol):
        w, = self.params
        self.vol = vol
        self.win = sliding_window_view(vol, w.shape, axis=(1, 2, 3))
        return np.einsum("ndhwijk,ijk->ndhw", self.win, w)

    def backward(self, dout):
        w, = self.params
        self.grads[0] = np.einsum("ndhwijk,ndhw->ijk", self.win, dout)
        dvol = np.zeros_like(self.vol)
        a, b, c = w.shape
        for d in range(dout.shape[1]):
            for h in range(dout.shape[2]):
                for v in range(dout.shape[3]):
                    dvol[:, d:d + a, h:h + b, v:v + c] = dout[:, d, h, v, None, None, None] * w
        return dvol

class ConvTranspose1d:
    def __init__(self, weight, stride=2):
        self.weight, self.stride = weight, stride      # (C_in, C_out, K)

    def forward(self, x):
        n, _, length = x.shape
        ci, co, k = self.weight.shape
        self.x = x
        y = np.zeros((n, co, (length - 1) * self.stride + k))
        for t in range(length):
            y[:, :, t * self.stride:t * self.stride + k] += np.einsum("nc,cok->nok", x[:, :, t], self.weight)
        return y

    def backward(self, gy):
        ci, co, k = self.weight.shape
        gx = np.zeros_like(self.x)
        self.weight_grad = np.zeros_like(self.weight)
        for t in range(self.x.shape[2]):
            seg = gy[:, :, t * self.stride:t * self.stride + k]
            gx[:, :, t] = np.einsum("nok,cok->nc", seg, self.weight)
            self.weight_grad += np.einsum("nc,nok->cok", self.x[:, :, t], seg[:, :, ::-1])
        return gx

class LPPool1d:
    def __init__(self, p=3, k=2):
        self.p, self.k = p, k

    def forward(self, x):
        n, l = x.shape
        self.x = x.reshape(n, l // self.k, self.k)
        self.y = (np.abs(self.x) ** self.p).sum(-1) ** (1 / self.p)
        return self.y

    def backward(self, dy):
        dx = dy[:, :, None] * np.abs(self.x) ** (self.p - 1) * self.y[:, :, None] ** (1 - self.p)
        return dx.reshape(dy.shape[0], -1)

class AdaptiveAvgPool1d:
    def __init__(self, out_size):
        self.out_size = out_size

    def _bins(self):
        L, o = self.length, self.out_size
        return [(i * L // o, -((-(i + 1) * L) // o)) for i in range(o)]

    def forward(self, x):
        self.length = x.shape[-1]
        return np.stack([x[..., a:b].mean(-1) for a, b in self._bins()], axis=-1)

    def backward(self, dout):
        dx = np.zeros(dout.shape[:-1] + (self.length,))
        for i, (a, b) in enumerate(self._bins()):
            dx[..., a:b] += dout[..., i:i + 1] / (self.length / self.out_size)
        return dx

class UpsampleNearest:
    def __init__(self, scale=2):
        self.scale = scale

    def forward(self, x):
        return x.repeat(self.scale, axis=2).repeat(self.scale, axis=3)

    def backward(self, grad):
        return grad[:, :, ::self.scale, ::self.scale].copy()

class PixelShuffle:
    def __init__(self, r=2):
        self.r = r

    def forward(self, x):
        n, c, h, w = x.shape
        r = self.r
        return x.reshape(n, c // r ** 2, r, r, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // r ** 2, h * r, w * r)

    def backward(self, g):
        n, c, h, w = g.shape
        r = self.r
        return g.reshape(n, c, h // r, r, w // r, r).transpose(0, 1, 5, 3, 2, 4).reshape(n, c * r ** 2, h // r, w // r)

class GroupNorm:
    def __init__(self, num_groups, num_channels, eps=1e-5):
        self.G, self.eps = num_groups, eps
        self.gamma = np.random.rand(num_channels) + 0.5
        self.beta = np.random.randn(num_channels)

    def forward(self, x):
        N, C, H, W = x.shape
        g = x.reshape(N, self.G, C // self.G * H * W)
        self.std = np.sqrt(g.var(-1, keepdims=True) + self.eps)
        self.xhat = ((g - g.mean(-1, keepdims=True)) / self.std).reshape(x.shape)
        return self.xhat * self.gamma[:, None, None] + self.beta[:, None, None]

    def backward(self, dout):
        N, C, H, W = dout.shape
        self.dgamma = (dout * self.xhat).sum((0, 2, 3))
        self.dbeta = dout.sum((0, 2, 3))
        dxhat = dout * self.gamma[:, None, None]
        std = np.repeat(self.std[:, :, 0], C // self.G, axis=1)[:, :, None, None]
        m1 = dxhat.mean((2, 3), keepdims=True)
        m2 = (dxhat * self.xhat).mean((2, 3), keepdims=True)
        return (dxhat - m1 - self.xhat * m2) / std

class InstanceNorm:
    eps = 1e-2

    def forward(self, x):
        self.mean = x.mean(axis=(2, 3), keepdims=True)
        self.var = x.var(axis=(2, 3), keepdims=True)
        self.y = (x - self.mean) / np.sqrt(self.var + self.eps)
        return self.y

    def backward(self, dy):
        s = np.sqrt(self.var) + self.eps
        return (dy - dy.mean(axis=(2, 3), keepdims=True) - self.y * (dy * self.y).mean(axis=(2, 3), keepdims=True)) / s

class WeightNormLinear:
    def __init__(self, v, g):
        self.v, self.g = v, g            # (out, in), (out,)

    def forward(self, x):
        self.x = x
        self.norm = np.linalg.norm(self.v, axis=1, keepdims=True)
        self.w = self.g[:, None] * self.v / self.norm
        return x @ self.w.T

    def backward(self, dy):
        dw = dy.T @ self.x
        self.dg = (dw * self.v / self.norm).sum(1)
        self.dv = dw * self.g[:, None] / self.norm
        return dy @ self.w

class SpectralNormLinear:
    """u and v are the running singular vectors, constants"""

    def __init__(self, W):
        self.W = W
        u = np.random.randn(W.shape[0])
        for _ in range(3):
            v = W.T @ u
            v /= np.linalg.norm(v)
            u = W @ v
            u /= np.linalg.norm(u)
        self._u, self._v = tuple(u), tuple(v)

    def forward(self, x):
        self.x = x
        self.sigma = np.dot(np.dot(self._u, self.W), self._v)
        return x @ (self.W / self.sigma)

    def backward(self, dy):
        self.dW = self.x.T @ dy / self.sigma
        return dy @ self.W.T / self.sigma

class FocalLoss:
    def __init__(self, gamma=2.0):
        self.gamma = gamma

    def forward(self, p, labels):
        self.p, self.labels = p, labels
        self.pt = np.where(labels == 1, p, 1 - p)
        return np.sum(-(1 - self.pt) ** self.gamma * np.log(self.pt))

    def backward(self):
        dpt = -(1 - self.pt) ** self.gamma / self.pt
        return np.where(self.labels == 1, dpt, -dpt)

class DiceLoss:
    smooth = 1.0

    def __call__(self, pred, mask):
        self.pred, self.mask = pred, mask
        self.inter = (pred * mask).sum()
        self.union = pred.sum() + mask.sum()
        return 1 - (2 * self.inter + self.smooth) / (self.union + self.smooth)

    def backward(self):
        d = self.union + self.smooth
        return -(2 * self.mask * d - 2 * self.inter) / d ** 2

class LinearChainCRF:
    """negative log likelihood of one tag sequence; emissions (T, K)"""

    def __init__(self, K):
        self.transitions = np.random.randn(K, K)       # from, to

    def forward(self, emissions, tags):
        T, K = emissions.shape
        A = self.transitions
        la = np.zeros((T, K))
        la[0] = emissions[0]
        for t in range(1, T):
            s = la[t - 1][:, None] + A
            m = s.max(0)
            la[t] = emissions[t] + m + np.log(np.exp(s - m).sum(0))
        m = la[-1].max()
        logZ = m + np.log(np.exp(la[-1] - m).sum())
        score = emissions[np.arange(T), tags].sum() + A[tags[:-1], tags[1:]].sum()
        self.cache = emissions, tags, la, logZ
        return logZ - score

    def backward(self):
        emissions, tags, la, logZ = self.cache
        A = self.transitions
        T, K = emissions.shape
        lb = np.zeros((T, K))
        for t in range(T - 2, -1, -1):
            s = A + emissions[t + 1] + lb[t + 1]
            m = s.max(1)
            lb[t] = m + np.log(np.exp(s - m[:, None]).sum(1))
        dE = np.exp(la + lb - logZ)
        dE[np.arange(T), tags] -= 1
        self.dtransitions = np.zeros_like(A)
        for t in range(1, T):
            self.dtransitions += np.exp(la[t - 1][:, None] + A + emissions[t] + lb[t] - logZ)
            self.dtransitions[tags[t], tags[t - 1]] -= 1
        return dE

class ContrastiveLoss:
    def __init__(self, margin=1.5):
        self.margin = margin

    def forward(self, x1, x2, same):
        self.diff = x1 - x2
        self.dist = np.sqrt((self.diff ** 2).sum(1))
        self.same = same
        return np.sum(same * self.dist ** 2 + (1 - same) * np.maximum(self.margin - self.dist, 0) ** 2)

    def backward(self):
        pull = 2 * self.diff * self.same[:, None]
        push = -2 * ((self.margin - self.dist) / self.dist * (1 - self.same))[:, None] * self.diff
        g = pull + push
        return g, -g

class Reparameterize:
    def __init__(self, latent):
        self.latent = latent
        self.seed = 5

    def forward(self, mu, log_var):
        self.eps = np.random.RandomState(self.seed).randn(*mu.shape)
        self.sigma = np.exp(0.5 * log_var)
        return mu + self.sigma * self.eps

    def backward(self, dz):
        return dz, dz * self.sigma * self.eps
