"""Mail servers of the test's own: a real one that keeps what it gets and refuses as it is told, and one that says whatever it is told."""

import asyncio
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

SERVER = "mail-server"
"""The name under which `Authority` issues a certificate for localhost and 127.0.0.1 that may serve."""
USER, PASSWORD = "carnet-identity", "correct horse"
CODE = re.compile(r"\b[0-9]{6}\b")
Security = Literal["starttls", "tls", "none"]


def server_context(certificate: Path) -> ssl.SSLContext:
    """TLS as a server, with the key and certificate of a folder."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


class _Listening:
    """A server in a thread and a loop of its own, on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Protocol] = set()

    def protocol(self) -> asyncio.Protocol:
        """What talks on a new connection."""
        raise AssertionError("for those who derive")

    @property
    def context(self) -> ssl.SSLContext | None:
        """TLS from the first byte."""
        return None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.go()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def listen(self) -> None:
        """Listen, on the same port as before."""

        async def begin() -> asyncio.Server:
            return await self._loop.create_server(self._made, "127.0.0.1", self.port, ssl=self.context)

        self._server = asyncio.run_coroutine_threadsafe(begin(), self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]

    def go(self) -> None:
        """Be gone: nothing listens, and every connection ends."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)

    def hang_up(self) -> None:
        """End every connection, and go on listening."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(10)

    def _made(self) -> asyncio.Protocol:
        self.connections += 1
        made = self.protocol()
        self._open.add(made)
        return made

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        self._server = None
        await self._hang_up()

    async def _hang_up(self) -> None:
        for one in self._open:
            transport = getattr(one, "transport", None)
            if transport is not None:
                transport.abort()
        self._open.clear()
        ours = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not ours]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class MailServer(_Listening):
    """aiosmtpd, which answers as it is told and keeps what it accepts."""

    def __init__(self, certificate: Path, security: Security = "starttls", *, needs_login: bool = False) -> None:
        super().__init__()
        self.letters: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.replies: dict[str, str] = {}
        """By command (RCPT, DATA, MAIL): what is answered in place of yes."""
        self.hangs_at: set[str] = set()
        """Commands (also NOOP) that are never answered."""
        self.dies_at: set[str] = set()
        """Commands at which the connection ends after the work is done, without an answer."""
        self.security, self._needs_login = security, needs_login
        self._tls = server_context(certificate)

    @property
    def context(self) -> ssl.SSLContext | None:
        return self._tls if self.security == "tls" else None

    def protocol(self) -> asyncio.Protocol:
        return SMTP(
            self,
            hostname="localhost",
            tls_context=self._tls if self.security == "starttls" else None,
            require_starttls=self.security == "starttls",
            auth_required=self._needs_login,
            # A connection that is TLS from its first byte is not known as such to the library.
            auth_require_tls=self.security == "starttls",
            authenticator=_check_login,
            loop=self._loop,
        )

    def sent_to(self, address: str) -> list[EmailMessage]:
        """The letters to an address."""
        return [letter for letter in self.letters if letter["To"] == address]

    def code_to(self, address: str) -> str:
        """The code in the newest letter to an address."""
        found = CODE.search(self.sent_to(address)[-1].get_content())
        assert found
        return found[0]

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        """The library asks."""
        del session
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return await self._answer("MAIL", server)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        """The library asks."""
        del session, options
        answer = await self._answer("RCPT", server)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_NOOP(self, server: SMTP, session: Session, envelope: Envelope, argument: str) -> str:  # noqa: N802
        """The library asks."""
        del session, envelope, argument
        return await self._answer("NOOP", server)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """The library asks."""
        del session
        if "DATA" not in self.replies:
            content = envelope.content
            assert isinstance(content, bytes)
            self.envelopes.append((str(envelope.mail_from), list(envelope.rcpt_tos)))
            self.letters.append(message_from_bytes(content, policy=policy.default))
        return await self._answer("DATA", server)

    async def _answer(self, command: str, server: SMTP) -> str:
        if command in self.dies_at:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        if command in self.hangs_at:
            await asyncio.Event().wait()
        return self.replies.get(command, "250 OK")


def _check_login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:  # noqa: ANN401
    del server, session, envelope, mechanism
    is_known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_known, handled=False)


class SayingServer(_Listening):
    """Says `greeting` to whoever comes, and `answer` to whatever is said to it, for ever the same."""

    def __init__(self, greeting: bytes, answer: bytes = b"") -> None:
        super().__init__()
        self.greeting, self.answer = greeting, answer

    def protocol(self) -> asyncio.Protocol:
        return _Saying(self.greeting, self.answer)


class _Saying(asyncio.Protocol):
    def __init__(self, greeting: bytes, answer: bytes) -> None:
        self._greeting, self._answer = greeting, answer
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._greeting)

    def data_received(self, data: bytes) -> None:
        assert data
        if self.transport is not None:
            self.transport.write(self._answer)


@contextmanager
def gone(server: _Listening) -> Iterator[None]:
    """The server is gone in this block, and listens again after it."""
    server.go()
    try:
        yield
    finally:
        with suppress(OSError):
            server.listen()


def changed(values: dict[str, str] | set[str], change: Callable[[Any], None]) -> Any:  # noqa: ANN401
    """`values` as changed in the block, and as before after it."""

    @contextmanager
    def block() -> Iterator[None]:
        before = values.copy()
        change(values)
        try:
            yield
        finally:
            values.clear()
            values.update(before)  # type: ignore[arg-type]

    return block()
