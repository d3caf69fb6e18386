"""`carnet.identity.v1.SessionService`: user tokens in exchange for what an identity provider or a certificate asserts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import grpc
from carnet.identity.v1 import session_service_pb2 as pb
from carnet.identity.v1.session_service_pb2_grpc import SessionServiceServicer
from carnet_platform.calls import current_call
from carnet_platform.errors import Denied, Refusal, Unauthenticated
from carnet_platform.identifiers import check_request_id, parse_name

from carnet_identity.api import mapping
from carnet_identity.usecases.exchange_assertion import ExchangeAssertion
from carnet_identity.usecases.exchange_certificate import ExchangeCertificate
from carnet_identity.usecases.open_session import OpenedSession
from carnet_identity.usecases.record_refusals import RefusalRecorder
from carnet_identity.usecases.revoke_session import RevokeSession

Answer = TypeVar("Answer", pb.ExchangeAssertionResponse, pb.ExchangeCertificateResponse)


class SessionServicer(SessionServiceServicer):
    """Parses, asks the use case, maps the answer; refused exchanges are recorded."""

    def __init__(
        self,
        exchange_assertion: ExchangeAssertion,
        exchange_certificate: ExchangeCertificate,
        revoke: RevokeSession,
        refusals: RefusalRecorder,
    ) -> None:
        self._exchange_assertion = exchange_assertion
        self._exchange_certificate = exchange_certificate
        self._revoke = revoke
        self._refusals = refusals

    async def ExchangeAssertion(  # noqa: N802 - the contract's name
        self,
        request: pb.ExchangeAssertionRequest,
        context: grpc.aio.ServicerContext[pb.ExchangeAssertionRequest, pb.ExchangeAssertionResponse],
    ) -> pb.ExchangeAssertionResponse:
        """A token for the user of an assertion."""
        del context
        async with self._recorded():
            opened = await self._exchange_assertion(
                request.assertion, mapping.purpose_from(request.purpose), request.structure, current_call().caller
            )
        return _token(pb.ExchangeAssertionResponse, opened)

    async def ExchangeCertificate(  # noqa: N802
        self,
        request: pb.ExchangeCertificateRequest,
        context: grpc.aio.ServicerContext[pb.ExchangeCertificateRequest, pb.ExchangeCertificateResponse],
    ) -> pb.ExchangeCertificateResponse:
        """A token for the structure or system of the caller's certificate."""
        del context
        async with self._recorded():
            opened = await self._exchange_certificate(mapping.purpose_from(request.purpose), current_call().caller)
        return _token(pb.ExchangeCertificateResponse, opened)

    async def RevokeSession(  # noqa: N802
        self, request: pb.RevokeSessionRequest, context: grpc.aio.ServicerContext[pb.RevokeSessionRequest, pb.RevokeSessionResponse]
    ) -> pb.RevokeSessionResponse:
        """Ends a session of the caller."""
        del context
        request_id = check_request_id(request.request_id)
        (session_id,) = parse_name(request.session, "sessions/*", "session")
        revoke_time = await self._revoke(request_id, session_id, current_call().caller)
        return pb.RevokeSessionResponse(revoke_time=mapping.timestamp_to(revoke_time))

    @asynccontextmanager
    async def _recorded(self) -> AsyncIterator[None]:
        try:
            with mapping.refusing():
                yield
        except (Unauthenticated, Denied) as refusal:
            await self._record(refusal)
            raise

    async def _record(self, refusal: Refusal) -> None:
        await self._refusals.record(current_call(), refusal.reason)


def _token(answer: type[Answer], opened: OpenedSession) -> Answer:
    """The answer of either exchange."""
    session = opened.session
    return answer(
        access_token=opened.token,
        expire_time=mapping.timestamp_to(session.expire_time),
        session=session.name,
        subject=session.subject,
    )
