"""Fixtures `stores` and `database`: a real mongod and redis-server for the session, a database and user of its own for each test."""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from carnet_dev.programs import ProgramNotFoundError
from carnet_dev.stores import Stores
from pymongo import MongoClient

from support.requirement import missing


class TestStores(Stores):
    """Stores of the test session: ours alone, with failpoints (`configureFailPoint` as `mongod.admin_url`)."""

    __test__ = False

    @property
    def mongo_admin_url(self) -> str:
        """The URL of the user who may do everything."""
        if self.mongod is None:
            raise RuntimeError("the stores of a test session are its own")
        return self.mongod.admin_url

    def drop(self, database: str) -> None:
        """Forget `database` and its user."""
        with MongoClient[dict[str, object]](self.mongo_admin_url) as client:
            client[database].command("dropAllUsersFromDatabase")
            client.drop_database(database)


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestStores]:
    """A mongod (one-member replica set, authentication) and a redis-server for this session.

    `.mongo_url(database)` makes database and user; `.redis_url`; `.mongod` and `.redis` have kill(), stop(), cont(), restart().
    A test that harms them restarts them.
    """
    without_running = {name: value for name, value in os.environ.items() if name not in {"CARNET_MONGO_URL", "CARNET_REDIS_URL"}}
    running = TestStores(tmp_path_factory.mktemp("stores"), environment=without_running, parameters=("enableTestCommands=1",))
    try:
        running.start()
    except ProgramNotFoundError as error:
        missing(str(error))
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def database_name(stores: TestStores) -> Iterator[str]:
    """The name of a database of this test's own, forgotten afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    yield name
    stores.drop(name)


@pytest.fixture
async def database(
    request: pytest.FixtureRequest,
    stores: TestStores,
    database_name: str,
) -> AsyncIterator[tuple[Any, Any]]:
    """An open client and a fresh database of its own user.

    The driver is motor unless the test says `@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)`.
    """
    from carnet_platform.mongo import close, open_client  # noqa: PLC0415

    client = open_client(stores.mongo_url(database_name), getattr(request, "param", "motor"))
    yield client, client.get_default_database()
    await close(client)
