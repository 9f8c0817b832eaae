"""`clearprop export`: a run's network for other programs."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearprop.cli.language import read_settings
from clearprop.cli.networks import AGAIN, own_network
from clearprop.cli.options import RUN, check_output
from clearprop.errors import ConfigError
from clearprop.files import shown


def export(
    run: Annotated[Path, RUN],
    file: Annotated[
        Path,
        Parameter(help="What to write: a model (.onnx), or weights for PyTorch (.safetensors)."),
    ],
    /,
    *,
    network: Annotated[str | None, AGAIN] = None,
) -> None:
    """Write the network of a run for other programs: as an ONNX model, or as PyTorch's weights.

    For example:

        clearprop export runs/1 net.onnx
        clearprop export runs/1 net.safetensors

    The model takes any number of samples, `x` of float32 as the training saw them (the pixels of
    MNIST divided by 255), and gives the scores before the softmax. Writing it needs the package
    onnx: `pip install "clearprop[onnx]"`. The weights are those of a `torch.nn.Sequential` of
    `Linear` and activations: `net.load_state_dict(safetensors.torch.load_file("net.safetensors"))`.
    """
    from clearprop.interop import save_state_dict, to_onnx
    from clearprop.training import RunFolder

    if file.suffix not in (".onnx", ".safetensors"):
        raise ConfigError(f"{file} must end with .onnx or .safetensors, which says what to write")
    check_output(file, run, network)
    with own_network(network) as make:
        folder = RunFolder(run, make)
        config, learned = read_settings(folder), folder.load_network()
        if file.suffix == ".onnx":
            to_onnx(learned, tuple(config.shape or config.sizes[:1]), file)
        else:
            save_state_dict(file, learned)
    print(shown(file))
