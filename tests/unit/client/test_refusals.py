"""What a call that failed is told as."""

import asyncio

import grpc
import pytest
from carnet_client import Refused
from carnet_client.refusals import telling_refusals


async def test_a_call_that_grpc_cancels_by_itself_is_refused_and_can_be_made_again() -> None:
    with pytest.raises(Refused) as raised, telling_refusals():
        raise asyncio.CancelledError
    assert (raised.value.code, raised.value.reason) == (grpc.StatusCode.UNAVAILABLE, "")


async def test_a_caller_who_is_cancelled_is_cancelled() -> None:
    waiting = asyncio.Event()

    async def call() -> None:
        with telling_refusals():
            waiting.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
