# ruff: noqa: E501 - as their authors write them
"""Layers as other authors write them: courses: functions with a cache, and classes that keep it.

What an entry holds, `stranger.collection` says.
"""

from stranger import collection

LAYERS, layer = collection()

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
    "two layer net dict",
    """
class TwoLayer:
    def __init__(self, r): self.params = dict(W1=r.normal(size=(4,5)), b1=np.zeros(5)+.1, W2=r.normal(size=(5,3)), b2=np.zeros(3))
    def loss(self, X, y):
        p = self.params
        h = np.maximum(0, X @ p["W1"] + p["b1"]); s = h @ p["W2"] + p["b2"]
        e = np.exp(s - s.max(1, keepdims=True)); q = e / e.sum(1, keepdims=True)
        loss = -np.log(q[np.arange(len(y)), y]).mean()
        d = q.copy(); d[np.arange(len(y)), y] -= 1; d /= len(y)
        dh = d @ p["W2"].T * (h > 0)
        return loss, dict(W1=X.T @ dh, b1=dh.sum(0), W2=h.T @ d, b2=d.sum(0))
""",
    "C(TwoLayer(r).loss, r.normal(size=(5,4)), np.array([0,1,2,1,0]))",
)
