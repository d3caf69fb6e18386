"""What a service's ``main`` builds on: stores, keys, peers, background work, and ``serve``.

``serve`` is the life of the process: stages in order, ports opened, readiness told, SIGTERM awaited, calls in flight finished, what
was opened closed in reverse order.
"""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import grpc
import structlog
from pymongo.errors import PyMongoError

from carnet_platform import mongo
from carnet_platform.callers import CallerTable, Right
from carnet_platform.certificates import CertificateEnd
from carnet_platform.clock import Clock, open_clock
from carnet_platform.interceptors.access_log import AccessLog
from carnet_platform.interceptors.deadline import Deadline
from carnet_platform.interceptors.identity import CallerIdentity, CallerRight, UserToken
from carnet_platform.interceptors.inbound import Stage
from carnet_platform.interceptors.pipeline import Pipeline, RefusedCallHook
from carnet_platform.interceptors.refusals import where
from carnet_platform.interceptors.request_id import RequestId
from carnet_platform.interceptors.tracing import AlwaysTraced, Tracing
from carnet_platform.keys import MasterKeys
from carnet_platform.own_files import OwnFiles
from carnet_platform.peers import Peer, follow_renewals
from carnet_platform.server import Health, HealthCheck, Served, build
from carnet_platform.settings import PlatformSettings, SettingsError, meaning
from carnet_platform.telemetry import logs
from carnet_platform.telemetry.spans import Telemetry
from carnet_platform.tokens import FetchKeys, TokenVerifier

if TYPE_CHECKING:
    from redis.asyncio import Redis

StubT = TypeVar("StubT")
RENEWAL_CHECK = timedelta(seconds=5)
HEALTH_CHECK = timedelta(seconds=1)
HEALTH_TIMEOUT = timedelta(seconds=2)
STORE_WAIT = timedelta(seconds=1)
STOP_TASKS = timedelta(seconds=2)


class Platform:
    """One running service."""

    def __init__(self, name: str, settings: PlatformSettings) -> None:
        """Read what the settings name. Raises ``SettingsError`` when any of it cannot be used; nothing is waited for before."""
        logs.configure(name, settings.log_level)
        self.name = name
        self.settings = settings
        self.logger = structlog.get_logger(name)
        self.clock: Clock = open_clock(settings)
        self._files = OwnFiles(name, settings)
        self._certificates = self._files.certificates
        self._telemetry = Telemetry(name, settings)
        self._always_traced: frozenset[str] = frozenset()
        self._health = Health()
        self._checks: list[HealthCheck] = []
        self._peers: list[Peer[Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = AsyncExitStack()
        self._stop = asyncio.Event()
        self._failed = False
        self._verifier: TokenVerifier | None = None
        self._table = CallerTable({})
        self._on_refused_call: RefusedCallHook | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stop.set)
        try:
            await self._health.start(self.settings.health_listen)
        except RuntimeError as error:
            raise SettingsError(f"CARNET_HEALTH_LISTEN: {error}") from None
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            # Bounded: PyMongo can lose a cancellation on Python 3.11 (mongo.raise_if_cancelled), and a stop must end.
            await asyncio.wait(self._tasks, timeout=STOP_TASKS.total_seconds())
        await self._closing.aclose()
        for peer in self._peers:
            await peer.close()
        await self._health.stop()
        self._telemetry.close()

    async def mongo(self, url_file: Path | None = None) -> mongo.Client:
        """A client with a warm pool, once the store answers; says so while it waits. ``url_file`` names another URL than the settings'."""
        url = self._files.url(self.settings.mongo_url_file if url_file is None else url_file)
        client = mongo.open_client(url, self.settings.mongo_driver, pool_size=self.settings.mongo_pool_size)
        self._closing.push_async_callback(mongo.close, client)

        async def answers() -> bool:
            await client.admin.command("ping")
            return True

        await self._wait_for("mongodb", answers)
        self._checks.append(answers)
        return client

    async def redis(self) -> "Redis | None":
        """A Redis client, or ``None`` when none is set. Not waited for and no part of readiness: Redis holds what may be lost."""
        if self.settings.redis_url_file is None:
            return None
        from carnet_platform.redis import open_redis  # noqa: PLC0415  # half a second that most services need not spend

        client = open_redis(self._files.url(self.settings.redis_url_file))
        self._closing.push_async_callback(client.aclose)
        return client

    def keys(self) -> MasterKeys:
        """The master keys. Raises ``SettingsError`` when no folder is set."""
        if self._files.keys is None:
            what = meaning(type(self.settings), "master_key_folder")
            raise SettingsError(f"CARNET_MASTER_KEY_FOLDER: missing, and this service needs it; set it. {what}")
        return self._files.keys

    def peer(self, target: str, stub: Callable[[grpc.aio.Channel], StubT], server_name: str) -> Peer[StubT]:
        """Another service, on a channel kept for the life of the process."""
        peer = Peer(target, stub, server_name, self._certificates, self.clock, self._may_forward)
        self._peers.append(peer)
        return peer

    def _may_forward(self, service: str) -> bool:
        return self._table.right(self._certificates.name, service) is Right.FORWARDS

    def call_by(self, table: Traversable) -> None:
        """Let the callers of this table in, and nobody else."""
        self._table = CallerTable.load(table)

    def trust_tokens(self, fetch: FetchKeys) -> None:
        """Verify user tokens with the keys that ``fetch`` gives."""
        self._verifier = TokenVerifier(fetch, self.clock)

    def on_refused_call(self, hook: RefusedCallHook) -> None:
        """Call ``hook`` for each call refused before its user is known, before the caller hears of it. It must not block or raise."""
        self._on_refused_call = hook

    def always_trace(self, purposes: frozenset[str]) -> None:
        """Trace every call whose user acts for one of these purposes, whatever share of the others is traced."""
        self._always_traced = purposes

    def background(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        """Run ``job`` as long as the process lives. Its end by an exception stops the process: work left undone unseen is worse."""

        async def watched() -> None:
            try:
                await job()
            except Exception as error:  # noqa: BLE001  whatever it was, it is told by kind and place: a message may quote a value
                self.logger.error("background.failed", job=name, kind=type(error).__name__, where=where(error))  # noqa: TRY400
                self._failed = True
                self._stop.set()

        self._tasks.add(asyncio.ensure_future(watched()))

    def on_stop(self, close: Callable[[], Awaitable[None]]) -> None:
        """Await ``close`` after the last call ended, in reverse order of these calls."""
        self._closing.push_async_callback(close)

    async def serve(self, *services: Served) -> None:
        """Serve until SIGTERM or SIGINT. Raises ``SettingsError`` for a port that is taken or a service nobody could call."""
        try:
            self._table.check_served(service.name for service in services)
            server = build(self.settings, self._certificates, Pipeline(self._stages(), self._on_refused_call), services)
        except (ValueError, RuntimeError) as error:
            raise SettingsError(f"CARNET_LISTEN: {error}") from None
        await server.start()
        end = CertificateEnd(self._certificates, self.settings.certificate_warning, self.settings.certificate_alarm)
        self.background("certificates", lambda: follow_renewals(self._certificates, end, self._peers, RENEWAL_CHECK))
        self.background("health", self._watch_health)
        # What was made so far lives as long as the process: a twentieth of a call went into looking through it for garbage.
        gc.collect()
        gc.freeze()
        self.logger.info("started", listen=self.settings.listen)
        await self._stop.wait()
        await self._health.set_ready(is_ready=False)
        await server.stop(self.settings.stop_grace.total_seconds())
        self.logger.info("stopped")
        if self._failed:
            raise SystemExit(1)

    def _stages(self) -> tuple[Stage, ...]:
        settings = self.settings
        tracing = Tracing(self._telemetry.traces, self._telemetry.ids, settings.trace_sample_ratio)
        return (
            RequestId(),
            tracing,
            AccessLog(self._telemetry.call_duration, is_written=settings.log_calls),
            Deadline(self.clock, default=settings.default_deadline, floor=settings.deadline_floor, margin=settings.deadline_margin),
            CallerIdentity(),
            CallerRight(self._table),
            UserToken(self._table, self._verifier),
            AlwaysTraced(tracing, self._always_traced),
        )

    async def _wait_for(self, store: str, answers: HealthCheck) -> None:
        while True:
            try:
                await answers()
            except (PyMongoError, OSError) as error:
                self.logger.warning("waiting", store=store, kind=type(error).__name__)
            else:
                return
            try:
                await asyncio.wait_for(self._stop.wait(), STORE_WAIT.total_seconds())
            except TimeoutError:
                continue
            raise SystemExit(0)

    async def _watch_health(self) -> None:
        while True:
            is_ready = await self._is_ready()
            if await self._health.set_ready(is_ready=is_ready):
                self.logger.info("ready" if is_ready else "not_ready")
            await asyncio.sleep(HEALTH_CHECK.total_seconds())

    async def _is_ready(self) -> bool:
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT.total_seconds()):
                answers = await asyncio.gather(*(check() for check in self._checks))
        except (PyMongoError, OSError, TimeoutError):
            return False
        return all(answers)
