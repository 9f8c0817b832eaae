"""The languages in which a backward pass can be told."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from clearprop.errors import ConfigError
from clearprop.explaining.words import en, ja, zh

Words = Mapping[str, str]
"""The sentences of one language, by what they say."""


@dataclass(frozen=True)
class Language:
    """The tables of one language; what it has no words for is said in English."""

    words: Words
    remarks: Mapping[str, str]
    """What a teacher adds, by the name of an operation or the class of one of our layers."""
    phrases: Mapping[str, str]
    """The prose of the table of primitives."""

    def phrase(self, text: str) -> str:
        return self.phrases.get(text, text)


_WORDS = {"en": en.WORDS, "zh": zh.WORDS, "ja": ja.WORDS}


def language(code: str) -> Language:
    """Find a language by its code.

    Errors: `ConfigError` for one that is not spoken here.
    """
    if code not in _WORDS:
        known = ", ".join(_WORDS)
        raise ConfigError(f"explain: language {code!r} is not known; use one of: {known}")
    remarks = table("remarks")
    return Language(
        en.WORDS | _WORDS[code], remarks["en"] | remarks[code], table("phrases").get(code, {})
    )


@cache
def table(name: str) -> dict[str, dict[str, str]]:
    """For each language what its column says for the keys in the first."""
    text = files("clearprop.explaining.words").joinpath(f"{name}.tsv").read_text("utf-8")
    (_, *codes), *rows = (line.split("\t") for line in text.splitlines())
    return {c: {row[0]: row[i] for row in rows if row[i]} for i, c in enumerate(codes, 1)}
