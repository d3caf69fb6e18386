"""Which calls are traced, what hangs below them, and an endpoint that is dead; over real mutual TLS, MongoDB, Redis and OTLP."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from carnet_dev.certificates import Authority
from carnet_dev.ports import free_port
from carnet_platform.certificates import CertificateFolder
from carnet_platform.clock import SystemClock
from carnet_platform.errors import Refusal
from carnet_platform.peers import Peer, channel_options
from carnet_platform.redis import open_redis
from carnet_platform.settings import PlatformSettings
from carnet_platform.telemetry.spans import Telemetry
from carnet_platform.telemetry.steps import Step, within
from opentelemetry.context import Context
from pymongo.errors import DuplicateKeyError
from support.echo import CALLERS, EchoService, Tokens, serve
from support.otlp import Received, Receiver
from support.stores_fixtures import TestStores
from support.waiting import eventually

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = (("traceparent", f"00-{TRACE}-{CALLER}-{flags}") for flags in ("01", "00"))
Metadata = list[tuple[str, str]]


@pytest.fixture
def receiver() -> Any:  # noqa: ANN401  # a generator of one
    one = Receiver()
    one.start()
    yield one
    one.stop()


@pytest.fixture
def settings(tmp_path: Path, certificates: Authority) -> Callable[[str], PlatformSettings]:
    """Settings that trace nothing by chance and tell an endpoint."""
    (tmp_path / "callers.toml").write_text(CALLERS)
    (tmp_path / "mongo").write_text("mongodb://127.0.0.1:9/unused")

    def make(endpoint: str) -> PlatformSettings:
        return PlatformSettings(
            environment="test",
            listen=f"127.0.0.1:{free_port()}",
            health_listen=f"127.0.0.1:{free_port()}",
            mongo_url_file=tmp_path / "mongo",
            certificate_folder=certificates.folder("documents"),
            trace_endpoint=endpoint,
            trace_sample_ratio=0,
        )

    return make


class Served:
    """The echo service, called as another service would."""

    def __init__(self, address: str, certificates: Authority, echo: EchoService, tokens: Tokens) -> None:
        self.address, self.echo, self._certificates, self._tokens = address, echo, certificates, tokens

    async def call(self, method: str, *metadata: tuple[str, str], name: str = "documents") -> str:
        """How the call ended."""
        key, certificate, authority = ((self._certificates.folder(name) / file).read_bytes() for file in ("key.pem", "cert.pem", "ca.pem"))
        credentials = grpc.ssl_channel_credentials(authority, key, certificate)
        async with grpc.aio.secure_channel(self.address, credentials, channel_options("localhost")) as channel:
            try:
                answer: Any = channel.unary_unary(f"/test.{method}")
                await answer(b"", timeout=5, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                return error.code().name
        return "OK"

    def bearer(self, purpose: str) -> tuple[str, str]:
        claims = self._tokens.claims(self._certificates.folder("portal"), purpose=purpose)
        return ("authorization", "Bearer " + self._tokens.sign(claims))


@asynccontextmanager
async def running(settings: PlatformSettings, certificates: Authority, table: Path) -> AsyncIterator[Served]:
    echo, tokens, started = EchoService(), Tokens(), asyncio.Event()
    task = asyncio.ensure_future(serve(settings, echo, tokens, table, started, always_traced=frozenset({"EMERGENCY"})))
    await started.wait()
    try:
        yield Served(settings.listen, certificates, echo, tokens)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await task


Run = Callable[[str], AbstractAsyncContextManager[Served]]


@pytest.fixture
def run(settings: Callable[[str], PlatformSettings], certificates: Authority, tmp_path: Path) -> Run:
    return lambda endpoint: running(settings(endpoint), certificates, tmp_path / "callers.toml")


async def only(receiver: Receiver) -> Received:
    """The one span there is."""
    await eventually(lambda: bool(receiver.spans))
    (span,) = receiver.spans
    return span


async def test_the_callers_decision_is_followed_and_chance_decides_where_it_made_none(run: Run, receiver: Receiver) -> None:
    async with run(receiver.endpoint) as served:
        assert [await served.call("Open/echo", *metadata) for metadata in ([], [UNSAMPLED], [SAMPLED])] == ["OK"] * 3
    span = await only(receiver)
    assert (span.trace_id, span.parent, span.kind, span.name) == (TRACE, CALLER, "server", "test.Open/echo")
    assert span.attributes.pop("carnet.request_id")
    assert span.attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "test.Open/echo",
        "rpc.response.status_code": "OK",
        "carnet.sampled_by": "caller",
    }
    assert (span.resource["service.name"], span.resource["service.namespace"]) == ("documents", "carnet")


@pytest.mark.parametrize(
    ("method", "name", "status", "error"),
    [
        ("Open/wrong", "documents", "INVALID_ARGUMENT", "INVALID_FIELD"),
        ("Open/broken", "documents", "INTERNAL", "INTERNAL"),
        ("Open/echo", "portal", "PERMISSION_DENIED", "CALLER_NOT_ALLOWED"),
        ("Users/subject", "portal", "UNAUTHENTICATED", "TOKEN_MISSING"),
    ],
)
async def test_an_unsampled_call_that_fails_is_told_with_its_own_beginning_and_end(
    run: Run, receiver: Receiver, method: str, name: str, status: str, error: str
) -> None:
    before = time.time_ns()
    async with run(receiver.endpoint) as served:
        assert await served.call(method, UNSAMPLED, name=name) == status
        ended = time.time_ns()
    span = await only(receiver)
    assert (span.trace_id, span.parent, span.is_error) == (TRACE, CALLER, True)
    assert (span.attributes["carnet.sampled_by"], span.attributes["error.type"]) == ("status", error)
    assert span.attributes["rpc.response.status_code"] == status
    assert before < span.start < span.end < ended


async def test_a_failed_call_that_brought_no_trace_has_the_trace_id_that_was_told_of_it(run: Run, receiver: Receiver) -> None:
    async with run(receiver.endpoint) as served:
        await served.call("Open/echo", name="portal")
    span = await only(receiver)
    assert (span.trace_id, span.parent) == (served.echo.refused[0].trace_id, "")


async def test_a_purpose_that_is_always_traced_is_whatever_was_decided(run: Run, receiver: Receiver) -> None:
    async with run(receiver.endpoint) as served:
        for purpose in ("TREATMENT", "EMERGENCY"):
            assert await served.call("Users/subject", UNSAMPLED, served.bearer(purpose), name="portal") == "OK"
    span = await only(receiver)
    assert (span.trace_id, span.attributes["carnet.sampled_by"]) == (TRACE, "purpose")


@pytest.mark.parametrize("kind", ["refusing", "silent"])
async def test_a_dead_endpoint_costs_no_call_anything_and_a_stop_two_seconds(run: Run, kind: str) -> None:
    """Nothing listens, or what listens never answers."""
    port = free_port()
    silent = await asyncio.start_server(lambda *_: None, "127.0.0.1", port) if kind == "silent" else None
    began = time.monotonic()
    async with run(f"http://127.0.0.1:{port}") as served:
        assert [await served.call("Open/echo", SAMPLED) for _ in range(20)] == ["OK"] * 20
        answered = time.monotonic()
    assert answered - began < 3
    assert time.monotonic() - answered < 4
    if silent is not None:
        silent.close()


@asynccontextmanager
async def sampled(settings: PlatformSettings) -> AsyncIterator[Step]:
    """A sampled call in hand, told when the block ends."""
    telemetry = Telemetry("documents", settings)
    tracer = telemetry.traces.get_tracer("test")
    try:
        with within(Step(tracer, tracer.start_span("call", Context()))) as step:
            yield step
    finally:
        await asyncio.to_thread(telemetry.close)


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_commands_of_mongodb_are_steps_of_the_call_and_tell_no_value(
    database: tuple[Any, Any], settings: Callable[[str], PlatformSettings], receiver: Receiver
) -> None:
    """Both drivers; motor runs them in threads."""
    _, store = database
    await store.things.insert_one({"_id": "untraced"})
    async with sampled(settings(receiver.endpoint)):
        await store.things.insert_one({"_id": "MARTIN"})
        with pytest.raises(DuplicateKeyError):
            await store.things.insert_one({"_id": "MARTIN"})
        await asyncio.gather(*(store.things.find_one({"_id": "MARTIN"}) for _ in range(3)))
        with pytest.raises(Exception, match="MARTIN"):
            await store.command("findAndModify", "things", query={"$MARTIN": 1}, remove=True)
    await eventually(lambda: len(receiver.spans) == 7)
    call = next(span for span in receiver.spans if span.name == "call")
    commands = [span for span in receiver.spans if span.parent == call.span_id]
    assert sorted(span.line for span in commands if "find" in span.name) == [
        "documents client find things",
        "documents client find things",
        "documents client find things",
        "documents client findAndModify things !BadValue",
    ]
    insert = next(span for span in commands if span.name == "insert things")
    assert insert.attributes.pop("server.port")
    assert insert.attributes == {
        "db.system.name": "mongodb",
        "db.operation.name": "insert",
        "db.collection.name": "things",
        "db.namespace": store.name,
        "server.address": "127.0.0.1",
    }
    assert not any(b"MARTIN" in request.SerializeToString() for request in receiver.requests)


async def test_a_command_that_the_call_did_not_wait_for_is_told_as_cancelled(
    database: tuple[Any, Any], settings: Callable[[str], PlatformSettings], receiver: Receiver
) -> None:
    _, store = database
    await store.things.insert_one({})
    async with sampled(settings(receiver.endpoint)):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await store.things.find_one({"$where": "sleep(1500) || true"})
    await eventually(lambda: len(receiver.spans) == 2)
    assert "documents client find things !cancelled" in {span.line for span in receiver.spans}


async def test_commands_of_redis_are_steps_of_the_call_and_tell_no_value(
    stores: TestStores, settings: Callable[[str], PlatformSettings], receiver: Receiver
) -> None:
    redis = open_redis(stores.redis_url)
    await redis.set("MARTIN", b"1", ex=60)
    async with sampled(settings(receiver.endpoint)):
        assert await redis.get("MARTIN") == b"1"
        pipeline = redis.pipeline(transaction=True)
        pipeline.set("MARTIN", b"2", ex=60)
        pipeline.get("MARTIN")
        assert await pipeline.execute() == [True, b"2"]
    await redis.aclose()
    await eventually(lambda: len(receiver.spans) == 3)
    assert {span.name: span.attributes for span in receiver.spans if span.name != "call"} == {
        "GET": {"db.system.name": "redis", "db.operation.name": "GET"},
        "MULTI": {"db.system.name": "redis", "db.operation.name": "MULTI", "db.operation.batch.size": 2},
    }
    assert not any(b"MARTIN" in request.SerializeToString() for request in receiver.requests)


class Echoing:
    """A stub, as a contract would give."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.echo: Any = channel.unary_unary("/test.Open/echo", None, None)
        self.wrong: Any = channel.unary_unary("/test.Open/wrong", None, None)
        self.ticks: Any = channel.unary_stream("/test.Open/ticks", None, None)


async def test_a_call_of_another_service_is_a_step_that_the_service_goes_on_from(
    run: Run, settings: Callable[[str], PlatformSettings], certificates: Authority, receiver: Receiver
) -> None:
    own = CertificateFolder(certificates.folder("documents"))
    async with run(receiver.endpoint) as served:
        peer = Peer(served.address, Echoing, "localhost", own, SystemClock())
        await peer().echo(b"", timeout=5)  # no step in hand: nothing is told
        async with sampled(settings(receiver.endpoint)) as step:
            trace = f"{step.origin.context.trace_id:032x}"
            await peer().echo(b"", timeout=5)
            assert [message async for message in peer().ticks(b"2", timeout=5)] == [b"0", b"1"]
            with pytest.raises(Refusal):
                await peer().wrong(b"", timeout=5)
            assert await _first(peer().ticks(b"99", timeout=5)) == b"0"
        await peer.close()
    tree = await receiver.tree(trace, 9)
    assert tree.splitlines()[:7] == [
        "documents internal call",
        "  documents client test.Open/echo",
        "    documents server test.Open/echo",
        "  documents client test.Open/ticks",
        "    documents server test.Open/ticks",
        "  documents client test.Open/wrong !INVALID_ARGUMENT",
        "    documents server test.Open/wrong !INVALID_FIELD",
    ]
    client = next(span for span in receiver.of(trace) if span.kind == "client")
    assert client.attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "test.Open/echo",
        "rpc.response.status_code": "OK",
        "server.address": "localhost",
    }
    assert len({span.trace_id for span in receiver.spans}) == 1


async def _first(stream: Any) -> bytes:  # noqa: ANN401
    messages = stream.__aiter__()
    message: bytes = await anext(messages)
    await messages.aclose()
    return message


async def test_measurements_arrive(run: Run, receiver: Receiver) -> None:
    async with run(receiver.endpoint) as served:
        await served.call("Open/echo")
    await eventually(
        lambda: any(b"rpc.server.call.duration" in request.SerializeToString() for request in receiver.requests), timedelta(seconds=5)
    )
