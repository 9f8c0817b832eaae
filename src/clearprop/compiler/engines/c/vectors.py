"""Vectors in C: their types, and how operations on single elements are said of them.

GCC and clang let `a + b`, `a > b` stand for all lanes of two vectors at once. A comparison gives in
each lane a whole number whose bits are all ones (true) or zeros.
"""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compiler.rewriting import function_of
from clearprop.graph.node import Node

C_TYPES = {
    np.dtype(np.float32): ("float", "int"),
    np.dtype(np.float64): ("double", "long long"),
}
"""The type of numbers, and that of whole numbers of the same width."""


def header(dtype: np.dtype[Any], lanes: int, body: str) -> str:
    """The vectors that a program uses, of powers of two up to so many lanes."""
    number, whole = C_TYPES[dtype]
    lines = [
        "#include <math.h>",
        "#include <string.h>",
        "",
        f"typedef {number} f;",
        f"typedef {whole} w;",
        "",
        "// vN: N numbers. mN: what a comparison of two such vectors gives, all bits for true.",
        "// allN(x): x in every lane. pickN(m, a, b): a where m is true, else b. The others are as",
        "// NumPy's maximum, minimum, sign, absolute, sqrt; all of them hand NaN on.",
    ]
    used = set(re.findall(r"\w+", body))
    for n in (2**k for k in range(lanes.bit_length())):
        size = n * dtype.itemsize
        how = f"__attribute__((vector_size({size}), aligned({dtype.itemsize}), may_alias))"
        root, logarithm = (f"a[i] = {_of(dtype, of)}(a[i])" for of in ("sqrt", "log"))
        below = f"pick{n}(a < 0, all{n}(-1), a)"
        functions = {
            "larger": f"(v{n} a, v{n} b) {{ return pick{n}((a >= b) | (a != a), a, b); }}",
            "smaller": f"(v{n} a, v{n} b) {{ return pick{n}((a <= b) | (a != a), a, b); }}",
            "sign": f"(v{n} a) {{ return pick{n}(a > 0, all{n}(1), {below}); }}",
            "absolute": f"(v{n} a) {{ return pick{n}(a < 0, -a, a + 0); }}",
            "root": f"(v{n} a) {{ for (int i = 0; i < {n}; i++) {root}; return a; }}",
            "logarithm": f"(v{n} a) {{ for (int i = 0; i < {n}; i++) {logarithm}; return a; }}",
            "exponential": _exponential(dtype, n),
            "tangent": _tangent(dtype, n),
        }
        named = {f"{name}{n}": rest for name, rest in functions.items() if f"{name}{n}" in used}
        if {f"exponential{n}", f"tangent{n}"} & used:  # which are made of these
            named = {f"{name}{n}": functions[name] for name in ("larger", "smaller")} | named
        if f"v{n}" not in used and not named:
            continue
        both = f"({{v}})((c & (m{n})a) | (~c & (m{n})b))".format(v=f"v{n}")
        lines += [
            f"typedef f v{n} {how};",
            f"typedef w m{n} {how};",
            f"static inline v{n} all{n}(f x) {{ return x - (v{n}){{0}}; }}",
            f"static inline v{n} pick{n}(m{n} c, v{n} a, v{n} b) {{ return {both}; }}",
            *(f"static inline v{n} {name}{rest}" for name, rest in named.items()),
        ]
        if f"lanes{n}" in used:
            lines.append(f"static const m{n} lanes{n} = {{{', '.join(map(str, range(n)))}}};")
    return "\n".join([*lines, "", ""])


def _exponential(dtype: np.dtype[Any], n: int) -> str:
    """`exp` of n numbers at once: eˣ = 2ᵏ eʳ with k whole and |r| ≤ ½ ln 2, where a few terms do.

    The error is below one unit in the last place.
    """
    bits, bias, _, low, high = _FORMATS[dtype]
    lines = [
        "(v@ x)",
        "{",
        f"    x = smaller@(larger@(x, all@({low})), all@({high}));  // 0 and infinity beyond",
        *_reduced(dtype),
        "    s = s * r + 1;",
        "    m@ whole = __builtin_convertvector(k, m@), part = whole >> 1;",
        f"    m@ one = (part + {bias}) << {bits}, two = (whole - part + {bias}) << {bits};",
        "    return s * (v@)one * (v@)two;",
        "}",
    ]
    return "\n".join(lines).replace("@", str(n))


def _tangent(dtype: np.dtype[Any], n: int) -> str:
    """`tanh` of n numbers at once: m / (m + 2), where m = e²ˣ − 1 = 2ᵏ (eʳ − 1) + (2ᵏ − 1).

    The error is below three units in the last place.
    """
    bits, bias, *_ = _FORMATS[dtype]
    lines = [
        "(v@ x)",
        "{",
        f"    x = 2 * smaller@(larger@(x, all@(-{bits})), all@({bits}));  // −1 and 1 beyond",
        *_reduced(dtype),
        f"    v@ p = (v@)((__builtin_convertvector(k, m@) + {bias}) << {bits});",
        "    s = s * r * p + (p - 1);",
        "    return s / (s + 2);",
        "}",
    ]
    return "\n".join(lines).replace("@", str(n))


def _reduced(dtype: np.dtype[Any]) -> list[str]:
    """The lines that find k and r, and s = (eʳ − 1) / r."""
    bits, _, few, *_ = _FORMATS[dtype]
    ln_2 = np.log(np.longdouble(2))
    first = float(np.float32(ln_2)) if bits == 52 else 0.693359375  # k times it is exact
    rest = float(ln_2 - np.longdouble(first))
    terms = [1 / math.factorial(i) for i in range(few - 1, 0, -1)]
    return [
        f"    v@ k = x * (f){1 / math.log(2)!r} + (f){1.5 * 2**bits!r};",
        f"    k -= (f){1.5 * 2**bits!r};  // the nearest whole number",
        f"    v@ r = x - k * (f){first!r} - k * (f){rest!r};",
        f"    v@ s = all@({1 / math.factorial(few)!r});  // the series of exp",
        *(f"    s = s * r + (f){term!r};" for term in terms),
    ]


_FORMATS = {
    np.dtype(np.float32): (23, 127, 7, -104, 89),
    np.dtype(np.float64): (52, 1023, 13, -746, 710),
}
"""Bits of the fraction, offset of the exponent, terms of the series, and where exp is 0 and ∞."""


def _of(dtype: np.dtype[Any], function: str) -> str:
    """The name of a function of C's library for this type."""
    return f"{function}f" if dtype == np.float32 else function


def _operator(sign: str) -> Callable[[int, list[str]], str]:
    return lambda n, x: f"{x[0]} {sign} {x[1]}"


def _call(name: str) -> Callable[[int, list[str]], str]:
    return lambda n, x: f"{name}{n}({', '.join(x)})"


ARITHMETIC: dict[Any, Callable[[int, list[str]], str]] = {
    np.add: _operator("+"),
    np.subtract: _operator("-"),
    np.multiply: _operator("*"),
    np.divide: _operator("/"),
    np.negative: lambda n, x: f"-{x[0]}",
    np.square: lambda n, x: f"{x[0]} * {x[0]}",
    np.reciprocal: lambda n, x: f"1 / {x[0]}",
    np.maximum: _call("larger"),
    np.minimum: _call("smaller"),
    np.absolute: _call("absolute"),
    np.sqrt: _call("root"),
    np.exp: _call("exponential"),
    np.tanh: _call("tangent"),
    np.log: _call("logarithm"),
    np.sign: _call("sign"),
    np.where: _call("pick"),
}
"""How an element is computed in n lanes from its operands, each a name."""

COMPARISONS: dict[Any, Callable[[int, list[str]], str]] = {
    np.greater: _operator(">"),
    np.greater_equal: _operator(">="),
    np.less: _operator("<"),
    np.less_equal: _operator("<="),
    np.equal: _operator("=="),
    np.not_equal: _operator("!="),
}
"""The same, where it gives true or false."""


def spelt(node: Node) -> Callable[[int, list[str]], str] | None:
    """How C says an operation on single elements, if it does."""
    if node.params:
        return None
    function = function_of(node)
    return ARITHMETIC.get(function) or COMPARISONS.get(function)


def compares(node: Node) -> bool:
    """Whether an operation gives true or false."""
    return function_of(node) in COMPARISONS
