"""Arrays kept elsewhere for a while, as on a GPU: who asks for one has all brought back."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

_AWAY = "_away"
"""The attribute that says which attributes are away, and how all are brought back."""
_READERS = (
    *("__getattr__", "__getattribute__", "__getstate__", "__copy__", "__deepcopy__"),
    *("__reduce__", "__reduce_ex__"),
)


class Lends:
    """What may lend arrays: they are no attributes of it meanwhile.

    Who asks for one, or copies the whole, has them brought back first: an old number is not there
    to be read.
    """

    def __getattr__(self, name: str) -> Any:
        come_home(self, name)
        return object.__getattribute__(self, name)

    def __getstate__(self) -> object:
        """What a copy is made of."""
        come_home(self)
        return super().__getstate__()


def may_lend(thing: Any, names: Iterable[str]) -> bool:
    """Whether all that ask for these attributes are met here: nobody has other ways to read them,
    and the class has nothing of that name that would answer in their place."""
    if not isinstance(thing, Lends):
        return False
    homes = (next((c for c in type(thing).__mro__ if n in vars(c)), object) for n in _READERS)
    ours = all(c is object or c.__module__.partition(".")[0] == "clearprop" for c in homes)
    return ours and all(n in vars(thing) and not hasattr(type(thing), n) for n in names)


def lend(thing: Any, names: Iterable[str], bring: Callable[[], None]) -> dict[str, Any]:
    """Take attributes away, which `bring` is to give back by `give_back`; gives what they were."""
    held = vars(thing)
    held[_AWAY] = frozenset(names), bring
    return {name: held.pop(name) for name in names}


def give_back(thing: Any, lent: Mapping[str, Any]) -> None:
    """Give attributes back that were lent, but for those that were assigned meanwhile."""
    held = vars(thing)
    for name, value in lent.items():
        held.setdefault(name, value)
    held.pop(_AWAY, None)


def come_home(thing: Any, name: str = "") -> bool:
    """Have brought back what is away, of one attribute or of any, and whether there was such."""
    names, bring = getattr(thing, "__dict__", {}).get(_AWAY, ((), None))
    if bring is None or (name and name not in names):
        return False
    bring()
    return True
