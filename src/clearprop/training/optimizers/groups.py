"""Groups: which parameters have which settings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from clearprop.errors import ConfigError


@dataclass(frozen=True)
class Group:
    """Parameters that are updated by one formula with the same settings."""

    names: tuple[str, ...]
    patterns: tuple[str, ...] = ()
    """The patterns among the optimiser's `groups` that name these parameters."""
    decays: bool = False
    """Whether the weights decay."""


def matching(name: str, patterns: Iterable[str]) -> tuple[str, ...]:
    """Those patterns that a name fits: as in a shell, `*` is any text; or the name itself."""
    return tuple(p for p in patterns if p == name or fnmatchcase(name, p))


def check_patterns(what: str, patterns: Sequence[str], names: Iterable[str]) -> None:
    """Refuse a pattern that no parameter fits: it was meant to do something."""
    names = list(names)
    for pattern in patterns:
        if not any(matching(name, [pattern]) for name in names):
            raise ConfigError(
                f"{what}: no parameter fits the pattern {pattern!r}; "
                f"there are {', '.join(names) or 'none'}"
            )
