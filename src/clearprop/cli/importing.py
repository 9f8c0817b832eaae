"""`clearprop import`: PyTorch's weights as a run."""

import re
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from clearprop.cli.language import asked
from clearprop.cli.options import count_option, flag_option
from clearprop.errors import ConfigError, ShapeError
from clearprop.files import shown


def import_(
    weights: Annotated[Path, Parameter(help="The state_dict of a module, as .safetensors.")],
    /,
    *,
    network: Annotated[
        tuple[int, ...] | None,
        count_option(
            "Numbers of neurons, from the inputs to the outputs: `--network 784 50 10`. "
            "[default: found in the file]",
            consume_multiple=1,
            negative="",
        ),
    ] = None,
    activation: Annotated[
        str,
        Parameter(
            help="What follows each hidden layer: relu, sigmoid, tanh, leaky-relu, elu, gelu or "
            "softplus."
        ),
    ] = "relu",
    names: Annotated[
        tuple[str, ...],
        Parameter(
            help="Which module goes with which layer, where names and shapes do not tell: "
            "`--names Affine1=encoder Affine2=decoder`.",
            consume_multiple=1,
            negative="",
        ),
    ] = (),
    folder: Annotated[
        Path | None,
        Parameter(help="Where to leave the run. [default: the next free of runs/1, runs/2, …]"),
    ] = None,
    overwrite: Annotated[
        bool, flag_option("Let the run take the place of an earlier one in that folder.")
    ] = False,
) -> None:
    """Make a run of weights that PyTorch has learned, for the other commands.

    For example:

        clearprop import net.safetensors --network 784 50 10
        clearprop predict runs/1 seven.png

    The file holds the `state_dict` of linear layers with activations between them:
    `safetensors.torch.save_file(net.state_dict(), "net.safetensors")`. Layers are matched by names
    and shapes, and matrices are turned as PyTorch has them; what is ambiguous is refused.
    """
    from clearprop.cli.running import free_folder
    from clearprop.training import RunConfig, RunFolder, load_weights, save_weights
    from clearprop.training.weights import read_arrays

    pairs = {layer: module for layer, _, module in (text.partition("=") for text in names)}
    if not all(pairs.values()):
        raise ConfigError("--names are like Affine1=encoder: a layer, and its module in the file")
    sizes = _sizes(weights, read_arrays(weights)[0], network)
    config = RunConfig(sizes=sizes, activation=activation, language=asked.get())
    made = config.network()
    try:
        load_weights(weights, made, names=pairs)
    except (ConfigError, ShapeError) as error:
        raise type(error)(_for_the_command(str(error))) from None
    with free_folder(Path("runs")) if folder is None else RunFolder(folder).lock() as run:
        run.create(config, overwrite=overwrite)
        save_weights(run.weights_path, made)
    print(shown(run.path))


def _for_the_command(error: str) -> str:
    """An error with `names=` of Python as the option that it is here."""
    error = re.sub(r"names=\{'([^']*)': '([^']*)'.*?\}", r"--names \1=\2", error)
    return error.replace("names=", "--names")


def _sizes(
    file: Path, arrays: dict[str, np.ndarray], said: tuple[int, ...] | None
) -> tuple[int, ...]:
    """The numbers of neurons as they are said, or found in the file, which may tell another."""
    found = _found_in(arrays)
    if said and found and said != found:
        raise ConfigError(
            f"{file} holds a network of {_spaced(found)}, not of {_spaced(said)}; leave --network "
            "out, or say what the file holds"
        )
    if sizes := said or found:
        return sizes
    shapes = ", ".join(str(a.shape) for a in arrays.values() if a.ndim == 2) or "none"
    raise ConfigError(
        f"{file}: the matrices {shapes} do not tell how the layers follow each other; say it with "
        "--network 784 50 10"
    )


def _spaced(sizes: tuple[int, ...]) -> str:
    return " ".join(map(str, sizes))


def _found_in(arrays: dict[str, np.ndarray]) -> tuple[int, ...] | None:
    """The numbers of neurons of matrices that fit together in one order only."""
    left = [a.shape for a in arrays.values() if a.ndim == 2]
    starts = [(m, n) for m, n in left if not any(other[0] == n for other in left)]
    if len(starts) == 1:
        m, n = starts[0]
        sizes = [n]
        while True:
            left.remove((m, n))
            sizes.append(m)
            following = [shape for shape in left if shape[1] == m]
            if len(following) != 1:
                break
            m, n = following[0]
        if not left:
            return tuple(sizes)
    return None
