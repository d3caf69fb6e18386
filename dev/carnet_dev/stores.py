"""The stores of a local run: those that already run when their URLs are given, else a mongod and a redis-server of our own.

`CARNET_MONGO_URL` and `CARNET_REDIS_URL` name running stores. They are used as they are: each service gets that URL with its own
database in it, and who may read what is then the business of whoever runs them.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from carnet_dev.mongod import Mongod
from carnet_dev.redis_server import RedisServer


class Stores:
    """MongoDB and Redis for one folder. `mongod` and `redis` are None where a running store is used."""

    def __init__(
        self,
        folder: Path,
        *,
        mongo_port: int = 0,
        redis_port: int = 0,
        environment: Mapping[str, str] = os.environ,
        parameters: tuple[str, ...] = (),
    ) -> None:
        self._mongo_url = environment.get("CARNET_MONGO_URL", "")
        self._redis_url = environment.get("CARNET_REDIS_URL", "")
        self.mongod = None if self._mongo_url else Mongod(folder, mongo_port, parameters=parameters)
        self.redis = None if self._redis_url else RedisServer(folder, redis_port)

    def start(self) -> None:
        """Start what is ours. Raises as Mongod.start and RedisServer.start do."""
        if self.redis is not None:
            self.redis.start()
        if self.mongod is not None:
            self.mongod.start()

    def stop(self) -> None:
        """Stop what is ours: Redis first, then mongod, each waited for."""
        if self.redis is not None:
            self.redis.terminate()
        if self.mongod is not None:
            self.mongod.terminate()

    def mongo_url(self, database: str) -> str:
        """The URL by which the owner of `database` reaches it and, with a mongod of ours, nothing else."""
        if self.mongod is not None:
            return self.mongod.url(database)
        return with_database(self._mongo_url, database)

    @property
    def redis_url(self) -> str:
        """The URL of Redis."""
        return self._redis_url if self.redis is None else self.redis.url


def with_database(url: str, database: str) -> str:
    """`url` with `database` in its path; the database that knows its user stays the one it was."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if parts.username:
        query.setdefault("authSource", parts.path.strip("/") or "admin")
    return urlunsplit(parts._replace(path=f"/{database}", query=urlencode(query)))
