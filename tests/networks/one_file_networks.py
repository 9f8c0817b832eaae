"""Networks as people write them, and the list of all cases: `CASES` holds, by name, a function that
gives a network, a batch and its labels.
"""

import numpy as np
from one_file_layers import (
    BareGelu,
    BatchNorm,
    BlockByHand,
    BookDropout,
    BookNorm,
    Deep,
    Dropout,
    DropPath,
    GaussianNoise,
    LayerNorm,
    LazyNorm,
    Leaky,
    PlainHolder,
    PRelu,
    Residual,
    ResidualByHand,
    Shared,
    SharedByHand,
    Stack,
    Swish,
    affine,
    rng,
    weights,
)
from one_file_sequences import (
    Attention,
    AttentionByHand,
    BareEmbedding,
    Bilinear,
    Causal,
    Cell,
    Gate,
    LazyCell,
    OwnEmbedding,
    Rnn,
    SplitInTwo,
)

from clearprop import Layer, Network, Relu, SoftmaxWithLoss
from clearprop.layers import MeanSquaredError

# --- networks ------------------------------------------------------------------------------------


class Skip(Network):
    """Attributes in PyTorch's style, with a skip and a layer used twice."""

    def __init__(self):
        super().__init__(rng=rng(5))
        self.fc1 = affine(4, 6)
        self.fc2 = affine(6, 6, seed=1)
        self.drop = Dropout(0.3)
        self.norm = BatchNorm(6)
        self.out = affine(6, 3, seed=2)

    def forward(self, x):
        h = np.tanh(self.fc1(x))
        h = h + self.drop(np.tanh(self.fc2(h)))
        h = self.norm(h) + self.drop(self.fc2(h))
        return self.out(h)


class ListOfBlocks(Network):
    """Layers in a list and a dictionary."""

    def __init__(self):
        super().__init__(rng=rng(5))
        self.blocks = [Residual(4), ResidualByHand(4), Stack(4)]
        self.head = {"out": affine(4, 3)}

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head["out"](x)


class TwoInputs(Network):
    """x is a tuple; one of them holds class numbers."""

    def __init__(self):
        super().__init__()
        self.words = OwnEmbedding(9, 4)
        self.meet = Bilinear(4, 4)
        self.out = affine(4, 3)

    def forward(self, x, idx):
        return self.out(self.meet(x, self.words(idx)))


class TwoOutputs(Network):
    """Two outputs, each with a loss of its own."""

    def __init__(self):
        super().__init__(loss=[SoftmaxWithLoss(), MeanSquaredError()])
        self.body = affine(4, 6)
        self.split = SplitInTwo()
        self.gate = Gate(3)
        self.number = affine(3, 2, seed=3)

    def forward(self, x):
        a, b = self.gate(*self.split(np.tanh(self.body(x))))
        return a, self.number(b)


class Penalty(Network):
    """A loss of its own, with weights that shall stay small."""

    strength = 0.05

    def loss(self, x, t):
        penalty = sum(
            np.sum(layer.W**2) for layer in (self.layers["Affine1"], self.layers["Affine2"])
        )
        return self.lastLayer(self.predict(x), t) + 0.5 * self.strength * penalty


class OwnArray(Network):
    """The network itself has parameters, beside its layers'."""

    params = ("scale",)

    def __init__(self):
        super().__init__([affine(4, 3)])
        self.scale = np.array([0.5, 1.0, 2.0])

    def forward(self, x):
        return self.scale * self.layers["Affine1"](x)


class TiedTranspose(Network):
    """An autoencoder with W on the way in and its transpose on the way out."""

    params = ("W", "b", "c")

    def __init__(self):
        super().__init__(loss=MeanSquaredError())
        self.W, self.b, self.c = weights(4, 3), np.zeros(3), np.zeros(4)

    def forward(self, x):
        return np.tanh(x @ self.W + self.b) @ self.W.T + self.c


class Decoder(Layer):
    """Uses the transposed W of another layer."""

    params = ("W", "c")

    def __init__(self, encoder):
        self.W, self.c = encoder.W, np.zeros(len(encoder.W))

    def forward(self, x):
        self.x = x
        return x @ self.W.T + self.c

    def backward(self, dout):
        self.dW, self.dc = dout.T @ self.x, dout.sum(axis=0)
        return dout @ self.W


class Language(Network):
    """Words in, words out, (N, T): embedding, recurrence, and a loss over all steps."""

    def __init__(self, recurrent, embedding=OwnEmbedding):
        super().__init__()
        self.words, self.recurrent, self.out = embedding(7, 4), recurrent, affine(4, 7)

    def forward(self, idx):
        h = self.recurrent(self.words(idx))
        return self.out(h.reshape(-1, 4)).reshape(*idx.shape, 7)


class Heads(Network):
    """Attention with three inputs from one."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (affine(4, 4, seed=i) for i in range(3))
        self.attend = AttentionByHand()
        self.out = affine(4, 3)

    def forward(self, x):
        N, T, D = x.shape
        flat = x.reshape(-1, D)
        q, k, v = (f(flat).reshape(N, T, D) for f in (self.q, self.k, self.v))
        return self.out(self.attend(q, k, v).mean(axis=1))


class Holding(Network):
    """Holds networks, and a layer that holds one."""

    def __init__(self):
        inner = Network([affine(4, 5), BatchNorm(5), Dropout(0.2), affine(5, 4, seed=2)])
        super().__init__([inner, InALayer(), affine(4, 3)], rng=rng(5))


class InALayer(Layer):
    """A layer with a network inside."""

    def __init__(self):
        self.net = Network({"in": affine(4, 4), "act": Swish()})

    def forward(self, x):
        return x + self.net(x)


class Config(Network):
    """Settings in an object and in a list; a method of its own in between."""

    def __init__(self):
        super().__init__()
        self.sizes = [4, 6, 3]
        self.all = [affine(n, m) for n, m in zip(self.sizes, self.sizes[1:], strict=False)]
        self.temperature = 2.0

    def body(self, x):
        for layer in self.all[:-1]:
            x = np.maximum(layer(x), 0)
        return x

    def forward(self, x):
        return self.all[-1](self.body(x)) / self.temperature


# --- the list ------------------------------------------------------------------------------------


def chain(*middle, n=5):
    """A network with some layers between two affine ones."""

    def make():
        return Network([affine(4, n), *(m() for m in middle), affine(n, 3, seed=3)], rng=rng(5))

    return make


class Image(Layer):
    """Lets rows be images."""

    def forward(self, x):
        return x.reshape(len(x), 2, 3, -1)


def frozen():
    net = chain(lambda: BatchNorm(5), Swish)()
    net.freeze("W1", "gamma*")
    return net


def tied_pair():
    encoder = affine(4, 3)
    return Network([encoder, Swish(), Decoder(encoder)], MeanSquaredError())


X = rng(11).standard_normal((6, 4))
T = rng(12).integers(3, size=6)
SEQUENCES = rng(13).standard_normal((6, 5, 4))
WORDS = rng(14).integers(7, size=(6, 5))

CASES = {
    "gelu": (chain(BareGelu), X, T),
    "swish": (chain(lambda: Swish(1.5)), X, T),
    "leaky": (chain(Leaky), X, T),
    "prelu": (chain(PRelu), X, T),
    "dropout": (chain(Dropout), X, T),
    "book dropout": (chain(lambda: BookDropout(0.3)), X, T),
    "gaussian noise": (chain(GaussianNoise), X, T),
    "drop path": (chain(lambda: DropPath(affine(5, 5))), X, T),
    "batch norm": (chain(lambda: BatchNorm(5)), X, T),
    "lazy norm": (chain(Image, lambda: LazyNorm(2), n=12), X, T),
    "book norm": (chain(lambda: BookNorm(5)), X, T),
    "layer norm": (chain(lambda: LayerNorm(5)), X, T),
    "residual": (chain(lambda: Residual(5)), X, T),
    "residual by hand": (chain(lambda: ResidualByHand(5)), X, T),
    "block by hand": (chain(lambda: BlockByHand(5)), X, T),
    "stack": (chain(lambda: Stack(5)), X, T),
    "plain holder": (chain(lambda: PlainHolder(5)), X, T),
    "shared": (chain(lambda: Shared(5)), X, T),
    "shared by hand": (chain(lambda: SharedByHand(5)), X, T),
    "deep": (chain(lambda: Deep(5)), X, T),
    "cell": (chain(lambda: Cell(5, 5)), X, T),
    "lazy cell": (chain(lambda: LazyCell(5, 5)), X, T),
    "attention": (lambda: Network([Attention(4), Mean(), affine(4, 3)]), SEQUENCES, T),
    "causal": (lambda: Network([Causal(4, 5), Mean(), affine(4, 3)]), SEQUENCES, T),
    "heads": (Heads, SEQUENCES, T),
    "embedding": (lambda: Network([OwnEmbedding(9, 4), affine(4, 3)]), np.arange(6), T),
    "bare embedding": (lambda: Network([BareEmbedding(9, 4), affine(4, 3)]), np.arange(6), T),
    "skip": (Skip, X, T),
    "list of blocks": (ListOfBlocks, X, T),
    "two inputs": (TwoInputs, (X, np.arange(6)), T),
    "two outputs": (TwoOutputs, X, (T, X[:, :2])),
    "penalty": (lambda: Penalty([affine(4, 5), Relu(), affine(5, 3)]), X, T),
    "own array": (OwnArray, X, T),
    "tied transpose": (TiedTranspose, X, X),
    "tied pair": (tied_pair, X, X),
    "language": (lambda: Language(Rnn(4, 4)), WORDS, np.roll(WORDS, -1, axis=1)),
    "language, attending": (lambda: Language(Causal(4, 5), BareEmbedding), WORDS, WORDS),
    "networks inside": (Holding, X, T),
    "config": (Config, X, T),
    "frozen": (frozen, X, T),
}


class Mean(Layer):
    """The mean over the steps of a sequence."""

    def forward(self, x):
        self.shape = x.shape
        return x.mean(axis=1)

    def backward(self, dout):
        return np.broadcast_to(dout[:, None] / self.shape[1], self.shape)
