"""How tables and pictures become numbers: the options that `train` and `search` share."""

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from clearprop.cli.options import count_option


@Parameter(name="*")
@dataclass(frozen=True)
class FormOptions:
    """Settings of `read_table` and `read_pictures`; `None` where they are not given."""

    target: Annotated[str | None, Parameter(help="The column of a table to be learned.")] = None
    task: Annotated[
        str | None,
        Parameter(
            help="What the target is: regression (numbers) or classification. [default: found "
            "from the column]"
        ),
    ] = None
    missing: Annotated[
        str | None,
        Parameter(
            help="What to do with missing values: refuse them, take the mean of numbers (and none "
            "of the categories), or drop the rows. [default: refuse]"
        ),
    ] = None
    category: Annotated[
        tuple[str, ...] | None,
        Parameter(help="Columns of numbers that are categories.", consume_multiple=1, negative=""),
    ] = None
    ignore: Annotated[
        tuple[str, ...] | None,
        Parameter(help="Columns to leave out.", consume_multiple=1, negative=""),
    ] = None
    test: Annotated[
        float | None,
        Parameter(help="Share of the rows that is held out for testing. [default: 0.2]"),
    ] = None
    side: Annotated[
        int | None,
        count_option("Pixels to which height and width of pictures are scaled. [default: 28]"),
    ] = None

    def given(self) -> dict[str, Any]:
        """Those that were given, under the names that they have in Python."""
        found = {**vars(self), "categories": self.category}
        return {n: v for n, v in found.items() if n != "category" and v is not None}
