"""A real redis-server on this machine, with a password and nothing kept on disk: it holds only what may be lost."""

from datetime import timedelta
from pathlib import Path

from carnet_dev.child import Child
from carnet_dev.ports import LOOPBACK, kept_port, wait_until_open
from carnet_dev.private_files import kept_secret, write_private
from carnet_dev.programs import find_redis_server

_STARTING_PATIENCE = timedelta(seconds=10)


class RedisServer:
    """One redis-server over `folder`; `port` is wanted, and another is taken when it is not free."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder
        self._wanted_port = port
        self._child: Child | None = None
        self.port = 0

    @property
    def process(self) -> Child:
        """The running program."""
        if self._child is None:
            raise RuntimeError("redis-server was not started")
        return self._child

    @property
    def url(self) -> str:
        """The URL of database 0, with the password."""
        return f"redis://:{self._password()}@{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Start it and return once it listens: hundredths of a second. Raises ProgramNotFoundError, ChildProcessError, TimeoutError."""
        program = find_redis_server()
        self.port = kept_port(self._folder / "redis.port", self._wanted_port)
        configuration = self._folder / "secrets" / "redis.conf"  # not arguments: they are visible to every user of the machine
        write_private(configuration, self._configuration())
        self._child = Child([program, str(configuration)], self._folder / "log" / "redis.log")
        wait_until_open(self.port, lambda: self.process.is_running, _STARTING_PATIENCE)

    def restart(self) -> None:
        """Start it again, empty, on its port after it was killed or stopped."""
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

    def _password(self) -> str:
        return kept_secret(self._folder / "secrets" / "redis")

    def _configuration(self) -> str:
        # noeviction: a forgotten assertion could be presented twice; a full store refuses instead.
        return "\n".join(
            [
                f"bind {LOOPBACK}",
                f"port {self.port}",
                f"dir {self._folder}",
                f"requirepass {self._password()}",
                'save ""',
                "appendonly no",
                "daemonize no",
                "maxmemory 64mb",
                "maxmemory-policy noeviction",
                "",
            ],
        )
