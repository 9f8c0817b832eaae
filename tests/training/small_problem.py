"""A small problem that a small network learns in no time."""

import numpy as np

from clearprop.networks import Network, dense_layers


def points() -> tuple[np.ndarray, np.ndarray]:
    """90 points around three centres, (90, 4), and which centre each belongs to."""
    rng = np.random.default_rng(7)
    t = np.arange(90) % 3
    x = 2.0 * np.eye(3, 4)[t] + 0.3 * rng.standard_normal((90, 4))
    return x.astype(np.float32), t


def make_network(seed: int = 0, sizes: tuple[int, ...] = (4, 8, 3), dtype: str = "float32"):
    return Network(dense_layers(sizes, rng=np.random.default_rng(seed), dtype=dtype))


def weights(network: Network) -> dict[str, bytes]:
    """The parameters' bytes, for comparison to the last bit."""
    return {name: np.asarray(value).tobytes() for name, value in network.params.items()}
