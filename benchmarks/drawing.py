"""How long a picture takes: graphs of 300 items, from the graph to the SVG text.

    python benchmarks/drawing.py

Prints Markdown. The goal is half a second; the exit status is 1 if a picture takes longer.
"""

import statistics
import sys
from collections.abc import Callable
from time import perf_counter, process_time

import numpy as np

from clearprop import Graph, Sigmoid, TwoLayerNet, Variable, graph
from clearprop.drawing.building import outline

GOAL = 0.5
ROUNDS = 5


def chain() -> Graph:
    """One long row of products with constants, each drawn with its constant."""
    v = Variable(1.0, "x")
    for _ in range(149):
        v = v * 1.0
    v.backward()
    return graph(v)


def tree() -> Graph:
    """The sum of many values, two by two."""
    level = [Variable(float(i), f"x{i}") for i in range(128)]
    while len(level) > 1:
        level = [a + b for a, b in zip(level[::2], level[1::2], strict=True)]
    level[0].backward()
    return graph(level[0])


def tangle(seed: int = 7) -> Graph:
    """Random operations on values made not long before: many forks, many crossings."""
    rng = np.random.default_rng(seed)
    values = [Variable(float(rng.uniform(1, 2)), f"x{i}") for i in range(12)]
    for _ in range(230):
        a, b = (values[int(rng.integers(max(0, len(values) - 20), len(values)))] for _ in range(2))
        step = (np.add, np.multiply, np.subtract, np.maximum, np.tanh)[rng.integers(5)]
        values.append(
            step(np.tanh(a), b)
            if step.nin == 2 and rng.integers(8) == 0
            else step(a, b)
            if step.nin == 2
            else step(a)
        )
    used = {id(x) for v in values if v.node for x in v.node.inputs}
    ends = [v for v in values if id(v) not in used]
    total = sum(ends[1:], ends[0])
    with np.errstate(all="ignore"):
        total.backward()
    return graph(total)


def network() -> Graph:
    """The book's network with all layers opened, arrays with their small pictures."""
    net = TwoLayerNet(784, 50, 10, rng=np.random.default_rng(0))
    x = np.random.default_rng(1).random((100, 784))
    loss = net.loss(Variable(x, "x"), np.arange(100) % 10)
    loss.backward()
    return graph(loss)


def layers() -> Graph:
    """Many layers in a row, opened."""
    v = Variable(np.linspace(-1, 1, 100), "x")
    for _ in range(36):
        v = Sigmoid()(v)
    v.backward(np.ones(100))
    return graph(v)


def main() -> int:
    """Time each picture and print a table."""
    print("| picture | items | SVG, kB | seconds | processor seconds |")
    print("|---|---:|---:|---:|---:|")
    makers: list[Callable[[], Graph]] = [chain, tree, tangle, network, layers]
    missed = []
    for maker in makers:
        g = maker()
        items = len([*outline(g, "primitives").all_items()])
        walls, works = [], []
        for _ in range(ROUNDS):
            wall, work = perf_counter(), process_time()
            svg = g.svg(open="primitives")
            walls.append(perf_counter() - wall)
            works.append(process_time() - work)
        wall, work = statistics.median(walls), statistics.median(works)
        missed += [maker.__name__] if min(walls) > GOAL else []
        print(f"| {maker.__name__} | {items} | {len(svg) / 1000:.0f} | {wall:.3f} | {work:.3f} |")
    if missed:
        print(f"\nLonger than {GOAL} s: {', '.join(missed)}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
