"""Write what docs/compiler.md shows of graphs and programs.

    python tools/compiler_page.py [--check]

The page is written by hand but for the blocks between `<!-- name -->` and `<!-- end -->`, which
come from the compiler itself. With `--check` nothing is written: the exit status is 1 if a block is
not what the compiler says.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from clearprop import Affine, Network, TwoLayerNet
from clearprop.compiler import SIMPLIFICATIONS, compile
from clearprop.compiler.engines import text
from clearprop.compiler.function import record_function
from clearprop.compiler.leaf import traced
from clearprop.compiler.simplify import OF_IMAGES, OF_POOLS
from clearprop.compiler.tensor_products import CONTRACT, LAID_OUT
from clearprop.compiler.tracing import Trace
from clearprop.files import atomic_write
from clearprop.graph.node import Node, Recorded
from clearprop.graph.recording import record
from clearprop.primitives.indexing import getitem, put_at
from clearprop.primitives.labels import read_labels
from clearprop.primitives.windows import add_windows
from clearprop.training import SGD

PAGE = Path(__file__).parents[1] / "docs" / "compiler.md"

_BLOCK = re.compile(r"<!-- (?P<name>(?!end)[\w -]+) -->\n.*?<!-- end -->", re.DOTALL)
_OPERATORS = {
    np.add: "+",
    np.subtract: "-",
    np.multiply: "*",
    np.divide: "/",
    np.matmul: "@",
    np.less_equal: "<=",
    np.equal: "==",
}


def identities(x: Any) -> Any:
    return np.exp(x.reshape(100, 10) * 1 + 0)


def small_numbers(x: Any) -> Any:
    return x.astype(np.float64) * np.float16(0.1) * np.int8(100)


def repeated(x: Any) -> Any:
    return np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)


def relu(x: Any, dout: Any) -> Any:
    mask = x <= 0
    return np.where(mask, 0, x), np.where(mask, 0, dout)


def softmax(scores: Any) -> Any:
    x = scores - np.max(scores, axis=1, keepdims=True)
    log_sum = np.log(np.sum(np.exp(x), axis=1, keepdims=True))
    return x - log_sum, np.exp(x - log_sum)


def one_hot(y: Any, t: Any) -> Any:
    t = read_labels(t, (100, 10), np.float32)
    return np.take_along_axis(y, t[..., None], axis=-1), y - (t[..., None] == np.arange(10))


def stack(x: Any, W: Any) -> Any:
    return x @ W


def parts(a: Any, b: Any) -> Any:
    left = put_at(a, form=(slice(None), slice(0, 20)), shape=(100, 50))
    return left + put_at(b, form=(slice(None), slice(20, 50)), shape=(100, 50))


def rate(x: Any, dout: Any, lr: Any) -> Any:
    return lr * (x.T @ (dout * 0.01))


def pixels(x: Any, W: Any) -> Any:
    return (x * 0.5) @ W


def batch_sum(dout: Any) -> Any:
    return np.sum(dout, axis=0)


def convolution(x: Any, W: Any) -> Any:
    rows = sliding_window_view(x, (3, 3), axis=(2, 3)).transpose(0, 2, 3, 1, 4, 5).reshape(6760, 9)
    return rows @ W.reshape(30, 9).T


def brightness(x: Any, W: Any) -> Any:
    return x @ (0.5 * W.reshape(30, 9).T)


def bias_derivative(dout: Any) -> Any:
    return np.ones(5760, np.float32) @ dout.transpose(0, 2, 3, 1).reshape(5760, 30)


def _product(x: Any, W: Any, subscripts: str) -> Any:
    return record(CONTRACT, (x, W), {"subscripts": subscripts})


def channels_first(x: Any, W: Any) -> Any:
    return _product(x, W, "nijc,mc->nijm").transpose(0, 3, 1, 2)


def bias(x: Any, W: Any, b: Any) -> Any:
    products = _product(x, W, "nijc,mc->nijm").reshape(5760, 30)
    return (products + b).reshape(10, 24, 24, 30)


def pool_of_products(x: Any, W: Any) -> Any:
    out = np.maximum(_product(x, W, "ncij,mc->nmij"), 0)
    return np.max(sliding_window_view(out, (2, 2), axis=(2, 3))[:, :, ::2, ::2], axis=(-2, -1))


def pool_backward(d: Any, out: Any) -> Any:
    dx = add_windows(d, shape=(10, 30, 24, 24), axes=(2, 3), steps=(2, 2))
    return np.sum(dx * np.sign(out), axis=(0, 2, 3))


def at_its_place(x: Any) -> Any:
    return np.take_along_axis(x, np.argmax(x, axis=-1)[..., None], axis=-1)[..., 0]


def largest_of_four(x: Any, b: Any) -> Any:
    return np.max((x + b).reshape(10, 30, 12, 12, 4), axis=-1)


def _sent(x: Any, dout: Any) -> Any:
    places = np.argmax(x.reshape(10, 30, 12, 12, 4), axis=-1)[..., None]
    return np.where(np.arange(4) == places, dout[..., None], 0)


def sent(x: Any, dout: Any) -> Any:
    return _sent(x, dout).reshape(x.shape)


def sent_and_scaled(x: Any, dout: Any) -> Any:
    return sent(x, dout) * np.sign(x)


def sent_and_summed(x: Any, dout: Any) -> Any:
    return np.sum(sent(x, dout), axis=(0, 2, 3, 4, 5))


def windows_of_images(x: Any) -> Any:
    return record(LAID_OUT, (sliding_window_view(x, (3, 3), axis=(2, 3)),), {})


def relu_backward(x: Any, dout: Any) -> Any:
    return dout * np.sign(np.maximum(x, 0))


def _matrix(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


_POOLED = (10, 30, 12, 12, 2, 2)

EXAMPLES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "plain_numbers": (small_numbers, (_matrix(100, 10),)),
    "without_identities": (identities, (_matrix(100, 10),)),
    "common_subexpressions": (repeated, (_matrix(100, 10),)),
    "rectified": (relu, (_matrix(100, 50), _matrix(100, 50))),
    "shared_softmax": (softmax, (_matrix(100, 10),)),
    "labels_as_places": (one_hot, (_matrix(100, 10), np.arange(100) % 10)),
    "stacks_as_matrices": (stack, (_matrix(16, 32, 64), _matrix(64, 256))),
    "parts_side_by_side": (parts, (_matrix(100, 20), _matrix(100, 30))),
    "sunk_scalars": (rate, (_matrix(100, 784), _matrix(100, 50), np.float32(0.1))),
    "raised_scalars": (pixels, (_matrix(100, 784), _matrix(784, 50))),
    "sums_as_products": (batch_sum, (_matrix(100, 50),)),
    "products_over_axes": (convolution, (_matrix(10, 1, 28, 28), _matrix(30, 1, 3, 3))),
    "scalars_before_views": (brightness, (_matrix(6760, 9), _matrix(30, 1, 3, 3))),
    "sums_over_axes": (bias_derivative, (_matrix(10, 30, 24, 24),)),
    "exchanged_products": (channels_first, (_matrix(10, 24, 24, 9), _matrix(30, 9))),
    "risen_views": (bias, (_matrix(10, 24, 24, 9), _matrix(30, 9), _matrix(30))),
    "risen_windows": (pool_of_products, (_matrix(10, 9, 24, 24), _matrix(30, 9))),
    "windows_added_last": (pool_backward, (_matrix(*_POOLED), _matrix(10, 30, 24, 24))),
    "largest_by_place": (at_its_place, (_matrix(100, 4),)),
    "largest_first": (largest_of_four, (_matrix(*_POOLED), _matrix(1, 30, 1, 1, 1, 1))),
    "scaled_before_routing": (sent_and_scaled, (_matrix(*_POOLED), _matrix(*_POOLED[:4]))),
    "sums_before_routing": (sent_and_summed, (_matrix(*_POOLED), _matrix(*_POOLED[:4]))),
    "routed_by_masks": (_sent, (_matrix(*_POOLED), _matrix(*_POOLED[:4]))),
    "images_laid_out": (windows_of_images, (_matrix(10, 1, 28, 28),)),
    "signs_as_masks": (relu_backward, (_matrix(100, 784), _matrix(100, 784))),
}
"""For each simplification a function that shows it, and arguments for it."""


def blocks() -> dict[str, str]:
    """Every block of the page by its name."""
    known = {s.__name__: s for s in (*SIMPLIFICATIONS, *OF_IMAGES, *OF_POOLS)}
    found = {name: _before_and_after(known[name], *EXAMPLES[name]) for name in known}
    found["two-layer net"] = _fenced(two_layer_net())
    found["as written"] = _fenced(as_written())
    return found


def page(written: str) -> str:
    """The page with its blocks as they should be.

    Errors: `KeyError` for a block that is unknown, `ValueError` for one that is missing.
    """
    known = blocks()
    missing = known.keys() - {m["name"] for m in _BLOCK.finditer(written)}
    if missing:
        raise ValueError(f"the page lacks the blocks: {', '.join(sorted(missing))}")
    return _BLOCK.sub(lambda m: f"<!-- {m['name']} -->\n{known[m['name']]}\n<!-- end -->", written)


def two_layer_net() -> str:
    """The program of the net of the book, for batches of 100."""
    network = TwoLayerNet(784, 50, 10, rng=np.random.default_rng(0), dtype=np.float32)
    step = compile(network, SGD(0.1))
    return step.prepare(_matrix(100, 784), np.arange(100) % 10).source


class BookRelu:
    """ReLU as the book writes it."""

    def forward(self, x: Any) -> Any:
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout: Any) -> Any:
        dout[self.mask] = 0
        return dout


def as_written() -> str:
    """What a step says of a layer that writes in place, and the lines that call it."""
    layers = [Affine(_matrix(4, 3), _matrix(3)), BookRelu(), Affine(_matrix(3, 2), _matrix(2))]
    step = compile(Network(layers), SGD(0.1)).prepare(_matrix(5, 4), np.arange(5) % 2)
    lines = [">>> step.as_written", str(step.as_written)]
    lines += [">>> print(step.source)", "..."]
    lines += [line[8:] for line in step.source.splitlines() if "BookRelu1.evaluate(" in line]
    lines += [line[8:] for line in step.source.splitlines() if "BookRelu1_backward." in line]
    return "\n".join([*lines, "..."])


def _before_and_after(simplification: Any, f: Callable[..., Any], arrays: Any) -> str:
    names = f.__code__.co_varnames
    leaves = [traced(a, n) for a, n in zip(arrays, names, strict=False)]
    before = record_function(f, leaves)[0]
    after = simplification(before)
    width = max(map(len, statements(before)))
    left, right = statements(before), statements(after)
    rows = max(len(left), len(right))
    lines = [f"{'# before':<{width}}    # after"]
    for i in range(rows):
        first = left[i] if i < len(left) else ""
        second = right[i] if i < len(right) else ""
        lines.append(f"{first:<{width}}    {second}".rstrip())
    return _fenced("\n".join(lines))


def statements(trace: Trace) -> list[str]:
    """The nodes of a graph as lines of Python, with the shape of each result."""
    names: dict[Node, str] = {node: f"v{i}" for i, node in enumerate(trace.nodes, start=1)}

    def operand(x: Any) -> str:
        if isinstance(x, Recorded):
            return x.name or "?" if x.node is None else names[x.node]
        return text.array(x) if np.ndim(x) else text.literal(x)

    lines = []
    for node in trace.nodes:
        function = getattr(node.operation, "function", None)
        a = [operand(x) for x in node.inputs]
        if function in _OPERATORS:
            value = f"{a[0]} {_OPERATORS[function]} {a[1]}"
        elif function is getitem:
            value = f"{a[0]}[{text.index(node.params['form'], tuple(a[1:]))}]"
        elif function is np.transpose and not node.params:
            value = f"{a[0]}.T"
        else:
            name = re.sub(r"clearprop\.|np\.lib\.stride_tricks\.", "", node.operation.name)
            value = f"{name}({', '.join(a)}{text.keywords(node.params)})"
        lines.append(f"{names[node]} = {value}")
    results = ", ".join(operand(v) for v in trace.outputs)
    return [*lines, f"return {results}"]


def _fenced(code: str) -> str:
    return f"```python\n{code.rstrip()}\n```"


def main(arguments: list[str]) -> int:
    """Write the page, or check it."""
    written = PAGE.read_text("utf-8")
    current = page(written)
    if arguments == ["--check"]:
        return int(written != current)
    atomic_write(PAGE, current.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
