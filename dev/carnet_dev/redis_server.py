"""A real redis-server on this machine, with a password and nothing kept on disk: it holds only what may be lost."""

from datetime import timedelta

from carnet_dev.child import Child
from carnet_dev.ports import LOOPBACK, kept_port, wait_until_open
from carnet_dev.private_files import kept_secret, write_private
from carnet_dev.programs import find_redis_server
from carnet_dev.store_server import StoreServer

_STARTING_PATIENCE = timedelta(seconds=10)


class RedisServer(StoreServer):
    """One redis-server over `folder`; `port` is wanted, and another is taken when it is not free. Started again it is empty."""

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
