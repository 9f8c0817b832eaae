"""`clearprop figures`: the pictures of the book's chapters 6 and 7."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from clearprop.errors import ConfigError
from clearprop.files import atomic_write, shown, told

if TYPE_CHECKING:
    from clearprop.datasets import Dataset


def figures(
    names: Annotated[
        list[str] | None,
        Parameter(
            help="valley, activations, optimizers, batch-norm, overfitting, im2col, im2col-padded, "
            "convolution, filters, layers. [default: all]",
            negative="",
        ),
    ] = None,
    /,
    *,
    output: Annotated[Path, Parameter(help="The folder to write to.", alias="-o")] = Path(
        "figures"
    ),
) -> None:
    """Make the pictures of the book's chapters 6 and 7, from experiments that are run for them.

    For example:

        clearprop figures
        clearprop figures valley im2col -o pictures

    How optimisers go down a valley; how activations are spread by the first weights; how the loss
    falls for each optimiser; what batch normalisation, weight decay and dropout change; what
    `im2col` puts where; filters before and after learning, and what each layer makes of an image.
    Those that learn take up to a minute each. Each is an SVG file, which any browser shows;
    `convolution` is a page that steps through one, window by window, forward and backward.
    """
    from clearprop.reporting.figures import FIGURES

    wrong = [name for name in names or () if name not in FIGURES]
    if wrong:
        raise ConfigError(f"there is no figure {wrong[0]!r}; there are: {', '.join(FIGURES)}")
    with told(f"no folder can be made at {output}", "choose one that you may write to with -o"):
        output.mkdir(parents=True, exist_ok=True)
    for name in names or FIGURES:
        made = FIGURES[name](_mnist)
        path = output / f"{name}.{'html' if made.startswith('<!doctype') else 'svg'}"
        atomic_write(path, made.encode())
        print(shown(path))


@cache
def _mnist() -> "Dataset":
    from clearprop.datasets import mnist_dataset

    return mnist_dataset()
