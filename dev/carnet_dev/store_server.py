"""A store's own program on this machine: what mongod and redis-server have in common once each is told how to start."""

from abc import ABC, abstractmethod
from pathlib import Path

from carnet_dev.child import Child


class StoreServer(ABC):
    """One program over `folder`; `port` is wanted, and another is taken when it is not free."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder
        self._wanted_port = port
        self._child: Child | None = None
        self.port = 0

    @property
    def process(self) -> Child:
        """The running program."""
        if self._child is None:
            raise RuntimeError(f"{type(self).__name__} was not started")
        return self._child

    @abstractmethod
    def start(self) -> None:
        """Start it and return once it serves. Raises ProgramNotFoundError, ChildProcessError, TimeoutError."""

    def restart(self) -> None:
        """Start it again on its port after it was killed or stopped."""
        if self._child is not None and self._child.is_running:
            self._child.terminate()
        self.start()

    def terminate(self) -> int:
        """End it cleanly and return its exit code, 0 when it was not running."""
        return 0 if self._child is None else self._child.terminate()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()

    def stop(self) -> None:
        """Suspend it (SIGSTOP)."""
        self.process.stop()

    def cont(self) -> None:
        """Let it go on (SIGCONT)."""
        self.process.cont()
