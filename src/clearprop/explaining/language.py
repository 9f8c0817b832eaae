"""The languages in which a backward pass can be told."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from clearprop.errors import ConfigError
from clearprop.explaining.words import en, ja, zh


@dataclass(frozen=True)
class Language:
    """The tables of one language; what it has no words for is said in English."""

    words: Mapping[str, str]
    remarks: Mapping[str, str]
    """What a teacher adds about an operation, by the name of its row in the table of primitives."""
    layers: Mapping[str, str]
    """What there is to say about our own layers, in place of the English of their docstrings."""
    phrases: Mapping[str, str]
    """The prose of the table of primitives."""

    def phrase(self, text: str) -> str:
        return self.phrases.get(text, text)


_TABLES: dict[str, Any] = {"en": en, "zh": zh, "ja": ja}


def language(code: str) -> Language:
    """Find a language by its code.

    Errors: `ConfigError` for one that is not spoken here.
    """
    if code not in _TABLES:
        known = ", ".join(_TABLES)
        raise ConfigError(f"explain: language {code!r} is not known; use one of: {known}")
    table = _TABLES[code]
    return Language(
        en.WORDS | table.WORDS, en.REMARKS | table.REMARKS, table.LAYERS, phrases()[code]
    )


@cache
def phrases() -> dict[str, dict[str, str]]:
    """By language what its column of `phrases.tsv` says for the English of the first."""
    table = files("clearprop.explaining.words").joinpath("phrases.tsv").read_text("utf-8")
    codes, *rows = (line.split("\t") for line in table.splitlines())
    english, *_ = columns = list(zip(*rows, strict=True))
    return {
        c: dict(zip(english, column, strict=True)) for c, column in zip(codes, columns, strict=True)
    }
