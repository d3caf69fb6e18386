"""Sends letters over SMTP (RFC 5321, submission RFC 6409) on a few kept connections.

Promises that nothing is said to a server before it has proved its name under a certificate authority we trust, unless the settings of a
development system say otherwise; that no header holds a line break; that a server which is gone, hangs or talks nonsense costs at most
`patience` and is told as Unavailable or as "later", never as sent. What a server says in words is neither logged nor passed on: it may
quote the address.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP as MAIL_POLICY
from email.utils import format_datetime

import structlog
from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPRecipientRefused, SMTPResponseException
from carnet_platform.clock import Clock
from carnet_platform.errors import Unavailable

from carnet_identity.domain.letter import Delivery, Letter
from carnet_identity.domain.mail_address import parse_mail_address

_LONGEST_LIFE = timedelta(minutes=10)
_MOST_LETTERS = 100
_LOOKED_AT_AFTER = timedelta(seconds=5)
_RETRY = timedelta(seconds=1)
_FAREWELL = timedelta(seconds=1)
_OPAQUE = re.compile(r"[a-z0-9]{26}")
_ENHANCED = re.compile(r"^([245])\.(\d{1,3})\.(\d{1,3})\b")
_TEMPORARY = range(400, 500)
_PERMANENT = range(500, 600)
_NO_SUCH_MAILBOX = frozenset({550, 551, 553})
_OUR_FAULT = frozenset({("1", "7"), ("1", "8")})  # X.1.7 and X.1.8 are about the sender's address (RFC 3463)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServerRules:
    """Which server, how it is trusted, and how much of it is used."""

    host: str
    port: int
    context: ssl.SSLContext | None
    """Trusts the authorities of the server's certificate; None: no TLS, in development alone."""
    is_tls_implicit: bool
    """Whether the connection begins with TLS (port 465) or turns to it by STARTTLS, which is then required."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    sender: str
    """The address letters come from."""
    patience: timedelta
    """For all that one letter takes."""
    connections: int


@dataclass(slots=True)
class _Kept:
    smtp: SMTP
    opened: float
    used: float
    letters: int = 0


class MailServer:
    """Implements the port `Mailer`."""

    def __init__(self, rules: MailServerRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._idle: list[_Kept] = []
        self._room = asyncio.Semaphore(rules.connections)
        self._turn = asyncio.Lock()
        self._proved = self._failed = float("-inf")

    async def check(self) -> None:
        """Returns when the server answers as it should now; at most a second old, so that a flood of calls is one question.

        Raises:
            Unavailable: DEPENDENCY_UNAVAILABLE.
        """
        if self._since(self._proved) < _RETRY:
            return
        async with self._turn:
            if self._since(self._proved) < _RETRY:
                return
            if self._since(self._failed) < _RETRY:
                raise _unavailable()
            try:
                async with asyncio.timeout(self._rules.patience.total_seconds()):
                    await self._begin(lambda smtp: smtp.noop(), _nothing_more)
            except Exception as error:  # noqa: BLE001 - whatever a wrong server provokes, the answer is no
                self._note(error)
                raise _unavailable() from None
            self._proved = self._clock.boottime()

    async def send(self, letter: Letter) -> Delivery:
        """Hands a letter over. LATER also when it cannot be known whether the server took it."""
        try:
            message = composed(letter, self._rules.sender, self._clock.now())
            async with asyncio.timeout(self._rules.patience.total_seconds()):
                delivery = await self._begin(
                    lambda smtp: smtp.mail(self._rules.sender), lambda smtp: self._hand_over(smtp, letter.to, message)
                )
        except Exception as error:  # noqa: BLE001 - as above
            self._note(error)
            return Delivery.LATER
        self._proved = self._clock.boottime()
        return delivery

    async def close(self) -> None:
        """Takes leave of the server."""
        while self._idle:
            await _part(self._idle.pop())

    async def _begin(self, first: Callable[[SMTP], Awaitable[object]], then: Callable[[SMTP], Awaitable[Delivery]]) -> Delivery:
        """Both commands on one connection. One that had ended since it was last used is found out by the first, and replaced."""
        while True:
            async with self._leased() as kept:
                was_used, kept.letters = kept.letters > 0, kept.letters + 1
                try:
                    await first(kept.smtp)
                except SMTPException:
                    if was_used and not kept.smtp.is_connected:
                        continue
                    raise
                return await then(kept.smtp)

    async def _hand_over(self, smtp: SMTP, to: str, message: bytes) -> Delivery:
        try:
            await smtp.rcpt(to)
            await smtp.data(message)
        except (SMTPRecipientRefused, SMTPDataError) as refused:
            delivery = _judged(refused)
            _log.warning("mail.refused", code=refused.code, delivery=delivery.value)
            await smtp.rset()
            return delivery
        return Delivery.ACCEPTED

    @asynccontextmanager
    async def _leased(self) -> AsyncIterator[_Kept]:
        """A connection of one's own, kept afterwards unless something went wrong on it."""
        async with self._room:
            kept = await self._kept_connection() or await self._open()
            try:
                yield kept
            except BaseException:
                _drop(kept.smtp)
                raise
            finally:
                kept.used = self._clock.boottime()
                if kept.smtp.is_connected:
                    self._idle.append(kept)

    async def _kept_connection(self) -> _Kept | None:
        while self._idle:
            kept = self._idle.pop()
            if kept.letters >= _MOST_LETTERS or self._since(kept.opened) > _LONGEST_LIFE:
                await _part(kept)
            elif await self._is_alive(kept):
                return kept
            else:
                _drop(kept.smtp)
        return None

    async def _is_alive(self, kept: _Kept) -> bool:
        if not kept.smtp.is_connected:
            return False
        if self._since(kept.used) < _LOOKED_AT_AFTER:
            return True
        try:
            # A third: when this connection was forgotten on the way, there is time left for a new one.
            await kept.smtp.noop(timeout=self._rules.patience.total_seconds() / 3)
        except (SMTPException, OSError, ValueError):
            return False
        return True

    async def _open(self) -> _Kept:
        rules = self._rules
        smtp = SMTP(
            hostname=rules.host,
            port=rules.port,
            timeout=rules.patience.total_seconds(),
            use_tls=rules.context is not None and rules.is_tls_implicit,
            start_tls=rules.context is not None and not rules.is_tls_implicit,
            tls_context=rules.context,
            # By our own domain: the machine's name is nobody's business, and looking it up may take seconds.
            local_hostname=rules.sender.rpartition("@")[2],
            username=rules.user,
            password=rules.password,
        )
        try:
            await smtp.connect()
            await smtp.ehlo()
        except BaseException:
            _drop(smtp)
            raise
        now = self._clock.boottime()
        return _Kept(smtp, opened=now, used=now)

    def _since(self, instant: float) -> timedelta:
        seconds = self._clock.boottime() - instant
        return timedelta(seconds=seconds) if seconds < timedelta.max.total_seconds() else timedelta.max

    def _note(self, error: Exception) -> None:
        self._failed, self._proved = self._clock.boottime(), float("-inf")
        code = error.code if isinstance(error, SMTPResponseException) else 0
        cause = error if isinstance(error, TimeoutError) else error.__cause__ or error
        _log.warning("mail.unavailable", kind=type(cause).__name__, code=code)


def composed(letter: Letter, sender: str, now: datetime) -> bytes:
    """The letter as a message (RFC 5322): plain text in UTF-8, marked as automatic (RFC 3834) so that no robot answers.

    Raises ValueError for an address or a name that we would not have written, and for a line break or another control character in a
    header; it does not quote it.
    """
    if parse_mail_address(letter.to) != letter.to or not _OPAQUE.fullmatch(letter.id):
        raise ValueError("the letter is none of ours")
    message = EmailMessage(policy=MAIL_POLICY)
    message.set_content(letter.text, cte="quoted-printable")
    headers = {
        "From": sender,
        "To": letter.to,
        "Subject": letter.subject,
        "Date": format_datetime(now),
        "Message-ID": f"<{letter.id}@{sender.rpartition('@')[2]}>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "fr, en",
    }
    for name, value in headers.items():
        if not value.isprintable():
            raise ValueError(f"{name} holds a line break or control character")
        message[name] = value
    return message.as_bytes()


def _judged(refused: SMTPResponseException) -> Delivery:
    """Whether the address itself was refused for good; a 5xx about us, our rights or the content is nobody's address."""
    if refused.code in _TEMPORARY or refused.code not in _PERMANENT:
        return Delivery.LATER
    enhanced = _ENHANCED.match(refused.message)
    if enhanced is None:
        is_address = isinstance(refused, SMTPRecipientRefused) and refused.code in _NO_SUCH_MAILBOX
    else:
        is_address = enhanced[1] == "5" and enhanced[2] in {"1", "2"} and (enhanced[2], enhanced[3]) not in _OUR_FAULT
    return Delivery.NO_SUCH_ADDRESS if is_address else Delivery.LATER


async def _nothing_more(_: SMTP) -> Delivery:
    return Delivery.ACCEPTED


async def _part(kept: _Kept) -> None:
    transport = kept.smtp.transport
    with suppress(SMTPException, OSError, ValueError, TimeoutError):
        await kept.smtp.quit(timeout=_FAREWELL.total_seconds())
    _drop(kept.smtp, transport)


def _drop(smtp: SMTP, transport: asyncio.BaseTransport | None = None) -> None:
    """Ends a connection at once: TLS would wait half a minute for the farewell of a server that hangs."""
    transport = transport or smtp.transport
    smtp.close()
    if isinstance(transport, asyncio.Transport):
        transport.abort()


def _unavailable() -> Unavailable:
    return Unavailable("DEPENDENCY_UNAVAILABLE", "the mail server does not answer as it should", retry_after=_RETRY)
