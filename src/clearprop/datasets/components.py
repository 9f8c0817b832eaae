"""The connected parts of a picture."""

import numpy as np


def components(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the connected parts of what is true in `mask` (H, W), corners touching included.

    Returns the number of each pixel's part, (H, W), int, 0 where the mask is false; and the boxes
    of the parts 1, 2, …, (n, 4): top, left, bottom, right, the last two past the end.

    The pixels are taken as runs along the rows. Runs that touch in neighbouring rows are linked,
    and each run takes the smallest number it is linked to, until no number changes.

    >>> numbers, boxes = components(np.array([[1, 0, 0, 1], [0, 1, 0, 1]], bool))
    >>> numbers, boxes
    (array([[1, 0, 0, 2],
           [0, 1, 0, 2]]), array([[0, 0, 2, 2],
           [0, 3, 2, 4]]))
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 2), np.int8)  # two, so that rows never touch at their ends
    padded[:, :width] = mask
    edges = np.diff(padded.ravel(), prepend=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    # The runs of the row above that a run touches lie between these two.
    above = np.searchsorted(ends, starts - width - 2)
    below = np.searchsorted(starts, ends - width - 2, side="right")
    count = np.maximum(below - above, 0)
    one = np.repeat(np.arange(len(starts)), count)
    other = np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count) + above[one]
    number = np.arange(len(starts))
    while True:
        least = np.minimum(number[one], number[other])
        new = number.copy()
        np.minimum.at(new, number[one], least)
        np.minimum.at(new, number[other], least)
        while (shorter := new[new]).tobytes() != new.tobytes():
            new = shorter
        if (new == number).all():
            break
        number = new
    _, number = np.unique(number, return_inverse=True)
    numbers = np.zeros(padded.size + 1, int)
    np.add.at(numbers, starts, number + 1)
    np.subtract.at(numbers, ends, number + 1)
    numbers = np.cumsum(numbers)[:-1].reshape(padded.shape)[:, :width]
    boxes = np.empty((number.max(initial=-1) + 1, 4), int)
    boxes[:, :2], boxes[:, 2:] = max(height, width), 0
    row = starts // (width + 2)
    for column, value in enumerate((row, starts % (width + 2))):
        np.minimum.at(boxes[:, column], number, value)
    for column, value in enumerate((row + 1, (ends - 1) % (width + 2) + 1), 2):
        np.maximum.at(boxes[:, column], number, value)
    return numbers, boxes
