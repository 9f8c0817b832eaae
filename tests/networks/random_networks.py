"""Networks at random: a recipe, which a failing test prints, and the network made of it."""

from typing import Any, NamedTuple

import numpy as np
from random_layers import (
    BatchNorm,
    BookRelu,
    Branching,
    Cell,
    Centred,
    Choosing,
    D,
    Dropout,
    Flagged,
    Gain,
    Jitter,
    Last,
    Lazy,
    Leaky,
    Level,
    Memory,
    Mixed,
    Plain,
    Split,
    Temperature,
    Tied,
    Weights,
)

from clearprop import (
    Affine,
    Embedding,
    Gelu,
    Huber,
    Layer,
    MeanSquaredError,
    Network,
    Relu,
    Sigmoid,
    SigmoidWithLoss,
    Softmax,
    SoftmaxWithLoss,
    Tanh,
)
from clearprop.graph.layer_call import call


class Step(NamedTuple):
    """One step of a forward: a layer, or NumPy, on values that are there already.

    `a` and `b` say which, and are taken modulo how many there are, so that a recipe stays good
    whichever of its steps is left out.
    """

    kind: str
    a: int = 0
    b: int = 0
    inner: tuple["Step", ...] = ()


class Recipe(NamedTuple):
    """All that a random network is made of; `network(recipe)` makes it."""

    seed: int
    steps: tuple[Step, ...]
    inputs: tuple[str, ...] = ("real",)
    losses: tuple[str, ...] = ("softmax",)
    chain: bool = False
    penalty: bool = False
    frozen: bool = False
    dtype: str = "float64"
    optimizer: str = "SGD"


LAYERS = {
    "affine": lambda w: Affine(w(D, D), w(D)),
    "relu": lambda w: Relu(),
    "sigmoid": lambda w: Sigmoid(),
    "tanh": lambda w: Tanh(),
    "gelu": lambda w: Gelu(),
    "softmax": lambda w: Softmax(),
    "gain": lambda w: Gain(w.around(1.0), w(D)),
    "leaky": lambda w: Leaky(float(w.rng.uniform(0.1, 0.9))),
    "temperature": lambda w: Temperature(float(w.rng.uniform(0.5, 2.0)), w.around(1.0, D)),
    "choosing": lambda w: Choosing(),
    "flagged": lambda w: Flagged(),
    "plain": lambda w: Plain(w(D, D), w(D)),
    "dropout": lambda w: Dropout(0.3),
    "jitter": lambda w: Jitter(w.around(0.3)),
    "batchnorm": lambda w: BatchNorm(w.around(1.0, D), w(D), 0.9),
    "centred": lambda w: Centred(w(D)),
    "last": lambda w: Last(w(D)),
    "lazy": lambda w: Lazy(),
    "level": lambda w: Level(),
    "cell": lambda w: Cell(w(D, D), w(D, D, scale=0.3)),
    "memory": lambda w: Memory(w(D, D)),
    "book relu": lambda w: BookRelu(),
    "branching": lambda w: Branching(w(D, D)),
}
"""Of one value, by what draws their parameters."""

GLUE = {
    "add": lambda a, b: a + b,
    "product": lambda a, b: a * np.tanh(b),
    "larger": lambda a, b: np.maximum(a, b),
    "attention": lambda a, b: (a @ b.T) @ np.tanh(a) / (1 + len(a)),
    "centre": lambda a, b: a - b.mean(axis=0),
    "turned": lambda a, b: 0.5 * a[:, ::-1] - b.T.reshape(D, -1).T,
    "halves": lambda a, b: np.concatenate([a[:, :1], b[:, 1:]], axis=1),
    "where": lambda a, b: np.where(a > 0, b, np.sin(a)),
    "same": lambda a, b: a,
}
"""NumPy between layers."""

NESTING = ("block", "own", "network", "chain")
TWOS = ("mixed", "split", "joined")
AGAIN = ("again", "sharing", "tied")
PLAIN = ("affine", "relu", "sigmoid", "tanh", "gelu", "softmax", "gain", "leaky", "temperature")
"""What a layer with an own backward may hold, which calls the formulas of those inside."""

LOSSES = {
    "softmax": SoftmaxWithLoss,
    "onehot": SoftmaxWithLoss,
    "squares": MeanSquaredError,
    "huber": lambda: Huber(0.7),
    "sigmoid": SigmoidWithLoss,
}
OPTIMIZERS = ("SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam", "AdamW")


def random_recipe(seed: int, size: int = 9) -> Recipe:
    """A recipe of up to so many steps; the same seed gives the same."""
    rng = np.random.default_rng(seed)
    chain = rng.random() < 0.25
    inputs = ("numbers",) if rng.random() < 0.1 else ("real",)
    losses = (str(rng.choice([*LOSSES])),)
    if not chain:
        inputs = tuple(map(str, rng.choice(["real", "real", "numbers"], rng.integers(1, 4))))
        losses = tuple(map(str, rng.choice([*LOSSES], rng.choice([1, 1, 2, 3]))))
    return Recipe(
        seed,
        _steps(rng, int(rng.integers(1, size + 1)), chain, 3),
        inputs,
        losses,
        chain,
        not chain and rng.random() < 0.2,
        rng.random() < 0.2,
        str(rng.choice(["float64", "float64", "float32"])),
        str(rng.choice(OPTIMIZERS)),
    )


def _steps(rng: Any, n: int, chain: bool, depth: int, kinds: Any = None) -> tuple[Step, ...]:
    if kinds is None:
        kinds = [*LAYERS, *AGAIN, "affine", "affine", "again"]
        kinds += [] if chain else [*GLUE, *TWOS]
        kinds += [*NESTING, *NESTING] if depth else []
    steps = []
    for kind in rng.choice(kinds, n):
        inner: tuple[Step, ...] = ()
        if kind in NESTING:
            straight = kind in ("own", "chain")
            plain = [*PLAIN, "own"] if depth > 1 else PLAIN
            among = plain if kind == "own" else None
            inner = _steps(rng, int(rng.integers(1, 4)), straight, depth - 1, among)
        a, b = rng.integers(0, 4, 2)
        steps.append(Step(str(kind), int(a), int(b), inner))
    return tuple(steps)


def run(steps: tuple[Step, ...], layers: list[Any], values: list[Any]) -> list[Any]:
    """Run steps on values; each step finds the last ones first."""
    values, left = list(values), iter(layers)
    for step in steps:
        a, b = (values[-1 - i % len(values)] for i in (step.a, step.b))
        if step.kind in GLUE:
            values.append(GLUE[step.kind](a, b))
            continue
        layer = next(left)
        if step.kind == "mixed":
            values.append(layer(a, b))
        elif step.kind == "split":
            values += layer(a)
        elif step.kind == "joined":
            values.append(layer(np.concatenate([a, b], axis=1)))
        else:
            values.append(call(layer, a))  # it may be no Layer, which could be called
    return values


class Block(Layer):
    """Holds layers, and has no backward."""

    def __init__(self, steps, held):
        self.steps, self.held = steps, held

    def forward(self, x):
        return x + run(self.steps, self.held, [x])[-1]


class Own(Layer):
    """Holds layers, with a backward that calls theirs."""

    def __init__(self, held):
        self.held = held

    def forward(self, x):
        for layer in self.held:
            x = call(layer, x)
        return x

    def backward(self, dout):
        for layer in reversed(self.held):
            dout = layer.backward(dout)
        return dout


class Inner(Network):
    """A network within a network, which stands as a layer."""

    def __init__(self, steps, held):
        super().__init__()
        self.steps, self.held = steps, held

    def forward(self, x):
        return run(self.steps, self.held, [x])[-1]


class Whole(Network):
    """Any recipe that is no chain."""

    def __init__(self, recipe, embeddings, held, last, **more):
        super().__init__(**more)
        self.recipe, self.embeddings, self.held, self.last = recipe, embeddings, held, last

    def forward(self, *inputs):
        embeddings = iter(self.embeddings)
        values = [next(embeddings)(x) if x.dtype.kind == "i" else x for x in inputs]
        values = run(self.recipe.steps, self.held, values)
        outputs = [layer(values[-1 - i % len(values)]) for i, layer in enumerate(self.last)]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)


class Penalised(Whole):
    def loss(self, x, t):
        return super().loss(x, t) + 0.01 * sum((layer.W**2).sum() for layer in self.last)


class _Maker:
    """Makes the layers of a recipe, some of which share what others have."""

    def __init__(self, recipe: Recipe) -> None:
        self.weights = Weights(recipe.seed, recipe.dtype)
        self.affines: list[Affine] = []
        self.made: list[Any] = []

    def layers(self, steps: tuple[Step, ...]) -> list[Any]:
        return [self.layer(step) for step in steps if step.kind not in GLUE]

    def layer(self, step: Step) -> Any:
        w, kind = self.weights, step.kind
        if kind == "again" and self.made:
            return self.made[step.b % len(self.made)]
        if kind in AGAIN and not self.affines:
            kind = "affine"
        if kind in NESTING:
            held = self.layers(step.inner)
            if kind == "block":
                return Block(step.inner, held)
            if kind == "own":
                return Own(held)
            return Inner(step.inner, held) if kind == "network" else Network(held)
        if kind == "mixed":
            return Mixed(w.around(0.5, D))
        if kind == "split":
            return Split(w.around(1.0, D))
        if kind == "joined":
            return Affine(w(2 * D, D), w(D))
        if kind == "sharing":
            return Affine(self.affines[step.b % len(self.affines)].W, w(D))
        if kind == "tied":
            return Tied(self.affines[step.b % len(self.affines)].W, w(D))
        layer = LAYERS[kind](w)
        self.made.append(layer)
        if kind == "affine":
            self.affines.append(layer)
        return layer


def network(recipe: Recipe) -> Network:
    """The network of a recipe; the same recipe gives the same bits."""
    maker = _Maker(recipe)
    losses = [LOSSES[name]() for name in recipe.losses]
    embeddings = [Embedding(maker.weights(5, D)) for kind in recipe.inputs if kind == "numbers"]
    held = maker.layers(recipe.steps)
    last = [Affine(maker.weights(D, D), maker.weights(D)) for _ in losses]
    loss = losses[0] if len(losses) == 1 else losses
    rng = np.random.default_rng(recipe.seed)
    if recipe.chain:
        net = Network([*embeddings, *held, *last], loss, rng=rng)
    else:
        kind = Penalised if recipe.penalty else Whole
        net = kind(recipe, embeddings, held, last, loss=loss, rng=rng)
    if recipe.frozen and len(net.params) > 2:
        names = [*net.params]
        net.freeze(names[0], names[-1])
    return net


def batch(recipe: Recipe, n: int, seed: int) -> tuple[Any, Any]:
    """A batch that fits."""
    rng = np.random.default_rng((recipe.seed, seed))
    xs, ts = [], []
    for kind in recipe.inputs:
        x = rng.standard_normal((n, D)).astype(recipe.dtype)
        xs.append(rng.integers(5, size=n) if kind == "numbers" else x)
    for loss in recipe.losses:
        numbers = rng.integers(D, size=n)
        ts.append(
            numbers
            if loss == "softmax"
            else np.eye(D)[numbers]
            if loss == "onehot"
            else rng.integers(2, size=(n, D)).astype(recipe.dtype)
            if loss == "sigmoid"
            else rng.standard_normal((n, D)).astype(recipe.dtype)
        )
    return (
        xs[0] if len(xs) == 1 else tuple(xs),
        ts[0] if len(ts) == 1 else tuple(ts),
    )


def smaller(recipe: Recipe) -> Any:
    """Recipes that lack one thing of this."""
    for steps in _without(recipe.steps):
        yield recipe._replace(steps=steps)
    for i in range(len(recipe.losses) if len(recipe.losses) > 1 else 0):
        yield recipe._replace(losses=recipe.losses[:i] + recipe.losses[i + 1 :])
    for i in range(len(recipe.inputs) if len(recipe.inputs) > 1 else 0):
        yield recipe._replace(inputs=recipe.inputs[:i] + recipe.inputs[i + 1 :])
    usual = Recipe(0, ())._asdict()
    for name, value in usual.items():
        if name not in ("seed", "steps", "chain") and getattr(recipe, name) != value:
            yield recipe._replace(**{name: value})


def _without(steps: tuple[Step, ...]) -> Any:
    for i, step in enumerate(steps):
        yield steps[:i] + steps[i + 1 :]
        for inner in _without(step.inner):
            if inner:
                yield (*steps[:i], step._replace(inner=inner), *steps[i + 1 :])
        if step.a or step.b:
            yield (*steps[:i], step._replace(a=0, b=0), *steps[i + 1 :])
