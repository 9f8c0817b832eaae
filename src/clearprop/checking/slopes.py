"""The local derivatives of the usual functions, made of a value."""

from collections.abc import Iterator
from typing import Any

import numpy as np


def slopes(x: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The local derivatives of the usual functions, made of a value."""
    s = 1 / (1 + np.exp(-np.clip(x, -500, 500)))
    yield name, x
    yield f"1 − {name}", 1 - x
    yield f"1 + {name}", 1 + x
    yield f"{name} (1 − {name})", x * (1 - x)
    yield f"{name} (1 + {name})", x * (1 + x)
    yield f"1 − {name}²", 1 - x * x
    yield f"1 + {name}²", 1 + x * x
    yield f"{name}²", x * x
    yield f"1/{name}", 1 / np.where(x == 0, 1, x)
    yield f"({name} > 0)", (x > 0) * 1.0
    yield f"exp({name})", np.exp(np.clip(x, -50, 50))
    yield f"σ({name})", s
    yield f"1 − σ({name})", 1 - s
