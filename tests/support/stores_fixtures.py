"""Fixtures `stores` and `database`: a real mongod and redis-server for the session, a database and user of its own for each test."""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from functools import cached_property
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

    def mongo_url(self, database: str) -> str:
        """The URL by which the owner of `database` reaches it; its user is made once."""
        if database not in self._urls:
            self._urls[database] = super().mongo_url(database)
        return self._urls[database]

    def drop(self, database: str) -> None:
        """Forget `database` and its user."""
        self._urls.pop(database, None)
        self._admin.drop_database(database)
        self._admin[database].command("dropAllUsersFromDatabase")

    def empty(self, database: str) -> None:
        """Delete every document of `database`, whatever it may look like."""
        for name in self._filled(database):
            self._admin[database][name].delete_many({})

    def _filled(self, database: str) -> list[str]:
        """The collections that hold something, in one round trip: most hold nothing, and each would be one."""
        names = self._admin[database].list_collection_names(filter={"name": {"$not": {"$regex": "^system\\."}}})
        if not names:
            return []
        looks: list[list[dict[str, Any]]] = [[{"$limit": 1}, {"$project": {"_id": 0, "name": {"$literal": name}}}] for name in names]
        others = [{"$unionWith": {"coll": name, "pipeline": look}} for name, look in zip(names[1:], looks[1:], strict=True)]
        return [str(found["name"]) for found in self._admin[database][names[0]].aggregate([*looks[0], *others])]

    def stop(self) -> None:
        """End what was started."""
        self._admin.close()
        super().stop()

    @cached_property
    def _urls(self) -> dict[str, str]:
        return {}

    @cached_property
    def _admin(self) -> MongoClient[dict[str, object]]:
        return MongoClient(self.mongo_admin_url)


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


@pytest.fixture(scope="module")
def kept_database_name(stores: TestStores) -> Iterator[str]:
    """The name of a database that the tests of a module use one after the other."""
    name = f"test_{secrets.token_hex(6)}"
    yield name
    stores.drop(name)


@pytest.fixture
async def database(request: pytest.FixtureRequest, stores: TestStores) -> AsyncIterator[tuple[Any, Any]]:
    """An open client and a database with no document in it, of its own user; its collections may be those of an earlier test of the module.

    Making collections and users costs more than most tests. A test that wants a database of its own also asks for `database_name`.
    The driver is motor unless the test says `@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)`.
    """
    from carnet_platform.mongo import close, open_client  # noqa: PLC0415

    name = request.getfixturevalue("database_name" if "database_name" in request.fixturenames else "kept_database_name")
    client = open_client(stores.mongo_url(name), getattr(request, "param", "motor"))
    yield client, client.get_default_database()
    await close(client)
    stores.empty(name)
