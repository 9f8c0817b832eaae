"""The languages in which a backward pass can be told."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    remarks = en.REMARKS | table.REMARKS
    return Language(en.WORDS | table.WORDS, remarks, table.LAYERS, table.PHRASES)
