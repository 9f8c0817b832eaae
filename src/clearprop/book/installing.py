"""The book's module names are given to modules of ours."""

import sys
from importlib import import_module

NAMES = (
    "common",
    "common.functions",
    "common.gradient",
    "common.layers",
    "common.multi_layer_net",
    "common.multi_layer_net_extend",
    "common.optimizer",
    "common.trainer",
    "common.util",
    "dataset",
    "dataset.mnist",
    "layer_naive",
)
"""The modules of the book that are answered for."""


def install() -> None:
    """Let `import common.layers` and the book's other imports find clearprop's modules.

    From now on each name in `NAMES` is a module of `clearprop.book`, whatever folders of that name
    are on the path; other modules in `common` and `dataset` are missing. Call it before anything
    imports them: what was imported from elsewhere keeps what it has.

    >>> install()
    >>> from common.layers import Affine
    >>> Affine.__module__
    'clearprop.layers.affine'
    """
    packages = {name for name in NAMES if "." not in name}
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]
    for name in NAMES:
        sys.modules[name] = import_module(f"clearprop.book.{name}")
