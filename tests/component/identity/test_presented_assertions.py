"""Redis gone, hung, flushed or forged: an assertion is exchanged once or not at all (R6, S1)."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from carnet_dev.private_files import write_private
from carnet_dev.redis_server import RedisServer
from component.identity.conftest import Start
from component.identity.provider import Provider
from component.identity.running import Running, refused
from redis import Redis

UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")


@pytest.fixture
def redis(own_redis: RedisServer) -> Iterator[Redis]:
    """Its client; empty, as are the databases of the tests."""
    with Redis.from_url(own_redis.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def identity(start: Start, own_redis: RedisServer, redis: Redis, database_name: str, tmp_path: Path) -> Iterator[Running]:
    """An identity that has exchanged nothing yet."""
    del redis  # emptied before the start
    write_private(tmp_path / "redis", own_redis.url)
    with start(database_name, redis_url_file=str(tmp_path / "redis")) as running:
        yield running


def _past(provider: Provider) -> str:
    """An assertion of half a minute ago, still good."""
    claims = provider.claims()
    return provider.sign({**claims, "iat": claims["iat"] - 30, "nbf": claims["iat"] - 30})


def test_after_a_flush_what_was_issued_before_is_refused_and_a_new_login_works(identity: Running, provider: Provider, redis: Redis) -> None:
    exchanged, kept = _past(provider), _past(provider)
    identity.exchange(exchanged)
    redis.flushall()
    assert refused(lambda: identity.exchange(exchanged)).reason == "ASSERTION_INVALID"
    assert refused(lambda: identity.exchange(kept)).reason == "ASSERTION_INVALID"
    now = provider.claims()["iat"]
    assert identity.exchange(provider.assertion(iat=now + 5, nbf=now, exp=now + 300)).access_token
    assert refused(lambda: identity.exchange(exchanged)).reason == "ASSERTION_INVALID"


def test_a_redis_that_comes_back_from_an_older_state_brings_no_assertion_to_life(
    identity: Running, provider: Provider, redis: Redis
) -> None:
    """R6 and S1: the epoch is good, the newest marks are gone."""
    assertion = _past(provider)
    identity.exchange(assertion)
    assert redis.delete(*redis.scan_iter("identity:assertion:*")) == 1
    assert refused(lambda: identity.exchange(assertion)).reason == "ASSERTION_INVALID"


@pytest.mark.long
def test_a_forged_epoch_counts_as_none(identity: Running, provider: Provider, redis: Redis) -> None:
    """R6: filled with forged entries."""
    for forged in ("1970-01-01T00:00:00+00:00", "1970-01-01T00:00:00+00:00 00", "x", "", b"\xff\xfe \xff"):
        redis.flushall()
        redis.set("identity:assertion-epoch", forged)
        assert refused(lambda: identity.exchange(_past(provider))).reason == "ASSERTION_INVALID"


@pytest.mark.long
def test_a_restart_keeps_what_is_known_and_makes_nobody_log_in_again(
    start: Start, own_redis: RedisServer, redis: Redis, provider: Provider, database_name: str, tmp_path: Path
) -> None:
    """R6: everything was stopped, and Redis kept nothing."""
    write_private(tmp_path / "redis", own_redis.url)
    exchanged, kept = _past(provider), provider.assertion()
    with start(database_name, redis_url_file=str(tmp_path / "redis")) as identity:
        identity.exchange(exchanged)
    redis.flushall()
    with start(database_name, redis_url_file=str(tmp_path / "redis")) as identity:
        assert refused(lambda: identity.exchange(exchanged)).reason == "ASSERTION_INVALID"
        assert identity.exchange(kept).access_token


def test_a_hung_redis_refuses_and_ends_well(identity: Running, provider: Provider, own_redis: RedisServer) -> None:
    own_redis.stop()
    try:
        answer = refused(lambda: identity.exchange(provider.assertion()))
        assert (answer.code, answer.reason) == UNAVAILABLE
    finally:
        own_redis.cont()
    now = provider.claims()["iat"]
    assert identity.exchange(provider.assertion(iat=now + 5, nbf=now)).access_token


def test_a_killed_redis_refuses_and_an_empty_one_remembers_nothing_in_favour(
    identity: Running, provider: Provider, own_redis: RedisServer
) -> None:
    exchanged = provider.assertion(iat=(now := provider.claims()["iat"]) + 10, nbf=now)
    identity.exchange(exchanged)
    own_redis.kill()
    try:
        answer = refused(lambda: identity.exchange(provider.assertion()))
        assert (answer.code, answer.reason) == UNAVAILABLE
    finally:
        own_redis.restart()
    assert refused(lambda: identity.exchange(exchanged)).reason == "ASSERTION_INVALID"
    assert identity.exchange(provider.assertion(iat=now + 20, nbf=now)).access_token
