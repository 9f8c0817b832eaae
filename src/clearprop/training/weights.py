"""Weights to and from `.safetensors` files, and with them what is needed to train on."""

import copy
import json
import os
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.errors import ConfigError, DTypeError, FileFormatError, ShapeError
from clearprop.files import FilePath, atomic_write, read_bytes
from clearprop.graph.parameters import names_of
from clearprop.networks import Network
from clearprop.networks.network import check_network
from clearprop.training.archives import of_numpy
from clearprop.training.optimizers.base import Optimizer
from clearprop.training.state_dicts import arranged


def save_weights(path: FilePath, network: Network, optimizer: Optimizer | None = None) -> None:
    """Write what a network has learned to a `.safetensors` file, wholly or not at all.

    Each parameter is stored under its name (`W1`, `b1`, …) with its shape and dtype, and so is the
    state of the layers (`BatchNormalization1.running_mean`). The format holds arrays and text, and
    nothing else: reading it runs no code.

    With the `optimizer` it was trained with, the file holds what a training needs to go on as if it
    had not been stopped: the optimiser's state (`optimizer.m.W1`) and number of steps, what layers
    carry from batch to batch, and where the network's generator stands. The settings of the
    optimiser are not in it.

    Errors: `OutputError` if the file cannot be written (an older one stays as it was),
    `DTypeError` for a parameter or state whose dtype the format does not have.

    >>> import tempfile
    >>> from clearprop.networks import TwoLayerNet
    >>> network, other = TwoLayerNet(4, 3, 2), TwoLayerNet(4, 3, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(f"{folder}/weights.safetensors", network)
    ...     load_weights(f"{folder}/weights.safetensors", other)
    >>> bool((other.params["W1"] == network.params["W1"]).all())
    True
    """
    check_network(network)
    write_arrays(path, *contents(network, optimizer))


def write_arrays(path: FilePath, arrays: dict[str, np.ndarray], about: dict[str, Any]) -> None:
    """Write arrays, and as JSON what is `about` them, to a `.safetensors` file, atomically."""
    from safetensors.numpy import save

    # One text, since several would stand in another order each time.
    text = json.dumps(about, default=np.ndarray.tolist)
    atomic_write(path, save(arrays, metadata={"clearprop": text}))


def contents(
    network: Network, optimizer: Optimizer | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What `save_weights` writes: the arrays themselves, by name, and what is about them."""
    params = {name: np.asarray(value, order="C") for name, value in network.params.items()}
    for name, array in params.items():
        if array.dtype not in (np.float16, np.float32, np.float64):
            raise DTypeError(
                f"parameter {name} has dtype {array.dtype}, which weights files do not hold; "
                "use float16, float32 or float64: network.astype(np.float32)"
            )
    states, about = _arrays(network, "state"), {}
    if optimizer is not None:
        states |= _arrays(network, "carried")
        states |= {_OPTIMIZER + n: np.asarray(a, order="C") for n, a in optimizer.arrays.items()}
        about = {"optimizer": type(optimizer).__name__, "step": optimizer.step_count}
        about["rng"] = network.rng.bit_generator.state
    for name, array in states.items():
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise DTypeError(f"state {name} has dtype {array.dtype}, which files do not hold")
    return params | states, about


def copied_contents(network: Network) -> dict[str, np.ndarray]:
    """What a network has learned until now, which further steps do not change."""
    return {name: array.copy() for name, array in contents(network)[0].items()}


def load_weights(
    path: FilePath,
    network: Network,
    optimizer: Optimizer | None = None,
    *,
    names: Mapping[str, str] | None = None,
) -> None:
    """Read what a network has learned from a `.safetensors` file, into the arrays it has.

    With `optimizer`, its state is taken up too, with all that `save_weights` stores beside it.
    Without it, a file that holds these gives parameters and state of the layers alone.

    Names, shapes and dtypes are compared before anything is changed.

    A file that PyTorch has written, with the `state_dict` of a module, is read too: names by order
    and shape, matrices turned by convention, numbers cast to the network's dtype. `names` says
    what goes where if that does not; see `clearprop.interop.load_state_dict`. That is any file
    which `save_weights` has not written, unless its names are exactly those of the network. So
    is what `np.savez(path, **network.params)` has written, an archive with the network's names.

    Errors: `FileFormatError` for a file that is truncated or of another kind, or holds no state of
    an optimiser where it is asked for, `ShapeError` if its names or shapes are not those of the
    network, `DTypeError` if its dtypes are not, `ConfigError` if the state is that of another
    optimiser, `FileNotFoundError` if there is none.
    """
    check_network(network)
    file, (arrays, about) = os.fspath(path), _read(path)
    own = network.params.keys() | _held(network, "state").keys()
    is_foreign = optimizer is None and about is None and arrays.keys() != own
    if names is not None and zipfile.is_zipfile(file):
        raise ConfigError(
            f"{file} is an archive of NumPy, and names= is for the modules of PyTorch; save the "
            "arrays under the names that the network has: np.savez(path, **network.params)"
        )
    if names is not None or (is_foreign and arrays):
        arrays = arranged(file, arrays, network, names)
    take_up(file, arrays, about or {}, network, optimizer)


def take_up(
    file: str,
    arrays: dict[str, np.ndarray],
    about: Mapping[str, Any],
    network: Network,
    optimizer: Optimizer | None = None,
) -> None:
    """Take up what `file` holds, as `load_weights`."""
    states, carried = _held(network, "state"), _held(network, "carried")
    own = {**network.params, **states, **carried}
    of_optimizer = {n: a for n, a in arrays.items() if n.startswith(_OPTIMIZER) and n not in own}
    left = {n for n in arrays if n.startswith(TRAINING)} - own.keys()
    left |= {*carried, *of_optimizer}
    # State that is no array yet takes the form that it has in the file.
    made = {n: getattr(*where) for n, where in states.items()}
    left |= {name for name, value in made.items() if not isinstance(value, np.ndarray)}
    wanted = {name: a for name, a in {**network.params, **made}.items() if name not in left}
    _check(file, {name: a for name, a in arrays.items() if name not in left}, wanted)
    if optimizer is not None:
        state = {name.removeprefix(_OPTIMIZER): a for name, a in of_optimizer.items()}
        _go_on(file, about, state, network, optimizer)
        states |= carried
    for name, param in network.params.items():
        if isinstance(param, np.ndarray):
            param[...] = arrays[name]
        else:
            network.params[name] = type(param)(arrays[name])
    for name in states.keys() & arrays.keys():
        setattr(*states[name], arrays[name])


TRAINING = "training."
"""The names of what a checkpoint holds besides begin so, see `clearprop.training.checkpoint`."""
_OPTIMIZER = "optimizer."


def _held(network: Network, kind: str) -> dict[str, tuple[Any, str]]:
    """The arrays of one kind that the layers hold: name → layer and attribute."""
    return {
        ".".join(filter(None, (name, attribute))): (layer, attribute)
        for name, layer in network.members.layers.items()
        for attribute in names_of(layer, kind)
    }


def _arrays(network: Network, kind: str) -> dict[str, np.ndarray]:
    """Those that are there; a layer may make its state when it first needs it."""
    held = {name: getattr(*where) for name, where in _held(network, kind).items()}
    return {name: np.asarray(a, order="C") for name, a in held.items() if a is not None}


def _go_on(
    file: str,
    about: Mapping[str, Any],
    arrays: dict[str, Any],
    network: Network,
    optimizer: Optimizer,
) -> None:
    """Let optimiser and generator go on from where they were saved."""
    kind = type(optimizer).__name__
    if not {"optimizer", "step", "rng"} <= about.keys():
        raise FileFormatError(
            f"{file} holds no state of an optimizer; save it with save_weights(path, network, "
            "optimizer), or load it without one"
        )
    if about["optimizer"] != kind:
        raise ConfigError(f"{file} holds the state of {about['optimizer']}, not of {kind}")
    try:
        step, state = int(about["step"]), about["rng"]
        copy.deepcopy(network.rng).bit_generator.state = state
    except (ValueError, TypeError, KeyError) as error:
        raise FileFormatError(f"{file}: step or generator do not fit: {error}") from None
    optimizer.prepare(network.params)
    optimizer.load(arrays if arrays or step else optimizer.arrays, step)
    network.rng.bit_generator.state = state


def read_arrays(path: FilePath) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the arrays of a `.safetensors` file, and what `write_arrays` was told about them."""
    arrays, about = _read(path)
    return arrays, about or {}


def _read(path: FilePath) -> tuple[dict[str, np.ndarray], dict[str, Any] | None]:
    """The same; `None` for a file that `write_arrays` has not written."""
    from safetensors import SafetensorError, deserialize

    file = os.fspath(path)
    data = read_bytes(path, "weights", "a weights file")
    if data.startswith(b"PK\3\4") and (archive := of_numpy(file, data)) is not None:
        return archive, {}
    try:
        arrays = {name: _array(**entry) for name, entry in deserialize(data)}
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about = json.loads(header.get("__metadata__", {}).get("clearprop", "null"))
        if not isinstance(about, dict | None):
            raise TypeError("what it says about the arrays is no object")
        return arrays, about
    # SafetensorError for what is no such file, the others for dtypes that NumPy does not have
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        if data.startswith((b"PK\3\4", b"\x80")):  # a ZIP archive, a pickle
            raise FileFormatError(
                f"{file} is no .safetensors file but one of torch.save, which is not read, since "
                "reading it can run code; write it in PyTorch by "
                "safetensors.torch.save_file(module.state_dict(), path)"
            ) from error
        if data.startswith(b"\x93NUMPY"):
            raise FileFormatError(
                f"{file} holds one array without a name; save all under the names that the network "
                "has: np.savez(path, **network.params), or save_weights(path, network)"
            ) from error
        raise FileFormatError(
            f"{file} is not a whole .safetensors file ({len(data):,} bytes: {error}); "
            "it may be truncated: copy it again, or train again"
        ) from error


def _array(shape: list[int], dtype: str, data: Any) -> np.ndarray:
    """An array of a file; bfloat16, the upper half of float32, becomes float32."""
    if dtype == "BF16":
        halves = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return halves.view(np.float32).reshape(shape)
    return np.frombuffer(data, _DTYPES[dtype]).reshape(shape)


_DTYPES = {
    **{f"{kind}{bits}": f"<{kind.lower()}{bits // 8}" for kind in "IU" for bits in (8, 16, 32, 64)},
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "BOOL": "?",
}
"""What files call the dtypes that NumPy has."""


def _check(file: str, arrays: Mapping[str, np.ndarray], params: Mapping[str, Any]) -> None:
    if arrays.keys() != params.keys():
        raise ShapeError(
            f"the weights in {file} belong to another network: they are {_shapes(arrays)}, "
            f"the network's are {_shapes(params)}"
        )
    for name, param in params.items():
        array, value = arrays[name], np.asarray(param)
        if array.shape != value.shape:
            raise ShapeError(
                f"{name} has shape {value.shape} in the network and {array.shape} in "
                f"{file}; make the network with the sizes it was trained with"
            )
        if array.dtype != value.dtype:
            raise DTypeError(
                f"{name} has dtype {value.dtype} in the network and {array.dtype} in "
                f"{file}; use network.astype(np.{array.dtype})"
            )
        if isinstance(param, np.ndarray) and not param.flags.writeable:
            raise DTypeError(f"{name} is read-only; make it a copy of its own")


def _shapes(arrays: Mapping[str, Any]) -> str:
    return ", ".join(f"{n} {np.shape(array)}" for n, array in sorted(arrays.items())) or "none"
