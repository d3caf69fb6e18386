"""`carnet.identity.v1.SessionService`: user tokens in exchange for what an identity provider or a certificate asserts.

Whatever is wrong with an assertion, expired, forged, replayed or misdirected, is told to the caller in one answer, word for word the same,
so that whoever tries some finds nothing out (trial S1). Events and metrics have the reason, the log has the rule.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import grpc
import structlog
from carnet.identity.v1 import session_service_pb2 as pb
from carnet.identity.v1.session_service_pb2_grpc import SessionServiceServicer
from carnet_platform.calls import current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import Denied, FailedPrecondition, InvalidArgument, Unauthenticated
from carnet_platform.idempotency import asked
from carnet_platform.identifiers import parse_name

from carnet_identity.api import mapping
from carnet_identity.clients.refusal_count import count_refusal
from carnet_identity.domain.asserted_user import AssertedUser, read_asserted_user
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.usecases.exchange_assertion import ExchangeAssertion
from carnet_identity.usecases.exchange_certificate import ExchangeCertificate
from carnet_identity.usecases.exchange_operator_assertion import ExchangeOperatorAssertion
from carnet_identity.usecases.open_session import OpenedSession
from carnet_identity.usecases.record_refusals import RefusalRecorder
from carnet_identity.usecases.revoke_session import RevokeSession

_NOT_ACCEPTED = "the assertion is not accepted: log in again at the identity provider"
_OF_AN_ASSERTION = frozenset({"ASSERTION_INVALID", "ASSERTION_REPLAYED"})
_log = structlog.get_logger(__name__)
Answer = TypeVar("Answer", pb.ExchangeAssertionResponse, pb.ExchangeCertificateResponse)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionBounds:
    """How old what is asserted may be."""

    longest_age: timedelta
    tolerance: timedelta
    """How far clocks may differ."""


class SessionServicer(SessionServiceServicer):
    """Parses, asks the use case, maps the answer; refused exchanges are recorded."""

    def __init__(
        self,
        exchange_assertion: ExchangeAssertion,
        exchange_operator: ExchangeOperatorAssertion,
        exchange_certificate: ExchangeCertificate,
        revoke: RevokeSession,
        refusals: RefusalRecorder,
        clock: Clock,
        bounds: AssertionBounds,
    ) -> None:
        self._exchange_assertion = exchange_assertion
        self._exchange_operator = exchange_operator
        self._exchange_certificate = exchange_certificate
        self._revoke = revoke
        self._refusals = refusals
        self._clock = clock
        self._bounds = bounds

    async def ExchangeAssertion(  # noqa: N802 - the contract's name
        self,
        request: pb.ExchangeAssertionRequest,
        context: grpc.aio.ServicerContext[pb.ExchangeAssertionRequest, pb.ExchangeAssertionResponse],
    ) -> pb.ExchangeAssertionResponse:
        """A token for the user of an assertion."""
        del context
        async with self._recorded():
            opened = await self._exchange(request)
        return _token(pb.ExchangeAssertionResponse, opened)

    async def ExchangeCertificate(  # noqa: N802
        self,
        request: pb.ExchangeCertificateRequest,
        context: grpc.aio.ServicerContext[pb.ExchangeCertificateRequest, pb.ExchangeCertificateResponse],
    ) -> pb.ExchangeCertificateResponse:
        """A token for the structure or system of the caller's certificate, or for a user whom that structure names."""
        del context
        async with self._recorded():
            purpose, caller = mapping.purpose_from(request.purpose), current_call().caller
            # An empty user is a user named badly, never nobody.
            user = self._asserted_user(request.asserted_user) if request.HasField("asserted_user") else None
            opened = await self._exchange_certificate(purpose, caller, user)
        return _token(pb.ExchangeCertificateResponse, opened)

    async def RevokeSession(  # noqa: N802
        self, request: pb.RevokeSessionRequest, context: grpc.aio.ServicerContext[pb.RevokeSessionRequest, pb.RevokeSessionResponse]
    ) -> pb.RevokeSessionResponse:
        """Ends a session of the caller."""
        del context
        (session_id,) = parse_name(request.session, "sessions/*", "session")
        revoke_time = await self._revoke(asked(request), session_id, current_call().caller)
        return pb.RevokeSessionResponse(revoke_time=mapping.timestamp_to(revoke_time))

    async def _exchange(self, request: pb.ExchangeAssertionRequest) -> OpenedSession:
        caller, purpose = current_call().caller, mapping.purpose_from(request.purpose)
        if self._exchange_operator.is_for(caller):
            acts_for = request.structure or request.mandate
            return await self._exchange_operator(request.assertion, purpose, caller, nonce=request.nonce, acts_for=acts_for)
        return await self._exchange_assertion(
            request.assertion, purpose, request.structure, caller, nonce=request.nonce, mandate=request.mandate
        )

    def _asserted_user(self, message: pb.AssertedUser) -> AssertedUser:
        is_known = message.authentication in pb.LocalAuthentication.values()
        return read_asserted_user(
            rpps=message.rpps,
            method=pb.LocalAuthentication.Name(message.authentication).removeprefix("LOCAL_AUTHENTICATION_") if is_known else "",
            time=_authenticated(message),
            provider_unreachable=message.provider_unreachable,
            now=self._clock.now(),
            longest_age=self._bounds.longest_age,
            tolerance=self._bounds.tolerance,
        )

    @asynccontextmanager
    async def _recorded(self) -> AsyncIterator[None]:
        try:
            with mapping.refusing():
                yield
        except (Unauthenticated, Denied, InvalidArgument, FailedPrecondition) as refusal:
            count_refusal(refusal.reason)
            await self._refusals.record(current_call(), refusal.reason)
            if refusal.reason in _OF_AN_ASSERTION:
                _log.info("assertion.refused", reason=refusal.reason, rule=refusal.message)
                raise Unauthenticated("ASSERTION_INVALID", _NOT_ACCEPTED, field="assertion") from None
            raise


def _authenticated(message: pb.AssertedUser) -> datetime | None:
    if not message.HasField("authentication_time"):
        return None
    try:
        return message.authentication_time.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise BrokenRule("asserted_user.authentication_time", "an instant between the years 1 and 9999") from None


def _token(answer: type[Answer], opened: OpenedSession) -> Answer:
    """The answer of either exchange."""
    session = opened.session
    return answer(
        access_token=opened.token,
        expire_time=mapping.timestamp_to(session.expire_time),
        session=session.name,
        subject=session.subject,
    )
