"""A program that stands for a service where only starting and stopping is at stake: health alone, on CARNET_HEALTH_LISTEN.

It logs its own end in CARNET_LISTEN's place: the file named by STUB_JOURNAL gets one line at start and one at a clean stop.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio


def _note(word: str) -> None:
    with Path(os.environ["STUB_JOURNAL"]).open("a") as journal:
        journal.write(f"{word} {sys.argv[1]}\n")


async def _serve() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    servicer = health_aio.HealthServicer()
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(os.environ["CARNET_HEALTH_LISTEN"])
    await server.start()
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    _note("start")
    await stop.wait()
    await server.stop(None)
    _note("stop")


if __name__ == "__main__":
    if os.environ.get("CARNET_STUB_FAULT") == "settings":
        sys.stderr.write("cannot_start: CARNET_LISTEN is missing\n")
        sys.exit(78)
    asyncio.run(_serve())
