"""Exchanges an identity provider's assertion for a user token (architecture.md 3).

1. The signature holds under a key that a trusted issuer publishes, with a pinned algorithm.
2. Its claims name us, now, and either a professional or a patient whom that issuer may assert; a patient acts through her portal,
   never through a professional's software.
3. The user is known: a professional of the directory with an activity in force in the structure named, whose profession the provider
   does not contradict; or a registered patient who is alive. Under a mandate she stays herself, and the mandate is in force
   (`mandated.py`).
4. The purpose is open to the user's role.
5. It was not presented before. Only now: a slip in 3 or 4 does not cost the user a new login, and a replay finds nothing out,
   since it passes 3 and 4 as the first did.
6. The session is stored, once for each assertion whatever 5 remembers; its token signed and bound to the caller's certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from carnet_platform.calls import Caller
from carnet_platform.clock import Clock
from carnet_platform.errors import Denied, FailedPrecondition, InvalidArgument, Unauthenticated
from carnet_platform.identifiers import parse_name

from carnet_identity.domain.assertion import Asserted, AssertionRules, read_claims
from carnet_identity.domain.authentication import Authentication
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.professional_claims import Practice, contradicted, differences, professions_of
from carnet_identity.domain.purposes import PurposeTable
from carnet_identity.usecases.mandated import MandatedUsers
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
            FailedPrecondition: PERSON_DECEASED.
            InvalidArgument: INVALID_FIELD, when the structure is missing or out of place.
            BrokenRule: USER_CONTRADICTED.
        """
        if asserted.ins is not None:
            opening = await self._patient(asserted.ins, purpose, structure)
        else:
            practices = None if asserted.professional is None else asserted.professional.practices
            opening = await self.professional(asserted.rpps or "", purpose, structure, practices)
        authentication = replace(asserted.authentication, differs=opening.authentication.differs)
        return replace(opening, assertion_time=asserted.issue_time, authentication=authentication)

    async def professional(self, rpps: str, purpose: str, structure: str, practices: Sequence[Practice] | None = None) -> Opening:
        """A professional of the directory in a structure, whoever authenticated her; `practices` are what a provider says of her."""
        if not structure:
            raise InvalidArgument("INVALID_FIELD", "a professional acts for a structure", field="structure")
        (structure_id,) = parse_name(structure, "structures/*", "structure")
        professional = await self._directory.professional_by_rpps(rpps)
        if professional is None or professional.activity_in(structure) is None:
            raise Denied("USER_UNKNOWN", "the directory knows no activity of this user in that structure")
        found = (professional.activity_in(structure, profession) for profession in professions_of(practices))
        activity = next((one for one in found if one is not None), None)
        if activity is None:
            raise contradicted()
        finess = "" if practices is None else "".join(one.finess for one in await self._directory.structures_of([structure_id]))
        differs = differences(
            practices, profession=activity.profession, specialty=activity.specialty, sector=activity.sector, finess=finess
        )
        return Opening(
            subject=professional.name,
            role=activity.profession,
            organisation=structure,
            specialty=activity.specialty,
            purpose=purpose,
            authentication=Authentication(differs=differs),
        )

    async def _patient(self, ins: Ins, purpose: str, structure: str) -> Opening:
        if structure:
            raise InvalidArgument("INVALID_FIELD", "a patient acts for no structure", field="structure")
        patient = await self._patients.find_by_ins(ins)
        if patient is None:
            raise Denied("USER_UNKNOWN", "no person is registered for this assertion")
        if patient.is_deceased:
            raise FailedPrecondition("PERSON_DECEASED", "the person of this assertion has died, by what is stated here")
        return Opening(subject=patient.name, role=_PATIENT, purpose=purpose)


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
        mandates: MandatedUsers,
    ) -> None:
        self._signatures = signatures
        self._rules = rules
        self._users = users
        self._purposes = purposes
        self._presented = presented
        self._open_session = open_session
        self._clock = clock
        self._patient_callers = patient_callers
        self._mandates = mandates

    async def __call__(
        self, assertion: str, purpose: str, structure: str, caller: Caller, *, nonce: str = "", mandate: str = ""
    ) -> OpenedSession:
        """The opened session. `nonce` is what the software sent to the provider, `mandate` under which she acts; empty for none.

        Raises:
            Unauthenticated: ASSERTION_INVALID or ASSERTION_REPLAYED.
            Denied: USER_UNKNOWN; MANDATE_NOT_IN_FORCE; ROLE_NOT_ALLOWED, for a patient's assertion from a caller that is no portal.
            FailedPrecondition: PERSON_DECEASED.
            BrokenRule: ASSERTION_INVALID, USER_CONTRADICTED or PURPOSE_NOT_ALLOWED.
            Unavailable: the provider's keys cannot be had, or it cannot be told whether the assertion was presented before.
        """
        verified = await self._signatures.verify(assertion)  # 1
        asserted = read_claims(verified.claims, verified.digest, self._rules, now=self._clock.now(), nonce=nonce)  # 2
        if asserted.issuer != verified.issuer:
            raise Unauthenticated("ASSERTION_INVALID", "the assertion is not signed by its issuer", field="assertion")
        if asserted.ins is not None and caller.name not in self._patient_callers:
            raise Denied("ROLE_NOT_ALLOWED", "a patient's assertion is exchanged by a portal of patients")
        opening = await self._users.opening(asserted, purpose, structure)  # 3
        if mandate:
            mandated = await self._mandates(opening.subject, mandate)
            opening = replace(opening, role=mandated.role, mandated=mandated)
        self._purposes.check(opening.role, purpose, is_dispatcher=asserted.is_dispatcher)  # 4
        mark = await self._presented.present(  # 5
            asserted.issuer, asserted.id, issue_time=asserted.issue_time, refuse_after=asserted.refuse_after
        )
        return await self._open_session(replace(opening, assertion_mark=mark), caller)  # 6
