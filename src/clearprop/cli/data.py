"""The images that commands work on."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clearprop.datasets import Dataset

SCALE = 1 / 255
"""What the bytes of pixels are multiplied by."""


def dataset_in(folder: Path | None) -> "Dataset":
    """Read a folder of IDX files, or MNIST where none is given.

    Pixels stay bytes until a batch is made of them: a quarter of the memory, and sooner gathered.
    """
    from clearprop.datasets import mnist_dataset
    from clearprop.datasets.folder import idx_dataset

    return mnist_dataset(np.uint8) if folder is None else idx_dataset(folder, np.uint8)
