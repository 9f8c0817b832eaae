"""Pictures given on the command line: each is read, and what the network saw is shown."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from clearprop.cli.complaints import complain
from clearprop.errors import ClearpropError, MissingPackageError
from clearprop.files import atomic_write

_ZOOM = 8

T = TypeVar("T")


def read_each(
    paths: Sequence[Path], read: Callable[[Path], T]
) -> tuple[list[tuple[Path, T]], list[tuple[Path, str]]]:
    """What `read` makes of each file; for those that it refuses why, which is printed, too."""
    good: list[tuple[Path, T]] = []
    failed: list[tuple[Path, str]] = []
    for path in paths:
        try:
            good.append((path, read(path)))
        except MissingPackageError:
            raise
        except ClearpropError as error:
            failed.append((path, str(error)))
            complain(str(error))
    return good, failed


def write_seen(path: Path, pictures: Sequence[np.ndarray]) -> None:
    """Write pictures of one size, (H, W) or (H, W, colours), 0 to 1, side by side as PNG.

    Each pixel becomes 8×8. Errors: `OutputError`.
    """
    from clearprop.drawing.thumbnails import png

    layers = [picture.reshape(*picture.shape[:2], -1) for picture in pictures]
    framed = [np.pad(each, ((1, 1), (1, 1), (0, 0)), constant_values=0.3) for each in layers]
    row = np.rint(255 * np.concatenate(framed, axis=1)).astype(np.uint8)
    large = row.repeat(_ZOOM, axis=0).repeat(_ZOOM, axis=1)
    atomic_write(path, png(large, colour_type=0 if large.shape[2] == 1 else 2))
