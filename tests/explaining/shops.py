"""The chapter's two shops, and the golden files that hold what is said about them.

`python tests/explaining/shops.py` writes the golden files anew; look at the difference.
"""

import itertools
from pathlib import Path

from clearprop import Variable, explain

GOLDEN = Path(__file__).with_name("golden")
SUFFIXES = {"text": "txt", "markdown": "md", "latex": "tex"}


def apple():
    """Two apples at 100 with 10 % tax: 220."""
    price, number, tax = Variable(100, "apple"), Variable(2, "apple_num"), Variable(1.1, "tax")
    total = price * number * tax
    total.name = "price"
    return total


def apple_orange():
    """Two apples at 100 and three oranges at 150 with 10 % tax: 715."""
    apple, apple_num = Variable(100, "apple"), Variable(2, "apple_num")
    orange, orange_num = Variable(150, "orange"), Variable(3, "orange_num")
    tax = Variable(1.1, "tax")
    price = (apple * apple_num + orange * orange_num) * tax
    price.name = "price"
    return price


EXAMPLES = {"apple": apple, "apple_orange": apple_orange}
CASES = list(itertools.product(EXAMPLES, ("en", "zh", "ja"), SUFFIXES))


def told(example, language, form):
    return str(explain(EXAMPLES[example](), language=language, format=form))


def golden(example, language, form):
    return GOLDEN / f"{example}.{language}.{SUFFIXES[form]}"


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for case in CASES:
        golden(*case).write_text(told(*case), encoding="utf-8", newline="\n")
