"""Programs that Carnet starts on this machine: each dies with the process that started it, and never by its terminal's Ctrl-C.

A child leads a session of its own, so that Ctrl-C reaches the supervisor alone and the stop order is kept. Should the supervisor be
killed, the kernel sends its children SIGTERM (`tied.py` asks for that before it becomes the program).
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from carnet_dev.suspension import suspend

_TIED = Path(__file__).with_name("tied.py")


class Child:
    """A running program whose output goes to `log`.

    Start it from the main thread: the kernel ties it to the thread that started it, not to the process.
    """

    def __init__(self, command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # the commands are this package's own
                [sys.executable, "-I", "-S", str(_TIED), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, the same before and after the program took over."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs. Reaps a dead child."""
        return self._process.poll()

    @property
    def is_running(self) -> bool:
        """Whether the program still runs (a stopped one does)."""
        return self.exit_code is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, or nothing when it has ended."""
        if self.is_running:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL) and wait for that."""
        self.send(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Suspend it: it answers nothing and keeps its sockets."""
        if self.is_running:
            suspend(self.pid)

    def cont(self) -> None:
        """Let a suspended program go on (SIGCONT)."""
        self.send(signal.SIGCONT)

    def terminate(self, patience: timedelta = timedelta(seconds=15)) -> int:
        """Ask it to end (SIGTERM), kill it when `patience` is over, and return its exit code."""
        self.cont()
        self.send(signal.SIGTERM)
        try:
            return self._process.wait(patience.total_seconds())
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.returncode
