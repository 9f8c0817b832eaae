"""Edits of what backward calls, and of what it is called with; what edits leave behind."""

import numpy as np

from clearprop import check

R = np.random.default_rng(21)
X = R.normal(size=(4, 3))
LABELS = np.array([0, 2, 1, 1])


def first(layer, *inputs):
    """The message of the first fault, which the others are said to be the same as."""
    return check(layer, *inputs).faults[0].message


class Logistic:
    def f(self, z):
        return 1 / (1 + np.exp(-z))

    def slope(self, z):
        s = self.f(z)
        return s * (1 - s)


class Dense:
    """Takes the slope at the output, where that wants what went in."""

    def __init__(self):
        self.W, self.act = R.normal(size=(3, 2)), Logistic()

    def forward(self, x):
        self.x, self.z = x, x @ self.W
        self.y = self.act.f(self.z)
        return self.y

    def backward(self, dout):
        dz = dout * self.act.slope(self.y)
        self.dW = self.x.T @ dz
        return dz @ self.W.T


def test_what_is_called_comes_after_what_it_is_called_with():
    message = first(Dense(), X)
    assert "`dz = dout * self.act.slope(self.z)`" in message


class Stretched:
    """Backward forgets a setting with which forward calls the same function."""

    def __init__(self, centred=True):
        self.centred = centred

    def weights(self, n, centred=False):
        if centred:
            at = np.arange(n) - (n - 1) / 2
        else:
            at = np.arange(n) / n
        return 1 + at**2

    def forward(self, x):
        return x * self.weights(x.shape[1], centred=self.centred)

    def backward(self, dout):
        return dout * self.weights(dout.shape[1])


def test_a_setting_that_forward_gives_is_given_by_backward_too():
    assert "self.weights(dout.shape[1], centred=self.centred)" in first(Stretched(), X)


def counted(x, t):
    rows = np.arange(len(x))
    margins = np.maximum(0, x - x[rows, t][:, None] + 1)
    margins[rows, t] = 0
    return rows, margins, 1.0 * (margins > 0)


def hinge_set(x, t):
    rows, margins, mask = counted(x, t)
    mask[rows, t] = -1
    return margins.sum() / len(x), mask / len(x)


def hinge_less(x, t):
    rows, margins, mask = counted(x, t)
    mask[rows, t] -= 1
    return margins.sum() / len(x), mask / len(x)


def test_how_often_a_row_counts():
    assert "`mask[rows, t] = -mask.sum(axis=1)`" in first(hinge_set, X, LABELS)
    assert "`mask[rows, t] -= mask.sum(axis=1)`" in first(hinge_less, X, LABELS)


class Penalised:
    """The penalty has half the squares, and backward the whole; it fills a dictionary."""

    def __init__(self):
        self.reg = 0.3
        self.params = {"W": R.normal(size=(3, 3)), "b": R.normal(size=3)}

    def forward(self, x, t):
        p, self.x, self.t = self.params, x, t
        scores = x @ p["W"] + p["b"]
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.probs = e / e.sum(axis=1, keepdims=True)
        loss = -np.log(self.probs[np.arange(len(t)), t]).mean()
        return loss + 0.5 * self.reg * np.sum(p["W"] ** 2)

    def backward(self):
        p, grads = self.params, {}
        d = self.probs.copy()
        d[np.arange(len(self.t)), self.t] -= 1
        d /= len(self.t)
        grads["W"], grads["b"] = self.x.T @ d, d.sum(axis=0)
        for k in ("W",):
            grads[k] += 2 * self.reg * p[k]
        return grads


def test_an_edit_that_wrote_into_what_the_layer_holds_is_taken_back():
    assert "`grads[k] += self.reg * p[k]` in place of" in first(Penalised(), X, LABELS)


class Weight:
    def __init__(self, value):
        self.value, self.grad = value, np.zeros_like(value)

    def zero_grad(self):
        self.grad[...] = 0


class Attention:
    """Softmax's backward lacks a factor in its sum; derivatives are added up on the weights."""

    def __init__(self):
        self.W, self.V = Weight(R.normal(size=(4, 12)) / 2), Weight(R.normal(size=(4, 4)))

    def heads(self, x):
        n, t, c = x.shape
        return x.reshape(n, t, 2, c // 2).transpose(0, 2, 1, 3)

    def merged(self, x):
        n, h, t, c = x.shape
        return x.transpose(0, 2, 1, 3).reshape(n, t, h * c)

    def forward(self, x):
        q, k, v = (self.heads(part) for part in np.split(x @ self.W.value, 3, axis=2))
        a = q @ k.transpose(0, 1, 3, 2) / np.sqrt(2)
        a = np.exp(a - a.max(axis=-1, keepdims=True))
        a = a / a.sum(axis=-1, keepdims=True)
        y = self.merged(a @ v)
        self.kept = x, q, k, v, a, y
        return y @ self.V.value

    def backward(self, dout):
        x, q, k, v, a, y = self.kept
        self.V.grad += y.reshape(-1, 4).T @ dout.reshape(-1, 4)
        dy = self.heads(dout @ self.V.value.T)
        da, dv = dy @ v.transpose(0, 1, 3, 2), a.transpose(0, 1, 3, 2) @ dy
        ds = a * (da - da.sum(axis=-1, keepdims=True)) / np.sqrt(2)
        dq, dk = ds @ k, ds.transpose(0, 1, 3, 2) @ q
        d = np.concatenate([self.merged(dq), self.merged(dk), self.merged(dv)], axis=2)
        self.W.grad += x.reshape(-1, 4).T @ d.reshape(-1, 12)
        return d @ self.W.value.T


def test_what_adds_up_its_derivatives_is_edited_as_often_as_others():
    message = first(Attention(), R.normal(size=(2, 3, 4)))
    assert "(da * a).sum(axis=-1, keepdims=True)" in message


def repeated(x, s):
    y = x.repeat(s, axis=1)

    def pullback(dy):
        return dy.reshape(*x.shape, s).sum(axis=2)

    return y, pullback


def repeated_once(x, s):
    return x.repeat(s, axis=1), lambda dy: dy[:, ::s]


def test_counts_stay_whole_where_only_backward_needs_them_so():
    assert check(repeated, X, 2).ok is True
    (fault,) = check(repeated_once, X, 2).faults
    assert (fault.argument, fault.kind.value) == ("x", "not summed")


class InGroups:
    """One of two means runs over fewer axes than the other."""

    def forward(self, x):
        self.shape, x = x.shape, x.reshape(len(x), 2, -1, 4, 3)
        self.s = 1 / np.sqrt(x.var(axis=(2, 3, 4), keepdims=True) + 1e-5)
        self.y = (x - x.mean(axis=(2, 3, 4), keepdims=True)) * self.s
        return self.y.reshape(self.shape)

    def backward(self, dout):
        d = dout.reshape(self.y.shape)
        m1 = d.mean(axis=(2, 3, 4), keepdims=True)
        m2 = (d * self.y).mean(axis=(3, 4), keepdims=True)
        return ((d - m1 - self.y * m2) * self.s).reshape(self.shape)


def test_axes_that_stand_in_another_line_are_tried():
    message = first(InGroups(), R.normal(size=(2, 4, 4, 3)))
    assert "`m2 = (d * self.y).mean(axis=(2, 3, 4), keepdims=True)`" in message


class Switched:
    """Backward goes the way of training, and forward is asked for the other."""

    fixed = ("scale",)

    def __init__(self, training=False):
        self.training, self.scale = training, np.array([2.0, 3.0, 4.0])

    def forward(self, x):
        return x * self.scale if self.training else np.sin(x * 0) + x

    def backward(self, dout):
        return dout * self.scale


def test_an_edit_must_hold_for_the_other_way_of_a_switch():
    assert check(Switched(training=True), X).ok
    assert "all is right with" not in first(Switched(), X)


class InLists:
    """Takes the slope of each layer at what came out of it."""

    def __init__(self):
        self.W = [R.normal(size=(3, 3)) / 2 for _ in range(4)]

    def forward(self, x):
        self.zs, self.outs = [], [x]
        for W in self.W:
            z = x @ W
            x = np.tanh(z) + z
            self.zs.append(z)
            self.outs.append(x)
        return x

    def backward(self, dout):
        self.dW = [None] * 4
        for k in range(1, 5):
            dz = dout * (2 - np.tanh(self.outs[-k]) ** 2)
            self.dW[-k] = self.outs[-k - 1].T @ dz
            dout = dz @ self.W[-k].T
        return dout


def test_another_list_at_the_same_index_is_tried():
    assert "`dz = dout * (2 - np.tanh(self.zs[-k]) ** 2)`" in first(InLists(), X)
