"""Exchanges an identity provider's assertion for a user token (architecture.md 3).

1. The signature holds under a key that a trusted issuer publishes, with a pinned algorithm.
2. Its claims name us, now, and either a professional or a patient whom that issuer may assert; a patient acts through her portal,
   never through a professional's software.
3. The user is known: a professional of the directory with an activity in the structure named, or a registered patient.
4. The purpose is open to the user's role.
5. It was not presented before. Only now: a slip in 3 or 4 does not cost the user a new login, and a replay finds nothing out,
   since it passes 3 and 4 as the first did.
6. The session is stored, once for each assertion whatever 5 remembers; its token signed and bound to the caller's certificate.
"""

from __future__ import annotations

from dataclasses import replace

from carnet_platform.calls import Caller
from carnet_platform.clock import Clock
from carnet_platform.errors import Denied, InvalidArgument, Unauthenticated
from carnet_platform.identifiers import parse_name

from carnet_identity.domain.assertion import Asserted, AssertionRules, read_claims
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.purposes import PurposeTable
from carnet_identity.usecases.open_session import OpenedSession, Opening, OpenSession
from carnet_identity.usecases.ports import AssertionSignatures, Directory, Patients, Presented

_PATIENT = "PATIENT"


class Users:
    """Who the users are here."""

    def __init__(self, directory: Directory, patients: Patients) -> None:
        self._directory = directory
        self._patients = patients

    async def opening(self, asserted: Asserted, purpose: str, structure: str) -> Opening:
        """For whom a session may be opened.

        Raises:
            Denied: USER_UNKNOWN.
            InvalidArgument: INVALID_FIELD, when the structure is missing or out of place.
        """
        if asserted.ins is not None:
            return await self._patient(asserted, asserted.ins, purpose, structure)
        return await self._professional(asserted, purpose, structure)

    async def _patient(self, asserted: Asserted, ins: Ins, purpose: str, structure: str) -> Opening:
        if structure:
            raise InvalidArgument("INVALID_FIELD", "a patient acts for no structure", field="structure")
        patient = await self._patients.find_by_ins(ins)
        if patient is None:
            raise Denied("USER_UNKNOWN", "no person is registered for this assertion")
        return Opening(subject=patient.name, role=_PATIENT, purpose=purpose, assertion_time=asserted.issue_time)

    async def _professional(self, asserted: Asserted, purpose: str, structure: str) -> Opening:
        if not structure:
            raise InvalidArgument("INVALID_FIELD", "a professional acts for a structure", field="structure")
        parse_name(structure, "structures/*", "structure")
        professional = await self._directory.professional_by_rpps(asserted.rpps or "")
        if professional is None or structure not in professional.structures:
            raise Denied("USER_UNKNOWN", "the directory knows no activity of this user in that structure")
        return Opening(
            subject=professional.name,
            role=professional.profession,
            organisation=structure,
            specialty=professional.specialty,
            purpose=purpose,
            assertion_time=asserted.issue_time,
        )


class ExchangeAssertion:
    """The use case."""

    def __init__(
        self,
        signatures: AssertionSignatures,
        rules: AssertionRules,
        users: Users,
        purposes: PurposeTable,
        presented: Presented,
        open_session: OpenSession,
        clock: Clock,
        *,
        patient_callers: frozenset[str],
    ) -> None:
        self._signatures = signatures
        self._rules = rules
        self._users = users
        self._purposes = purposes
        self._presented = presented
        self._open_session = open_session
        self._clock = clock
        self._patient_callers = patient_callers

    async def __call__(self, assertion: str, purpose: str, structure: str, caller: Caller) -> OpenedSession:
        """The opened session.

        Raises:
            Unauthenticated: ASSERTION_INVALID or ASSERTION_REPLAYED.
            Denied: USER_UNKNOWN; ROLE_NOT_ALLOWED, for a patient's assertion from a caller that is no portal.
            BrokenRule: ASSERTION_INVALID or PURPOSE_NOT_ALLOWED.
            Unavailable: the provider's keys cannot be had, or it cannot be told whether the assertion was presented before.
        """
        verified = await self._signatures.verify(assertion)  # 1
        asserted = read_claims(verified.claims, self._rules, now=self._clock.now())  # 2
        if asserted.issuer != verified.issuer:
            raise Unauthenticated("ASSERTION_INVALID", "the assertion is not signed by its issuer", field="assertion")
        if asserted.ins is not None and caller.name not in self._patient_callers:
            raise Denied("ROLE_NOT_ALLOWED", "a patient's assertion is exchanged by a portal of patients")
        opening = await self._users.opening(asserted, purpose, structure)  # 3
        self._purposes.check(opening.role, purpose, is_dispatcher=asserted.is_dispatcher)  # 4
        mark = await self._presented.present(  # 5
            asserted.issuer, asserted.id, issue_time=asserted.issue_time, refuse_after=asserted.refuse_after
        )
        return await self._open_session(replace(opening, assertion_mark=mark), caller)  # 6
