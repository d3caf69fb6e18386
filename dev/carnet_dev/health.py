"""Asking a program whether it serves: gRPC health for services, an open port for the identity provider."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_INTERVAL_SECONDS = 0.05
_ANSWER_SECONDS = 1.0
# A channel that found nobody must not wait a second before it looks again.
_OPTIONS = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200), ("grpc.min_reconnect_backoff_ms", 50)]


async def is_serving(address: str) -> bool:
    """Whether the gRPC health service at `address` (plaintext) says SERVING."""
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        return await _says_serving(channel)


async def wait_until_serving(address: str, has_ended: Callable[[], bool], every: timedelta, remind: Callable[[], None]) -> bool:
    """Wait for SERVING, calling `remind` again and again after `every`; False when the program ended instead.

    There is no limit: a service that waits for its store is right to wait.
    """
    next_reminder = asyncio.get_running_loop().time() + every.total_seconds()
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        while not await _says_serving(channel):
            if has_ended():
                return False
            if asyncio.get_running_loop().time() > next_reminder:
                remind()
                next_reminder += every.total_seconds()
            await asyncio.sleep(_INTERVAL_SECONDS)
    return True


async def _says_serving(channel: grpc.aio.Channel) -> bool:
    try:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=_ANSWER_SECONDS)
    except grpc.RpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
