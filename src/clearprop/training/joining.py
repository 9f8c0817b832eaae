"""How processes that compute together find each other: a roll call, before JAX starts."""

import atexit
import json
import platform
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from clearprop import __version__
from clearprop.compiler.devices import needed
from clearprop.errors import ConfigError, ProcessError

PATIENCE = 60.0
"""Seconds that processes wait for each other at the start."""
FAREWELL = 5.0
"""Seconds that the first waits at the end for the others to end."""


def join(
    coordinator: str | None = None,
    process: int | None = None,
    processes: int | None = None,
    *,
    seconds: float = PATIENCE,
) -> None:
    """Let this process compute together with others, each of which does the same with its number.

    `coordinator` is the address `host:port` at which the first, process 0 of `processes`, can be
    reached; the others wait for it, and it for them, so many seconds. From then on `devices` are
    those of all processes. Each runs the same program on the same data; this comes before anything
    else that JAX does. Without arguments JAX looks into its environment (a cluster's, or
    `JAX_COORDINATOR_ADDRESS` and the like).

    Errors: `ConfigError` for arguments that do not fit, or other than those of the others;
    `ProcessError` if a process cannot be reached, or has other versions.
    """
    jax = needed()
    # The death of one is an error of the others, which can keep what they have learned.
    with suppress(AttributeError):
        jax.config.update("jax_enable_recoverability", True)
    if (coordinator, process, processes) == (None, None, None):
        jax.distributed.initialize(initialization_timeout=int(seconds))
        return
    if coordinator is None or process is None or processes is None:
        raise ConfigError(
            "coordinator (host:port of process 0), process (0, 1, …) and processes (how many) "
            "belong together; give all three, or none where JAX finds them in its environment"
        )
    if not 0 <= process < processes:
        raise ConfigError(f"process must be from 0 to {processes - 1}, got {process}")
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(
            f"coordinator must be host:port, such as 10.0.0.1:9555; got {coordinator}"
        )
    lines = roll_call((host, int(port)), process, processes, _versions(jax), seconds)
    jax.distributed.initialize(
        coordinator, processes, process, initialization_timeout=max(int(seconds), 1)
    )
    # JAX ends the others without a word when the first has gone: at its end it waits for theirs.
    atexit.register(_wait, lines if process == 0 else [])
    _lines.extend(lines)


def _versions(jax: Any) -> dict[str, str]:
    python = ".".join(platform.python_version_tuple()[:2])
    return {"clearprop": __version__, "jax": jax.__version__, "numpy": np.__version__} | {
        "Python": python
    }


_lines: list[socket.socket] = []
"""Open until this process ends, which the first sees."""


def _wait(lines: list[socket.socket]) -> None:
    end = time.monotonic() + FAREWELL
    for line in lines:
        with suppress(OSError):
            line.settimeout(max(end - time.monotonic(), 0.01))
            line.recv(1)


def roll_call(
    address: tuple[str, int],
    process: int,
    processes: int,
    versions: Mapping[str, str],
    seconds: float,
) -> list[socket.socket]:
    """Wait until all processes are there, and say by name what does not fit.

    JAX would end the whole program for a process that does not come. Process 0 listens at
    `address`, the others send it one line; it answers all of them the same: nothing, or an error.
    The connections stay open, and are given back.

    Errors: `ProcessError`.
    """
    own = {"process": process, "processes": processes, "versions": dict(versions)}
    end = time.monotonic() + seconds
    if process:
        line = _connected(address, end, seconds)
        try:
            line.sendall(json.dumps(own).encode() + b"\n")
            answer = _read(line)
        except OSError:
            answer = ""
        if answer != "ok":
            line.close()
            gone = f"process 0 at {address[0]}:{address[1]} ended during the roll call"
            raise ProcessError(answer or gone)
        return [line]
    try:
        server = socket.create_server(("", address[1]))
    except OSError as error:
        raise ProcessError(f"port {address[1]} cannot be listened at: {error}") from None
    error, lines, there = "", list[socket.socket](), {0}
    with server:
        while not error and len(there) < processes:
            try:
                server.settimeout(max(end - time.monotonic(), 0.01))
                line = server.accept()[0]
                line.settimeout(max(end - time.monotonic(), 0.01))
                lines.append(line)
                error = _misfit(json.loads(_read(line)), own, there)
            except TimeoutError:
                missing = ", ".join(str(i) for i in range(processes) if i not in there)
                error = f"process {missing} of {processes} did not come within {seconds:g} seconds"
            except (OSError, ValueError, KeyError, TypeError):
                continue  # some other program at this port
    for line in lines:
        with suppress(OSError):
            line.sendall((error or "ok").encode() + b"\n")
    if error:
        for line in lines:
            line.close()
        raise ProcessError(error)
    return lines


def _read(line: socket.socket) -> str:
    """One line of text, without its end."""
    text = b""
    while not text.endswith(b"\n") and (more := line.recv(4096)) and len(text) < 1 << 16:
        text += more
    return text.decode().strip()


def _misfit(entry: dict[str, Any], own: dict[str, Any], there: set[int]) -> str:
    """What is wrong with a process that has come, if anything; otherwise it is there."""
    i = int(entry["process"])
    if entry["processes"] != own["processes"]:
        return f"process {i} counts {entry['processes']} processes, process 0 {own['processes']}"
    if i in there or i not in range(own["processes"]):
        return f"two processes have the number {i}"
    for name, version in own["versions"].items():
        if entry["versions"].get(name) != version:
            other = entry["versions"].get(name)
            return f"process {i} has {name} {other}, process 0 {version}; install the same"
    there.add(i)
    return ""


def _connected(address: tuple[str, int], end: float, seconds: float) -> socket.socket:
    while True:
        try:
            left = max(end - time.monotonic(), 0.01)
            line = socket.create_connection(address, timeout=left)
            line.settimeout(left)
            return line
        except OSError as error:
            if time.monotonic() + 0.2 > end:
                raise ProcessError(
                    f"process 0 cannot be reached at {address[0]}:{address[1]} within {seconds:g} "
                    f"seconds ({error}); start it, and see that the port is open"
                ) from None
            time.sleep(0.2)
