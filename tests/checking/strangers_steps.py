# ruff: noqa: E501 - as their authors write them
"""Layers as other authors write them: time steps, gates and attention.

What an entry holds, `stranger.collection` says.
"""

from stranger import collection

LAYERS, layer = collection()

layer(
    "lstm step cs231n",
    """
def sig(z): return 1/(1+np.exp(-z))
def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    H = prev_h.shape[1]
    a = x @ Wx + prev_h @ Wh + b
    i, f, o, g = sig(a[:, :H]), sig(a[:, H:2*H]), sig(a[:, 2*H:3*H]), np.tanh(a[:, 3*H:])
    next_c = f * prev_c + i * g
    next_h = o * np.tanh(next_c)
    return next_h, next_c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c)
def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c = cache
    tc = np.tanh(next_c)
    do = dnext_h * tc
    dc = dnext_c + dnext_h * o * (1 - tc**2)
    df, di, dg = dc * prev_c, dc * g, dc * i
    dprev_c = dc * f
    da = np.hstack([di*i*(1-i), df*f*(1-f), do*o*(1-o), dg*(1-g**2)])
    dx, dprev_h = da @ Wx.T, da @ Wh.T
    dWx, dWh, db = x.T @ da, prev_h.T @ da, da.sum(axis=0)
    return dx, dprev_h, dprev_c, dWx, dWh, db
""",
    "F(lstm_step_forward, lstm_step_backward, n(3,4), n(3,5), n(3,5), n(4,20), n(5,20), n(20))",
    (
        "dc = dnext_c + dnext_h * o * (1 - tc**2)",
        "dc = dnext_h * o * (1 - tc**2)",
        "x prev_h prev_c Wx Wh b",
        "dropped term|ignores dout",
    ),
    ("dg*(1-g**2)", "dg", "x prev_h Wx Wh b", "dropped term"),
    (
        "df, di, dg = dc * prev_c, dc * g, dc * i",
        "df, di, dg = dc * next_c, dc * g, dc * i",
        "x prev_h Wx Wh b",
        "wrong value used",
    ),
    ("do*o*(1-o)", "do*(1-o)", "x prev_h Wx Wh b", "dropped term"),
)

layer(
    "rnn over time cs231n",
    """
def rnn_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    h, hs = h0, []
    for t in range(T):
        h = np.tanh(x[:, t] @ Wx + h @ Wh + b)
        hs.append(h)
    return np.stack(hs, axis=1), (x, h0, Wx, Wh, hs)
def rnn_backward(dh, cache):
    x, h0, Wx, Wh, hs = cache
    N, T, D = x.shape
    dx, dWx = np.zeros_like(x), np.zeros_like(Wx)
    dWh, db = np.zeros_like(Wh), np.zeros(Wh.shape[0])
    dprev = np.zeros_like(h0)
    for t in reversed(range(T)):
        d = dh[:, t] + dprev
        da = d * (1 - hs[t]**2)
        hprev = hs[t-1] if t > 0 else h0
        dx[:, t] = da @ Wx.T
        dWx += x[:, t].T @ da
        dWh += hprev.T @ da
        db += da.sum(axis=0)
        dprev = da @ Wh.T
    return dx, dprev, dWx, dWh, db
""",
    "F(rnn_forward, rnn_backward, n(2,4,3), n(2,5), n(3,5), n(5,5), n(5))",
    ("hprev = hs[t-1] if t > 0 else h0", "hprev = hs[t]", "Wh", "wrong value used"),
    ("dprev = da @ Wh.T", "dprev = da @ Wh", "x h0 Wx Wh b", "transposed"),
    ("d = dh[:, t] + dprev", "d = dh[:, t]", "x h0 Wx Wh b", "dropped term"),
    ("dWh += hprev.T @ da", "dWh = hprev.T @ da", "Wh", "not summed"),
    ("dprev = da @ Wh.T", "dprev = d @ Wh.T", "x h0 Wx Wh b", "dropped term|wrong value used"),
)

layer(
    "gru cell",
    """
def sigmoid(z): return 1/(1+np.exp(-z))
class GRUCell:
    def __init__(self, D, H, rng):
        self.Wz, self.Wr, self.Wn = (rng.normal(size=(D, H)) for _ in range(3))
        self.Uz, self.Ur, self.Un = (rng.normal(size=(H, H)) for _ in range(3))
        self.bz, self.br, self.bn = (rng.normal(size=H) for _ in range(3))
    def forward(self, x, h):
        self.x, self.h = x, h
        self.z = sigmoid(x @ self.Wz + h @ self.Uz + self.bz)
        self.r = sigmoid(x @ self.Wr + h @ self.Ur + self.br)
        self.n = np.tanh(x @ self.Wn + (self.r * h) @ self.Un + self.bn)
        return (1 - self.z) * self.n + self.z * h
    def backward(self, dh):
        x, h, z, r, n = self.x, self.h, self.z, self.r, self.n
        dn = dh * (1 - z) * (1 - n**2)
        dz = dh * (h - n) * z * (1 - z)
        drh = dn @ self.Un.T
        dr = drh * h * r * (1 - r)
        self.dWn, self.dUn, self.dbn = x.T @ dn, (r * h).T @ dn, dn.sum(0)
        self.dWz, self.dUz, self.dbz = x.T @ dz, h.T @ dz, dz.sum(0)
        self.dWr, self.dUr, self.dbr = x.T @ dr, h.T @ dr, dr.sum(0)
        dx = dn @ self.Wn.T + dz @ self.Wz.T + dr @ self.Wr.T
        dhp = dh * z + drh * r + dz @ self.Uz.T + dr @ self.Ur.T
        return dx, dhp
""",
    "C(GRUCell(3, 4, r), n(5,3), n(5,4))",
    ("dhp = dh * z + drh * r + dz", "dhp = drh * r + dz", "h", "dropped term"),
    ("dz = dh * (h - n) * z * (1 - z)", "dz = dh * (n - h) * z * (1 - z)", "x h Wz Uz bz", "sign"),
    (
        "x.T @ dn, (r * h).T @ dn, dn.sum(0)",
        "x.T @ dn, h.T @ dn, dn.sum(0)",
        "Un",
        "dropped term|wrong value used",
    ),
    ("dr = drh * h * r * (1 - r)", "dr = drh * r * (1 - r)", "x h Wr Ur br", "dropped term"),
)

layer(
    "lstm over time, dict",
    """
def sigmoid(z): return 1/(1+np.exp(-z))
class LSTM:
    def __init__(self, D, H, rng):
        self.params = {"W": rng.normal(size=(D+H, 4*H))*.5, "b": rng.normal(size=4*H)*.5}
        self.grads = {}
        self.H = H
    def forward(self, xs):
        N, T, D = xs.shape
        H = self.H
        h, c = np.zeros((N, H)), np.zeros((N, H))
        self.steps, hs = [], []
        for t in range(T):
            z = np.concatenate([xs[:, t], h], axis=1)
            a = z @ self.params["W"] + self.params["b"]
            i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H:2*H]), sigmoid(a[:, 2*H:3*H])
            g = np.tanh(a[:, 3*H:])
            cp = c
            c = f * c + i * g
            tc = np.tanh(c)
            h = o * tc
            self.steps.append((z, i, f, o, g, cp, tc))
            hs.append(h)
        return np.stack(hs, 1)
    def backward(self, dhs):
        H = self.H
        N, T, _ = dhs.shape
        W = self.params["W"]
        dW, db = np.zeros_like(W), np.zeros(4*H)
        dh, dc = np.zeros((N, H)), np.zeros((N, H))
        dxs = []
        for t in range(T-1, -1, -1):
            z, i, f, o, g, cp, tc = self.steps[t]
            dh = dh + dhs[:, t]
            dc = dc + dh * o * (1 - tc**2)
            da = np.concatenate([dc*g*i*(1-i), dc*cp*f*(1-f), dh*tc*o*(1-o), dc*i*(1-g**2)], 1)
            dW += z.T @ da
            db += da.sum(0)
            dz = da @ W.T
            dxs.insert(0, dz[:, :-H])
            dh = dz[:, -H:]
            dc = dc * f
        self.grads["W"], self.grads["b"] = dW, db
        return np.stack(dxs, 1)
""",
    "C(LSTM(3, 4, r), n(2,4,3))",
    ("dc = dc * f\n", "\n", "xs W b", "dropped term"),
    (
        "dc = dc + dh * o * (1 - tc**2)",
        "dc = dh * o * (1 - tc**2)",
        "xs W b",
        "dropped term|not summed",
    ),
    ("dc*cp*f*(1-f)", "dc*cp*f", "xs W b", "dropped term|wrong value used"),
    ("dh = dz[:, -H:]", "dh = dz[:, :H] * 0", "xs W b", "dropped term"),
)

layer(
    "bidirectional rnn",
    """
class BiRNN:
    def __init__(self, D, H, rng):
        self.Wf, self.Uf = rng.normal(size=(D,H)), rng.normal(size=(H,H))*.4
        self.Wb, self.Ub = rng.normal(size=(D,H)), rng.normal(size=(H,H))*.4
    def run(self, xs, W, U):
        h, hs = np.zeros((xs.shape[1], U.shape[0])), []
        for x in xs:
            h = np.tanh(x @ W + h @ U)
            hs.append(h)
        return hs
    def forward(self, xs):            # T, N, D
        self.xs = xs
        self.hf = self.run(xs, self.Wf, self.Uf)
        self.hb = self.run(xs[::-1], self.Wb, self.Ub)
        return np.concatenate([np.stack(self.hf), np.stack(self.hb[::-1])], axis=2)
    def back(self, xs, hs, W, U, dhs):
        dW, dU, dx, dh = np.zeros_like(W), np.zeros_like(U), np.zeros_like(xs), 0
        for t in range(len(xs))[::-1]:
            da = (dhs[t] + dh) * (1 - hs[t]**2)
            dW += xs[t].T @ da
            if t: dU += hs[t-1].T @ da
            dx[t] = da @ W.T
            dh = da @ U.T
        return dx, dW, dU
    def backward(self, d):
        H = self.Uf.shape[0]
        dx1, self.dWf, self.dUf = self.back(self.xs, self.hf, self.Wf, self.Uf, d[:, :, :H])
        turned = self.xs[::-1], self.hb, self.Wb, self.Ub
        dx2, self.dWb, self.dUb = self.back(*turned, d[::-1, :, H:])
        return dx1 + dx2[::-1]
""",
    "C(BiRNN(3, 4, r), n(4,2,3))",
    (
        "return dx1 + dx2[::-1]",
        "return dx1 + dx2",
        "xs",
        "wrong place|no known pattern|dropped term|wrong axis|no known pattern|wrong axis",
    ),
    (
        "d[::-1, :, H:]",
        "d[:, :, H:]",
        "xs Wb Ub",
        "wrong place|no known pattern|wrong value used|no known pattern|wrong axis",
    ),
    (
        "dh = da @ U.T",
        "dh = da",
        "xs Wf Uf Wb Ub",
        "dropped term|transposed|factor|no known pattern|wrong axis",
    ),
)

layer(
    "attention single head",
    """
class SelfAttention:
    def __init__(self, d, rng):
        self.Wq, self.Wk, self.Wv, self.Wo = (rng.normal(size=(d, d)) / d**.5 for _ in range(4))
    def forward(self, X):
        self.X = X
        self.Q, self.K, self.V = X @ self.Wq, X @ self.Wk, X @ self.Wv
        d = X.shape[-1]
        S = self.Q @ self.K.swapaxes(1, 2) / np.sqrt(d)
        E = np.exp(S - S.max(-1, keepdims=True))
        self.A = E / E.sum(-1, keepdims=True)
        self.H = self.A @ self.V
        return self.H @ self.Wo
    def backward(self, dY):
        d = self.X.shape[-1]
        self.dWo = np.einsum("bti,btj->ij", self.H, dY)
        dH = dY @ self.Wo.T
        dA = dH @ self.V.swapaxes(1, 2)
        dV = self.A.swapaxes(1, 2) @ dH
        dS = self.A * (dA - (dA * self.A).sum(-1, keepdims=True))
        dS = dS / np.sqrt(d)
        dQ = dS @ self.K
        dK = dS.swapaxes(1, 2) @ self.Q
        self.dWq = np.einsum("bti,btj->ij", self.X, dQ)
        self.dWk = np.einsum("bti,btj->ij", self.X, dK)
        self.dWv = np.einsum("bti,btj->ij", self.X, dV)
        return dQ @ self.Wq.T + dK @ self.Wk.T + dV @ self.Wv.T
""",
    "C(SelfAttention(4, r), n(2,3,4))",
    ("dS = dS / np.sqrt(d)", "pass", "X Wq Wk", "factor|dropped term"),
    (
        "(dA * self.A).sum(-1, keepdims=True)",
        "(dA * self.A).sum(-2, keepdims=True)",
        "X Wq Wk",
        "wrong axis",
    ),
    ("dK = dS.swapaxes(1, 2) @ self.Q", "dK = dS @ self.Q", "X Wk", "transposed"),
    (
        "return dQ @ self.Wq.T + dK @ self.Wk.T + dV @ self.Wv.T",
        "return dQ @ self.Wq.T + dK @ self.Wk.T",
        "X",
        "dropped term",
    ),
    (
        "dS = self.A * (dA - (dA * self.A).sum(-1, keepdims=True))",
        "dS = dA",
        "X Wq Wk",
        "dropped term",
    ),
    ("dV = self.A.swapaxes(1, 2) @ dH", "dV = self.A @ dH", "X Wv", "transposed"),
)

layer(
    "multihead attention",
    """
class MHA:
    def __init__(self, d, h, rng):
        self.h = h
        self.Wqkv = rng.normal(size=(d, 3 * d)) / d**.5
        self.Wo = rng.normal(size=(d, d)) / d**.5
    def forward(self, x):
        B, T, d = x.shape
        self.x = x
        qkv = x @ self.Wqkv
        heads = (B, T, self.h, d // self.h)
        parts = np.split(qkv, 3, axis=-1)
        q, k, v = [a.reshape(heads).transpose(0, 2, 1, 3) for a in parts]
        s = q @ k.transpose(0, 1, 3, 2) / np.sqrt(d // self.h)
        s = np.where(np.tril(np.ones((T, T))) > 0, s, -1e9)
        p = np.exp(s - s.max(-1, keepdims=True))
        p = p / p.sum(-1, keepdims=True)
        o = p @ v
        self.q, self.k, self.v, self.p = q, k, v, p
        self.o = o.transpose(0, 2, 1, 3).reshape(B, T, d)
        return self.o @ self.Wo
    def backward(self, dout):
        B, T, d = dout.shape
        q, k, v, p = self.q, self.k, self.v, self.p
        self.dWo = self.o.reshape(-1, d).T @ dout.reshape(-1, d)
        do = (dout @ self.Wo.T).reshape(B, T, self.h, d // self.h).transpose(0, 2, 1, 3)
        dp = do @ v.transpose(0, 1, 3, 2)
        dv = p.transpose(0, 1, 3, 2) @ do
        ds = p * (dp - (dp * p).sum(-1, keepdims=True)) / np.sqrt(d // self.h)
        dq = ds @ k
        dk = ds.transpose(0, 1, 3, 2) @ q
        parts = [a.transpose(0, 2, 1, 3).reshape(B, T, d) for a in (dq, dk, dv)]
        dqkv = np.concatenate(parts, axis=-1)
        self.dWqkv = self.x.reshape(-1, d).T @ dqkv.reshape(-1, 3 * d)
        return dqkv @ self.Wqkv.T
""",
    "C(MHA(6, 2, r), n(2,4,6))",
    (
        "/ np.sqrt(d // self.h)\n        dq",
        "/ np.sqrt(d)\n        dq",
        "x Wqkv",
        "factor|wrong value used",
    ),
    (
        "for a in (dq, dk, dv)]",
        "for a in (dk, dq, dv)]",
        "x Wqkv",
        "swapped|wrong place|no known pattern|wrong value used",
    ),
    ("dp - (dp * p).sum(-1, keepdims=True)", "dp", "x Wqkv", "dropped term"),
    ("dv = p.transpose(0, 1, 3, 2) @ do", "dv = p @ do", "x Wqkv", "transposed"),
    (
        "dk = ds.transpose(0, 1, 3, 2) @ q",
        "dk = ds.transpose(0, 1, 3, 2) @ k",
        "x Wqkv",
        "wrong value used",
    ),
)

layer(
    "vanilla rnn many to one (victorzhou)",
    """
class RNN:
    def __init__(self, i, o, h, r):
        self.Whh, self.Wxh, self.Why = r.normal(size=(h, h))*.5, r.normal(size=(h, i))*.5, r.normal(size=(o, h))*.5
        self.bh, self.by = np.zeros((h, 1)) + .1, np.zeros((o, 1))
    def forward(self, inputs):
        h = np.zeros((self.Whh.shape[0], 1))
        self.inputs, self.hs = inputs, {0: h}
        for i in range(len(inputs)):
            h = np.tanh(self.Wxh @ inputs[i][:, None] + self.Whh @ h + self.bh)
            self.hs[i + 1] = h
        return self.Why @ h + self.by
    def backprop(self, d_y):
        n = len(self.inputs)
        self.d_Why = d_y @ self.hs[n].T
        self.d_by = d_y
        d_Whh, d_Wxh, d_bh = np.zeros(self.Whh.shape), np.zeros(self.Wxh.shape), np.zeros(self.bh.shape)
        d_x = np.zeros(self.inputs.shape)
        d_h = self.Why.T @ d_y
        for t in reversed(range(n)):
            temp = (1 - self.hs[t + 1] ** 2) * d_h
            d_bh += temp
            d_Whh += temp @ self.hs[t].T
            d_Wxh += temp @ self.inputs[t][None, :]
            d_x[t] = (self.Wxh.T @ temp)[:, 0]
            d_h = self.Whh.T @ temp
        self.d_Whh, self.d_Wxh, self.d_bh = d_Whh, d_Wxh, d_bh
        return d_x
""",
    "C(RNN(3, 2, 4, r), r.normal(size=(5,3)))",
    ("d_h = self.Whh.T @ temp", "d_h = self.Whh @ temp", "inputs Whh Wxh bh", "transposed"),
    ("temp @ self.hs[t].T", "temp @ self.hs[t + 1].T", "Whh", "wrong value used"),
    (
        "(1 - self.hs[t + 1] ** 2) * d_h",
        "(1 - self.hs[t + 1]) * d_h",
        "inputs Whh Wxh bh",
        "wrong value used|dropped term",
    ),
    ("d_bh += temp", "d_bh = temp", "bh", "not summed"),
)

layer(
    "bahdanau attention",
    """
class Additive:
    def __init__(self, d, h, r):
        self.W = r.normal(size=(d, h)); self.U = r.normal(size=(d, h)); self.v = r.normal(size=h)
    def forward(self, q, keys):
        self.q, self.keys = q, keys
        self.t = np.tanh((q @ self.W)[:, None, :] + keys @ self.U)
        s = self.t @ self.v
        e = np.exp(s - s.max(-1, keepdims=True))
        self.a = e / e.sum(-1, keepdims=True)
        return np.einsum("nt,ntd->nd", self.a, keys)
    def backward(self, dctx):
        da = np.einsum("nd,ntd->nt", dctx, self.keys)
        ds = self.a * (da - (self.a * da).sum(-1, keepdims=True))
        dt = ds[:, :, None] * self.v
        self.dv = (ds[:, :, None] * self.t).sum((0, 1))
        du = dt * (1 - self.t ** 2)
        self.dW = self.q.T @ du.sum(1)
        self.dU = np.einsum("ntd,nth->dh", self.keys, du)
        dkeys = du @ self.U.T + self.a[:, :, None] * dctx[:, None, :]
        return du.sum(1) @ self.W.T, dkeys
""",
    "C(Additive(3, 4, r), r.normal(size=(2,3)), r.normal(size=(2,5,3)))",
    ("du = dt * (1 - self.t ** 2)", "du = dt", "q keys W U", "dropped term"),
    ("+ self.a[:, :, None] * dctx[:, None, :]", "", "keys", "dropped term"),
    (
        "(self.a * da).sum(-1, keepdims=True)",
        "da.sum(-1, keepdims=True)",
        "q keys W U v",
        "wrong value used|dropped term|no known pattern|extra term",
    ),
)

layer(
    "euler ode block",
    """
class ODE:
    params = ["W", "b"]
    def __init__(self, W, b, steps=4, h=0.25): self.W, self.b, self.steps, self.h = W, b, steps, h
    def forward(self, x):
        self.states = []
        for _ in range(self.steps):
            a = np.tanh(x @ self.W + self.b)
            self.states.append((x, a))
            x = x + self.h * a
        return x
    def backward(self, g):
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)
        for x, a in reversed(self.states):
            d = self.h * g * (1 - a * a)
            self.dW += x.T @ d
            self.db += d.sum(0)
            g = g + d @ self.W.T
        return g
""",
    "C(ODE(r.normal(size=(3,3)), r.normal(size=3)), r.normal(size=(4,3)))",
    ("g = g + d @ self.W.T", "g = d @ self.W.T", "x W b", "dropped term|not summed"),
    ("d = self.h * g * (1 - a * a)", "d = g * (1 - a * a)", "x W b", "factor|dropped term"),
    (
        "in reversed(self.states)",
        "in self.states",
        "x W b",
        "wrong value used|wrong place|no known pattern",
    ),
)

layer(
    "gated residual",
    """
class GR:
    def __init__(self, w): self.w = w
    def forward(self, x, y): self.x, self.y, self.g = x, y, 1/(1+np.exp(-self.w)); return self.g*x+(1-self.g)*y
    def backward(self, d):
        self.dw = (d*(self.x-self.y)).sum(0)*self.g*(1-self.g)
        return d*self.g, d*(1-self.g)
""",
    "C(GR(r.normal(size=3)), r.normal(size=(4,3)), r.normal(size=(4,3)))",
)
