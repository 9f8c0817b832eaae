"""Memory that a graph has freed serves the next one."""

import numpy as np

_KEPT = 2**23
"""Bytes of the largest array that is taken from memory which was freed before."""


def reuse() -> None:
    """Let what is freed stay with the process, for the arrays of the next pass.

    A pass frees what the pass before it allocated. glibc gives such blocks back to the system and
    gets them anew, page by page, which took half of the time of a pass through a small network. How
    large a block is to be kept it learns from those that are freed: so one is, without being used.
    Elsewhere this does nothing.
    """
    np.empty(_KEPT, np.uint8)
