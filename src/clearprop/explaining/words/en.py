"""English."""

WORDS = {
    # formulas
    "case": "{value} where {condition}",
    "between_cases": ", ",
    "otherwise": "else {value}",
    "else": "else",
    "comma": ", ",
    "and": " and ",
    "latex": "needs \\usepackage{amsmath}; compile names in Chinese or Japanese with LuaLaTeX",
    # headings
    "title": "How {y} depends on {xs}",
    "forward": "Forward: from the inputs to {y}",
    "backward": "Backward: from {y} to the inputs",
    "chain": "The chain rule",
    "saved": "What was saved",
    # values
    "value": "{name} ({value})",
    "digest": "shape {shape}, from {low} to {high}, mean {mean}",
    "all_equal": "shape {shape}, all {value}",
    "zeros": ", {share} % zeros",
    "not_finite": "shape {shape}, {n} of its numbers {n|is|are} not finite",
    "more": "{n} more",
    # the forward pass
    "given": "Given: {values}.",
    "layer": "{layer}: {formula}",
    "said": " ({prose})",
    "result": "; {value}",
    "folded": "… {n} more {n|step|steps}, left out here.",
    # the backward pass
    "rule": "At each node the derivative that comes from upstream is multiplied by the node's own "
    "local derivative, and the product goes on downstream. A node needs to know nothing but its "
    "own inputs and output. At the start stands {one}.",
    "upstream": "From upstream comes {derivative}.",
    "local": "The local derivative is {local}; downstream goes {downstream}.",
    "array": "Downstream goes {downstream} ({value}).",
    "shapes": " Shapes: {shapes} → {shape}.",
    "prose": "Downstream goes {derivative} ({value}): {prose}, where dout is {upstream}.",
    "unsaid": "Downstream goes {derivative} ({value}).",
    "untrue": " The docstring says {formula}, which is not what backward gave.",
    "part": " This is a part of {total}.",
    "stretched": "{x} with shape {shape} was copied to {big}, so the derivatives of its copies are "
    "summed.",
    "arrived": "{x} was used in {n} places. What comes back from them is added: {sum}.",
    "nothing": "No derivative arrives at {x}: small changes of it do not change {y}.",
    # the chain rule
    "means": "If {x} grows a little, {y} grows {d} times as much.",
    "means_less": "If {x} grows a little, {y} falls {d} times as much.",
    "means_zero": "If {x} changes a little, {y} stays as it is.",
    "means_kink": "What a small change of {x} does to {y} depends here on its direction, since "
    "{node} has a kink; {d} is the slope that was chosen.",
    "undefined": "{node} has no value here: the result is NaN, which means not a number. "
    "Whatever is computed from it is NaN, too, and derivatives mean nothing.",
    "infinite": "The result is larger than any number: ∞. What is computed from it says "
    "little, and neither do derivatives.",
    "kink": "{node} has a kink here: its slopes on the two sides differ, so that it has no "
    "derivative. One of the two, or one between them, was chosen, and what follows holds with it.",
    "left": "Where 0 is shown here, rounding has left up to {left}.",
    "ways": "There are {n} ways from {y} to {x}. Along each, the local derivatives are multiplied; "
    "then the products are added.",
    "ways_folded": "There are {n} ways from {y} to {x}; {few} of them {few|is|are} written out "
    "here. The backward pass does not go through them one by one: it adds where they meet.",
    "through": "To {x} the derivative goes through {steps}.",
    "more_asked": "{n} more {n|derivative comes|derivatives come} about in the same way.",
    # what was saved
    "reused": "{derivative} was computed once, and served for {xs}.",
    "reused_ways": "{derivative} was computed once, and served on {n} ways to {xs}.",
    "reused_more": "{n} more {n|derivative was|derivatives were} computed once and served several "
    "times.",
    "not_reused": "No derivative on the way was needed twice here.",
    "way_by_way": "Taken way by way, this would have needed {many} multiplications by a local "
    "derivative; the backward pass needed {few}.",
    "numerical": "One backward pass gave the derivatives by all {n} numbers of the inputs. "
    "Numerical differentiation would have taken {m} forward passes instead: two for each number.",
    "numerical_one": "One backward pass gave the derivative. Numerical differentiation would have "
    "taken 2 forward passes instead, and 2 more for every further input.",
}
