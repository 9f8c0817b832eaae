"""What JAX computes on: one device, or several, of one process or of many, with arrays on them."""

from typing import Any

import numpy as np

from clearprop.errors import ConfigError, MissingPackageError
from clearprop.graph.constants import native


def needed() -> Any:
    """JAX. Errors: `MissingPackageError` where it is not installed."""
    try:
        import jax
    except ImportError as error:
        raise MissingPackageError(
            'the engine jax needs the package jax: pip install "clearprop[jax]", or for NVIDIA '
            'GPUs pip install "jax[cuda13]"'
        ) from error
    return jax


class Numbers:
    """Let JAX compute with NumPy's numbers: of 64 bits where they are, products to all digits.

    On GPUs and TPUs JAX rounds the factors of products of float32 to fewer digits, unless the
    user's `jax_default_matmul_precision`, which counts, or this says otherwise.
    """

    def __init__(self) -> None:
        self.jax = needed()
        digits = self.jax.config.jax_default_matmul_precision or "highest"
        self._settings = self.jax.enable_x64(True), self.jax.default_matmul_precision(digits)

    def __enter__(self) -> Any:
        for setting in self._settings:
            setting.__enter__()
        return self.jax

    def __exit__(self, *error: Any) -> None:
        for setting in self._settings[::-1]:
            setting.__exit__(*error)


class Devices:
    """Devices that share the samples of a batch, or one device.

    `devices` is how many there shall be, or a list of JAX's own; `None` is one, or all where
    several processes compute together.

    Errors: `ConfigError` if there are not so many, or they leave out one of the processes.
    """

    def __init__(self, devices: Any = None) -> None:
        jax = needed()
        found = _chosen(jax, devices)
        self.number = len(found)
        self.whole: Any = None
        """Where every device has the whole array; `None` for what JAX chooses itself."""
        self.parts: Any = None
        """Where each device has its share of the samples."""
        self.together = jax.process_count() > 1
        self.far = found[0].platform != "cpu"
        """Whether arrays must be copied to be looked at."""
        if self.number > 1 or self.together:
            mesh, spec = jax.sharding.Mesh(found, ("samples",)), jax.sharding.PartitionSpec
            self.whole = jax.sharding.NamedSharding(mesh, spec())
            self.parts = jax.sharding.NamedSharding(mesh, spec("samples"))
        elif devices is not None:
            self.whole = self.parts = jax.sharding.SingleDeviceSharding(found[0])

    def put(self, array: Any, *, shared: bool = False, kept: bool = False) -> Any:
        """An array where it is computed with: shared by the samples, or whole on every device.

        `kept` if it stays there, whatever becomes of `array`: a copy, since JAX goes on to read
        what lies in memory as it needs it, and copies what does not.
        """
        array = native(array) if isinstance(array, np.ndarray) else array
        where = self.parts if shared else self.whole
        if not kept and (where is None or not np.ndim(array)):
            return array  # which JAX takes as it is
        jax = needed()
        if self.together:
            return jax.make_array_from_callback(np.shape(array), where, lambda i: array[i].copy())
        # On a CPU, JAX may see an array where it lies, and also where it is told not to.
        return jax.device_put(np.array(array) if kept and not self.far else array, where)


def _chosen(jax: Any, devices: Any) -> list[Any]:
    there: list[Any] = jax.devices()
    if devices is None:
        return there if jax.process_count() > 1 else there[:1]
    if type(devices) is int:
        if not 1 <= devices <= len(there):
            raise ConfigError(
                f"devices must be from 1 to the {len(there)} that JAX finds here, "
                f"{_named(there)}; got {devices}"
            )
        devices = there[:devices]
    try:
        found = list(devices)
        strange = [d for d in found if d not in there]
    except TypeError:
        raise ConfigError(f"devices must be a number or a list, got {devices!r}") from None
    if strange or not found:
        raise ConfigError(f"there is no device {strange or found}; JAX finds {_named(there)}")
    left_out = {d.process_index for d in there} - {d.process_index for d in found}
    if left_out:
        raise ConfigError(
            f"{len(found)} of {len(there)} devices leave out process {min(left_out)}, which would "
            "wait for nothing; use all"
        )
    return found


def _named(devices: list[Any]) -> str:
    kinds = [f"{d.platform}:{d.id}" for d in devices]
    return ", ".join(kinds if len(kinds) <= 4 else [kinds[0], "…", kinds[-1]])
