"""`clearprop draw`: the picture of an expression, or of a trained network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

from clearprop.cli.expression import evaluate
from clearprop.cli.language import read_settings
from clearprop.cli.networks import AGAIN, own_network
from clearprop.cli.options import EXPRESSION, VALUES, check_output, whole
from clearprop.errors import ConfigError, DataError
from clearprop.files import shown

if TYPE_CHECKING:
    from clearprop.graph import Variable


def draw(
    expression: Annotated[str | None, EXPRESSION] = None,
    values: Annotated[list[str] | None, VALUES] = None,
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(
            help="The file: .svg or .png (pictures), .html (a page that steps through both "
            "passes), .txt, .json, .dot (Graphviz), .mmd (Mermaid). "
            "Without it the graph is printed as a tree.",
            alias="-o",
        ),
    ] = None,
    run: Annotated[
        Path | None,
        Parameter(help="Draw the network in this folder that `clearprop train` left, on an image."),
    ] = None,
    network: Annotated[str | None, AGAIN] = None,
    sample: Annotated[
        int, Parameter(help="Which test image of MNIST the network looks at.", converter=whole)
    ] = 0,
    depth: Annotated[
        str | None,
        Parameter(
            help="How deep to look: network, layers, primitives, a number of levels, or names such "
            "as Affine1,Relu1."
        ),
    ] = None,
    theme: Annotated[
        str | None,
        Parameter(help="light or dark. [default: for SVG as the reader has it, for PNG light]"),
    ] = None,
    backward: Annotated[
        bool, Parameter(help="Show the derivatives: the backward pass is run.")
    ] = True,
) -> None:
    """Draw the graph of an expression, or of a trained network, with values and derivatives.

    For example:

        clearprop draw "price = (apple*apple_num + orange*orange_num)*tax" apple=100 apple_num=2 orange=150 orange_num=3 tax=1.1 -o price.svg
        clearprop draw "1 / (1 + exp(-x))" x=0.5
        clearprop draw --run runs/1 --depth layers -o net.html

    Above each arrow stands the value, below it the derivative of the result. An expression has
    numbers, names, lists of numbers, + - * / % ** @, comparisons, indices, and NumPy's functions by
    their names: exp, log, tanh, maximum, sum, mean, where and so on. Where the result is an array,
    the derivatives are those of its sum.

    PNG pictures need resvg-py: `pip install "clearprop[pictures]"`.
    """  # noqa: E501  # a command to be copied is one line
    from clearprop.graph import graph

    check_output(output, run, network)
    if run is not None:
        if expression is not None:
            raise ConfigError("--run draws a network; leave the expression out, or --run")
        result = _network(run, sample, network)
    elif expression is None:
        raise ConfigError(
            "what shall be drawn? Give an expression with its values, such as "
            "'clearprop draw \"apple * num\" apple=100 num=2', or --run with the folder of a run"
        )
    else:
        result = evaluate(expression, values or ())
    if backward:
        with np.errstate(all="ignore"):  # what is not finite is shown as it is
            result.backward(None if result.data.size == 1 else np.ones(result.data.shape))
    picture = graph(result)
    if output is None:
        if theme is not None or depth is not None:
            raise ConfigError("--theme and --depth are for pictures; name a file: -o graph.svg")
        print(picture)
        return
    options: dict[str, Any] = {} if depth is None else {"open": _depth(depth)}
    if theme is not None:
        options["theme"] = theme
    picture.save(output, **options)
    print(shown(output))


def _network(run: Path, sample: int, own: str | None) -> "Variable":
    """The loss of a trained network on one test image."""
    from clearprop.datasets import mnist_dataset
    from clearprop.graph import Variable
    from clearprop.training import RunFolder

    with own_network(own) as make:
        folder = RunFolder(run, make)
        config = read_settings(folder)
        network = folder.load_network()
    data = mnist_dataset(config.dtype)
    if config.sizes[0] != data.x_test.shape[1] or config.sizes[-1] != 10:
        raise DataError(
            f"{run}: this network takes {config.sizes[0]} numbers and knows {config.sizes[-1]} "
            "classes; draw shows it an image of MNIST, which has 784 pixels and is of 10"
        )
    count = len(data.x_test)
    if not 0 <= sample < count:
        raise ConfigError(f"--sample {sample}: the test images are numbered from 0 to {count - 1}")
    x = data.x_test[sample].reshape(1, *(config.shape or config.sizes[:1]))
    x = Variable(x, "x")
    loss = network.loss(x, data.t_test[sample : sample + 1])
    loss.name = "loss"
    return loss


def _depth(text: str) -> Any:
    if text.isascii() and text.isdigit():
        return int(text)
    names = [name.strip() for name in text.split(",")]
    return names[0] if len(names) == 1 else names
