"""Course homework and blogs: layers with a mistake each."""
import numpy as np
from manners.courses import _sig

class MSELoss:
    def forward(self, y_pred, target):
        self.diff = y_pred - target
        return np.mean(self.diff ** 2)
    def backward(self):
        return 2 * self.diff / len(self.diff)

class BinaryCrossEntropy:
    def forward(self, p, t):
        self.p, self.t = p, t
        return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
    def backward(self):
        return (self.p - self.t) / self.p.size

class GRUDanYuan:
    """GRU单元 一步"""
    def __init__(self, n_in, n_h):
        r = lambda *s: np.random.randn(*s) * 0.6
        self.Wz, self.Uz, self.bz = r(n_in, n_h), r(n_h, n_h), r(n_h)
        self.Wr, self.Ur, self.br = r(n_in, n_h), r(n_h, n_h), r(n_h)
        self.Wc, self.Uc, self.bc = r(n_in, n_h), r(n_h, n_h), r(n_h)
    def forward(self, x, h):
        self.x, self.h = x, h
        self.z = _sig(x @ self.Wz + h @ self.Uz + self.bz)
        self.r = _sig(x @ self.Wr + h @ self.Ur + self.br)
        self.c = np.tanh(x @ self.Wc + (self.r * h) @ self.Uc + self.bc)
        self.out = (1 - self.z) * h + self.z * self.c
        return self.out
    def backward(self, dh):
        dz = dh * (self.c - self.h) * self.z * (1 - self.z)
        dc = dh * self.z * (1 - self.c ** 2)
        drh = dc @ self.Uc.T
        dr = drh * self.out * self.r * (1 - self.r)
        self.dWz, self.dUz, self.dbz = self.x.T @ dz, self.h.T @ dz, dz.sum(0)
        self.dWr, self.dUr, self.dbr = self.x.T @ dr, self.h.T @ dr, dr.sum(0)
        self.dWc, self.dUc, self.dbc = self.x.T @ dc, (self.r * self.h).T @ dc, dc.sum(0)
        dx = dz @ self.Wz.T + dr @ self.Wr.T + dc @ self.Wc.T
        dhp = dh * (1 - self.z) + dz @ self.Uz.T + dr @ self.Ur.T + drh * self.r
        return dx, dhp

def im2col(x, fh, fw):
    N, C, H, W = x.shape
    oh, ow = H - fh + 1, W - fw + 1
    col = np.zeros((N, C, fh, fw, oh, ow))
    for y in range(fh):
        for z in range(fw):
            col[:, :, y, z] = x[:, :, y:y + oh, z:z + ow]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(N * oh * ow, -1)

def col2im(col, shape, fh, fw):
    N, C, H, W = shape
    oh, ow = H - fh + 1, W - fw + 1
    col = col.reshape(N, oh, ow, C, fh, fw).transpose(0, 3, 4, 5, 1, 2)
    img = np.zeros(shape)
    for y in range(fh):
        for z in range(fw):
            img[:, :, y:y + oh, z:z + ow] += col[:, :, y, z]
    return img

class Convolution:
    def __init__(self, W, b):
        self.W, self.b = W, b
    def forward(self, x):
        FN, C, FH, FW = self.W.shape
        N, _, H, W = x.shape
        self.x = x
        self.col = im2col(x, FH, FW)
        self.col_W = self.W.reshape(FN, -1).T
        out = self.col @ self.col_W + self.b
        return out.reshape(N, H - FH + 1, W - FW + 1, FN).transpose(0, 3, 1, 2)
    def backward(self, dout):
        FN, C, FH, FW = self.W.shape
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, FN)
        self.db = np.sum(dout, axis=0)
        self.dW = (self.col.T @ dout).reshape(FN, C, FH, FW)
        return col2im(dout @ self.col_W.T, self.x.shape, FH, FW)

class AveragePooling:
    def __init__(self, k):
        self.k = k
    def forward(self, x):
        N, C, H, W = x.shape
        k = self.k
        self.shape = x.shape
        return x.reshape(N, C, H // k, k, W // k, k).mean(axis=(3, 5))
    def backward(self, dout):
        return np.repeat(np.repeat(dout, self.k, axis=2), self.k, axis=3)

class DropoutLayer:
    def __init__(self, ratio=0.5):
        self.ratio = ratio
        self.rng = np.random.RandomState(0)
    def forward(self, x):
        mask = self.rng.rand(*x.shape) > self.ratio
        return x * mask
    def backward(self, dout):
        mask = self.rng.rand(*dout.shape) > self.ratio
        return dout * mask

class ELU:
    def __init__(self, alpha=1.7):
        self.alpha = alpha
    def __call__(self, x):
        self.input = x
        self.output = np.where(x > 0, x, self.alpha * (np.exp(np.minimum(x, 0)) - 1))
        return self.output
    def backward(self, grad):
        return grad * np.where(self.input > 0, 1, self.output + 1)

class PReLU:
    def __init__(self, channels):
        self.alpha = np.full(channels, 0.25)
    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * x)
    def backward(self, dout):
        dx = dout * np.where(self.x > 0, 1, self.alpha)
        self.dalpha = np.sum(dout * self.x, axis=0)
        return dx

def swish(x):
    s = 1 / (1 + np.exp(-x))
    return x * s

def swish_deriv(x):
    s = 1 / (1 + np.exp(-x))
    return s

class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(x.shape[0], -1)
    def backward(self, dout):
        n, c, h, w = self.shape
        return dout.reshape(n, h, w, c).transpose(0, 3, 1, 2)

class ResidualBlock:
    def __init__(self, dim):
        self.W1 = np.random.randn(dim, dim + 2) * 0.5
        self.W2 = np.random.randn(dim + 2, dim) * 0.5
    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.W1)
        return self.h @ self.W2 + x
    def backward(self, dout):
        self.dW2 = self.h.T @ dout
        dh = dout @ self.W2.T * (1 - self.h ** 2)
        self.dW1 = self.x.T @ dh
        return dh @ self.W1.T

class Highway:
    def __init__(self, d):
        self.WH, self.bH = np.random.randn(d, d) * .7, np.random.randn(d)
        self.WT, self.bT = np.random.randn(d, d) * .7, np.random.randn(d)
    def forward(self, x):
        self.x = x
        self.H = np.tanh(x @ self.WH + self.bH)
        self.T = _sig(x @ self.WT + self.bT)
        return self.H * self.T + x * (1 - self.T)
    def backward(self, dout):
        dH = dout * self.T * (1 - self.H ** 2)
        dT = dout * self.H * self.T * (1 - self.T)
        self.dWH, self.dbH = self.x.T @ dH, dH.sum(0)
        self.dWT, self.dbT = self.x.T @ dT, dT.sum(0)
        return dout * (1 - self.T) + dH @ self.WH.T + dT @ self.WT.T

def batchnorm_forward(x, gamma, beta):
    mean, var = x.mean(0), x.var(0)
    x_norm = (x - mean) / np.sqrt(var + 1e-8)
    out = gamma * x_norm + beta
    return out, (x, x_norm, mean, var, gamma)

def batchnorm_backward(dout, cache):
    x, x_norm, mean, var, gamma = cache
    m = x.shape[0]
    dgamma = np.sum(dout * x, axis=0)
    dbeta = np.sum(dout, axis=0)
    dxn = dout * gamma
    dx = (m * dxn - dxn.sum(0) - x_norm * (dxn * x_norm).sum(0)) / (m * np.sqrt(var + 1e-8))
    return dx, dgamma, dbeta

class L2Normalize:
    def forward(self, x):
        self.norm = np.sqrt((x ** 2).sum(axis=1, keepdims=True))
        self.y = x / self.norm
        return self.y
    def backward(self, dy):
        return dy / self.norm

class TripletLoss:
    def __init__(self, margin=0.5):
        self.margin = margin
    def forward(self, anchor, positive, negative):
        self.a, self.p, self.n = anchor, positive, negative
        self.l = ((anchor - positive) ** 2).sum(1) - ((anchor - negative) ** 2).sum(1) + self.margin
        return np.maximum(self.l, 0).mean()
    def backward(self):
        act = (self.l > 0)[:, None] / len(self.a)
        da = 2 * (self.n - self.p) * act
        dp = 2 * (self.p - self.a) * act
        dn = 2 * (self.n - self.a) * act
        return da, dp, dn

class LogisticRegression:
    def __init__(self, dim):
        self.w = np.random.randn(dim, 1)
        self.b = np.zeros((1, 1))
    def loss(self, X, Y):
        m = X.shape[1]
        A = _sig(np.dot(self.w.T, X) + self.b)
        cost = -1 / m * np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A))
        dw = np.dot(X, (Y - A).T) / m
        db = np.sum(A - Y, keepdims=True) / m
        return cost, {"dw": dw, "db": db}

def lr_cost_function(theta, X, y, lam=2.0):
    m = len(y)
    h = _sig(X @ theta)
    J = (-y @ np.log(h) - (1 - y) @ np.log(1 - h)) / m + lam / (2 * m) * np.sum(theta[1:] ** 2)
    grad = X.T @ (h - y) / m + lam / m * theta
    return J, grad

def neg_sampling_loss_and_gradient(center_vec, outside_idx, outside_vectors, neg_idx):
    u = outside_vectors[outside_idx]
    un = outside_vectors[neg_idx]
    so, sn = _sig(u @ center_vec), _sig(-un @ center_vec)
    loss = -np.log(so) - np.sum(np.log(sn))
    grad_center = (so - 1) * u + (1 - sn) @ un
    grad_outside = np.zeros_like(outside_vectors)
    grad_outside[outside_idx] = (so - 1) * center_vec
    for k, j in enumerate(neg_idx):
        grad_outside[j] = (1 - sn[k]) * center_vec
    return loss, (grad_center, grad_outside)

class CBOWHidden:
    def __init__(self, W_in):
        self.W_in = W_in
    def forward(self, contexts):
        self.contexts = contexts
        return self.W_in[contexts].mean(axis=1)
    def backward(self, dh):
        self.dW_in = np.zeros_like(self.W_in)
        for c in range(self.contexts.shape[1]):
            np.add.at(self.dW_in, self.contexts[:, c], dh)
        return None

class BiRNN:
    def __init__(self, D, H):
        self.fwd = dict(Wx=np.random.randn(D, H) * .5, Wh=np.random.randn(H, H) * .5)
        self.bwd = dict(Wx=np.random.randn(D, H) * .5, Wh=np.random.randn(H, H) * .5)
        self.grads = {}
    def _run(self, p, xs):
        h, hs = np.zeros((xs.shape[0], p["Wh"].shape[0])), []
        for t in range(xs.shape[1]):
            h = np.tanh(xs[:, t] @ p["Wx"] + h @ p["Wh"])
            hs.append(h)
        return np.stack(hs, 1)
    def _back(self, p, xs, hs, dhs):
        dx, dWx, dWh, dn = np.zeros_like(xs), 0, 0, 0
        for t in reversed(range(xs.shape[1])):
            dz = (dhs[:, t] + dn) * (1 - hs[:, t] ** 2)
            dWx = dWx + xs[:, t].T @ dz
            if t:
                dWh = dWh + hs[:, t - 1].T @ dz
            dx[:, t] = dz @ p["Wx"].T
            dn = dz @ p["Wh"].T
        return dx, {"Wx": dWx, "Wh": dWh}
    def forward(self, xs):
        self.xs = xs
        self.hf, self.hb = self._run(self.fwd, xs), self._run(self.bwd, xs[:, ::-1])
        return self.hf + self.hb[:, ::-1]
    def backward(self, dout):
        dx1, self.grads["fwd"] = self._back(self.fwd, self.xs, self.hf, dout)
        dx2, self.grads["bwd"] = self._back(self.bwd, self.xs[:, ::-1], self.hb, dout[:, ::-1])
        return dx1 + dx2

class Linear:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.random.randn(n_out)
        self.dW = np.zeros_like(self.W)
        self.db = np.zeros_like(self.b)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dout):
        self.dW += self.x.T @ dout
        self.db = dout.sum(0)
        return dout @ self.W.T

class ChannelBias:
    def __init__(self, bias):
        self.bias = bias            # (C,1,1)
    def forward(self, img):
        return img + self.bias
    def backward(self, dout):
        self.dbias = dout.sum(axis=0)
        return dout

class Bilinear:
    def __init__(self, d):
        self.W = np.random.randn(d, d)
    def forward(self, left, right):
        self.left, self.right = left, right
        return np.sum((left @ self.W) * right, axis=1)
    def backward(self, dout):
        d = dout[:, None]
        self.dW = (self.left * d).T @ self.right
        return (self.right * d) @ self.W, (self.left * d) @ self.W

class GlobalAvgPool:
    def forward(self, feature_map):
        self.shp = feature_map.shape
        return feature_map.mean(axis=(2, 3))
    def backward(self, dout):
        n, c, h, w = self.shp
        return np.broadcast_to(dout[:, :, None, None] / (c * w), self.shp).copy()

class TimeAffine:
    def __init__(self, W, b):
        self.params, self.grads = [W, b], [np.zeros_like(W), np.zeros_like(b)]
    def forward(self, xs):
        N, T, D = xs.shape
        W, b = self.params
        self.xs = xs
        return (xs.reshape(N * T, -1) @ W + b).reshape(N, T, -1)
    def backward(self, dout):
        N, T, D = self.xs.shape
        W, b = self.params
        dout = dout.reshape(N * T, -1)
        self.grads[0][...] = self.xs.reshape(N * T, -1).T @ dout
        self.grads[1][...] = dout[:N].sum(axis=0)
        return (dout @ W.T).reshape(N, T, D)
