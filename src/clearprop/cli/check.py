"""`clearprop check`: are the derivatives of layers right, and if not, where and why?"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearprop.cli.options import seed_option


def check(
    file: Annotated[
        Path | None,
        Parameter(help="A Python file with layers of your own. [default: clearprop's layers]"),
    ] = None,
    /,
    *,
    exhaustive: Annotated[
        bool, Parameter(help="Differentiate every single element numerically.", negative="")
    ] = False,
    json: Annotated[bool, Parameter(help="Print the report as JSON.", negative="")] = False,
    seed: Annotated[int, seed_option("Draws the samples and directions.")] = 0,
) -> int:
    """Check the derivatives of layers, and say what is wrong with them.

    For example:

        clearprop check                 are clearprop's own right?
        clearprop check my_layers.py

    A layer is a class with forward(self, x) and backward(self, dout). Every one that the file
    defines is tried on its samples(rng), or, where it has none and can be made without arguments,
    on inputs made for it. Its backward is compared with automatic and numerical differentiation of
    its forward. For a fault, the report names the layer, the argument, the element with both
    values, and the likely cause. The file is run, as by `import`.

    The exit status is 0 if all is right, 1 if there is a fault, and 2 if something could not be
    checked and nothing is wrong otherwise.
    """
    from threadpoolctl import threadpool_limits

    from clearprop.checking import check as check_layers
    from clearprop.speech import reported

    things = () if file is None else (file,)
    with threadpool_limits(1):  # these products are too small to be shared out
        report = check_layers(*things, rng=seed, exhaustive=exhaustive)
    print(report.to_json(indent=2) if json else report.text(reported))
    return {True: 0, False: 1, None: 2}[report.ok]
