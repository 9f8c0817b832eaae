"""Graphs to be drawn: some of each kind, and random ones."""

import warnings

import numpy as np
from hypothesis import strategies as st

from clearprop import Relu, Sigmoid, Softmax, TwoLayerNet, Variable, graph

SHAPES = [(), (9,), (8, 9)]
STEPS = [
    *(np.add, np.subtract, np.multiply, np.divide, np.maximum),
    *(np.exp, np.tanh, np.negative, np.floor),
    *(Relu(), Sigmoid(), Softmax()),
]
NAMES = st.one_of(
    st.none(),
    st.sampled_from(
        ["x", "apple_num", "苹果的单价", "りんごの数", "<script>alert(1)</script>", "🍎"]
    ),
    st.text(max_size=60),
)


def apple():
    """The book's first example, before its backward pass."""
    a, n, tax = Variable(100, "apple"), Variable(2, "apple_num"), Variable(1.1, "tax")
    price = a * n * tax
    price.name = "price"
    return price


def network(backward=True):
    """The loss of a small network."""
    rng = np.random.default_rng(0)
    net = TwoLayerNet(6, 4, 3, weight_init_std=0.7, rng=rng)
    x = Variable(rng.standard_normal((5, 6)), "x")
    loss = net.loss(x, np.array([0, 1, 2, 1, 0]))
    loss.name = "loss"
    if backward:
        loss.backward()
    return loss


def chain(length):
    """A graph of so many nodes, one after the other."""
    v = Variable(1.0, "start")
    for _ in range(length):
        v = v * 1.0
    return v


@st.composite
def graphs(draw):
    """Graphs with forks, arrays, layers, several results and all sorts of names."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = [
        Variable(rng.uniform(0.5, 2, draw(st.sampled_from(SHAPES))), draw(NAMES))
        for _ in range(draw(st.integers(1, 4)))
    ]
    with np.errstate(all="ignore"):  # what is not finite is drawn too
        for _ in range(draw(st.integers(1, 16))):
            x, y = (values[draw(st.integers(0, len(values) - 1))] for _ in range(2))
            step = draw(st.sampled_from(STEPS))
            if not isinstance(step, np.ufunc):
                out = step(x) if x.ndim else np.sqrt(abs(x))
            elif step.nin == 2:
                out = step(x, y if draw(st.booleans()) else 2.0)
            else:
                out = step(np.tanh(x))
            if draw(st.integers(0, 6)) == 0:
                out.name = draw(NAMES)
            values.append(out)
        used = {id(x) for v in values if v.node for x in v.node.inputs}
        ends = [v for v in values if id(v) not in used and v.node]
        if draw(st.booleans()):
            return graph(ends)
        total = sum((v.sum() if v.ndim else v for v in ends[1:]), ends[0].sum())
        if draw(st.booleans()):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # 0 · ∞ where nothing was taken
                total.backward()
        return graph(total)
