"""What each step's formulas are, with the names of this graph in them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clearprop.explaining import expressions as ex
from clearprop.explaining.expressions import Expression, simplify, substitute
from clearprop.explaining.language import Language
from clearprop.explaining.layer_docs import Formula, LayerDocs, layer_docs
from clearprop.explaining.numbers import equation, number
from clearprop.explaining.reading import read
from clearprop.explaining.story import Constant, Contribution, Place, Step
from clearprop.explaining.truth import is_true
from clearprop.explaining.values import shape
from clearprop.primitives.indexing import getitem
from clearprop.primitives.indexing import written as written_index

Known = Mapping[str, Expression]


def layer_of(step: Step) -> Any:
    """The layer whose node this is; `None` for a primitive."""
    return getattr(step.node.operation, "layer", None)


def docs_of(step: Step) -> LayerDocs:
    """What the layer's docstring says."""
    return layer_docs(layer_of(step))


def remark(step: Step, language: Language) -> str:
    """What a teacher adds about an operation; of a layer, in want of words, what its docs say."""
    layer = layer_of(step)
    if layer is None:
        return language.remarks.get(step.node.operation.name, "")
    own = type(layer).__module__.startswith("clearprop.layers.")
    translated = language.remarks.get(type(layer).__qualname__, "") if own else ""
    return translated or docs_of(step).remark


def forward(step: Step) -> list[tuple[ex.Name, Expression, bool]]:
    """The formulas of the forward pass: what is computed, how, and whether it is the result.

    A value that a layer's docstring names on the way keeps that name. What only words can say is
    left out.
    """
    if getattr(step.node.operation, "function", None) is getitem:
        index = written_index(step.node.params["form"], step.node.values[1:])
        return [(step.outputs[0].name, ex.Picked(symbol(step, 0), index), True)]
    known, formulas = _known(step), _forward(step)
    found = []
    for formula in formulas if len(step.outputs) == 1 else ():
        if (made := _put(step, formula.right, known)) is not None:
            is_out = formula.left in ("out", "loss") or len(formulas) == 1
            found.append((step.outputs[0].name if is_out else ex.Name(formula.left), made, is_out))
    return found


def forward_numbers(step: Step) -> Expression | None:
    """The formula with numbers in place of names, where all are single numbers."""
    written = _forward(step)
    if not step.scalar or len(written) != 1:
        return None
    values = {n: number(v) for n, v in zip(operands(step), step.values, strict=False)}
    made = read(written[0].right, known=None if layer_of(step) else values)
    if made is None or isinstance(made, ex.Cases | ex.Name | ex.Negative):
        return None  # the result alone says as much
    return substitute(made, values)


def called(step: Step) -> Expression:
    """The operation as a call, and what it makes if that is one thing: for want of a formula."""
    operation = step.node.operation
    symbols = tuple(
        symbol(step, i)
        for i, x in enumerate(step.inputs)
        if isinstance(x, Place | Constant) or _is_number(x)
    )
    call = ex.Call(operation.name.rpartition(".")[2], symbols)
    return equation(step.outputs[0].name, call) if len(step.outputs) == 1 else call


def local(contribution: Contribution) -> Expression | None:
    """The local derivative in symbols; `None` where only words can say it."""
    step = contribution.step
    known = _known(step)
    if not step.node.operation.elementwise:
        if not step.scalar:
            return None
        known["dout"] = ex.Number(1.0)
    return _put(step, backward_prose(contribution), known)


def downstream(contribution: Contribution, result: Place) -> Expression | None:
    """What is sent back, in symbols: upstream and local derivative in one formula."""
    step = contribution.step
    if len(step.outputs) != 1:
        return None
    upstream = ex.Partial(result.name, step.outputs[0].name)
    if step.node.operation.elementwise or step.scalar:
        return simplify(ex.Product((upstream, factor(contribution))))
    return _put(step, backward_prose(contribution), _known(step) | {"dout": upstream})


def factor(contribution: Contribution) -> Expression:
    """The local derivative as a factor: its formula, or `∂out/∂x` where that would not fit.

    Where x is used elsewhere too, `∂out/∂x` may be the sum of all that comes back, and the number
    stands for this part of it.
    """
    made = local(contribution)
    if made is None or isinstance(made, ex.Cases):
        if len(contribution.to.arrivals) > 1 and contribution.local is not None:
            return number(contribution.local)
        return ex.Partial(contribution.step.outputs[0].name, contribution.to.name)
    return made


def factor_shapes(contribution: Contribution) -> list[str]:
    """The shapes in a product of matrices, which only fit in one arrangement; else empty."""
    step = contribution.step
    formula = read(backward_prose(contribution))
    if not isinstance(formula, ex.MatrixProduct):
        return []
    values = dict(zip(operands(step), step.node.values, strict=False))
    values["dout"] = step.outputs[0].derivative
    shapes = []
    for f in formula.factors:
        name = f.inner if isinstance(f, ex.Transposed) else f
        value = values.get(name.text) if isinstance(name, ex.Name) else None
        if value is None or np.ndim(value) != 2:
            return []
        shapes.append(shape(value.T if isinstance(f, ex.Transposed) else value))
    return shapes


def backward_prose(contribution: Contribution) -> str:
    """What is sent back, as the table or the docstring has it; empty where nothing is written."""
    step, position = contribution.step, contribution.position
    if layer_of(step) is not None:
        found, index = written(contribution)
        return found.right if found and not index and is_held(contribution) is not False else ""
    operation: Any = step.node.operation
    texts = getattr(operation, "derivatives", ())
    if getattr(operation, "variadic", False):
        position = 0
    return texts[position] if position < len(texts) else ""


def written(contribution: Contribution) -> tuple[Formula | None, str]:
    """What a layer's docstring says of what is sent back, and the index of its left side."""
    step = contribution.step
    wanted = f"d{operands(step)[contribution.position]}"
    by_left = {f.left: f for f in docs_of(step).backward}
    indexed = (left for left in by_left if left.startswith(f"{wanted}_"))
    left = wanted if wanted in by_left else next(indexed, wanted)
    return by_left.get(left), left[len(wanted) + 1 :]


def is_held(contribution: Contribution) -> bool | None:
    """Whether this formula gives what `backward` did; `None` where that cannot be told."""
    formula, index = written(contribution)
    if formula is None or formula.expression is None or len(contribution.step.outputs) != 1:
        return None
    values = _values(contribution.step)
    return is_true(formula.expression, index, contribution.value, values)


def operands(step: Step) -> tuple[str, ...]:
    """What the operation's own formula calls its inputs."""
    names: tuple[str, ...] = getattr(step.node.operation, "operands", ())
    if layer_of(step) is not None:
        return names
    if (
        not names and step.node.operation.elementwise
    ):  # a function without a derivative, such as x > y
        return ("x", "y")[: len(step.inputs)]
    # The tables call the first operand x in their formulas, whatever NumPy calls it.
    return ("x", *names[1:]) if len(names) == 1 else names


def symbol(step: Step, position: int) -> Expression:
    """What stands for an input: the name of its place, or a constant itself."""
    x = step.inputs[position]
    if isinstance(x, Place | Constant):
        return x.name
    if _is_number(x):
        return number(x)
    names = operands(step)
    return ex.Name(names[position] if position < len(names) else "c")


def _forward(step: Step) -> tuple[Formula, ...]:
    if layer_of(step) is None:
        return (Formula("out", getattr(step.node.operation, "formula", "")),)
    written = docs_of(step).forward
    main = tuple(f for f in written if f.left == "out")
    return main or tuple(f for f in written if f.left.isidentifier())


def _known(step: Step) -> dict[str, Expression]:
    known = {name: symbol(step, i) for i, name in enumerate(operands(step)) if i < len(step.inputs)}
    if len(step.outputs) == 1:
        known["out"] = step.outputs[0].name
        if step.node.values and np.size(step.node.out):
            known["n"] = ex.Number(np.size(step.node.values[0]) / np.size(step.node.out))
    return known


def _values(step: Step) -> Callable[[str], Any]:
    """What the names in a layer's docstring stand for: what goes in and out, sizes, attributes."""
    layer, docs = layer_of(step), docs_of(step)
    names, first = operands(step), np.shape(step.node.values[0])
    known = {n: _one_hot(x, first) for n, x in zip(names, step.node.values, strict=False)}
    known |= {
        "out": step.node.out,
        "dout": step.outputs[0].derivative,
        "n": np.size(step.node.values[0]),
    }
    for name, axes in docs.shapes:
        if name == names[0] and len(axes) == len(first):
            known |= zip(axes, first, strict=True)

    def value(name: str) -> Any:
        return known.get(name, getattr(layer, name, None))

    return value


def _one_hot(t: Any, shape: tuple[int, ...]) -> Any:
    """Class numbers as formulas mean them: a row of probabilities for each."""
    is_classes = np.asarray(t).dtype.kind in "iu" and shape and np.shape(t) == shape[:-1]
    return np.asarray(t)[..., np.newaxis] == np.arange(shape[-1]) if is_classes else t


def _put(step: Step, text: str, known: Known) -> Expression | None:
    """Read a formula and put the names of this graph into it; prose gives `None`.

    A primitive's formula has only names that are known; a layer's docstring has its own besides.
    """
    made = read(text, known=known if layer_of(step) is None else None) if text else None
    return None if made is None else simplify(substitute(made, known))


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float | np.number) and not isinstance(x, bool) and np.ndim(x) == 0
