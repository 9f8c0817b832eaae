"""What NumPy source says of labels: they are checked, and say where to look."""

import json
from math import isfinite

import numpy as np

from clearprop.compiler.engines import text
from clearprop.compiler.engines.sheet import Cell, Sheet
from clearprop.graph.node import Node


def read(sheet: Sheet, time: int, node: Node) -> None:
    """Labels are checked in every call: one that is out of range would be read elsewhere."""
    source = sheet.cell(node.inputs[0])
    shape = tuple(node.params["shape"])
    name = source.name
    if node.out.shape == shape:  # one-hot or soft
        own = sheet.name("labels")
        sheet.put(node, own, node.out, varies=True)
        sheet.say(node, f"{own} = {name}.astype({text.literal(node.out.dtype)}, copy=False)")
        off = f"abs({own}.sum(axis=-1) - 1).max() > 1e-6 * {shape[-1]}"
        wrong = f"not {own}.min() >= 0 or not isfinite({own}.max()) or {off}"
        _guard(sheet, wrong, "one-hot or soft labels must be 0 or more and sum to 1")
        return
    if source.shape != node.out.shape:
        own = sheet.name("labels")
        sheet.define(own, f"{name}.reshape({text.literal(node.out.shape)})", varies=True)
        name = own
    sheet.put(node, name, node.out, varies=True)
    signed = node.out.dtype.kind == "i"
    low = f"np.minimum.reduce({name}, axis=None) < 0 or " if signed else ""
    wrong = f"{low}np.maximum.reduce({name}, axis=None) >= {shape[-1]}"
    layer = sheet.trace.labels[node].rpartition(".")[0]
    whose = "a label" if layer.startswith("loss") or not layer else f"{layer}: a number"
    _guard(sheet, wrong, f"{whose} is out of range: class numbers go from 0 to {shape[-1] - 1}")


def numbers(sheet: Sheet, time: int, node: Node) -> None:
    """Numbers are checked in every call too, and read where they lie."""
    source = sheet.cells[node] = sheet.cell(node.inputs[0])
    low, high = node.params["low"], node.params["high"]
    least, most = (f"np.{f}.reduce({source.name}, axis=None)" for f in ("minimum", "maximum"))
    parts = (f"{low!r} <= {least}" if isfinite(low) else f"isfinite({least})",)
    parts += (f"{most} <= {high!r}" if isfinite(high) else f"isfinite({most})",)
    what = f"{node.params['name']} must be from {low} to {high}"
    _guard(sheet, f"not ({' and '.join(parts)})", what)


def is_refusal(error: BaseException) -> bool:
    """Whether an error is one of those that programs raise for labels, and all that is read so."""
    words = "a label is", "soft labels must", "class numbers go", "must be from"
    return isinstance(error, ValueError) and any(text in str(error) for text in words)


def _guard(sheet: Sheet, condition: str, what: str) -> None:
    if sheet.job.label_checks:
        sheet.line(f"if {condition}:")
        sheet.line(f"    raise ValueError({json.dumps(what)})")


def pick(sheet: Sheet, time: int, node: Node) -> None:
    """`x[n, t_n]` into a buffer."""
    x, t = map(sheet.cell, node.inputs)
    places = _places(sheet, node, x, t)
    out = sheet.result(time, node)
    sheet.say(node, f'{sheet.flat(x)}.take({places}, out={out.name}, mode="clip")')


def subtract(sheet: Sheet, time: int, node: Node) -> None:
    """`x` less a number at `[n, t_n]`, in place of `x` if that is not needed any more."""
    x, t = sheet.cell(node.inputs[0]), sheet.cell(node.inputs[1])
    out = sheet.result(time, node, may_replace=True, only=node.inputs[0])
    places = _places(sheet, node, out, t)  # which may lie otherwise than x
    if out.name != x.name:
        sheet.say(node, f"np.copyto({out.name}, {x.name})")
    flat, few = sheet.flat(out), sheet.scratch(time, node.out[:, 0], "chosen")
    sheet.say(node, f'{flat}.take({places}, out={few}, mode="clip")')
    sheet.say(node, f"np.subtract({few}, {sheet.operand(node.inputs[2])}, out={few})")
    sheet.say(node, f'{flat}.put({places}, {few}, mode="clip")')


def _places(sheet: Sheet, node: Node, x: Cell, t: Cell) -> str:
    """Where the labels point in the flat array."""
    key = ("places", t.name, x.shape, x.order)
    if key not in sheet.cells:
        n, c = x.shape
        steps = np.arange(n, dtype=np.intp) * (1 if x.order else c)
        rows = sheet.constant(steps, "rows")
        name = sheet.name("places")
        sheet.define(name, f"np.empty({n}, np.intp)")
        dtype = "" if t.dtype == np.intp else ", dtype=np.intp"
        if x.order:
            sheet.say(node, f"np.multiply({t.name}, {n}, out={name}{dtype})")
            sheet.say(node, f"np.add({name}, {rows}, out={name})")
        else:
            sheet.say(node, f"np.add({t.name}, {rows}, out={name}{dtype})")
        sheet.cells[key] = Cell(name, (n,), np.intp)
    return sheet.cells[key].name
