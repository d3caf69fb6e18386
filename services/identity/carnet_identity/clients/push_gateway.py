"""Tells devices through the push gateway, by webhook (Standard Webhooks 1.0.0, symmetric signatures).

Promises that a gateway is told nothing before it has proved its name under a certificate authority we trust; that no redirect is
followed, so that a signed message goes nowhere else; that of an answer no more than its status is believed, and little more is read; that
a gateway which is gone, hangs or talks nonsense costs at most `patience` and is told as "later", never as delivered. A retry has the same
identifier and body, and the time of its own attempt. What a gateway says in words is neither logged nor passed on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus

import httpx
import structlog
from carnet_platform.clock import Clock
from carnet_platform.errors import FailedPrecondition

from carnet_identity.domain.letter import Delivery, Letter
from carnet_identity.domain.push import signature

_MOST_READ = 4_096
"""Bytes of an answer: enough that an ordinary one leaves the connection to be used again."""
_ACCEPTED = range(200, 300)
_HEADERS = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "carnet"}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushGatewayRules:
    """Which gateway, and how it knows us."""

    url: str
    secrets: tuple[bytes, ...] = field(repr=False)
    """What messages are signed with; several while one takes the place of another."""
    patience: timedelta
    """For all that one message takes."""


class PushGateway:
    """Implements the port `Mailer`."""

    def __init__(self, rules: PushGatewayRules, http: httpx.AsyncClient, clock: Clock) -> None:
        self._rules, self._http, self._clock = rules, http, clock

    async def check(self) -> None:
        """Returns: a gateway is found out by telling it something."""

    async def send(self, letter: Letter) -> Delivery:
        """Hands one over. LATER also when it cannot be known whether the gateway took it."""
        try:
            status = await self._post(letter)
        except Exception as error:  # noqa: BLE001 - whatever a wrong gateway provokes, it is told later
            _log.warning("push.unavailable", kind=type(error).__name__)
            return Delivery.LATER
        if status in _ACCEPTED:
            return Delivery.ACCEPTED
        _log.warning("push.refused", code=status)
        return Delivery.NO_SUCH_ADDRESS if status == HTTPStatus.GONE else Delivery.LATER

    async def _post(self, letter: Letter) -> int:
        status, body = 0, letter.text.encode()
        headers = {**_HEADERS, **self._signed(letter.id, body)}
        try:
            async with (
                asyncio.timeout(self._rules.patience.total_seconds()),
                self._http.stream("POST", self._rules.url, content=body, headers=headers) as answer,
            ):
                status = answer.status_code
                await _read_little(answer)
        except (httpx.HTTPError, TimeoutError):
            if not status:
                raise
        return status

    def _signed(self, letter_id: str, body: bytes) -> dict[str, str]:
        timestamp = int(self._clock.now().timestamp())
        return {
            "webhook-id": letter_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._rules.secrets, letter_id, timestamp, body),
        }


class NoPushGateway:
    """Implements the port `Mailer` where no gateway is set: what was queued before waits until its time is over."""

    async def check(self) -> None:
        """Refuses: FailedPrecondition DEPENDENCY_UNAVAILABLE, since trying again does not help."""
        raise FailedPrecondition("DEPENDENCY_UNAVAILABLE", "this installation has no push gateway (CARNET_PUSH_GATEWAY)")

    async def send(self, letter: Letter) -> Delivery:
        """Sends nothing."""
        del letter
        return Delivery.LATER


async def _read_little(answer: httpx.Response) -> None:
    """So that the connection can be used again. What is longer is left unread, which ends the connection."""
    read = 0
    async for part in answer.aiter_raw(_MOST_READ):
        read += len(part)
        if read > _MOST_READ:
            return
