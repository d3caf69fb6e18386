"""Exchanges the assertion of an operator or data-protection officer for a token (architecture.md 3: operators named by OIDC).

As `exchange_assertion.py`, with other rules: the provider is one that may assert operators, the caller is one of the operators' own
programs, the purpose is OPERATIONS and nothing else, and the user is known by no register: whoever the provider gives the role, under an
opaque name made of issuer and `sub` by a key. No name of a person is kept.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from carnet_platform.calls import Caller
from carnet_platform.clock import Clock
from carnet_platform.errors import Denied, InvalidArgument, Unauthenticated

from carnet_identity.domain.operator_claims import OPERATIONS, OperatorRules, read_operator
from carnet_identity.usecases.open_session import OpenedSession, Opening, OpenSession
from carnet_identity.usecases.ports import AssertionSignatures, Presented

_ID_BYTES = 16
OperatorKey = Callable[[str, str], bytes]
"""Of issuer and `sub`, a keyed digest of at least 16 bytes: the same for ever, and of no use to whoever lacks the key."""


class ExchangeOperatorAssertion:
    """The use case."""

    def __init__(
        self,
        signatures: AssertionSignatures,
        rules: OperatorRules,
        presented: Presented,
        open_session: OpenSession,
        clock: Clock,
        key: OperatorKey,
        *,
        callers: frozenset[str],
    ) -> None:
        self._signatures = signatures
        self._rules = rules
        self._presented = presented
        self._open_session = open_session
        self._clock = clock
        self._key = key
        self._callers = callers

    def is_for(self, caller: Caller) -> bool:
        """Whether this caller exchanges the assertions of operators, and no other."""
        return caller.name in self._callers

    async def __call__(self, assertion: str, purpose: str, caller: Caller, *, nonce: str, acts_for: str) -> OpenedSession:
        """The opened session. `acts_for` is whatever structure or mandate was named: there must be none.

        Raises:
            Unauthenticated: ASSERTION_INVALID or ASSERTION_REPLAYED.
            Denied: PURPOSE_NOT_ALLOWED; STOPPED; ROLE_NOT_ALLOWED, from a caller that is no operators' program.
            InvalidArgument: INVALID_FIELD, when a structure or mandate is named.
            BrokenRule: ASSERTION_INVALID.
            Unavailable: as for every assertion.
        """
        if not self.is_for(caller):
            raise Denied("ROLE_NOT_ALLOWED", "the assertion of an operator is exchanged by an operators' program")
        verified = await self._signatures.verify(assertion)
        asserted = read_operator(verified.claims, verified.digest, self._rules, now=self._clock.now(), nonce=nonce)
        frame = asserted.frame
        if frame.issuer != verified.issuer:
            raise Unauthenticated("ASSERTION_INVALID", "the assertion is not signed by its issuer", field="assertion")
        if purpose != OPERATIONS:
            raise Denied("PURPOSE_NOT_ALLOWED", "operators act for operations only")
        if acts_for:
            raise InvalidArgument("INVALID_FIELD", "an operator acts for no structure and under no mandate", field="structure")
        mark = await self._presented.present(frame.issuer, frame.id, issue_time=frame.issue_time, refuse_after=frame.refuse_after)
        opening = Opening(
            subject=f"operators/{self._id(frame.issuer, asserted.subject)}",
            role=asserted.role,
            purpose=purpose,
            assertion_time=frame.issue_time,
            assertion_mark=mark,
            authentication=frame.authentication,
        )
        return await self._open_session(opening, caller)

    def _id(self, issuer: str, subject: str) -> str:
        return base64.b32encode(self._key(issuer, subject)[:_ID_BYTES]).decode().rstrip("=").lower()
