"""What a check can find: the kinds of fault, and one finding with its place, values and cause."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from clearprop.speech import in_english

MOST = 1000
"""So many wrong elements are listed in JSON."""


class Kind(StrEnum):
    """What is wrong with a derivative, or with the layer that gives it."""

    # The pattern of a wrong derivative.
    SIGN = "sign"
    FACTOR = "factor"
    TRANSPOSED = "transposed"
    SUMMED = "summed"
    NOT_SUMMED = "not summed"
    IGNORES_DOUT = "ignores dout"
    NOT_LINEAR = "not linear in dout"
    WRONG_AXIS = "wrong axis"
    WRONG_PLACE = "wrong place"
    SWAPPED = "swapped"
    MASK_INVERTED = "mask inverted"
    MASK_MISSING = "mask missing"
    WRONG_VALUE = "wrong value used"
    DROPPED_TERM = "dropped term"
    EXTRA_TERM = "extra term"
    CLIPPED = "clipped"
    PRECISION = "precision lost"
    ZERO = "zero"
    TIES = "ties counted twice"
    UNKNOWN = "no known pattern"
    # What backward leaves behind, or finds.
    STALE = "stale value"
    ACCUMULATES = "accumulates"
    IN_PLACE = "written in place"
    STATEFUL = "changes from call to call"
    STOCHASTIC = "stochastic"
    # What it hands over.
    COUNT = "wrong number of derivatives"
    MISSING = "missing"
    SHAPE = "wrong shape"
    DTYPE = "wrong dtype"
    INTEGER = "integer"
    COMPLEX = "complex"
    NOT_FINITE = "not finite"
    RAISES = "raises"
    # What stands in the way of a check.
    SAMPLES = "samples"
    NOT_COMPARED = "not compared"
    INTERFACE = "read as"
    NO_BACKWARD = "no backward yet"
    KINK = "kink"
    UNDECLARED = "parameters not declared"


REMEDIES: dict[Kind, str] = {
    Kind.SIGN: "change the sign of this derivative",
    Kind.FACTOR: "the factors in backward must be those of forward: a mean divides, a sum does not",
    Kind.TRANSPOSED: "let the shapes decide: d{a} must have the shape of {a}",
    Kind.SUMMED: "sum only over the axes along which {a} was broadcast in forward",
    Kind.NOT_SUMMED: "what forward used several times gets the sum of all its derivatives",
    Kind.IGNORES_DOUT: "multiply the local derivative by dout; it is 1 only at the very end",
    Kind.NOT_LINEAR: "backward is linear: use dout once, as a factor, and decide nothing by it",
    Kind.WRONG_AXIS: "sum over the axis along which forward summed, normalised or broadcast",
    Kind.WRONG_PLACE: "undo the reordering of forward exactly: the inverse permutation, the "
    "opposite shift, the opposite order",
    Kind.SWAPPED: "return the derivatives in the order of forward's arguments",
    Kind.MASK_INVERTED: "let the derivative through where forward let the value through",
    Kind.MASK_MISSING: "stop the derivative where forward stopped the value",
    Kind.WRONG_VALUE: "look at which of its values (input, output, parameter) the local derivative "
    "is made of",
    Kind.DROPPED_TERM: "follow every way on which {a} reaches the output, with every factor on it, "
    "and add the derivatives",
    Kind.EXTRA_TERM: "let backward be the derivative of forward alone, in which dout is a factor "
    "of each term; what training adds belongs to the optimiser or the loss",
    Kind.CLIPPED: "clip in the optimiser, where it is seen, not in backward",
    Kind.PRECISION: "compute backward in the dtype of its inputs, with the same small constants as "
    "forward",
    Kind.ZERO: "compute this derivative and hand it over",
    Kind.TIES: "give the derivative to one of the equal values, or share it among them",
    Kind.UNKNOWN: "work through backward line by line against forward, from the last line up",
    Kind.STALE: "let backward use what this forward kept, as it was then: nothing from an earlier "
    "call, and nothing updated or written into since",
    Kind.ACCUMULATES: "assign the derivative (self.d{a} = …), do not add to it (+=)",
    Kind.IN_PLACE: "make a new array: out = x.copy(), np.where(…), a * b in place of a *= b",
    Kind.STATEFUL: "let forward depend on its inputs and parameters alone, and update running "
    "values in a step of their own",
    Kind.STOCHASTIC: "draw from a generator that is passed in, once, in forward, and keep the draw",
    Kind.COUNT: "return one derivative for each input, in order; name inputs without a derivative "
    "in the class: constants = ('t',)",
    Kind.MISSING: "return it if {a} is an input, set self.d{a} if it is a parameter",
    Kind.SHAPE: "a derivative has the shape of what it is the derivative by",
    Kind.DTYPE: "make arrays with np.zeros_like(x) or dtype=x.dtype, and avoid float64 constants "
    "in arrays",
    Kind.INTEGER: "give floating-point numbers, such as x.astype(float), and divide with /, not //",
    Kind.COMPLEX: "compute with real numbers",
    Kind.NOT_FINITE: "keep the values away from where the function is not defined, or write it "
    "so that it does not overflow",
    Kind.RAISES: "run forward and then backward once with these shapes, and follow the traceback",
    Kind.SAMPLES: "write samples(cls, rng), which yields pairs (layer, inputs)",
    Kind.NOT_COMPARED: "write def backward(self, dout), which returns the derivatives of the "
    "inputs and sets self.dW for a parameter self.W",
    Kind.INTERFACE: "nothing is wrong; this is how it was read",
    Kind.NO_BACKWARD: "write backward when you are ready; the check will then compare",
    Kind.KINK: "nothing is wrong; give other inputs if you want these elements compared too",
    Kind.UNDECLARED: "write params = (…) in the class, so that training finds them",
}
"""What to do about each kind; `{a}` stands for the argument."""


def beside(name: str) -> str:
    """Where the derivative by a parameter is: `dW` for `W`, `fc.dW` for `fc.W`."""
    holder, dot, attribute = name.rpartition(".")
    return f"{holder}{dot}d{attribute}"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a check found.

    - `layer`, `argument`: where it is; the argument is an input or a parameter, or `dout`,
      `output`, or `None` if the finding is about the layer as a whole;
    - `index`: the element of the argument that is worst off, `None` if there is no single one;
    - `analytic`, `numeric`, `automatic`: its derivative by `backward`, by differences of `forward`,
      and by automatic differentiation of `forward`, as far as they are known;
    - `kind`: the diagnosis, and `factor`, where it has one;
    - `message`, `remedy`: what is wrong, with the evidence, and what to do;
    - `fault`: whether it makes the check fail; a kink, for example, does not;
    - `wrong`: which elements differ, as a mask, and `relative`, by how much at worst, in parts of
      the largest true derivative of the argument.
    """

    layer: str
    kind: Kind
    message: str
    argument: str | None = None
    index: tuple[int, ...] | None = None
    analytic: float | None = None
    numeric: float | None = None
    automatic: float | None = None
    factor: float | None = None
    remedy: str = ""
    fault: bool = True
    relative: float | None = None
    wrong: np.ndarray | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.remedy:
            name = self.argument or "x"
            text = REMEDIES[self.kind].replace("d{a}", beside(name)).replace("{a}", name)
            object.__setattr__(self, "remedy", text)

    @property
    def place(self) -> str:
        """Where it is, in words: `Affine1, W[2, 3]`."""
        if self.argument is None:
            return self.layer
        index = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        return f"{self.layer}, {self.argument}{index}"

    def at(self, layer: str) -> "Finding":
        """The same finding under another name of the layer."""
        return replace(self, layer=layer)

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain values, for JSON; `wrong` as the indices of the first elements."""
        places = None if self.wrong is None else np.argwhere(self.wrong)[:MOST].tolist()
        index = self.index and list(self.index)
        return {**vars(self), "kind": self.kind.value, "index": index, "wrong": places}

    def text(self, say: Callable[..., str] = in_english) -> str:
        """The finding in words; `say` may tell them in another language, as `reported` does."""
        values = [
            say(form, value=f"{value:.8g}")
            for form, value in (
                ("backward {value}", self.analytic),
                ("numerical {value}", self.numeric),
                ("automatic {value}", self.automatic),
            )
            if value is not None
        ]
        what, message = say(self.kind.value), say(self.message)
        lines = [say("{place}: {kind}. {message}", place=self.place, kind=what, message=message)]
        if values:
            lines.append(f"  {', '.join(values)}")
        if self.fault:
            lines.append(f"  {say('Remedy: {remedy}.', remedy=say(self.remedy))}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()


class Found(Exception):  # noqa: N818 - not an error: it carries a finding out of a check
    """The check of a layer cannot go on after this finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding
