"""What an entry of the catalogue is: a faulty layer and the finding that must be made."""

from dataclasses import dataclass

from clearprop.checking import Kind

K = Kind


@dataclass(frozen=True)
class Fault:
    """A faulty layer: the kinds of finding that are a right diagnosis, and where it is."""

    layer: type
    kinds: tuple[Kind, ...]
    arguments: frozenset[str]
    story: str


FAULTS: list[Fault] = []


def fault(kinds, arguments):
    """Enter a class into the catalogue; its docstring is the story of the mistake."""

    def enter(cls):
        given = kinds if isinstance(kinds, tuple) else (kinds,)
        FAULTS.append(Fault(cls, given, frozenset(arguments.split()), cls.__doc__))
        return cls

    return enter
