"""Arrays as text in a page: images taken apart as the digits of MNIST are, all else deflated."""

import zlib
from base64 import b64encode
from typing import Any

import numpy as np

Json = dict[str, Any]


def deflated(array: np.ndarray) -> str:
    """The bytes of an array, deflated, as text."""
    return b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 9)).decode()


def packed(x: np.ndarray, images: bool = True) -> Json:
    """Samples (N, …) as JSON: images of 256 shades in three parts, others as float32 or int32.

    The parts of an image are which pixels are not 0, the values of those at the border of a stroke
    and of those inside; as `clearprop.datasets.inkpack` has them.
    """
    if x.dtype.kind in "iu":
        return {"whole": deflated(x.astype(np.int32))}
    pixels = np.rint(x * 255) if x.size and x.min() >= 0 and x.max() <= 1 else None
    side = image_shape(x.shape[1:]) if images else None
    if pixels is None or side is None or np.abs(pixels - x * 255).max() > 1e-3:
        return {"numbers": deflated(x.astype(np.float32))}
    shades = pixels.astype(np.uint8).reshape(-1, *side)
    ink = shades > 0
    inside = np.zeros_like(ink)
    middle = ink[:, 1:-1, 1:-1].copy()
    height, width = side
    for i in range(3):
        for j in range(3):
            middle &= ink[:, i : height - 2 + i, j : width - 2 + j]
    inside[:, 1:-1, 1:-1] = middle
    return {
        "ink": deflated(np.packbits(ink)),
        "rim": deflated(shades[ink & ~inside]),
        "middle": deflated(shades[inside]),
    }


def image_shape(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Height and width, if a sample of that shape is one grey image: (1, H, W), (H, W) or a square.

    >>> image_shape((784,)), image_shape((1, 8, 8)), image_shape((13,))
    ((28, 28), (8, 8), None)
    """
    if len(shape) in (2, 3) and (len(shape) == 2 or shape[0] == 1) and min(shape[-2:]) >= 5:
        return shape[-2], shape[-1]
    side = round(np.prod(shape, dtype=int) ** 0.5)
    return (side, side) if len(shape) == 1 and side >= 8 and side * side == shape[0] else None
