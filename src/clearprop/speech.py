"""What is said to people in their language: reports, and what commands print.

A sentence stands where it is said, in English, with braces for what is filled in; its translations
stand in the tables `speech*.tsv`. What has none is said in English.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from string import Formatter
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
    language = spoken()
    told = text if language == "en" else table().get(text, {}).get(language, text)
    return told.format(**values) if values else told


def retold(message: str, depth: int = 3) -> str:
    """A finished message, such as that of an error, in the language that is spoken.

    Its sentence is found in `speech-errors.tsv` by what stands around the values in it.

    >>> with speaking("zh"):
    ...     retold("'x*y' uses y, which has no value; add y=…")
    "'x*y' 用到 y，而它没有值；请加上 y=…"
    """
    if spoken() == "en":
        return message
    parts = message.split(": ", 3)
    for n in range(len(parts)):  # in front of the sentence may stand what it is about
        if (told := _retold(": ".join(parts[n:]), depth)) is not None:
            return "：".join([*parts[:n], told])
    return message


def _retold(sentence: str, depth: int) -> str | None:
    if sentence in table():
        return say(sentence)
    for pieces, names, translations in _patterns() if depth else ():
        if (values := _between(pieces, sentence)) is not None:
            pairs = zip(names, values, strict=True)
            told = {n: retold(value, depth - 1) if n in _TOLD else value for n, value in pairs}
            return translations[spoken()].format(**told)
    return None


_TOLD = ("why", "what", "kind", "found", "reason", "trouble", "remedy")
"""What a message says in words of our own; other values are the reader's, and stay as they are."""


def spoken() -> Literal["en", "zh", "ja"]:
    """The language that is spoken here: "en", "zh" or "ja"."""
    return _spoken.get()


def speak(language: str) -> None:
    """Say everything in a language from here on, as far as this context goes.

    Errors: `ConfigError` for one that is not known.
    """
    if language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise ConfigError(f"language {language!r} is not known; use one of: {known}")
    _spoken.set(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Say everything in a language meanwhile. Errors: as of `speak`."""
    before = _spoken.get()
    speak(language)
    try:
        yield
    finally:
        _spoken.set(before)


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
    return _table("speech.tsv") | _table("speech-help.tsv") | _table("speech-errors.tsv")


@cache
def _table(name: str) -> dict[str, dict[str, str]]:
    rows = files("clearprop").joinpath(name).read_text("utf-8").splitlines()
    return {en: {"zh": zh, "ja": ja} for en, zh, ja in (row.split("\t") for row in rows)}


@cache
def _patterns() -> list[tuple[list[str], list[str], dict[str, str]]]:
    """The pieces of messages between their places, and the names of these; most text first."""
    found = []
    for text, translations in _table("speech-errors.tsv").items():
        parts = [(piece, name) for piece, name, *_ in Formatter().parse(text)]
        if names := [name for _, name in parts if name]:
            end = "" if parts[-1][1] else parts.pop()[0]
            found.append(([*(piece for piece, _ in parts), end], names, translations))
    return sorted(found, key=lambda each: -sum(map(len, each[0])))


def _between(pieces: list[str], message: str) -> list[str] | None:
    """What stands between pieces that follow each other in a message; `None` if they do not."""
    if not (message.startswith(pieces[0]) and message.endswith(pieces[-1])):
        return None
    at, last, found = len(pieces[0]), len(message) - len(pieces[-1]), []
    for piece in pieces[1:-1]:
        if (end := message.find(piece, at, last)) < 0:
            return None
        found.append(message[at:end])
        at = end + len(piece)
    return [*found, message[at:last]] if at <= last else None
