"""Several processes, perhaps on several machines, that compute together by JAX."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.compiler.devices import needed
from clearprop.errors import ProcessError


def is_first() -> bool:
    """Whether this process writes files and reports: the first of several, or the only one."""
    return needed().process_index() == 0


def together() -> bool:
    """Whether several processes compute together."""
    return needed().process_count() > 1


def agree(facts: Mapping[str, Any]) -> None:
    """See to it that all processes have the same: text, arrays, or lists of them, by name.

    Errors: `ProcessError` names what another process has otherwise.
    """
    if not together():
        return
    from jax.experimental import multihost_utils

    own = np.frombuffer(b"".join(map(_digest, facts.values())), np.uint8)
    with told():
        found = np.asarray(multihost_utils.process_allgather(own)).reshape(-1, len(facts), _SIZE)
    for i, digests in enumerate(found):
        for name, one, other in zip(facts, found[0], digests, strict=True):
            if not np.array_equal(one, other):
                raise ProcessError(
                    f"process {i} has not the same {name} as process 0; start all with the same "
                    "command, data and seed"
                )


class told:  # noqa: N801 (a block that is entered)
    """Say by name that another process has gone, where JAX says that a connection is closed."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValueError | RuntimeError) and together():
            text = str(error).partition("\n")[0][:200]
            if any(word in text for word in _GONE):
                raise ProcessError(
                    "another of the processes that compute together has ended or cannot be "
                    f"reached ({text}); start all of them again, from the last checkpoint if "
                    "there is one"
                ) from error


_GONE = ("Gloo", "NCCL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "onnection")
_SIZE = 16


def _digest(fact: Any) -> bytes:
    digest = hashlib.blake2b(digest_size=_SIZE)
    for part in fact if isinstance(fact, list | tuple) else (fact,):
        if isinstance(part, np.ndarray):
            digest.update(f"{part.shape} {part.dtype}".encode())
            digest.update(np.ascontiguousarray(part).data if part.size else b"")
        else:
            digest.update(repr(part).encode())
    return digest.digest()
