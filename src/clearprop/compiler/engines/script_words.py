"""What JavaScript calls NumPy's element-wise functions. NaN is true there, as in NumPy."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from clearprop.compiler.tensor_products import laid_out
from clearprop.primitives.indexing import getitem

WORDS: dict[Any, str] = {
    np.add: "{} + {}",
    np.subtract: "{} - {}",
    np.multiply: "{} * {}",
    np.divide: "{} / {}",
    np.negative: "-{}",
    np.positive: "{}",
    np.conjugate: "{}",
    np.square: "{0} * {0}",
    np.reciprocal: "1 / {}",
    np.power: "power({}, {})",
    np.float_power: "power({}, {})",
    np.remainder: "remainder({}, {})",
    np.fmod: "{} % {}",
    np.floor_divide: "floor({} / {})",
    np.hypot: "hypot({}, {})",
    np.absolute: "abs({})",
    np.fabs: "abs({})",
    np.maximum: "max({}, {})",
    np.minimum: "min({}, {})",
    np.fmax: "fmax({}, {})",
    np.fmin: "-fmax(-{}, -{})",
    np.copysign: "copysign({}, {})",
    np.heaviside: "heaviside({}, {})",
    np.exp2: "power(2, {})",
    np.logaddexp: "logaddexp({}, {})",
    np.logaddexp2: "logaddexp({} * LN2, {} * LN2) / LN2",
    np.arcsin: "asin({})",
    np.arccos: "acos({})",
    np.arctan: "atan({})",
    np.arctan2: "atan2({}, {})",
    np.arcsinh: "asinh({})",
    np.arccosh: "acosh({})",
    np.arctanh: "atanh({})",
    **dict.fromkeys((np.deg2rad, np.radians), "{} * (PI / 180)"),
    **dict.fromkeys((np.rad2deg, np.degrees), "{} * (180 / PI)"),
    np.ldexp: "{} * power(2, {})",
    np.where: "({} !== 0 ? {} : {})",
    np.clip: "min(max({}, {}), {})",
    np.floor: "floor({})",
    np.ceil: "ceil({})",
    np.trunc: "trunc({})",
    np.fix: "trunc({})",
    np.rint: "rint({})",
    np.sign: "sign({})",
    np.less: "+({} < {})",
    np.less_equal: "+({} <= {})",
    np.greater: "+({} > {})",
    np.greater_equal: "+({} >= {})",
    np.equal: "+({} === {})",
    np.not_equal: "+({} !== {})",
    np.logical_and: "+({} !== 0 && {} !== 0)",
    np.logical_or: "+({} !== 0 || {} !== 0)",
    np.logical_xor: "+(({} !== 0) !== ({} !== 0))",
    np.logical_not: "+({} === 0)",
    np.bitwise_and: "{} & {}",
    np.bitwise_or: "{} | {}",
    np.bitwise_xor: "{} ^ {}",
    np.invert: "~{}",
    np.isfinite: "+isFinite({})",
    np.isnan: "+({0} !== {0})",
    np.isinf: "+(abs({}) === Infinity)",
    np.signbit: "+({0} < 0 || Object.is({0}, -0))",
}
for _function in (
    *(np.sqrt, np.cbrt, np.exp, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sin, np.cos),
    *(np.tan, np.sinh, np.cosh, np.tanh),
):
    WORDS[_function] = f"{_function.__name__}({{}})"

BY_NAME = {
    "scipy.special.erf": "erf({})",
    "scipy.special.expit": "expit({})",
    "scipy.special.log_expit": "-logaddexp(0, -{})",
}
"""The same for functions of SciPy, which may not be there."""

COMPARED = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
"""What looks at numbers as they are stored: plain numbers beside float32 are rounded to it."""

REDUCTIONS: dict[Any, tuple[str, str]] = {
    **dict.fromkeys((np.max, np.amax), ("-Infinity", "if ({x} > {a} || {x} !== {x}) {a} = {x};")),
    **dict.fromkeys((np.min, np.amin), ("Infinity", "if ({x} < {a} || {x} !== {x}) {a} = {x};")),
    np.all: ("1", "if ({x} === 0) {a} = 0;"),
    np.any: ("0", "if ({x} !== 0) {a} = 1;"),
    np.count_nonzero: ("0", "if ({x} !== 0) {a}++;"),
}
"""What a reduction starts with, and what each element does to it."""

MOVES = (
    *(np.reshape, np.ravel, np.expand_dims, np.squeeze, np.broadcast_to, np.transpose),
    *(np.matrix_transpose, np.swapaxes, np.moveaxis, np.flip, np.roll, np.rot90, np.tile),
    *(np.repeat, np.copy, np.diagonal, np.take, sliding_window_view, laid_out),
)
"""What gives the elements of one array at other places."""
KEEPS = (
    *(*MOVES, np.concatenate, np.stack, np.pad, np.take_along_axis, np.sort, getitem),
    *(np.where, np.maximum, np.minimum, np.fmax, np.fmin, np.clip, np.positive),
    *(np.max, np.amax, np.min, np.amin),
)
"""What gives numbers that were there before, so that they fit into the dtype."""
