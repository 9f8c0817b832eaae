"""What is said to people in their language: reports, and what commands print.

A sentence stands where it is said, in English, with braces for what is filled in; its translations
stand in `speech.tsv`. What has none is said in English.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from clearprop.errors import ConfigError

LANGUAGES = ("en", "zh", "ja")
_spoken: ContextVar[Any] = ContextVar("language", default="en")


def say(text: str, **values: object) -> str:
    """A sentence in the language that is spoken.

    >>> say("{n} of {of}", n=3, of=10)
    '3 of 10'
    >>> with speaking("zh"):
    ...     say("Settings")
    '设置'
    """
    told = table().get(text, {}).get(_spoken.get(), text)
    return told.format(**values) if values else told


def spoken() -> Literal["en", "zh", "ja"]:
    """The language that is spoken here: "en", "zh" or "ja"."""
    return _spoken.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Say everything in a language meanwhile.

    Errors: `ConfigError` for one that is not known.
    """
    if language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise ConfigError(f"language {language!r} is not known; use one of: {known}")
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def language_of(environment: Mapping[str, str] = os.environ) -> str:
    """The language that the environment asks for, as programs are told it; English where none is.

    >>> language_of({"LANG": "ja_JP.UTF-8"}), language_of({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"})
    ('ja', 'en')
    """
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    asked = next((environment[name] for name in names if environment.get(name)), "")
    return asked[:2] if asked[:2] in LANGUAGES else "en"


@cache
def table() -> dict[str, dict[str, str]]:
    """The translations of each sentence, by language."""
    rows = files("clearprop").joinpath("speech.tsv").read_text("utf-8").splitlines()
    cells = (row.split("\t") for row in rows)
    return {en: {"zh": zh, "ja": ja} for en, zh, ja in cells}
