"""Weights from and for PyTorch, in `.safetensors` files, without PyTorch."""

from collections.abc import Mapping

from clearprop.files import FilePath, atomic_write
from clearprop.networks import Network
from clearprop.training.state_dicts import state_dict as state_dict
from clearprop.training.weights import load_weights


def load_state_dict(
    path: FilePath, network: Network, names: Mapping[str, str] | None = None
) -> None:
    """Read the `state_dict` of a `torch.nn.Module` from a `.safetensors` file into a network.

    A layer takes the module of its own name, `block.fc`, if all have one, or of that which
    `state_dict` gives it, `2.fc` for the third of a chain. Otherwise layers and modules are matched
    by what they hold and by shape, and those that are alike in the order of the numbers in the
    modules' names, `0`, `2`, `10`. `names` says it in the other cases: which module goes with a
    layer, `{"Affine1": "encoder.fc"}`, or which array with a parameter,
    `{"W1": "encoder.weight"}`.

    The matrix of `torch.nn.Linear`, (outputs, inputs), is turned into that of `Affine`. Of
    `BatchNorm` come the running statistics, too; its `eps` and `momentum` are not in such a file:
    `eps` is 1e-5 there as here, and its `momentum` is `1 − momentum` here. Numbers are cast to the
    dtype of the network, also those of bfloat16 and float16. In PyTorch:
    `safetensors.torch.save_file(module.state_dict(), path)`.

    Errors: `ShapeError` shows what was tried where nothing fits, something is left over or names
    tell no order between things that are alike; `ConfigError` for names that are not there;
    `DTypeError` for numbers that the network's dtype does not hold; those of `load_weights`.
    Nothing is changed then.
    """
    load_weights(path, network, names=names or {})


def save_state_dict(
    path: FilePath, network: Network, names: Mapping[str, str] | None = None
) -> None:
    """Write a file that `torch.nn.Module.load_state_dict` takes, once it is read.

    In PyTorch: `module.load_state_dict(safetensors.torch.load_file(path))`. The names are those of
    `state_dict`, and so are the errors; `OutputError` if the file cannot be written.

    >>> import tempfile
    >>> from clearprop.networks import TwoLayerNet
    >>> network, other = TwoLayerNet(4, 3, 2), TwoLayerNet(4, 3, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_state_dict(f"{folder}/module.safetensors", network)
    ...     load_state_dict(f"{folder}/module.safetensors", other)
    >>> bool((other.params["W1"] == network.params["W1"]).all())
    True
    """
    from safetensors.numpy import save

    atomic_write(path, save(state_dict(network, names)))
