"""Colours and lines of the pictures, light and dark, as one small style sheet."""

from typing import Literal

from clearprop.errors import ConfigError

Theme = Literal["light", "dark"] | None
"""`None` follows the reader's own setting (`prefers-color-scheme`)."""

FONT = (
    "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'Noto Sans', 'DejaVu Sans', "
    "'Hiragino Sans', 'PingFang SC', 'Microsoft YaHei', 'Yu Gothic', 'Noto Sans CJK SC', sans-serif"
)

# role: (light, dark)
COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#15191f"),
    "ink": ("#1c2430", "#e8ecf2"),
    "faint": ("#667080", "#98a3b3"),
    "forward": ("#3a4556", "#b4c0d2"),
    "backward": ("#c2410c", "#ff9a62"),
    "round": ("#eef3fc", "#212b3c"),
    "round-line": ("#4467a8", "#86abea"),
    "layer": ("#e3edfb", "#1f3350"),
    "layer-line": ("#2f62ae", "#7fb0f5"),
    "parameter": ("#efeafb", "#302a4a"),
    "parameter-line": ("#8367c7", "#a893e6"),
    "frame": ("#f6f8fb", "#1b2129"),
    "frame-line": ("#b9c5d6", "#46546a"),
}


def style(theme: Theme = None) -> str:
    """The style sheet of a picture; every rule begins with `.clearprop`.

    Without a theme it is the light one, and the dark one where the reader asks for it.

    Errors: `ConfigError` for a theme that is neither `"light"`, `"dark"` nor `None`.
    """
    if theme not in ("light", "dark", None):
        raise ConfigError(f'theme is "light", "dark" or None (as the reader has it), not {theme!r}')
    rules = _rules(_LINES) + _rules(_colours(theme == "dark"))
    if theme is None:
        rules += f"@media (prefers-color-scheme: dark) {{\n{_rules(_colours(True))}}}\n"
    return rules.removesuffix("\n")


def _rules(rules: dict[str, str]) -> str:
    scoped = ((part.replace(", ", ", .clearprop "), rule) for part, rule in rules.items())
    return "".join(f".clearprop {part} {{ {rule} }}\n" for part, rule in scoped)


_LINES = {
    "text": f"font-family: {FONT};",
    ".b": "font-weight: bold;",
    ".line": "fill: none; stroke-width: 1.5; stroke-linecap: round;",
    ".back": "stroke-dasharray: none;",
    ".box": "stroke-width: 1.5;",
    ".bracket": "fill: none; stroke-width: 1;",
    "image": "image-rendering: pixelated;",
}


def _colours(dark: bool) -> dict[str, str]:
    c = {role: pair[dark] for role, pair in COLOURS.items()}
    return {
        ".paper": f"fill: {c['paper']};",
        "text": f"fill: {c['ink']};",
        ".faint": f"fill: {c['faint']};",
        ".fwd": f"stroke: {c['forward']};",
        ".fwd-head": f"fill: {c['forward']};",
        ".back": f"stroke: {c['backward']};",
        ".back-head, .d": f"fill: {c['backward']};",
        ".bracket": f"stroke: {c['faint']};",
        ".bracket.d": f"fill: none; stroke: {c['backward']};",
        ".thumb": f"fill: none; stroke: {c['frame-line']};",
        ".bar": f"fill: {c['forward']};",
        ".bar.d": f"fill: {c['backward']};",
        ".operation": f"fill: {c['round']}; stroke: {c['round-line']};",
        ".layer, .fold": f"fill: {c['layer']}; stroke: {c['layer-line']};",
        ".parameter": f"fill: {c['parameter']}; stroke: {c['parameter-line']};",
        ".frame": f"fill: {c['frame']}; stroke: {c['frame-line']};",
        ".dot": f"fill: {c['forward']};",
    }
