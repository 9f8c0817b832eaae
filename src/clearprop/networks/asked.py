"""What a method asks for, by what is written in it."""

from typing import Any

from clearprop.graph.code import code_of, codes


def names_asked_for(method: Any) -> set[str]:
    """The names of attributes and functions that a method asks for, none for what is no function.

    >>> sorted(names_asked_for(lambda self, x: [self.fc(np.tanh(part)) for part in x]))
    ['fc', 'np', 'tanh']
    """
    code = code_of(method) if callable(method) else None
    return set() if code is None else {name for each in codes(code) for name in each.co_names}
