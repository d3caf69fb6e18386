"""Runs a command while a port of this machine leads to the cluster's identity provider: `python -m carnet_dev.cluster forward -- COMMAND`.

`kubectl port-forward` ends with the pod that it leads to; it is begun again until the command has ended.
"""

import subprocess
import threading
from collections.abc import Sequence
from datetime import timedelta

from carnet_dev.ports import wait_until_open

_PATIENCE = timedelta(seconds=60)
_PAUSE_SECONDS = 1.0


class Forwarding:
    """Keeps `command`, which listens on a port, running between `start` and `stop`."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._is_over = threading.Event()
        self._running: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def start(self, port: int) -> None:
        """Return once `port` is open. Raises TimeoutError."""
        self._keeper.start()
        wait_until_open(port, lambda: True, _PATIENCE)

    def stop(self) -> None:
        """End it, and do not begin again."""
        self._is_over.set()
        if self._running is not None:
            self._running.terminate()
        self._keeper.join()

    def _keep(self) -> None:
        while not self._is_over.is_set():
            self._running = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603  # ours
            if self._is_over.is_set():
                self._running.terminate()
            self._running.wait()
            self._is_over.wait(_PAUSE_SECONDS)


def run_forwarded(forward: Sequence[str], port: int, command: Sequence[str]) -> int:
    """Run `command` while `forward` keeps `port` open, and return its exit code."""
    forwarding = Forwarding(forward)
    try:
        forwarding.start(port)
        return subprocess.run(command, check=False).returncode  # noqa: S603  # what the caller asked to run
    finally:
        forwarding.stop()
