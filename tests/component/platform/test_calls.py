"""What every call passes through, over real mutual TLS: who calls, what may be called, for whom, until when, and how errors are told."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from carnet_dev.certificates import Authority
from carnet_dev.ports import free_port
from carnet_platform.callers import CallerTable, Right
from carnet_platform.certificates import CertificateFolder
from carnet_platform.peers import channel_options
from carnet_platform.settings import PlatformSettings
from google.rpc import error_details_pb2, status_pb2
from support.echo import CALLERS, EchoService, Tokens, serve
from support.waiting import elapsed, eventually


def unary(channel: grpc.aio.Channel, method: str) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
    return channel.unary_unary(method)


def stream(channel: grpc.aio.Channel, method: str) -> grpc.aio.UnaryStreamMultiCallable[bytes, bytes]:
    return channel.unary_stream(method)


REQUEST = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
Metadata = list[tuple[str, str]] | None


@dataclass
class Running:
    """The running echo service, and ways to call it."""

    address: str
    certificates: Authority
    echo: EchoService
    tokens: Tokens
    task: asyncio.Task[None]

    def channel(self, name: str = "documents", folder: Path | None = None) -> grpc.aio.Channel:
        folder = folder or self.certificates.folder(name)
        key, certificate, authority = ((folder / file).read_bytes() for file in ("key.pem", "cert.pem", "ca.pem"))
        credentials = grpc.ssl_channel_credentials(authority, key, certificate)
        return grpc.aio.secure_channel(self.address, credentials, channel_options("localhost"))

    async def call(
        self, method: str, request: bytes = b"", *, name: str = "documents", metadata: Metadata = None, seconds: float = 5
    ) -> bytes:
        async with self.channel(name) as channel:
            return bytes(await unary(channel, f"/test.{method}")(request, timeout=seconds, metadata=metadata))

    def bearer(self, name: str = "portal", **changes: object) -> list[tuple[str, str]]:
        claims = self.tokens.claims(self.certificates.folder(name), **changes)
        return [("authorization", "Bearer " + self.tokens.sign(claims))]


@pytest.fixture
async def running(tmp_path: Path, certificates: Authority) -> AsyncIterator[Running]:
    table = tmp_path / "callers.toml"
    table.write_text(CALLERS)
    (tmp_path / "mongo").write_text("mongodb://127.0.0.1:9/unused")
    port = free_port()
    settings = PlatformSettings(
        environment="test", listen=f"127.0.0.1:{port}", health_listen=f"127.0.0.1:{free_port()}", mongo_url_file=tmp_path / "mongo",
        certificate_folder=certificates.folder("documents"), log_calls=True, trace_sample_ratio=1, default_deadline=timedelta(seconds=3),
        deadline_margin=timedelta(milliseconds=500), trace_file=tmp_path / "spans",
    )  # fmt: skip
    echo, tokens, started = EchoService(), Tokens(), asyncio.Event()
    task = asyncio.ensure_future(serve(settings, echo, tokens, table, started))
    await started.wait()
    yield Running(f"127.0.0.1:{port}", certificates, echo, tokens, task)
    if not task.done():
        os.kill(os.getpid(), signal.SIGTERM)
    await task


async def refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, error_details_pb2.ErrorInfo, status_pb2.Status]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    details = caught.value.trailing_metadata().get("grpc-status-details-bin")
    assert isinstance(details, bytes), caught.value
    status = status_pb2.Status.FromString(details)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return caught.value.code(), info, status


async def test_a_caller_in_the_table_is_answered_and_named_by_its_certificate(running: Running) -> None:
    answer = json.loads(await running.call("Open/who"))
    assert answer["caller"] == "spiffe://carnet/documents"
    assert len(answer["trace"]) == 32


async def test_a_caller_outside_the_table_is_refused(running: Running) -> None:
    code, info, _ = await refused(running.call("Open/echo", name="portal"))
    assert (code, info.reason, info.domain) == (grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED", "carnet")


async def test_a_certificate_with_two_uri_names_or_a_dns_name_that_spells_one_is_nobody(running: Running, tmp_path: Path) -> None:
    """S2."""
    two = tmp_path / "two"
    running.certificates.issue(two, "documents", uris=["spiffe://carnet/documents", "spiffe://carnet/consent"])
    none = tmp_path / "none"
    running.certificates.issue(none, "documents", uris=[], dns=["spiffe://carnet/documents"])
    for folder in (two, none):
        async with running.channel(folder=folder) as channel:
            code, info, _ = await refused(unary(channel, "/test.Open/echo")(b"", timeout=5))
        assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CALLER_UNKNOWN")


async def test_a_token_is_asked_for_verified_and_bound_to_its_presenter(running: Running) -> None:
    """S1."""
    assert await running.call("Users/subject", name="portal", metadata=running.bearer()) == b"people/a"
    # A service that may forward passes on a token that is bound to somebody else.
    assert await running.call("Users/subject", name="documents", metadata=running.bearer()) == b"people/a"
    for metadata, reason in (
        (None, "TOKEN_MISSING"),
        ([("authorization", "Basic x")], "TOKEN_MISSING"),
        (running.bearer("consent"), "TOKEN_WRONG_PRESENTER"),
        (running.bearer(exp=int(time.time()) - 61), "TOKEN_EXPIRED"),
        (running.bearer(nbf=int(time.time()) + 90), "TOKEN_EXPIRED"),
        (running.bearer(aud="other"), "TOKEN_INVALID"),
        (running.bearer(iss="other"), "TOKEN_INVALID"),
        (running.bearer(sub=""), "TOKEN_INVALID"),
        (running.bearer(cnf={}), "TOKEN_INVALID"),
    ):
        code, info, _ = await refused(running.call("Users/subject", name="portal", metadata=metadata))
        assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, reason)


async def test_a_call_refused_before_its_user_is_known_is_told_to_the_hook(running: Running) -> None:
    """S1, S2: what the operators' stream is made of. A hook that fails changes no answer."""
    expired = running.bearer(exp=int(time.time()) - 61)
    for method, metadata, reason in (
        ("Open/echo", [], "CALLER_NOT_ALLOWED"),
        ("Users/subject", [], "TOKEN_MISSING"),
        ("Users/subject", [("authorization", "Bearer junk")], "TOKEN_INVALID"),
        ("Users/subject", expired, "TOKEN_EXPIRED"),
        ("Users/subject", running.bearer("consent"), "TOKEN_WRONG_PRESENTER"),
    ):
        _, info, _ = await refused(running.call(method, name="portal", metadata=[*metadata, ("x-request-id", REQUEST)]))
        told = running.echo.refused.pop()
        assert info.reason == told.reason == reason
        assert (told.caller, told.method, told.request_id) == ("spiffe://carnet/portal", f"/test.{method}", REQUEST)
        assert (told.service, len(told.trace_id)) == (f"test.{method.partition('/')[0]}", 32)
    assert running.echo.refused == []


async def test_a_caller_without_a_name_is_told_to_the_hook_without_one(running: Running, tmp_path: Path) -> None:
    running.certificates.issue(tmp_path / "nobody", "documents", uris=[])
    async with running.channel(folder=tmp_path / "nobody") as channel:
        await refused(stream(channel, "/test.Open/ticks")(b"1", timeout=5).read())
    assert [(told.caller, told.reason) for told in running.echo.refused] == [("", "CALLER_UNKNOWN")]


async def test_what_a_handler_refuses_or_time_forbids_is_not_told_to_the_hook(running: Running) -> None:
    await refused(running.call("Open/wrong"))
    await refused(running.call("Users/denied", metadata=running.bearer()))
    await refused(running.call("Open/slow", b"3", seconds=1))
    assert running.echo.refused == []


async def test_a_token_signed_otherwise_is_refused_and_a_flood_of_them_asks_for_the_keys_once(running: Running) -> None:
    """S1."""
    claims = running.tokens.claims(running.certificates.folder("portal"))
    stranger = Tokens()
    forged = [
        running.tokens.unsigned(claims),
        stranger.sign(claims),
        stranger.sign(claims, {"kid": "unknown"}),
        running.tokens.sign(claims, {"jku": "http://127.0.0.1:1/keys"}),
        running.tokens.sign(claims)[:-4] + "AAAA",
        "junk",
        "a" * 9_000,
    ]
    for token in forged * 3:
        code, info, _ = await refused(running.call("Users/subject", name="portal", metadata=[("authorization", f"Bearer {token}")]))
        assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")
    assert running.tokens.fetches == 1


async def test_a_refusal_names_the_field_and_the_rule(running: Running) -> None:
    code, info, status = await refused(running.call("Open/wrong"))
    violation = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(violation)
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert [(v.field, v.description) for v in violation.field_violations] == [("number", "must be even")]


async def test_a_fault_of_ours_gives_an_incident_and_no_value(running: Running, capfd: pytest.CaptureFixture[str]) -> None:
    code, info, status = await refused(running.call("Open/broken", b"279035121518989"))
    assert (code, info.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "279035121518989" not in status.message + capfd.readouterr().err


async def test_too_little_time_is_refused_and_running_out_of_time_is_told_by_us(running: Running) -> None:
    code, info, _ = await refused(running.call("Open/slow", b"3", seconds=1))
    assert (code, info.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_TOO_SHORT")


async def ticks(running: Running, count: int, on_first: Callable[[], None]) -> list[bytes]:
    seen: list[bytes] = []
    async with running.channel() as channel:
        try:
            async for message in stream(channel, "/test.Open/ticks")(b"%d" % count, timeout=10):
                seen.append(message)
                on_first()
        except grpc.aio.AioRpcError as error:
            seen.append(error.code().name.encode())
    return seen


async def test_a_stream_goes_on_as_long_as_its_permit_is_renewed(running: Running) -> None:
    assert await ticks(running, 10, lambda: None) == [b"%d" % number for number in range(10)]
    assert running.echo.notes.renewals >= 3
    assert running.echo.notes.withdrawn == running.echo.notes.late == 0


async def test_a_withdrawn_permit_ends_the_stream_and_is_recorded(running: Running) -> None:
    """C4."""

    def withdraw() -> None:
        running.echo.notes.renew = False

    seen = await ticks(running, 50, withdraw)
    assert seen[-1] == b"ABORTED"
    assert len(seen) < 6
    assert running.echo.notes.withdrawn == 1


async def test_a_unary_answer_whose_permit_ended_is_never_handed_over(running: Running) -> None:
    running.echo.notes.renew = False
    code, info, _ = await refused(running.call("Open/expired"))
    assert (code, info.reason) == (grpc.StatusCode.ABORTED, "PERMIT_WITHDRAWN")


async def test_a_process_suspended_at_the_hand_over_notices_when_it_wakes(running: Running) -> None:
    """C4."""
    async with running.channel() as channel:
        assert [message async for message in stream(channel, "/test.Open/blocked")(b"", timeout=5)] == [b"one"]
    assert running.echo.notes.late == 1


async def test_a_renewed_certificate_is_picked_up_and_a_broken_one_kept_out(tmp_path: Path, certificates: Authority) -> None:
    """S2."""
    folder = tmp_path / "own"
    certificates.issue(folder, "documents")
    own = CertificateFolder(folder)
    first = own.identity
    assert not own.renewed()
    certificates.issue(folder, "documents")
    assert own.renewed()
    assert own.identity != first
    good = own.identity
    (folder / "cert.pem").write_bytes(b"junk")
    assert not own.renewed()
    certificates.issue(tmp_path / "other", "documents")
    (folder / "cert.pem").write_bytes((tmp_path / "other" / "cert.pem").read_bytes())
    assert not own.renewed()
    assert own.identity == good


async def drained(call: grpc.aio.UnaryStreamCall[bytes, bytes]) -> None:
    while await call.read():
        pass


async def test_a_reader_who_pauses_past_the_deadline_is_told_so_when_it_reads_on(running: Running) -> None:
    async with running.channel() as channel:
        call = stream(channel, "/test.Open/flood")(b"")
        await call.read()
        await elapsed(3.5)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asyncio.wait_for(drained(call), 5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_keys_that_do_not_come_keep_a_call_no_longer_than_two_seconds(running: Running) -> None:
    running.tokens.is_hung = True
    began = time.monotonic()
    code, _, _ = await refused(running.call("Users/subject", name="portal", metadata=running.bearer(), seconds=20))
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 3


async def test_a_token_goes_on_only_where_the_table_lets_it_be_forwarded(certificates: Authority, tmp_path: Path) -> None:
    (tmp_path / "callers.toml").write_text(CALLERS)
    table = CallerTable.load(tmp_path / "callers.toml")
    name = CertificateFolder(certificates.folder("documents")).name
    assert name == "spiffe://carnet/documents"
    assert [table.right(name, service) is Right.FORWARDS for service in ("test.Users", "test.Open", "test.Closed")] == [True, False, False]


async def test_calls_in_flight_end_before_the_process_does(running: Running) -> None:
    async with running.channel() as channel:
        call = unary(channel, "/test.Open/slow")(b"0.5", timeout=5)
        await eventually(lambda: running.echo.notes.slow > 0)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await call == b""
    await running.task


async def test_spans_are_written_with_status_and_without_any_value(running: Running, tmp_path: Path) -> None:
    await running.call("Open/echo", b"279035121518989")
    await refused(running.call("Open/wrong"))
    os.kill(os.getpid(), signal.SIGTERM)
    await running.task
    spans = [json.loads(line) for line in (tmp_path / "spans").read_text().splitlines()]
    assert {(span["name"], span["status"]) for span in spans} == {("test.Open/echo", "unset"), ("test.Open/wrong", "error")}
    assert "279035121518989" not in (tmp_path / "spans").read_text()
