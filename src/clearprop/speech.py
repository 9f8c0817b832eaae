"""What is said to people in their language: reports, and what commands print.

A sentence stands where it is said, in English, with braces for what is filled in; its translations
stand in the tables `speech*.tsv`. What has none is said in English.
"""

import os
import re
import unicodedata
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


def reported(text: str, **values: object) -> str:
    """What a check reports, in the language that is spoken; what is not known stays as it is.

    With `values`, `text` is a sentence to be filled in, as of `say`; without, a word or a finished
    message, which is found in `speech-checks.tsv` by what stands around the values in it.

    >>> with speaking("zh"):
    ...     reported("with a batch of one: it is the derivative by W")
    '批量为一时：它是对 W 的导数'
    """
    if values or spoken() == "en":
        return say(text, **values)
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(_of_source(**found.groupdict()))
        return chr(_KEPT + len(kept) - 1)

    bare = _SOURCE.sub(keep, text)
    told = _reported(bare, 8)
    if told == bare and len(bare) > 1:  # it has no words, so it stays whole
        return text

    def back(found: re.Match[str]) -> str:
        n = ord(found[1]) - _KEPT
        if n >= len(kept):  # it stood there before
            return found[0]
        return _filled(found[0].replace(found[1], "{x}"), x=kept[n])

    return re.sub("(?:(?<=[^\x00-\xff]) )?([\ue000-\uefff])(?: (?=[^\x00-\xff]))?", back, told)


CHECKS = "speech-checks.tsv"
_KEPT = 0xE000
"""Characters from here on stand for what is kept from being taken for words of ours."""
_SOURCE = re.compile(
    r"(?:(?P<op>the sigmoid|[\w.]+) in (?:`(?P<code>[^`]+)`|line (?P<line>\d+)\b(?! of))"
    r"|\(the result of (?P<made>[\w.]+)\))"
)
"""An operation and where it stands in the source."""


def _of_source(op: str | None, code: str | None, line: str | None, made: str | None) -> str:
    if made:
        return say("(the result of {op})", op=made)
    if line:
        return _filled(say("{op} in line {line}"), op=reported(op or ""), line=line)
    return _filled(say("{op} in `{code}`"), op=reported(op or ""), code=code or "")


_WORDS = {
    **dict.fromkeys(("group", "other", "start"), "group"),
    **dict.fromkeys(("error", "where"), ""),
    **dict.fromkeys(("message", "factor", "f", "label", "axes", "due", "words", "why"), ""),
    **dict.fromkeys(("what", "remedy", "anomaly", "own", "held"), ""),
}
"""The places of a report that hold words of ours, and of which kind they are, if not their own."""
_PARTS = ("group", "error", "where")
"""A short pattern that begins with one of these is tried for such a place alone."""


def _reported(sentence: str, depth: int, place: str = "") -> str:
    if place != "error" and (told := _table(CHECKS).get(sentence)):
        return told[spoken()]
    for pieces, names, translations in _patterns(CHECKS) if depth else ():
        first = "" if pieces[0] or names[0] not in _PARTS else names[0]
        if first != place and (place == "error" or (first and sum(map(len, pieces)) < 20)):
            continue
        if (values := _around(pieces, sentence)) is not None:
            pairs = zip(names, values, strict=True)
            told = {
                n: _reported(v, depth - 1, _WORDS[n] or n) if n in _WORDS else v for n, v in pairs
            }
            return _filled(translations[spoken()], **told)
    return sentence


def _filled(form: str, **values: str) -> str:
    """A form with its values; between Chinese or Japanese characters stands no space.

    Between them and Latin letters or digits stands one.
    """
    for name, value in values.items():
        if value and width(value[0]) == 2:
            form = re.sub(rf"(?<![!-~]) \{{{name}\}}", f"{{{name}}}", form)
        elif value[:1].isalnum():
            form = re.sub(rf"(?<={_LETTER})\{{{name}\}}", f" {{{name}}}", form)
        if value and width(value[-1]) == 2:
            form = re.sub(rf"\{{{name}\}} (?![!-~{{])", f"{{{name}}}", form)
        elif value[-1:].isalnum():
            form = re.sub(rf"\{{{name}\}}(?={_LETTER})", f"{{{name}}} ", form)
    return form.format(**values)


_LETTER = "[\u3040-\u30ff\u4e00-\u9fff]"
"""A Chinese or Japanese letter."""


def _around(pieces: list[str], sentence: str) -> list[str] | None:
    """As `_between`; what begins with a place is read from its end, for that may hold anything."""
    if pieces[0]:
        return _between(pieces, sentence)
    found = _between([piece[::-1] for piece in reversed(pieces)], sentence[::-1])
    return None if found is None else [value[::-1] for value in reversed(found)]


def in_english(text: str, **values: object) -> str:
    """What `reported` says in English: how a report shows itself."""
    return text.format(**values) if values else text


def width(text: str) -> int:
    """How many columns of a terminal a text takes: Chinese and Japanese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


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
def _patterns(
    name: str = "speech-errors.tsv",
) -> list[tuple[list[str], list[str], dict[str, str]]]:
    """The pieces of messages between their places, and the names of these; most text first.

    What goes around a whole message, as `with a batch of one: {message}`, comes before all.
    """
    found = []
    for text, translations in _table(name).items():
        parts = [(piece, name) for piece, name, *_ in Formatter().parse(text)]
        if names := [name for _, name in parts if name]:
            end = "" if parts[-1][1] else parts.pop()[0]
            found.append(([*(piece for piece, _ in parts), end], names, translations))
    return sorted(found, key=lambda each: ("message" not in each[1], -sum(map(len, each[0]))))


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
