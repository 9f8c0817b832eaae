"""Layers as other authors and courses write them, each right, and mistakes to be made in them.

A mistake is a piece of source, what stands there instead, the arguments whose derivatives it
spoils, and the kinds of cause that are true of it.
"""

LAYERS = []


def layer(name, source, call, *mistakes, compared=True):
    LAYERS.append((name, source, call, mistakes, compared))


layer(
    "layernorm llm.c",
    """
class LayerNorm:
    eps = 1e-5
    @staticmethod
    def forward(x, w, b):
        B, T, C = x.shape
        mean = x.sum(-1, keepdims=True) / C
        xshift = x - mean
        var = (xshift ** 2).sum(-1, keepdims=True) / C
        rstd = (var + 1e-5) ** -0.5
        norm = xshift * rstd
        out = norm * w + b
        cache = (x, w, mean, rstd)
        return out, cache
    @staticmethod
    def backward(dout, cache):
        x, w, mean, rstd = cache
        norm = (x - mean) * rstd
        db = dout.sum((0, 1))
        dw = (dout * norm).sum((0, 1))
        dnorm = dout * w
        dx = dnorm - dnorm.mean(-1, keepdims=True)
        dx = dx - norm * (dnorm * norm).mean(-1, keepdims=True)
        dx = dx * rstd
        return dx, dw, db
""",
    "C(LayerNorm(), n(2,3,5), n(5), n(5))",
    (
        "db = dout.sum((0, 1))",
        "db = dout.sum((0, 2))[:1] * np.ones(5)",
        "b",
        "wrong axis|summed|no known pattern|factor",
    ),
    ("- norm * (dnorm * norm).mean(-1, keepdims=True)", "", "x", "dropped term"),
    ("dnorm.mean(-1, keepdims=True)", "dnorm.mean(1, keepdims=True)", "x", "wrong axis"),
)

layer(
    "groupnorm",
    """
def groupnorm_forward(x, gamma, beta):
    G, eps = 2, 1e-5
    N, C, H, W = x.shape
    xg = x.reshape(N, G, C // G, H, W)
    mu = xg.mean(axis=(2, 3, 4), keepdims=True)
    var = xg.var(axis=(2, 3, 4), keepdims=True)
    xn = ((xg - mu) / np.sqrt(var + eps)).reshape(x.shape)
    return gamma * xn + beta, (G, xn, gamma, var, eps)
def groupnorm_backward(dout, cache):
    G, xn, gamma, var, eps = cache
    N, C, H, W = dout.shape
    dgamma = (dout * xn).sum(axis=(0, 2, 3), keepdims=True)
    dbeta = dout.sum(axis=(0, 2, 3), keepdims=True)
    d = (dout * gamma).reshape(N, G, -1)
    n = xn.reshape(N, G, -1)
    m = n.shape[2]
    dx = (d - d.sum(2, keepdims=True) / m - n * (d * n).sum(2, keepdims=True) / m)
    dx = dx.reshape(N, G, C // G, H, W) / np.sqrt(var + eps)
    return dx.reshape(dout.shape), dgamma, dbeta
""",
    "F(groupnorm_forward, groupnorm_backward, n(2,4,3,5), n(1,4,1,1), n(1,4,1,1))",
    ("m = n.shape[2]", "m = N", "x", "factor|wrong axis|no known pattern"),
    (
        "dgamma = (dout * xn).sum(axis=(0, 2, 3), keepdims=True)",
        "dgamma = (dout * xn).sum(axis=(0, 2), keepdims=True)",
        "gamma",
        "not summed",
    ),
)

layer(
    "conv naive cs231n",
    """
def conv_forward_naive(x, w, b):
    stride, pad = 2, 1
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    Ho, Wo = 1 + (H + 2*pad - HH)//stride, 1 + (W + 2*pad - WW)//stride
    xp = np.pad(x, ((0,0),(0,0),(pad,pad),(pad,pad)))
    out = np.zeros((N, F, Ho, Wo))
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    win = xp[n,:,i*stride:i*stride+HH,j*stride:j*stride+WW]
                    out[n,f,i,j] = np.sum(win * w[f]) + b[f]
    return out, (x, w, b, stride, pad)
def conv_backward_naive(dout, cache):
    x, w, b, stride, pad = cache
    N, F, Ho, Wo = dout.shape
    _, _, HH, WW = w.shape
    xp = np.pad(x, ((0,0),(0,0),(pad,pad),(pad,pad)))
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    db = dout.sum(axis=(0,2,3))
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    rows, columns = slice(i*stride, i*stride+HH), slice(j*stride, j*stride+WW)
                    win = (slice(None), rows, columns)
                    dw[f] += xp[n][win] * dout[n,f,i,j]
                    dxp[n][win] += w[f] * dout[n,f,i,j]
    dx = dxp[:, :, pad:-pad, pad:-pad]
    return dx, dw, db
""",
    "F(conv_forward_naive, conv_backward_naive, n(2,3,5,7), n(4,3,3,3), n(4))",
    ("dxp[n][win] += w[f]", "dxp[n][win] = w[f]", "x", "not summed"),
    ("dx = dxp[:, :, pad:-pad, pad:-pad]", "dx = dxp[:, :, :-2*pad, :-2*pad]", "x", "wrong place"),
    ("w[f] * dout[n,f,i,j]", "w[f, :, ::-1, ::-1] * dout[n,f,i,j]", "x", "wrong place|transposed"),
)

layer(
    "maxpool naive",
    """
def max_pool_forward(x):
    N, C, H, W = x.shape
    out = np.zeros((N, C, H//2, W//2))
    for i in range(H//2):
        for j in range(W//2):
            out[:,:,i,j] = np.max(x[:,:,2*i:2*i+2,2*j:2*j+2], axis=(2,3))
    return out, x
def max_pool_backward(dout, cache):
    x = cache
    dx = np.zeros_like(x)
    N, C, H, W = dout.shape
    for n in range(N):
        for c in range(C):
            for i in range(H):
                for j in range(W):
                    win = x[n,c,2*i:2*i+2,2*j:2*j+2]
                    k = np.unravel_index(np.argmax(win), win.shape)
                    dx[n,c,2*i+k[0],2*j+k[1]] = dout[n,c,i,j]
    return dx
""",
    "F(max_pool_forward, max_pool_backward, n(2,3,4,6))",
    (
        "np.argmax(win)",
        "np.argmin(win)",
        "x",
        "mask inverted|wrong place|wrong value used|mask missing",
    ),
    (
        "dx[n,c,2*i+k[0],2*j+k[1]] = dout[n,c,i,j]",
        "dx[n,c,2*i:2*i+2,2*j:2*j+2] = dout[n,c,i,j] / 4",
        "x",
        "mask missing",
    ),
)

layer(
    "softmax loss returns both",
    """
def softmax_loss(x, y):
    z = x - x.max(axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    N = x.shape[0]
    loss = -np.log(p[np.arange(N), y]).sum() / N
    dx = p.copy()
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx
""",
    "C(softmax_loss, n(5,3), r.integers(3, size=5))",
    ("    dx /= N\n", "", "x", "factor"),
    ("dx[np.arange(N), y] -= 1", "pass", "x", "dropped term"),
)

layer(
    "svm loss returns both",
    """
def svm_loss(x, y):
    N = x.shape[0]
    correct = x[np.arange(N), y]
    margins = np.maximum(0, x - correct[:, None] + 1.0)
    margins[np.arange(N), y] = 0
    loss = margins.sum() / N
    num_pos = (margins > 0).sum(axis=1)
    dx = np.zeros_like(x)
    dx[margins > 0] = 1
    dx[np.arange(N), y] -= num_pos
    return loss, dx / N
""",
    "C(svm_loss, n(6,5), r.integers(5, size=6))",
    ("dx[np.arange(N), y] -= num_pos", "dx[np.arange(N), y] -= 1", "x", "not summed"),
)

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
    ("dprev = da @ Wh.T", "dprev = d @ Wh.T", "x h0 Wx Wh b", "dropped term"),
)

layer(
    "nnfs dense",
    """
class Layer_Dense:
    def __init__(self, n_inputs, n_neurons, rng):
        self.weights = 0.1 * rng.normal(size=(n_inputs, n_neurons))
        self.biases = np.zeros((1, n_neurons))
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases
    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)
""",
    "C(Layer_Dense(4, 3, r), n(5,4))",
    (
        "np.sum(dvalues, axis=0, keepdims=True)",
        "np.sum(dvalues, axis=1, keepdims=True)[:1] + np.zeros((1,3))",
        "biases",
        "wrong axis|no known pattern",
    ),
    (
        "self.dweights = np.dot(self.inputs.T, dvalues)",
        "self.dweights = np.dot(self.inputs.T, dvalues) + 2 * 0.1 * self.weights",
        "weights",
        "extra term",
    ),
)

layer(
    "nnfs relu",
    """
class Activation_ReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)
    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0
""",
    "C(Activation_ReLU(), n(5,4))",
    ("self.dinputs = dvalues.copy()", "self.dinputs = dvalues", "dout", "written in place"),
    (
        "self.dinputs[self.inputs <= 0] = 0",
        "self.dinputs[dvalues <= 0] = 0",
        "inputs",
        "mask missing|not linear in dout",
    ),
)

layer(
    "nnfs softmax jacobian",
    """
class Activation_Softmax:
    def forward(self, inputs):
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)
        return self.output
    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for index, (single_output, single_dvalues) in enumerate(zip(self.output, dvalues)):
            single_output = single_output.reshape(-1, 1)
            jacobian = np.diagflat(single_output) - np.dot(single_output, single_output.T)
            self.dinputs[index] = np.dot(jacobian, single_dvalues)
""",
    "C(Activation_Softmax(), n(5,4))",
    (
        "np.diagflat(single_output) - np.dot(single_output, single_output.T)",
        "np.diagflat(single_output * (1 - single_output))",
        "inputs",
        "dropped term",
    ),
    (
        "np.sum(exp_values, axis=1, keepdims=True)",
        "np.sum(exp_values, keepdims=True)",
        "inputs",
        "wrong axis",
    ),
)

layer(
    "nnfs CCE loss",
    """
class Loss_CategoricalCrossentropy:
    def forward(self, y_pred, y_true):
        samples = len(y_pred)
        y_pred_clipped = np.clip(y_pred, 1e-7, 1 - 1e-7)
        correct_confidences = y_pred_clipped[range(samples), y_true]
        return -np.log(correct_confidences)
    def backward(self, dvalues, y_true):
        samples, labels = dvalues.shape
        y = np.eye(labels)[y_true]
        self.dinputs = -y / dvalues
        self.dinputs = self.dinputs / samples
""",
    "C(Loss_CategoricalCrossentropy(), r.dirichlet([2, 2, 2], 5), r.integers(3,size=5))",
)

layer(
    "cmu mse",
    """
class MSELoss:
    def forward(self, A, Y):
        self.A, self.Y = A, Y
        self.N, self.C = A.shape
        se = (A - Y) * (A - Y)
        sse = np.ones((1, self.N)) @ se @ np.ones((self.C, 1))
        mse = sse / (self.N * self.C)
        return mse
    def backward(self):
        return 2 * (self.A - self.Y) / (self.N * self.C)
""",
    "C(MSELoss(), n(5,3), n(5,3))",
    (
        "return 2 * (self.A - self.Y) / (self.N * self.C)",
        "return 2 * (self.A - self.Y) / self.N",
        "A",
        "factor",
    ),
    (
        "return 2 * (self.A - self.Y) / (self.N * self.C)",
        "return 2 * (self.Y - self.A) / (self.N * self.C)",
        "A",
        "sign",
    ),
    (
        "return 2 * (self.A - self.Y) / (self.N * self.C)",
        "return (self.A - self.Y) / (self.N * self.C)",
        "A",
        "factor",
    ),
)

layer(
    "cmu xent",
    """
class CrossEntropyLoss:
    def forward(self, A, Y):
        self.A, self.Y = A, Y
        self.N, C = A.shape
        e = np.exp(A - A.max(axis=1, keepdims=True))
        self.softmax = e / e.sum(axis=1, keepdims=True)
        crossentropy = (-Y * np.log(self.softmax)).sum(axis=1)
        return crossentropy.sum() / self.N
    def backward(self):
        return (self.softmax - self.Y) / self.N
""",
    "C(CrossEntropyLoss(), n(5,3), np.eye(3)[r.integers(3,size=5)])",
    ("e / e.sum(axis=1, keepdims=True)", "e / e.sum()", "A", "wrong axis"),
    (
        "return (self.softmax - self.Y) / self.N",
        "return self.softmax / self.N",
        "A",
        "dropped term",
    ),
)

layer(
    "cmu conv1d stride1",
    """
class Conv1d_stride1:
    def __init__(self, W, b):
        self.W, self.b = W, b
        self.kernel_size = W.shape[2]
    def forward(self, A):
        self.A = A
        T = A.shape[2] - self.kernel_size + 1
        Z = np.zeros((A.shape[0], self.W.shape[0], T))
        for i in range(T):
            part = A[:, :, i:i+self.kernel_size]
            Z[:, :, i] = np.tensordot(part, self.W, axes=([1,2],[1,2])) + self.b
        return Z
    def backward(self, dLdZ):
        T = dLdZ.shape[2]
        self.dLdb = dLdZ.sum(axis=(0, 2))
        self.dLdW = np.zeros(self.W.shape)
        for k in range(self.kernel_size):
            self.dLdW[:, :, k] = np.tensordot(dLdZ, self.A[:, :, k:k+T], axes=([0,2],[0,2]))
        pz = np.pad(dLdZ, ((0,0),(0,0),(self.kernel_size-1,)*2))
        flipped = np.flip(self.W, axis=2)
        dLdA = np.zeros(self.A.shape)
        for i in range(self.A.shape[2]):
            part = pz[:, :, i:i+self.kernel_size]
            dLdA[:, :, i] = np.tensordot(part, flipped, axes=([1,2],[0,2]))
        return dLdA
""",
    "C(Conv1d_stride1(n(4,2,3), n(4)), n(3,2,7))",
    ("flipped = np.flip(self.W, axis=2)", "flipped = self.W", "A", "wrong place"),
    (
        "self.dLdb = dLdZ.sum(axis=(0, 2))",
        "self.dLdb = dLdZ.mean(axis=0).sum(axis=1)",
        "b",
        "factor",
    ),
)

layer(
    "param objects accumulating with zero_grad",
    """
class Parameter:
    def __init__(self, data):
        self.data = data
        self.grad = np.zeros_like(data)
    def zero_grad(self):
        self.grad[...] = 0
class Linear:
    def __init__(self, i, o, rng):
        self.weight = Parameter(rng.normal(size=(i, o)))
        self.bias = Parameter(rng.normal(size=o))
    def parameters(self):
        return [self.weight, self.bias]
    def zero_grad(self):
        for p in self.parameters(): p.zero_grad()
    def forward(self, x):
        self.x = x
        return x @ self.weight.data + self.bias.data
    def backward(self, grad_output):
        self.weight.grad += self.x.T @ grad_output
        self.bias.grad += grad_output.sum(0)
        return grad_output @ self.weight.data.T
""",
    "C(Linear(4,3,r), n(5,4))",
    (
        "self.weight.grad += self.x.T @ grad_output",
        "self.weight.grad += self.x.T @ grad_output / len(self.x)",
        "weight",
        "factor",
    ),
)

layer(
    "numpy-ml FC",
    """
class FullyConnected:
    def __init__(self, W, b):
        self.parameters = {"W": W, "b": b}
        self.gradients = {"W": np.zeros_like(W), "b": np.zeros_like(b)}
        self.X = []
    def flush_gradients(self):
        self.X = []
        for k, v in self.gradients.items():
            self.gradients[k] = np.zeros_like(v)
    def forward(self, X, retain_derived=True):
        Y = np.tanh(X @ self.parameters["W"] + self.parameters["b"])
        if retain_derived:
            self.X.append(X)
        return Y
    def backward(self, dLdY, retain_grads=True):
        X = self.X[-1]
        W, b = self.parameters["W"], self.parameters["b"]
        dZ = dLdY * (1 - np.tanh(X @ W + b) ** 2)
        dX = dZ @ W.T
        if retain_grads:
            self.gradients["W"] += X.T @ dZ
            self.gradients["b"] += dZ.sum(axis=0, keepdims=True)
        return dX
""",
    "C(FullyConnected(n(4,3), n(1,3)), n(5,4))",
    ("dX = dZ @ W.T", "dX = dLdY @ W.T", "X", "dropped term"),
    ("X = self.X[-1]", "X = self.X[0]", "X W b", "stale value"),
)

layer(
    "joelnet mse",
    """
class MSE:
    def loss(self, predicted, actual):
        return np.sum((predicted - actual) ** 2)
    def grad(self, predicted, actual):
        return 2 * (predicted - actual)
""",
    "C(MSE(), n(5,3), n(5,3))",
    ("return 2 * (predicted - actual)", "return predicted - actual", "predicted", "factor"),
    ("return 2 * (predicted - actual)", "return 2 * (actual - predicted)", "predicted", "sign"),
)

layer(
    "torch-like ctx function",
    """
class Ctx:
    def save_for_backward(self, *a): self.saved_tensors = a
class ExpMinusOne:
    @staticmethod
    def forward(ctx, x, w):
        y = np.exp(x * w) - 1
        ctx.save_for_backward(x, w, y)
        return y
    @staticmethod
    def backward(ctx, grad_output):
        x, w, y = ctx.saved_tensors
        return grad_output * (y + 1) * w, (grad_output * (y + 1) * x).sum(0)
""",
    "C(ExpMinusOne, n(4,3), n(3))",
)

layer(
    "chainer-like",
    """
class ReLU:
    def forward(self, inputs):
        x, = inputs
        self.mask = x > 0
        return x * self.mask,
    def backward(self, inputs, grad_outputs):
        gy, = grad_outputs
        return gy * self.mask,
""",
    "C(ReLU(), (n(4,3),))",
    (
        "return gy * self.mask,",
        "return gy * (inputs[0] >= 0.3),",
        "inputs inputs[0]",
        "mask missing|dropped term",
    ),
)

layer(
    "lr updating fc",
    """
class FCLayer:
    def __init__(self, input_size, output_size, rng):
        self.weights = rng.random((input_size, output_size)) - 0.5
        self.bias = rng.random((1, output_size)) - 0.5
    def forward_propagation(self, input_data):
        self.input = input_data
        self.output = np.dot(self.input, self.weights) + self.bias
        return self.output
    def backward_propagation(self, output_error, learning_rate):
        input_error = np.dot(output_error, self.weights.T)
        weights_error = np.dot(self.input.T, output_error)
        self.weights -= learning_rate * weights_error
        self.bias -= learning_rate * output_error.sum(axis=0, keepdims=True)
        return input_error
""",
    "C(FCLayer(4,3,r), n(5,4))",
    (
        "return input_error",
        "return np.dot(output_error, self.weights.T)",
        "input_data",
        "stale value|wrong value used",
    ),
    (
        "self.bias -= learning_rate * output_error.sum(axis=0, keepdims=True)",
        "self.bias += learning_rate * output_error.sum(axis=0, keepdims=True)",
        "bias",
        "sign",
    ),
    (
        "self.bias -= learning_rate * output_error.sum(axis=0, keepdims=True)",
        "self.bias = self.bias - learning_rate * output_error.mean(axis=0)",
        "bias",
        "factor",
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
    ("dc = dc + dh * o * (1 - tc**2)", "dc = dh * o * (1 - tc**2)", "xs W b", "dropped term"),
    ("dc*cp*f*(1-f)", "dc*cp*f", "xs W b", "dropped term|wrong value used"),
    ("dh = dz[:, -H:]", "dh = dz[:, :H] * 0", "xs W b", "dropped term"),
)

layer(
    "swish",
    """
class Swish:
    def __init__(self, beta): self.beta = beta
    def forward(self, x):
        self.x = x
        self.s = 1/(1+np.exp(-self.beta * x))
        return x * self.s
    def backward(self, dout):
        return dout * (self.s + self.beta * self.x * self.s * (1 - self.s))
""",
    "C(Swish(1.5), n(5,4))",
    (
        "self.beta * self.x * self.s * (1 - self.s)",
        "self.x * self.s * (1 - self.s)",
        "x",
        "factor|dropped term",
    ),
    ("(self.s + self.beta * self.x * self.s * (1 - self.s))", "self.s", "x", "dropped term"),
)

layer(
    "loss with L2",
    """
class RidgeLoss:
    def __init__(self, W, b, lam=0.3): self.W, self.b, self.lam = W, b, lam
    def forward(self, x, t):
        self.x = x
        self.r = x @ self.W + self.b - t
        return 0.5 * (self.r**2).sum() / len(x) + self.lam * (self.W**2).sum()
    def backward(self, dout=1):
        d = self.r / len(self.x)
        self.dW = dout * (self.x.T @ d + 2 * self.lam * self.W)
        self.db = dout * d.sum(0)
        return dout * d @ self.W.T
""",
    "C(RidgeLoss(n(4,2), n(2)), n(6,4), n(6,2))",
    ("2 * self.lam * self.W", "self.lam * self.W", "W", "dropped term|factor"),
    (
        "self.db = dout * d.sum(0)",
        "self.db = dout * (d.sum(0) + 2 * self.lam * self.b)",
        "b",
        "extra term",
    ),
)

layer(
    "cosine similarity",
    """
class Cosine:
    def forward(self, u, v):
        self.u, self.v = u, v
        self.nu = np.linalg.norm(u, axis=1, keepdims=True)
        self.nv = np.linalg.norm(v, axis=1, keepdims=True)
        self.c = (u * v).sum(1, keepdims=True) / (self.nu * self.nv)
        return self.c[:, 0]
    def backward(self, dout):
        d = dout[:, None]
        du = d * (self.v / (self.nu * self.nv) - self.c * self.u / self.nu**2)
        dv = d * (self.u / (self.nu * self.nv) - self.c * self.v / self.nv**2)
        return du, dv
""",
    "C(Cosine(), n(6,4), n(6,4))",
    ("- self.c * self.v / self.nv**2", "", "v", "dropped term"),
    (
        "- self.c * self.u / self.nu**2",
        "- self.c * self.u / self.nv**2",
        "u",
        "wrong value used|factor|no known pattern",
    ),
    ("return du, dv", "return dv, du", "u v", "swapped"),
)

layer(
    "instance norm f",
    """
def inorm(x):
    m = x.mean((2,3), keepdims=True); v = x.var((2,3), keepdims=True)
    return (x - m)/np.sqrt(v + 1e-3), (x, m, v)
def dinorm(dy, ctx):
    x, m, v = ctx
    s = 1/np.sqrt(v + 1e-3)
    h = (x - m)*s
    return s*(dy - dy.mean((2,3), keepdims=True) - h*(dy*h).mean((2,3), keepdims=True))
""",
    "F(inorm, dinorm, n(2,3,4,5))",
    ("dy.mean((2,3), keepdims=True)", "dy.mean((0,2,3), keepdims=True)", "x", "wrong axis"),
    ("s = 1/np.sqrt(v + 1e-3)", "s = 1/(np.sqrt(v) + 1e-3)", "x", "precision lost"),
)

layer(
    "linder dense with optimizer objects",
    """
class SGD:
    def __init__(self, lr=0.1): self.lr = lr
    def update(self, w, grad): return w - self.lr * grad
class Dense:
    def __init__(self, W, w0):
        self.W, self.w0 = W, w0
        self.trainable = True
        self.W_opt, self.w0_opt = SGD(), SGD()
    def forward_pass(self, X, training=True):
        self.layer_input = X
        return X.dot(self.W) + self.w0
    def backward_pass(self, accum_grad):
        W = self.W
        if self.trainable:
            grad_w = self.layer_input.T.dot(accum_grad)
            grad_w0 = np.sum(accum_grad, axis=0, keepdims=True)
            self.W = self.W_opt.update(self.W, grad_w)
            self.w0 = self.w0_opt.update(self.w0, grad_w0)
        return accum_grad.dot(W.T)
""",
    "C(Dense(n(4,3), n(1,3)), n(5,4))",
    ("return accum_grad.dot(W.T)", "return accum_grad.dot(self.W.T)", "X", "stale value"),
    (
        "grad_w0 = np.sum(accum_grad, axis=0, keepdims=True)",
        "grad_w0 = np.mean(accum_grad, axis=0, keepdims=True)",
        "w0",
        "factor",
    ),
)

layer(
    "victorzhou conv3x3",
    """
class Conv3x3:
    def __init__(self, num_filters, rng):
        self.num_filters = num_filters
        self.filters = rng.normal(size=(num_filters, 3, 3)) / 9
    def iterate_regions(self, image):
        h, w = image.shape
        for i in range(h - 2):
            for j in range(w - 2):
                yield image[i:(i + 3), j:(j + 3)], i, j
    def forward(self, input):
        self.last_input = input
        h, w = input.shape
        output = np.zeros((h - 2, w - 2, self.num_filters))
        for im_region, i, j in self.iterate_regions(input):
            output[i, j] = np.sum(im_region * self.filters, axis=(1, 2))
        return output
    def backprop(self, d_L_d_out, learn_rate):
        d_L_d_filters = np.zeros(self.filters.shape)
        for im_region, i, j in self.iterate_regions(self.last_input):
            for f in range(self.num_filters):
                d_L_d_filters[f] += d_L_d_out[i, j, f] * im_region
        self.filters -= learn_rate * d_L_d_filters
        return None
""",
    "C(Conv3x3(4, r), n(6,7))",
    (
        "d_L_d_filters[f] += d_L_d_out[i, j, f] * im_region",
        "d_L_d_filters[f] = d_L_d_out[i, j, f] * im_region",
        "filters",
        "not summed|dropped term",
    ),
    compared=False,
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
    ("/ np.sqrt(d // self.h)\n        dq", "/ np.sqrt(d)\n        dq", "x Wqkv", "factor"),
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
    "maxout",
    """
class Maxout:
    def __init__(self, W, b): self.W, self.b = W, b     # k, D, H
    def forward(self, x):
        self.x = x
        z = np.einsum("nd,kdh->nkh", x, self.W) + self.b
        self.arg = z.argmax(1)
        return z.max(1)
    def backward(self, dout):
        k = self.W.shape[0]
        m = (np.arange(k)[None, :, None] == self.arg[:, None, :]) * dout[:, None, :]
        self.dW = np.einsum("nd,nkh->kdh", self.x, m)
        self.db = m.sum(0)
        return np.einsum("nkh,kdh->nd", m, self.W)
""",
    "C(Maxout(n(3,4,2), n(3,2)), n(5,4))",
    (
        "m = (np.arange(k)[None, :, None] == self.arg[:, None, :]) * dout[:, None, :]",
        "m = np.ones((1, k, 1)) * dout[:, None, :] / k",
        "x W b",
        "mask missing",
    ),
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
    "batchnorm class with running",
    """
class BN:
    def __init__(self, D):
        self.gamma, self.beta = np.ones(D) * 1.2, np.zeros(D)
        self.rm, self.rv = np.zeros(D), np.ones(D)
    def forward(self, x, train_flg=True):
        if train_flg:
            self.mu, self.v = x.mean(0), x.var(0)
            self.rm = 0.9 * self.rm + 0.1 * self.mu
            self.rv = 0.9 * self.rv + 0.1 * self.v
            self.s = np.sqrt(self.v + 1e-6)
            self.xn = (x - self.mu) / self.s
        else:
            self.xn = (x - self.rm) / np.sqrt(self.rv + 1e-6)
        return self.gamma * self.xn + self.beta
    def backward(self, d):
        n = len(d)
        self.dgamma, self.dbeta = (d * self.xn).sum(0), d.sum(0)
        g = d * self.gamma
        return (g - g.mean(0) - self.xn * (g * self.xn).mean(0)) / self.s
""",
    "C(BN(4), n(7,4))",
    (
        "(g - g.mean(0) - self.xn * (g * self.xn).mean(0)) / self.s",
        "g / self.s",
        "x",
        "dropped term",
    ),
    (
        "(g - g.mean(0) - self.xn * (g * self.xn).mean(0)) / self.s",
        "(g - g.mean(0) - self.xn * (g * self.xn).mean(0)) / np.sqrt(self.rv)",
        "x",
        "wrong value used|factor|no known pattern",
    ),
    ("g = d * self.gamma", "g = d", "x", "dropped term|factor"),
)

layer(
    "weighted ce with logits",
    """
class WeightedCE:
    def __init__(self, w): self.class_weight = w
    def forward(self, logits, labels):
        z = logits - logits.max(axis=1, keepdims=True)
        logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        self.p, self.labels = np.exp(logp), labels
        self.wi = self.class_weight[labels]
        return -(self.wi * logp[np.arange(len(labels)), labels]).sum() / self.wi.sum()
    def backward(self):
        d = self.p.copy()
        d[np.arange(len(d)), self.labels] -= 1
        return d * self.wi[:, None] / self.wi.sum()
""",
    "C(WeightedCE(np.array([.5, 1., 2.])), n(6,3), r.integers(3,size=6))",
    (
        "return d * self.wi[:, None] / self.wi.sum()",
        "return d * self.wi[:, None] / len(d)",
        "logits",
        "factor",
    ),
    (
        "return d * self.wi[:, None] / self.wi.sum()",
        "return d / self.wi.sum()",
        "logits",
        "dropped term|factor",
    ),
    compared=False,
)

layer(
    "contrastive loss",
    """
class Contrastive:
    def forward(self, a, b, y):
        self.diff, self.y = a - b, y
        self.d = np.sqrt((self.diff**2).sum(1))
        self.h = np.maximum(1.5 - self.d, 0)
        return (y * self.d**2 + (1 - y) * self.h**2).mean() / 2
    def backward(self):
        n = len(self.d)
        c = self.y - (1 - self.y) * self.h / self.d
        da = c[:, None] * self.diff / n
        return da, -da
""",
    "C(Contrastive(), n(8,2), n(8,2), (r.random(8)>.5)*1.)",
    ("return da, -da", "return da, da", "b", "sign"),
    (
        "(1 - self.y) * self.h / self.d",
        "(1 - self.y) * self.h",
        "a b",
        "dropped term|factor|wrong value used|no known pattern",
    ),
)

layer(
    "highway",
    """
class Highway:
    def __init__(self, d, rng):
        self.WH, self.bH = rng.normal(size=(d, d)), np.zeros(d)
        self.WT, self.bT = rng.normal(size=(d, d)), -np.ones(d)
    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.WH + self.bH)
        self.t = 1/(1+np.exp(-(x @ self.WT + self.bT)))
        return self.t * self.h + (1 - self.t) * x
    def backward(self, dout):
        x, h, t = self.x, self.h, self.t
        dh = dout * t * (1 - h*h)
        dt = dout * (h - x) * t * (1 - t)
        self.dWH, self.dbH = x.T @ dh, dh.sum(0)
        self.dWT, self.dbT = x.T @ dt, dt.sum(0)
        return dh @ self.WH.T + dt @ self.WT.T + dout * (1 - t)
""",
    "C(Highway(4, r), n(5,4))",
    (" + dout * (1 - t)", "", "x", "dropped term"),
    ("dt = dout * (h - x) * t * (1 - t)", "dt = dout * h * t * (1 - t)", "x WT bT", "dropped term"),
    ("dt @ self.WT.T", "dt @ self.WT", "x", "transposed"),
)
