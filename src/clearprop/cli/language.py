"""The language of the command line: which one is spoken, and help that is told in it."""

import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from cyclopts.help import DefaultFormatter, HelpEntry, HelpPanel, InlineText
from cyclopts.help.specs import (
    DescriptionRenderer,
    get_default_command_columns,
    get_default_parameter_columns,
)

from clearprop.speech import language_of, retold, say, speak, spoken

if TYPE_CHECKING:
    from clearprop.training import RunConfig, RunFolder

OPTION = "English, 简体中文 or 日本語: en, zh or ja. [default: that of the run, or the locale]"
asked: ContextVar[str | None] = ContextVar("asked", default=None)
"""The language that was asked for by `--language`."""


def begin_to_speak(given: list[str]) -> list[str]:
    """Speak as `--language` asks or the locale has it, and give the other arguments.

    Errors: `ConfigError` for a language that is not known.
    """
    asked.set(None)
    speak(language_of())
    for i, text in enumerate(given):
        name, equals, value = text.partition("=")
        if name == "--language" and (equals or i + 1 < len(given)):
            speak(value if equals else given[i + 1])
            asked.set(spoken())
            return given[:i] + given[i + (1 if equals else 2) :]
    return given


def read_settings(folder: "RunFolder") -> "RunConfig":
    """The settings of a run; from here on its language is spoken, unless another was asked for."""
    config = folder.read_config()
    if config.language and not asked.get():
        speak(config.language)
    return config


def told_help(text: str) -> str:
    """A help text in the language that is spoken, its examples as they are.

    >>> told_help("For example:\\n\\n    clearprop train --seed 1\\n")
    'For example:\\n\\n    clearprop train --seed 1'
    """
    blocks = re.split(r"\n\s*?\n", text.strip("\n"))
    return "\n\n".join(_example(b) if b[:1] == " " else say(" ".join(b.split())) for b in blocks)


def _example(block: str) -> str:
    """Commands as they are, and what is said of each behind two spaces."""
    return re.sub(r"(\S {2,})(\S.*)$", lambda m: m[1] + say(m[2]), block, flags=re.MULTILINE)


class SpokenHelp:
    """Shows help as cyclopts does, in the language that is spoken."""

    def __call__(self, console: Any, options: Any, panel: HelpPanel) -> None:
        columns_of = get_default_parameter_columns
        if panel.format == "command":
            columns_of = get_default_command_columns
        elif panel.title == "Parameters":
            spoken = HelpEntry(positive_names=("--language",), metavar="CHOICE", description=OPTION)
            panel = panel.copy(entries=[*panel.entries, spoken])
        *others, last = columns_of(console, options, panel.entries)
        columns = (*others, last.copy(renderer=_described))
        show = DefaultFormatter(column_specs=columns)
        show(console, options, panel.copy(title=say(str(panel.title))))

    def render_usage(self, console: Any, options: Any, usage: Any) -> None:
        from rich.text import Text

        console.print(Text(say("Usage: {how}", how=usage), "bold"))

    def render_description(self, console: Any, options: Any, description: Any) -> None:
        from rich.markdown import Markdown

        text = getattr(getattr(description, "primary_renderable", None), "markup", "")
        console.print(Markdown(told_help(text)), "")


def _described(entry: HelpEntry) -> Any:
    """What an option or command is for; its default and so on are told behind it."""
    from rich.text import Text

    text = entry.description
    text = text if isinstance(text, str) else text.primary_renderable.markup
    described = InlineText.from_format(told_help(text), "markdown")
    shown: Any = DescriptionRenderer()(entry.copy(description=described))
    shown.texts = [Text(retold(each.plain), each.style) for each in shown.texts]
    return shown
