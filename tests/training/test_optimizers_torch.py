"""The optimisers against PyTorch's, in float64, and against the book's formulas."""

import numpy as np
import pytest

from clearprop.training import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop

SHAPES = {"W1": (5, 4), "b1": (4,), "W2": (4, 3), "b2": (3,)}
STEPS = 20

PAIRS = {
    "SGD": (lambda **s: SGD(0.1, **s), lambda o, ps, **s: o.SGD(ps, 0.1, **s)),
    "Momentum": (
        lambda **s: Momentum(0.1, 0.8, **s),
        lambda o, ps, **s: o.SGD(ps, 0.1, momentum=0.8, **s),
    ),
    "Nesterov": (
        lambda **s: Nesterov(0.1, 0.8, **s),
        lambda o, ps, **s: o.SGD(ps, 0.1, momentum=0.8, nesterov=True, **s),
    ),
    "AdaGrad": (
        lambda **s: AdaGrad(0.1, 1e-10, **s),
        lambda o, ps, **s: o.Adagrad(ps, 0.1, **s),
    ),
    "RMSprop": (
        lambda **s: RMSprop(0.1, 0.9, 1e-8, **s),
        lambda o, ps, **s: o.RMSprop(ps, 0.1, alpha=0.9, **s),
    ),
    "Adam": (
        lambda **s: Adam(0.1, 0.8, 0.95, **s),
        lambda o, ps, **s: o.Adam(ps, 0.1, (0.8, 0.95), **s),
    ),
    "AdamW": (
        lambda **s: AdamW(0.1, 0.8, 0.95, **s),
        lambda o, ps, **s: o.AdamW(ps, 0.1, (0.8, 0.95), **{"weight_decay": 0.0, **s}),
    ),
}
EXTRAS = {
    "plain": {},
    "decay of weights": {"weight_decay": 0.1},
    "decay of all": {"weight_decay": 0.1, "decay": "all"},
    "clipped by value": {"clip_value": 0.5},
    "clipped by norm": {"clip_norm": 0.7},
    "clipped both ways": {"clip_value": 0.5, "clip_norm": 0.7, "weight_decay": 0.1},
    "a norm that is never reached": {"clip_norm": 100},
}


def arrays(seed, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def torchs(make, extras, lrs=None):
    """PyTorch's parameters after some steps, by the same settings."""
    torch = pytest.importorskip("torch")
    params = {name: torch.tensor(a, requires_grad=True) for name, a in arrays(0).items()}
    decay = extras.get("weight_decay", 0.0)
    optimizer = make(
        torch.optim,
        [
            {"params": [p], "weight_decay": decay if extras.get("decay") or p.ndim > 1 else 0.0}
            for p in params.values()
        ],
    )
    for step in range(1, STEPS + 1):
        for name, g in arrays(step).items():
            params[name].grad = torch.tensor(g)
        if "clip_value" in extras:
            torch.nn.utils.clip_grad_value_(params.values(), extras["clip_value"])
        if "clip_norm" in extras:
            torch.nn.utils.clip_grad_norm_(params.values(), extras["clip_norm"])
        for group in optimizer.param_groups if lrs else ():
            group["lr"] = lrs(step)
        optimizer.step()
    return {name: p.detach().numpy() for name, p in params.items()}


def ours(optimizer):
    params = arrays(0)
    for step in range(1, STEPS + 1):
        optimizer.update(params, arrays(step))
    return params


def assert_close(found, wanted):
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("extras", EXTRAS.values(), ids=EXTRAS)
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_the_same_as_pytorch(pair, extras):
    mine, theirs = pair
    settings = {"weight_decay": 0.0, **extras}
    assert_close(ours(mine(**settings)), torchs(theirs, extras))


@pytest.mark.parametrize("name", sorted(set(PAIRS) - {"Momentum", "Nesterov"}))
def test_the_same_as_pytorch_where_the_rate_changes(name):
    mine, theirs = PAIRS[name]
    optimizer = mine(weight_decay=0.1)
    optimizer.lr = rate = lambda step: 0.1 / step
    assert_close(ours(optimizer), torchs(theirs, {"weight_decay": 0.1}, rate))


@pytest.mark.parametrize("name", ["Momentum", "Nesterov"])
def test_momentum_holds_the_former_rates_and_pytorchs_does_not(name):
    """Where the rate halves in each step, a momentum of 0.4 in ours is PyTorch's of 0.8."""
    optimizer = PAIRS[name][0]()
    optimizer.lr = lambda step: 0.1 * 0.5**step
    optimizer.momentum = 0.4
    other = torchs(
        lambda o, ps: o.SGD(ps, 0.1, momentum=0.8, nesterov=name == "Nesterov"),
        {},
        lambda step: 0.1 * 0.5**step,
    )
    if name == "Momentum":
        assert_close(ours(optimizer), other)
    else:
        assert not np.allclose(ours(optimizer)["W1"], other["W1"])


def test_adamw_decays_by_a_hundredth_by_default_as_pytorchs():
    mine = ours(AdamW(0.1, 0.8, 0.95, decay="all"))
    assert_close(mine, torchs(PAIRS["AdamW"][1], {"weight_decay": 0.01, "decay": "all"}))


def test_a_wrong_setting_would_be_seen():
    found, wanted = ours(Adam(0.1, 0.8, 0.9500001)), torchs(PAIRS["Adam"][1], {})
    with pytest.raises(AssertionError):
        assert_close(found, wanted)


# The book's forms, as its code computes them


def book(name, p, g, s, t):
    """One step of the book for one parameter, with its state in a dict."""
    lr, momentum, rate, beta1, beta2 = 0.1, 0.8, 0.9, 0.9, 0.999
    if name == "Momentum":
        s["v"] = momentum * s["v"] - lr * g
        return p + s["v"]
    if name == "Nesterov":
        p = p + momentum * momentum * s["v"] - (1 + momentum) * lr * g
        s["v"] = momentum * s["v"] - lr * g
        return p
    if name == "AdaGrad":
        s["h"] = s["h"] + g * g
        return p - lr * g / (np.sqrt(s["h"]) + 1e-7)
    if name == "RMSprop":
        s["h"] = rate * s["h"] + (1 - rate) * g * g
        return p - lr * g / (np.sqrt(s["h"]) + 1e-7)
    s["m"] = s["m"] + (1 - beta1) * (g - s["m"])
    s["v"] = s["v"] + (1 - beta2) * (g**2 - s["v"])
    corrected = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return p - corrected * s["m"] / (np.sqrt(s["v"]) + 1e-7)


@pytest.mark.parametrize(
    "optimizer",
    [
        Momentum(0.1, 0.8),
        Nesterov(0.1, 0.8),
        AdaGrad(0.1),
        RMSprop(0.1, 0.9),
        Adam(0.1, eps=lambda t: 1e-7 / (1 - 0.999**t) ** 0.5),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_the_same_as_the_book(optimizer):
    params = arrays(0)
    states = {n: dict.fromkeys("vhm", 0.0) for n in params}
    for t in range(1, STEPS + 1):
        grads = arrays(t)
        params = {
            n: book(type(optimizer).__name__, p, grads[n], states[n], t) for n, p in params.items()
        }
    assert_close(ours(optimizer), params)
