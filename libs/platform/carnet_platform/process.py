"""A service as a process: settings, event loop, workers, exit code.

Exit codes: 0 after a stop that was asked for, 78 (EX_CONFIG) for settings or files that cannot be used, 1 for a fault. With several
workers the parent looks at settings and files once for all, starts the workers as programs (a process must not fork after gRPC was
imported), and restarts one that dies. Each worker tells its own health.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import structlog
import uvloop

from carnet_platform.interceptors.refusals import where
from carnet_platform.own_files import OwnFiles
from carnet_platform.platform import Platform
from carnet_platform.settings import PREFIX, PlatformSettings, SettingsError, load
from carnet_platform.telemetry import logs

EX_CONFIG = 78
WORKER_FLAG = "--worker"
RESTART_SECONDS = 1.0


def run(serve: Callable[[Any], Awaitable[None]], settings: type[PlatformSettings], name: str) -> NoReturn:
    """Run a service and exit. ``serve`` gets the started ``Platform``, whose settings are of the class given."""
    try:
        loaded = load(settings)
        is_parent = loaded.workers > 1 and WORKER_FLAG not in sys.argv
        if is_parent:
            OwnFiles(name, loaded)  # found wrong here it is told once, not by each worker
    except SettingsError as error:
        _say_and_exit(name, error)
    if is_parent:
        sys.exit(_supervise(name, loaded))

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(_tell_kind)
        async with Platform(name, loaded) as platform:
            await serve(platform)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    except SettingsError as error:
        _say_and_exit(name, error)
    sys.exit(0)


def _tell_kind(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody awaited: its kind alone, because the loop's own message quotes it."""
    error = context.get("exception")
    structlog.get_logger(__name__).error(
        "loop.unhandled", kind=type(error).__name__ if error else "none", where=where(error) if error else []
    )


def _say_and_exit(name: str, error: SettingsError) -> NoReturn:
    logs.configure(name, "info")
    for line in str(error).splitlines():
        structlog.get_logger(name).error("cannot_start", fault=line)
    sys.exit(EX_CONFIG)


def _supervise(name: str, settings: PlatformSettings) -> int:
    """Keep the workers running until told to stop. Worker n's health port is the port of the settings plus n."""
    logs.configure(name, settings.log_level)
    logger = structlog.get_logger(name)
    host, _, port = settings.health_listen.rpartition(":")
    is_stopping = False
    workers: dict[int, subprocess.Popen[bytes]] = {}

    def start(number: int) -> None:
        environment = os.environ | {f"{PREFIX}HEALTH_LISTEN": f"{host}:{int(port) + number}"}
        workers[number] = subprocess.Popen([*sys.orig_argv, WORKER_FLAG], env=environment)  # noqa: S603  # this program again

    def stop(*_: object) -> None:
        nonlocal is_stopping
        is_stopping = True
        for worker in workers.values():
            worker.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for number in range(settings.workers):
        start(number)
    while not is_stopping:
        ended = {number: worker.returncode for number, worker in workers.items() if worker.poll() is not None}
        for number, code in ended.items():
            if code == EX_CONFIG:
                stop()
                for worker in workers.values():
                    worker.wait()
                return EX_CONFIG
            logger.error("worker.ended", worker=number, code=code)
            start(number)
        time.sleep(RESTART_SECONDS)  # a signal ends it early
    return max((worker.wait() for worker in workers.values()), default=0)
