"""Course homework and blogs: right layers."""
import numpy as np

def _sig(z): return 1.0 / (1.0 + np.exp(-z))

def fc_forward(x, w, b):
    return x.reshape(len(x), -1) @ w + b, (x, w)

def fc_backward(dout, cache):
    x, w = cache
    return (dout @ w.T).reshape(x.shape), x.reshape(len(x), -1).T @ dout, dout.sum(0)

class DeepModel:
    """column major, L layers"""
    def __init__(self, layer_dims):
        self.parameters = {}
        for l in range(1, len(layer_dims)):
            self.parameters["W" + str(l)] = np.random.randn(layer_dims[l], layer_dims[l - 1]) / np.sqrt(layer_dims[l - 1])
            self.parameters["b" + str(l)] = np.random.randn(layer_dims[l], 1) * 0.1
        self.L = len(layer_dims) - 1
    def loss(self, X, Y):
        A, caches, m = X, [], X.shape[1]
        for l in range(1, self.L + 1):
            W, b = self.parameters["W%d" % l], self.parameters["b%d" % l]
            Z = W.dot(A) + b
            caches.append((A, W, Z))
            A = np.tanh(Z) if l < self.L else _sig(Z)
        cost = np.squeeze(-np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m)
        grads = {}
        dZ = A - Y
        for l in range(self.L, 0, -1):
            A_prev, W, Z = caches[l - 1]
            grads["dW%d" % l] = dZ.dot(A_prev.T) / m
            grads["db%d" % l] = dZ.sum(axis=1, keepdims=True) / m
            dA = W.T.dot(dZ)
            if l > 1:
                dZ = dA * (1 - np.tanh(caches[l - 2][2]) ** 2)
        return cost, grads

class MinCharRNN:
    def __init__(self, vocab_size, hidden_size):
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        self.Wxh = np.random.randn(hidden_size, vocab_size) * 0.3
        self.Whh = np.random.randn(hidden_size, hidden_size) * 0.3
        self.Why = np.random.randn(vocab_size, hidden_size) * 0.3
        self.bh, self.by = np.zeros((hidden_size, 1)), np.zeros((vocab_size, 1))
    def lossFun(self, inputs, targets):
        xs, hs, ps, loss = {}, {-1: np.zeros((self.hidden_size, 1))}, {}, 0
        for t, (i, j) in enumerate(zip(inputs, targets)):
            xs[t] = np.zeros((self.vocab_size, 1)); xs[t][i] = 1
            hs[t] = np.tanh(np.dot(self.Wxh, xs[t]) + np.dot(self.Whh, hs[t - 1]) + self.bh)
            y = np.dot(self.Why, hs[t]) + self.by
            ps[t] = np.exp(y - y.max()); ps[t] /= ps[t].sum()
            loss += -np.log(ps[t][j, 0])
        g = [np.zeros_like(p) for p in (self.Wxh, self.Whh, self.Why, self.bh, self.by)]
        dhnext = np.zeros_like(hs[-1])
        for t in reversed(range(len(inputs))):
            dy = ps[t].copy(); dy[targets[t]] -= 1
            g[2] += dy.dot(hs[t].T); g[4] += dy
            draw = (1 - hs[t] ** 2) * (self.Why.T.dot(dy) + dhnext)
            g[3] += draw; g[0] += draw.dot(xs[t].T); g[1] += draw.dot(hs[t - 1].T)
            dhnext = self.Whh.T.dot(draw)
        return loss, dict(zip(("dWxh", "dWhh", "dWhy", "dbh", "dby"), g))
    loss = lossFun

class BatchNormalization:
    """fish book manner; running statistics change at each forward, the output does not depend on them in training"""
    def __init__(self, gamma, beta, momentum=0.9):
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean = None
        self.running_var = None
    def forward(self, x, train_flg=True):
        if self.running_mean is None:
            self.running_mean = np.zeros(x.shape[1]); self.running_var = np.zeros(x.shape[1])
        if train_flg:
            mu = x.mean(axis=0)
            self.xc = x - mu
            var = np.mean(self.xc ** 2, axis=0)
            self.std = np.sqrt(var + 1e-6)
            self.xn = self.xc / self.std
            self.batch_size = x.shape[0]
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
            xn = self.xn
        else:
            xn = (x - self.running_mean) / np.sqrt(self.running_var + 1e-6)
        return self.gamma * xn + self.beta
    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        self.dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dvar = 0.5 * dstd / self.std
        dxc += (2.0 / self.batch_size) * self.xc * dvar
        dmu = np.sum(dxc, axis=0)
        return dxc - dmu / self.batch_size

def conv_forward_naive(x, w, b, conv_param=None):
    conv_param = conv_param or {"stride": 2, "pad": 1}
    s, p = conv_param["stride"], conv_param["pad"]
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    Ho, Wo = 1 + (H + 2 * p - HH) // s, 1 + (W + 2 * p - WW) // s
    out = np.empty((N, F, Ho, Wo))
    for i in range(Ho):
        for j in range(Wo):
            out[:, :, i, j] = np.tensordot(xp[:, :, i * s:i * s + HH, j * s:j * s + WW], w, axes=([1, 2, 3], [1, 2, 3])) + b
    return out, (x, xp, w, b, conv_param)

def conv_backward_naive(dout, cache):
    x, xp, w, b, conv_param = cache
    s, p = conv_param["stride"], conv_param["pad"]
    HH, WW = w.shape[2:]
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            win = xp[:, :, i * s:i * s + HH, j * s:j * s + WW]
            dw += np.einsum("nf,nchw->fchw", dout[:, :, i, j], win)
            dxp[:, :, i * s:i * s + HH, j * s:j * s + WW] += np.einsum("nf,fchw->nchw", dout[:, :, i, j], w)
    return dxp[:, :, p:p + x.shape[2], p:p + x.shape[3]], dw, dout.sum((0, 2, 3))

class MaxPool:
    """argmax takes the first of equal values"""
    def __init__(self, size=2): self.size = size
    def forward(self, x):
        N, C, H, W = x.shape; k = self.size
        self.shape = x.shape
        win = x.reshape(N, C, H // k, k, W // k, k).transpose(0, 1, 2, 4, 3, 5).reshape(N, C, H // k, W // k, k * k)
        self.arg = win.argmax(-1)
        return win.max(-1)
    def backward(self, dout):
        N, C, H, W = self.shape; k = self.size
        d = np.zeros(dout.shape + (k * k,))
        np.put_along_axis(d, self.arg[..., None], dout[..., None], -1)
        return d.reshape(N, C, H // k, W // k, k, k).transpose(0, 1, 2, 4, 3, 5).reshape(self.shape)

class Dropout:
    def __init__(self, p=0.6, seed=11): self.p, self.seed = p, seed
    def forward(self, x):
        np.random.seed(self.seed)
        self.mask = (np.random.rand(*x.shape) < self.p) / self.p
        return x * self.mask
    def backward(self, dout):
        return dout * self.mask

def softmax_loss(x, y):
    logits = x - x.max(axis=1, keepdims=True)
    z = np.exp(logits).sum(axis=1, keepdims=True)
    log_probs = logits - np.log(z)
    n = x.shape[0]
    loss = -log_probs[np.arange(n), y].mean()
    dx = np.exp(log_probs); dx[np.arange(n), y] -= 1
    return loss, dx / n

def svm_loss(x, y):
    n = x.shape[0]
    margins = np.maximum(0, x - x[np.arange(n), y][:, None] + 1.0)
    margins[np.arange(n), y] = 0
    num_pos = np.sum(margins > 0, axis=1)
    dx = (margins > 0).astype(x.dtype)
    dx[np.arange(n), y] -= num_pos
    return margins.sum() / n, dx / n

class TwoLayerNet(object):
    def __init__(self, input_dim=4, hidden_dim=6, num_classes=3, weight_scale=0.5, reg=0.3):
        self.params = {}
        self.reg = reg
        self.params["W1"] = np.random.normal(0, weight_scale, (input_dim, hidden_dim)); self.params["b1"] = np.zeros(hidden_dim)
        self.params["W2"] = np.random.normal(0, weight_scale, (hidden_dim, num_classes)); self.params["b2"] = np.zeros(num_classes)
    def loss(self, X, y=None):
        a, c1 = fc_forward(X, self.params["W1"], self.params["b1"])
        h = np.maximum(a, 0)
        scores, c2 = fc_forward(h, self.params["W2"], self.params["b2"])
        if y is None:
            return scores
        loss, ds = softmax_loss(scores, y)
        loss += 0.5 * self.reg * (np.sum(self.params["W1"] ** 2) + np.sum(self.params["W2"] ** 2))
        grads = {}
        dh, grads["W2"], grads["b2"] = fc_backward(ds, c2)
        _, grads["W1"], grads["b1"] = fc_backward(dh * (a > 0), c1)
        grads["W1"] += self.reg * self.params["W1"]; grads["W2"] += self.reg * self.params["W2"]
        return loss, grads

def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    a = x @ Wx + prev_h @ Wh + b
    ai, af, ao, ag = np.split(a, 4, axis=1)
    i, f, o, g = _sig(ai), _sig(af), _sig(ao), np.tanh(ag)
    next_c = f * prev_c + i * g
    tc = np.tanh(next_c)
    return o * tc, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, tc)

def lstm_step_backward(dnext_h, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, tc = cache
    dc = dnext_h * o * (1 - tc * tc)
    da = np.concatenate([dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dnext_h * tc * o * (1 - o), dc * i * (1 - g * g)], axis=1)
    return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, prev_h.T @ da, da.sum(0)

def rnn_forward(x, h0, Wx, Wh, b):
    hs = [h0]
    for t in range(x.shape[1]): hs.append(np.tanh(x[:, t] @ Wx + hs[-1] @ Wh + b))
    return np.stack(hs[1:], axis=1), (x, hs, Wx, Wh)

def rnn_backward(dh, cache):
    x, hs, Wx, Wh = cache
    dx, dWx, dWh, db, carry = np.empty_like(x), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(Wh.shape[0]), 0
    for t in range(x.shape[1])[::-1]:
        dz = (dh[:, t] + carry) * (1 - hs[t + 1] ** 2)
        dx[:, t], carry = dz @ Wx.T, dz @ Wh.T
        dWx += x[:, t].T @ dz; dWh += hs[t].T @ dz; db += dz.sum(0)
    return dx, carry, dWx, dWh, db

def word_embedding_forward(x, W): return W[x], (x, W.shape)

def word_embedding_backward(dout, cache):
    x, shape = cache
    dW = np.zeros(shape); np.add.at(dW, x, dout)
    return dW

def temporal_softmax_loss(x, y, mask):
    N, T, V = x.shape
    xf, yf, mf = x.reshape(-1, V), y.ravel(), mask.ravel()
    p = np.exp(xf - xf.max(1, keepdims=True)); p /= p.sum(1, keepdims=True)
    loss = -np.sum(mf * np.log(p[np.arange(N * T), yf])) / N
    p[np.arange(N * T), yf] -= 1
    return loss, (p * mf[:, None] / N).reshape(N, T, V)

def layernorm_forward(x, gamma, beta):
    mu, sigma = x.mean(-1, keepdims=True), np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    n = (x - mu) / sigma
    return gamma * n + beta, (n, sigma, gamma)

def layernorm_backward(dout, cache):
    n, sigma, gamma = cache
    D = n.shape[-1]
    dn = dout * gamma
    dx = (D * dn - dn.sum(-1, keepdims=True) - n * (dn * n).sum(-1, keepdims=True)) / (D * sigma)
    return dx, (dout * n).sum(0), dout.sum(0)

class Relu:
    """in place, but on copies"""
    def __init__(self): self.mask = None
    def forward(self, x):
        self.mask = (x <= 0)
        out = x.copy()
        out[self.mask] = 0
        return out
    def backward(self, dout):
        dx = dout.copy()
        dx[self.mask] = 0
        return dx

class SoftmaxJacobian:
    """the whole Jacobian for each row"""
    def forward(self, X):
        E = np.exp(X - X.max(1, keepdims=True))
        self.output = E / E.sum(1, keepdims=True)
        return self.output
    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for k, (s, dv) in enumerate(zip(self.output, dvalues)):
            s = s.reshape(-1, 1)
            self.dinputs[k] = np.dot(np.diagflat(s) - np.dot(s, s.T), dv)
        return self.dinputs
