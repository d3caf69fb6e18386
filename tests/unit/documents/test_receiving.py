"""Room for deposits: held until they end, shared between callers, lost by who stalls."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from carnet_documents.domain.rules import RuleBroken
from carnet_documents.usecases.receiving import Receiving, UploadLimits
from carnet_platform.calls import Call, Caller, current
from carnet_platform.errors import ResourceExhausted


def receiving(*, rate: int = 1, grace: timedelta = timedelta(seconds=5)) -> Receiving:
    """Documents of 50 bytes, 100 in hand, 60 of one caller."""
    return Receiving(UploadLimits(50, 100, 60, rate, grace))


def as_caller(name: str) -> None:
    current.set(Call("/m", "request", Caller(name, "t"), None, None, "", ""))


async def parts_of(*parts: bytes, stalls: bool = False) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if stalls:
        await asyncio.Event().wait()


async def test_room_is_held_until_the_deposit_has_ended() -> None:
    """Memory is in use while the bytes are examined, sealed and stored."""
    room = receiving()
    as_caller("a")
    with room.room(50):
        assert await room.receive(parts_of(b"x" * 50), 50) == b"x" * 50
        with pytest.raises(ResourceExhausted), room.room(11):
            pass
    with pytest.raises(RuleBroken), room.room(50):
        await room.receive(parts_of(b"x" * 49), 50)
    with room.room(50):
        pass


async def test_one_caller_takes_no_more_than_his_share() -> None:
    room = receiving()
    as_caller("a")
    with room.room(50):
        as_caller("b")
        with room.room(50):
            as_caller("c")
            with pytest.raises(ResourceExhausted), room.room(1):
                pass
        with room.room(50):
            pass


async def test_who_announces_and_stalls_loses_his_place() -> None:
    """Long before his deadline, and also when he had sent most of it."""
    slow = receiving(rate=1000, grace=timedelta(milliseconds=20))
    for sent in (b"", b"x" * 30):
        async with asyncio.timeout(1):
            with pytest.raises(RuleBroken, match="too slowly"):
                await slow.receive(parts_of(sent, stalls=True), 50)


async def test_the_rate_is_measured_over_the_grace_and_not_over_the_whole() -> None:
    """20 bytes each 20 ms: what came quickly before does not pay for a stall."""
    quick_first = receiving(rate=1000, grace=timedelta(milliseconds=20))
    async with asyncio.timeout(1):
        with pytest.raises(RuleBroken, match="too slowly"):
            await quick_first.receive(parts_of(*[b"x"] * 40, stalls=True), 50)
    assert await quick_first.receive(parts_of(*[b"x"] * 50), 50) == b"x" * 50
