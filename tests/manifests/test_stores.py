"""The stores as manifests set them up, on real programs: the replica set is made from afar, Redis lets identity do what it does."""

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from carnet_dev.child import Child
from carnet_dev.cluster.made import Made
from carnet_dev.cluster.replica_set import initialise, read_passwords
from carnet_dev.manifests.contents import read_outside
from carnet_dev.ports import LOOPBACK, free_port, wait_until_open
from carnet_dev.private_files import write_private
from carnet_dev.programs import ProgramNotFoundError, find_mongod, find_redis_server
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError
from support.requirement import missing
from support.tree import ROOT


@dataclass(frozen=True)
class Member:
    """A mongod that nobody has initiated, and the key file it has."""

    address: str
    key: str


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Member]:
    key, port = secrets.token_hex(256), free_port()
    write_private(tmp_path / "keyfile", key)
    (tmp_path / "data").mkdir()
    try:
        program = find_mongod()
    except ProgramNotFoundError as error:
        missing(str(error))
    places = ["--dbpath", str(tmp_path / "data"), "--keyFile", str(tmp_path / "keyfile"), "--port", str(port), "--bind_ip", LOOPBACK]
    child = Child([program, *places, "--replSet", "rs0", "--nounixsocket", "--oplogSize", "64"], tmp_path / "mongod.log")
    try:
        wait_until_open(port, lambda: child.is_running)
        yield Member(f"{LOOPBACK}:{port}", key)
    finally:
        child.kill()


def test_the_replica_set_and_its_users_are_made_from_another_machine_and_once(member: Member) -> None:
    passwords = {"carnet_consent": "first", "carnet_audit": "other"}
    initialise([member.address], member.key, passwords, patience=timedelta(seconds=30))
    initialise([member.address], member.key, {**passwords, "carnet_consent": "second"}, patience=timedelta(seconds=30))
    url = f"mongodb://carnet_consent:second@{member.address}/carnet_consent?replicaSet=rs0&authSource=carnet_consent"
    with MongoClient[dict[str, object]](url) as client:
        client.get_default_database()["records"].insert_one({"_id": "r"})
        client.get_default_database().command("collMod", "records", validator={})
        with pytest.raises(OperationFailure) as refused:
            client["carnet_audit"]["leaves"].find_one()
    assert refused.value.code == 13


def test_another_key_opens_nothing(member: Member) -> None:
    with pytest.raises(TimeoutError, match="OperationFailure"):
        initialise([member.address], secrets.token_hex(256), {}, patience=timedelta(seconds=1))


def test_users_are_the_files_of_a_mounted_secret(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "carnet_audit").write_text("word\n")
    assert read_passwords(tmp_path) == {"carnet_audit": "word"}


@pytest.fixture
async def redis_url(tmp_path: Path) -> AsyncIterator[str]:
    """A redis-server with the configuration of k8s/base and the users of kind."""
    Made(tmp_path / "kept").lay_out(tmp_path / "k8s", "0123abc")
    made, port = tmp_path / "k8s" / "overlays" / "kind" / "made", free_port()
    configuration = (ROOT / "k8s" / "base" / "redis" / "redis.conf").read_text()
    configuration = configuration.replace("port 6379", f"port {port}").replace("/run/redis/", f"{made}/redis/")
    (tmp_path / "redis.conf").write_text(configuration)
    try:
        program = find_redis_server()
    except ProgramNotFoundError as error:
        missing(str(error))
    child = Child([program, str(tmp_path / "redis.conf")], tmp_path / "redis.log")
    try:
        wait_until_open(port, lambda: child.is_running)
        yield (made / "identity" / "redis_url").read_text().replace("redis:6379", f"{LOOPBACK}:{port}")
    finally:
        child.kill()


async def test_identity_does_in_redis_what_it_does_and_nothing_else(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        pipeline = redis.pipeline(transaction=True)
        pipeline.set("identity:assertion:a", b"1", nx=True, ex=60)
        pipeline.get("identity:assertion-epoch")
        assert await pipeline.execute() == [True, None]
        for forbidden in (redis.get("other:key"), redis.flushall(), redis.config_get("*"), redis.keys("*")):
            with pytest.raises(NoPermissionError):
                await forbidden


async def test_nobody_comes_in_without_a_name(redis_url: str) -> None:
    async with Redis.from_url(f"redis://{redis_url.rpartition('@')[2]}") as redis:
        with pytest.raises(AuthenticationError):
            await redis.get("identity:assertion-epoch")


def test_the_list_of_secrets_is_readable() -> None:
    assert read_outside(ROOT / "k8s" / "secrets.yaml")["redis-users"] == {"users.acl"}


def test_redis_evicts_nothing_and_keeps_nothing() -> None:
    lines = (ROOT / "k8s" / "base" / "redis" / "redis.conf").read_text().splitlines()
    assert {"maxmemory-policy noeviction", 'save ""', "appendonly no"} <= set(lines)
