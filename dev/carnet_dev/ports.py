"""Ports of this machine's loopback address: which are free, which are kept between two runs."""

import contextlib
import secrets
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from carnet_dev.private_files import write_private

LOOPBACK = "127.0.0.1"


_FIRST_TRIED = 10_240
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port that nothing listens on now, and that no connection is given as its own end before somebody does."""
    ports = range(_FIRST_TRIED, int(_EPHEMERAL.read_text().split()[0]))
    for _ in ports:
        port = secrets.choice(ports)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def kept_port(file: Path, wanted: int) -> int:
    """The port of the last run if it is free, else `wanted` if that is, else any; written to `file` for the next run."""
    last = [int(file.read_text())] if file.exists() else []
    port = next((candidate for candidate in [*last, wanted] if candidate and is_free(candidate)), None) or free_port()
    write_private(file, str(port))
    return port


def wait_until_open(port: int, is_alive: Callable[[], bool], patience: timedelta = timedelta(seconds=30)) -> None:
    """Return once something listens on `port`.

    Raises ChildProcessError when the program ended first, TimeoutError when `patience` is over.
    """
    end = time.monotonic() + patience.total_seconds()
    while time.monotonic() < end:
        try:
            socket.create_connection((LOOPBACK, port), 0.2).close()
        except OSError:
            if not is_alive():
                raise ChildProcessError(f"the program for port {port} ended before it listened") from None
            time.sleep(0.01)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port} after {patience.total_seconds():.0f} s")
