"""Fixture `fragile`: a system that tests may harm. Whoever harms it leaves it whole."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from carnet_dev.health import wait_until_serving
from carnet_dev.local_run import LocalRun
from carnet_dev.plan import SERVICES
from carnet_dev.private_files import write_private
from carnet_dev.redis_server import RedisServer
from support.system_fixtures import RunningCarnet, require_stores, settings


@dataclass(frozen=True)
class Fragile:
    """The running system, its Redis, and the clock of each service."""

    run: LocalRun
    redis: RedisServer
    clocks: Path

    def move_clock(self, by: timedelta, *services: str) -> None:
        """Move the clocks of these services, or of all, to so far from the true time."""
        for service in services or [service.name for service in SERVICES]:
            write_private(self.clocks / service, str(by.total_seconds()))

    async def is_whole(self) -> None:
        """Return once every service serves."""
        for name in self.run.health:
            await wait_until_serving(self.run.health[name], lambda: False, timedelta(seconds=10), lambda: None)


@pytest.fixture(scope="package")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fragile]:
    """The system with clocks that can be moved and a Redis that nobody starts again but the test."""
    require_stores()
    folder = tmp_path_factory.mktemp("fragile")
    redis = RedisServer(folder / "redis")
    redis.start()
    clocks = {f"{service.name}.clock_offset_file": str(folder / "clocks" / service.name) for service in SERVICES}
    running = RunningCarnet(folder / "var", *settings(clocks), environment={**os.environ, "CARNET_REDIS_URL": redis.url})
    try:
        yield Fragile(running.wait_until_up(), redis, folder / "clocks")
    finally:
        running.process.terminate(timedelta(seconds=60))
        redis.terminate()
