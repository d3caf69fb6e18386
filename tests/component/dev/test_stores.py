"""The stores of a local run, on a real mongod and redis-server: set-up, restart, another port, kill during set-up, separation of users."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from carnet_dev.child import Child
from carnet_dev.mongod import Mongod
from carnet_dev.ports import free_port
from carnet_dev.programs import ProgramNotFoundError
from carnet_dev.redis_server import RedisServer
from carnet_dev.stores import Stores, with_database
from pymongo import MongoClient, WriteConcern
from pymongo.errors import OperationFailure
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry
from support.requirement import missing
from support.stores_fixtures import TestStores


@contextmanager
def connected(url: str) -> Iterator[Any]:
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=10_000) as client:
        yield client.get_default_database()


@pytest.fixture
def mongod(tmp_path: Path) -> Iterator[Mongod]:
    server = Mongod(tmp_path)
    try:
        server.start()
    except ProgramNotFoundError as error:
        missing(str(error))
    yield server
    server.terminate()


def test_a_user_reaches_its_own_database_and_no_other(stores: TestStores) -> None:
    with connected(stores.mongo_url("one")) as one:
        one.things.insert_one({"a": 1})
        with pytest.raises(OperationFailure) as refused:
            one.client["two"].things.find_one()
        assert refused.value.code == 13


def test_nobody_enters_without_a_password(stores: TestStores) -> None:
    assert stores.mongod is not None
    stranger = MongoClient[dict[str, Any]]("127.0.0.1", stores.mongod.port, directConnection=True)
    with stranger, pytest.raises(OperationFailure):
        stranger.admin.command({"createUser": "eve", "pwd": "x", "roles": ["root"]})
    assert stores.redis is not None
    with Redis(port=stores.redis.port, retry=Retry(NoBackoff(), 0)) as unknown, pytest.raises(AuthenticationError):
        unknown.ping()


def test_redis_answers_whoever_has_its_url(stores: TestStores) -> None:
    with Redis.from_url(stores.redis_url) as redis:
        assert redis.ping()


def test_transactions_and_change_streams_work_with_a_users_rights(stores: TestStores) -> None:
    with connected(stores.mongo_url("transactions")) as database:
        database.things.insert_one({"_id": 0})
        with database.watch(), database.client.start_session() as session, session.start_transaction():
            database.things.insert_one({"_id": 1}, session=session)
        assert database.things.count_documents({}) == 2


def test_data_survives_a_kill_and_another_port(mongod: Mongod, tmp_path: Path) -> None:
    with connected(mongod.url("kept")) as database:
        database.things.with_options(write_concern=WriteConcern("majority", j=True)).insert_one({"_id": "there"})
    mongod.kill()
    other = free_port()
    (tmp_path / "mongo.port").write_text(str(other))
    mongod.restart()
    assert mongod.port == other
    with connected(mongod.url("kept")) as database:
        assert database.things.find_one() == {"_id": "there"}


@pytest.mark.long
def test_a_set_up_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    for _ in range(3):
        half = Mongod(tmp_path)
        try:
            half.start()
        except ProgramNotFoundError as error:
            missing(str(error))
        half.kill()
        (tmp_path / "mongo" / "carnet-ready").unlink()
    whole = Mongod(tmp_path)
    whole.start()
    try:
        with connected(whole.url("after")) as database:
            assert database.things.find_one() is None
    finally:
        whole.terminate()


def test_every_file_that_holds_a_secret_is_the_owners_alone(mongod: Mongod, tmp_path: Path) -> None:
    mongod.url("any")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "secrets").iterdir()}
    assert modes
    assert set(modes.values()) == {0o600}


def test_a_store_ends_cleanly(tmp_path: Path) -> None:
    stores = Stores(tmp_path, environment={})
    try:
        stores.start()
    except ProgramNotFoundError as error:
        missing(str(error))
    mongod, redis = stores.mongod, stores.redis
    assert mongod is not None
    assert redis is not None
    stores.stop()
    assert (mongod.process.exit_code, redis.process.exit_code) == (0, 0)


def test_running_stores_are_used_when_their_urls_are_given(tmp_path: Path) -> None:
    environment = {"CARNET_MONGO_URL": "mongodb://me:pw@db.example:27017/?replicaSet=rs0", "CARNET_REDIS_URL": "redis://cache.example"}
    stores = Stores(tmp_path, environment=environment)
    stores.start()
    stores.stop()
    assert stores.mongo_url("consent") == "mongodb://me:pw@db.example:27017/consent?replicaSet=rs0&authSource=admin"
    assert stores.redis_url == "redis://cache.example"
    assert list(tmp_path.iterdir()) == []


def test_an_authentication_database_that_was_named_stays() -> None:
    assert with_database("mongodb://u:p@h/users", "audit") == "mongodb://u:p@h/audit?authSource=users"
    assert with_database("mongodb://h/", "audit") == "mongodb://h/audit"


def test_redis_comes_back_empty_on_its_port(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    try:
        server.start()
    except ProgramNotFoundError as error:
        missing(str(error))
    with Redis.from_url(server.url) as redis:
        redis.set("a", "1")
    port = server.port
    server.kill()
    server.restart()
    with Redis.from_url(server.url) as redis:
        assert (server.port, redis.get("a")) == (port, None)
    server.terminate()


def test_a_suspended_program_can_be_ended(tmp_path: Path) -> None:
    child = Child(["sleep", "60"], tmp_path / "log")
    child.stop()
    assert child.is_running
    assert child.terminate() == -15
