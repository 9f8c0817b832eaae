"""Whatever takes the same training steps: ours, the book's, other libraries', and the floor."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Contestant:
    """One way of taking training steps.

    `function` of `module` takes a `Problem` and gives `run(steps)`, which goes so many steps on
    and returns the loss of the last.
    """

    name: str
    module: str
    function: str
    needs: str = ""
    """The package without which it is left out."""
    threads: tuple[str, ...] = ("default", "one")
    """How many threads it is given; the best of these counts."""
    at_least: int = 1
    """How many steps it must be asked for at once, to be what its name says."""
    learns: bool = True
    """Whether there is a loss to compare, or only work of the same amount."""


OWN = ("own choice",)

OURS = Contestant("clearprop, compiled", "ours", "compiled", threads=OWN)

CONTESTANTS = (
    OURS,
    Contestant("clearprop, compiled, pixels as bytes", "ours", "compiled_on_bytes", threads=OWN),
    Contestant("clearprop, compiled with C", "ours", "compiled_with_c", threads=OWN),
    Contestant("clearprop, layers as written", "ours", "as_written"),
    Contestant("the book's algorithm, float64", "book", "book_float64"),
    Contestant("the book's algorithm, float32", "book", "book_float32"),
    Contestant("PyTorch eager", "pytorch", "eager", "torch"),
    Contestant("torch.compile", "pytorch", "compiled", "torch"),
    Contestant("JAX, jitted step", "with_jax", "jitted_step", "jax"),
    Contestant("JAX, scan over an epoch", "with_jax", "scanned_epoch", "jax", at_least=20),
    Contestant("MyGrad", "with_mygrad", "make", "mygrad"),
    Contestant("autograd", "with_autograd", "make", "autograd"),
    Contestant("scikit-learn MLPClassifier", "with_sklearn", "make", "sklearn"),
    Contestant("floor: products and gather", "floor", "make", learns=False),
)

OURS_ON_IMAGES = Contestant("clearprop, compiled", "images", "compiled", threads=OWN)

OTHERS_ON_IMAGES = (
    Contestant("clearprop, compiled with C", "images", "compiled_with_c", threads=OWN),
    Contestant("clearprop, layers as written", "images", "as_written"),
    Contestant("PyTorch eager", "images", "eager", "torch"),
    Contestant("PyTorch eager, channels last", "images", "channels_last", "torch"),
)
"""Those that train networks of images."""


def on_language(module: str) -> tuple[Contestant, ...]:
    """Those that train a language model; ours stands first."""
    return (
        Contestant("clearprop, compiled", module, "compiled", threads=OWN),
        Contestant("clearprop, compiled with C", module, "compiled_with_c", threads=OWN),
        Contestant("PyTorch eager", module, "eager", "torch"),
        Contestant("JAX, jitted step", module, "jitted", "jax"),
    )
