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

from clearprop import Affine, Network, TwoLayerNet
from clearprop.compiler import SIMPLIFICATIONS, compile
from clearprop.compiler.engines import text
from clearprop.compiler.function import record_function
from clearprop.compiler.leaf import traced
from clearprop.compiler.tracing import Trace
from clearprop.files import atomic_write
from clearprop.graph.node import Node, Recorded
from clearprop.primitives.indexing import getitem
from clearprop.primitives.labels import read_labels
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


def repeated(x: Any) -> Any:
    return np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)


def relu(x: Any, dout: Any) -> Any:
    mask = x <= 0
    return np.where(mask, 0, x), np.where(mask, 0, dout)


def softmax(x: Any) -> Any:
    log_sum = np.log(np.sum(np.exp(x), axis=1, keepdims=True))
    return x - log_sum, np.exp(x - log_sum)


def one_hot(y: Any, t: Any) -> Any:
    t = read_labels(t, (100, 10), np.float32)
    return np.take_along_axis(y, t[..., None], axis=-1), y - (t[..., None] == np.arange(10))


def rate(x: Any, dout: Any, lr: Any) -> Any:
    return lr * (x.T @ (dout * 0.01))


def pixels(x: Any, W: Any) -> Any:
    return (x * 0.5) @ W


def batch_sum(dout: Any) -> Any:
    return np.sum(dout, axis=0)


def _matrix(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


EXAMPLES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "without_identities": (identities, (_matrix(100, 10),)),
    "common_subexpressions": (repeated, (_matrix(100, 10),)),
    "rectified": (relu, (_matrix(100, 50), _matrix(100, 50))),
    "shared_softmax": (softmax, (_matrix(100, 10),)),
    "labels_as_places": (one_hot, (_matrix(100, 10), np.arange(100) % 10)),
    "sunk_scalars": (rate, (_matrix(100, 784), _matrix(100, 50), np.float32(0.1))),
    "raised_scalars": (pixels, (_matrix(100, 784), _matrix(784, 50))),
    "sums_as_products": (batch_sum, (_matrix(100, 50),)),
}
"""For each simplification a function that shows it, and arguments for it."""


def blocks() -> dict[str, str]:
    """Every block of the page by its name."""
    known = {s.__name__: s for s in SIMPLIFICATIONS}
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
            name = node.operation.name.replace("clearprop.", "")
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
