"""Course homework and blogs: layers with a mistake each."""
import numpy as np

# course homework, N-d input
def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    cache = (x, w, b)
    return out, cache

def affine_backward(dout, cache):
    x, w, b = cache
    N = x.shape[0]
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(N, -1).T.dot(dout) / N
    db = np.sum(dout, axis=0)
    return dx, dw, db

# column major, (features, m), mean cost
class ShallowModel:
    def __init__(self, n_x, n_h, n_y):
        self.parameters = {
            "W1": np.random.randn(n_h, n_x) * 0.5, "b1": np.zeros((n_h, 1)),
            "W2": np.random.randn(n_y, n_h) * 0.5, "b2": np.zeros((n_y, 1))}
    def loss(self, X, Y):
        p = self.parameters
        m = X.shape[1]
        Z1 = np.dot(p["W1"], X) + p["b1"]
        A1 = np.tanh(Z1)
        Z2 = np.dot(p["W2"], A1) + p["b2"]
        A2 = 1 / (1 + np.exp(-Z2))
        cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
        dZ2 = A2 - Y
        grads = {}
        grads["W2"] = np.dot(dZ2, A1.T) / m
        grads["b2"] = np.sum(dZ2, axis=1, keepdims=True) / m
        dZ1 = np.dot(p["W2"].T, dZ2) * (1 - A1 ** 2)
        grads["W1"] = np.dot(dZ1, X.T) / m
        grads["b1"] = np.sum(dZ1, axis=1, keepdims=True)
        return cost, grads

# char rnn
class CharRNN:
    def __init__(self, vocab_size, hidden_size):
        self.V = vocab_size
        self.H = hidden_size
        self.Wxh = np.random.randn(hidden_size, vocab_size) * 0.4
        self.Whh = np.random.randn(hidden_size, hidden_size) * 0.4
        self.Why = np.random.randn(vocab_size, hidden_size) * 0.4
        self.bh = np.zeros((hidden_size, 1))
        self.by = np.zeros((vocab_size, 1))
    def loss(self, inputs, targets):
        xs, hs, ps = {}, {}, {}
        hs[-1] = np.zeros((self.H, 1))
        loss = 0
        for t in range(len(inputs)):
            xs[t] = np.zeros((self.V, 1))
            xs[t][inputs[t]] = 1
            hs[t] = np.tanh(self.Wxh @ xs[t] + self.Whh @ hs[t - 1] + self.bh)
            y = self.Why @ hs[t] + self.by
            ps[t] = np.exp(y) / np.sum(np.exp(y))
            loss += -np.log(ps[t][targets[t], 0])
        dWxh, dWhh, dWhy = np.zeros_like(self.Wxh), np.zeros_like(self.Whh), np.zeros_like(self.Why)
        dbh, dby = np.zeros_like(self.bh), np.zeros_like(self.by)
        dhnext = np.zeros_like(hs[0])
        for t in reversed(range(len(inputs))):
            dy = np.copy(ps[t])
            dy[targets[t]] -= 1
            dWhy += dy @ hs[t].T
            dby += dy
            dh = self.Why.T @ dy + dhnext
            dhraw = (1 - hs[t] * hs[t]) * dh
            dbh += dhraw
            dWxh += dhraw @ xs[t].T
            dWhh += dhraw @ hs[t - 1].T
            dhnext = self.Whh @ dhraw
        return loss, {"Wxh": dWxh, "Whh": dWhh, "Why": dWhy, "bh": dbh, "by": dby}

class BatchNorm1d:
    def __init__(self, gamma, beta):
        self.gamma, self.beta = gamma, beta
        self.dgamma = None
        self.dbeta = None
    def forward(self, x):
        self.mu = x.mean(axis=0)
        self.xc = x - self.mu
        self.var = np.mean(self.xc ** 2, axis=0)
        self.std = np.sqrt(self.var + 1e-5)
        self.xn = self.xc / self.std
        return self.gamma * self.xn + self.beta
    def backward(self, dout):
        n = dout.shape[0]
        self.dbeta = dout.sum(axis=0)
        self.dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dmu = np.sum(dxc, axis=0)
        return dxc - dmu / n

def conv_forward_naive(x, w, b, stride=1, pad=1):
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    Ho, Wo = 1 + (H + 2 * pad - HH) // stride, 1 + (W + 2 * pad - WW) // stride
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), mode="constant")
    out = np.zeros((N, F, Ho, Wo))
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    out[n, f, i, j] = np.sum(xp[n, :, i * stride:i * stride + HH, j * stride:j * stride + WW] * w[f]) + b[f]
    return out, (x, xp, w, stride, pad)

def conv_backward_naive(dout, cache):
    x, xp, w, stride, pad = cache
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    for n in range(N):
        for f in range(F):
            for i in range(dout.shape[2]):
                for j in range(dout.shape[3]):
                    sl = (n, slice(None), slice(i * stride, i * stride + HH), slice(j * stride, j * stride + WW))
                    dw[f] += xp[sl] * dout[n, f, i, j]
                    dxp[sl] += w[f] * dout[n, f, i, j]
    return dxp[:, :, :H, :W], dw, dout.sum(axis=(0, 2, 3))

def max_pool_forward(x, size=2):
    N, C, H, W = x.shape
    xr = x.reshape(N, C, H // size, size, W // size, size)
    out = xr.max(axis=3).max(axis=4)
    return out, (xr, out, x.shape)

def max_pool_backward(dout, cache):
    xr, out, shape = cache
    mask = xr == out[:, :, :, None, :, None]
    return (mask * dout[:, :, :, None, :, None]).reshape(shape)

class InvertedDropout:
    def __init__(self, keep_prob, seed=None):
        self.keep_prob = keep_prob
        self.seed = seed
    def forward(self, A):
        rs = np.random.RandomState(self.seed)
        self.D = rs.rand(*A.shape) < self.keep_prob
        return A * self.D / self.keep_prob
    def backward(self, dA):
        return dA * self.D

def softmax_loss(x, y):
    shifted = x - np.max(x, axis=1, keepdims=True)
    log_probs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    N = x.shape[0]
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = np.exp(log_probs)
    dx[np.arange(N), y] -= 1
    return loss, dx

def svm_loss(x, y):
    N = x.shape[0]
    correct = x[np.arange(N), y]
    margins = np.maximum(0, x - correct[:, np.newaxis] + 1.0)
    margins[np.arange(N), y] = 0
    loss = np.sum(margins) / N
    dx = np.zeros_like(x)
    dx[margins > 0] = 1
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx

class TwoLayerNetReg:
    def __init__(self, D, H, C, reg=0.1):
        self.params = dict(W1=np.random.randn(D, H), b1=np.random.randn(H) * .1, W2=np.random.randn(H, C), b2=np.zeros(C))
        self.reg = reg
    def loss(self, X, y):
        W1, b1, W2, b2 = (self.params[k] for k in ("W1", "b1", "W2", "b2"))
        h = np.maximum(0, X @ W1 + b1)
        s = h @ W2 + b2
        s = s - s.max(1, keepdims=True)
        p = np.exp(s)
        p /= p.sum(1, keepdims=True)
        n = len(X)
        loss = -np.log(p[range(n), y]).mean() + self.reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        grads = {}
        ds = p.copy()
        ds[range(n), y] -= 1
        ds /= n
        grads["W2"] = h.T @ ds + self.reg * W2
        grads["b2"] = ds.sum(0)
        dh = ds @ W2.T
        dh[h <= 0] = 0
        grads["W1"] = X.T @ dh + self.reg * W1
        grads["b1"] = dh.sum(0)
        return loss, grads

def _sig(z):
    return 1.0 / (1.0 + np.exp(-z))

def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    H = prev_h.shape[1]
    a = x.dot(Wx) + prev_h.dot(Wh) + b
    i, f, o, g = _sig(a[:, :H]), _sig(a[:, H:2 * H]), _sig(a[:, 2 * H:3 * H]), np.tanh(a[:, 3 * H:])
    next_c = f * prev_c + i * g
    next_h = o * np.tanh(next_c)
    cache = (x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c)
    return next_h, cache

def lstm_step_backward(dnext_h, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c = cache
    do = dnext_h * np.tanh(next_c)
    dc = dnext_h * o * (1 - next_c ** 2)
    di, df, dg = dc * g, dc * prev_c, dc * i
    dprev_c = dc * f
    da = np.hstack((di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g ** 2)))
    return da.dot(Wx.T), da.dot(Wh.T), dprev_c, x.T.dot(da), prev_h.T.dot(da), da.sum(axis=0)

def rnn_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(T):
        prev = np.tanh(x[:, t].dot(Wx) + prev.dot(Wh) + b)
        h[:, t] = prev
    return h, (x, h0, Wx, Wh, h)

def rnn_backward(dh, cache):
    x, h0, Wx, Wh, h = cache
    N, T, D = x.shape
    dx, dWx, dWh = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh)
    dprev = np.zeros_like(h0)
    for t in range(T - 1, -1, -1):
        dz = (dh[:, t] + dprev) * (1 - h[:, t] ** 2)
        prev = h[:, t - 1] if t > 0 else h0
        dx[:, t] = dz.dot(Wx.T)
        dprev = dz.dot(Wh.T)
        dWx += x[:, t].T.dot(dz)
        dWh += prev.T.dot(dz)
        db = dz.sum(axis=0)
    return dx, dprev, dWx, dWh, db

def word_embedding_forward(x, W):
    return W[x, :], (x, W)

def word_embedding_backward(dout, cache):
    x, W = cache
    dW = np.zeros_like(W)
    dW[x] += dout
    return dW

def temporal_softmax_loss(x, y, mask):
    N, T, V = x.shape
    x_flat, y_flat, mask_flat = x.reshape(N * T, V), y.reshape(N * T), mask.reshape(N * T)
    probs = np.exp(x_flat - np.max(x_flat, axis=1, keepdims=True))
    probs /= np.sum(probs, axis=1, keepdims=True)
    loss = -np.sum(mask_flat * np.log(probs[np.arange(N * T), y_flat])) / N
    dx_flat = probs.copy()
    dx_flat[np.arange(N * T), y_flat] -= 1
    dx_flat /= N
    return loss, dx_flat.reshape(N, T, V)

def layernorm_forward(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=1, keepdims=True)
    var = x.var(axis=1, keepdims=True)
    xhat = (x - mu) / np.sqrt(var + eps)
    return gamma * xhat + beta, (xhat, var, gamma, eps)

def layernorm_backward(dout, cache):
    xhat, var, gamma, eps = cache
    dxhat = dout * gamma
    dx = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / np.sqrt(var + eps)
    return dx, (dout * xhat).sum(axis=0), dout.sum(axis=0)

class Sigmoid:
    def __init__(self):
        self.out = None
    def sigmoid(self, x):
        return 1 / (1 + np.exp(-x))
    def sigmoid_grad(self, x):
        return (1.0 - self.sigmoid(x)) * self.sigmoid(x)
    def forward(self, x):
        self.out = self.sigmoid(x)
        return self.out
    def backward(self, dout):
        return dout * self.sigmoid_grad(self.out)

class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self.out = e / e.sum(axis=-1, keepdims=True)
        return self.out
    def backward(self, dout):
        dx = self.out * dout
        return dx - self.out * np.sum(dx)

# quanlianjie = fully connected
class QuanLianJie:
    """全连接层"""
    def __init__(self, ru, chu):
        self.quan = np.random.randn(ru, chu) * 0.5     # 权重
        self.pian = np.zeros(chu)                       # 偏置
    def forward(self, x):
        self.x = x
        return np.dot(x, self.quan) + self.pian
    def backward(self, dout, lr=0.1):
        # 更新
        dquan = np.dot(self.x.T, dout)
        dpian = np.sum(dout, axis=0)
        self.quan -= lr * dquan
        self.pian -= lr * dpian
        return np.dot(dout, self.quan.T)

def relu(Z):
    A = np.maximum(0, Z)
    cache = Z
    return A, cache

def relu_backward(dA, cache):
    Z = cache
    dZ = dA
    dZ[Z <= 0] = 0
    return dZ

def leaky_relu(z, alpha=0.01):
    return np.where(z > 0, z, alpha * z)

def leaky_relu_prime(z, alpha=0.1):
    return np.where(z > 0, 1.0, alpha)

class Network:
    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]
    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = _sig(np.dot(w, a) + b)
        return a
    def loss(self, x, y):
        return 0.5 * np.sum((self.feedforward(x) - y) ** 2)
    def gradient(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activation, activations, zs = x, [x], []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = _sig(z)
            activations.append(activation)
        s = _sig(zs[-1])
        delta = (activations[-1] - y) * s * (1 - s)
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].T)
        for l in range(2, self.num_layers):
            a = activations[-l - 1]
            delta = np.dot(self.weights[-l + 1].T, delta) * a * (1 - a)
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].T)
        return {"biases": nabla_b, "weights": nabla_w}
