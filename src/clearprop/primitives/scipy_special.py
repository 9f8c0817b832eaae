"""Functions of scipy.special, elementwise.

This table is read once the user has imported SciPy, which clearprop itself never does.
"""

import math

import numpy as np
from scipy import special

from clearprop.errors import UnsupportedError
from clearprop.primitives.decorators import quiet
from clearprop.primitives.table import elementwise

BELL = 2 / math.sqrt(math.pi)


def _row(function, formula, *derivatives, name=None, **more):
    name = f"scipy.special.{name or function.__name__}"
    return elementwise(function, formula, *derivatives, name=name, **more)


def _zeta_x(out, x, y):
    raise UnsupportedError(
        "scipy.special.zeta has no derivative by its first argument; give it as a plain number"
    )


_zeta = special._ufuncs._zeta  # what special.zeta calls when it is given two arguments

ROWS = (
    _row(
        special.erf,
        "2 / √π · ∫₀ˣ exp(−t²) dt",
        ("2 / √π · exp(−x²)", lambda out, x: BELL * np.exp(-x * x)),
    ),
    _row(
        special.erfc,
        "2 / √π · ∫ₓ^∞ exp(−t²) dt",
        ("−2 / √π · exp(−x²)", lambda out, x: -BELL * np.exp(-x * x)),
    ),
    _row(
        special.expit,
        "1 / (1 + exp(−x))",
        # Not out · (1 − out), which is 0 where out is merely close to 1.
        ("out / (1 + exp(x))", lambda out, x: out * special.expit(-x)),
    ),
    _row(
        special.log_expit,
        "−log(1 + exp(−x))",
        ("1 / (1 + exp(x))", lambda out, x: special.expit(-x)),
    ),
    _row(
        special.gamma,
        "∫₀^∞ tˣ⁻¹ exp(−t) dt",
        ("out · ψ(x)", lambda out, x: out * special.psi(x)),
        symbol="Γ",
        domain=("positive",),
    ),
    _row(
        special.gammaln,
        "log |Γ(x)|",
        ("ψ(x)", lambda out, x: special.psi(x)),
        symbol="log Γ",
        domain=("positive",),
    ),
    _row(
        special.psi,
        "Γ′(x) / Γ(x)",
        ("ζ(2, x)", lambda out, x: special.zeta(2, x)),
        symbol="ψ",
        domain=("positive",),
    ),
    _row(
        _zeta,
        "Σ_n 1 / (n + y)ˣ",
        ("−Σ_n log(n + y) / (n + y)ˣ", _zeta_x),
        ("−x · ζ(x + 1, y)", quiet(lambda out, x, y: -x * special.zeta(x + 1, y))),
        name="zeta",
        symbol="ζ",
    ),
)
