"""Plays histories on a running consent, by its RPCs on a real store, and compares each answer with the reference evaluator's (trial C1)."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from carnet.consent.v1 import access_decision_service_pb2 as decision_pb
from carnet.consent.v1 import access_explanation_service_pb2 as explanation_pb
from carnet.consent.v1 import authorisation_pb2 as statement_pb
from carnet.consent.v1 import authorisation_service_pb2 as authorisation_pb
from carnet.consent.v1 import emergency_access_service_pb2 as emergency_pb
from carnet.consent.v1 import record_pb2
from carnet.consent.v1 import record_service_pb2 as record_service_pb
from carnet.consent.v1 import withdrawal_service_pb2 as withdrawal_pb
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_platform.errors import Aborted, Refusal, Unavailable
from component.consent.conftest import CONTEXT, DOCTOR, KnownPersons, Running, Someone, TestClock, evidence, new_request, reason
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from support.policy_histories import History, history
from support.reference_book import Told
from support.reference_changes import Change, is_allowed
from support.reference_evaluator import OWN_REQUEST, Answer, Asks, Paper, Reference

KINDS = {"authorised": "STANDING", "authorised once": "SINGLE_CONSULTATION", "care": "CARE_RELATION", "blocked": "BLOCK"}
GRACE = timedelta(hours=4)
"""Of an announced closing, so short that it takes effect within a history."""
MANDATES = {"MINOR": "MINOR_REPRESENTATION", "ADULT": "ADULT_REPRESENTATION", "CAREGIVING": "CAREGIVING"}


class StandingClock(TestClock):
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = datetime.now(UTC).replace(microsecond=0)

    def now(self) -> datetime:
        return self.begin + self.moved


class Directory(KnownPersons):
    """Identity that knows the professionals of the histories."""

    def __init__(self) -> None:
        super().__init__()
        self.roles: dict[str, str] = {}

    async def profession(self, professional: str) -> str:
        return self.roles[professional]


@dataclass
class Played:
    """One record of the service, its history, and what was let pass of it."""

    running: Running
    history: History
    rules: Reference
    book: list[Told]
    names: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """The name of each statement and episode, by what it says, about whom and for which place."""
    oppositions: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    decided: list[tuple[Asks, datetime, decision_pb.DecideResponse]] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    async def take(self, number: int) -> None:
        """Take one step, and ask what is asked after it."""
        step = self.history.steps[number]
        if step.change is not None:
            is_accepted = await self._tell(step.change)
            if is_accepted != is_allowed(step.change, self.history.holder, self.book, self.history.roles):
                self._differ(number, f"{'accepted' if is_accepted else 'refused'} {step.change}")
            if is_accepted:
                self.book.append(step.change.told)
        for asks, decided in zip(step.questions, await asyncio.gather(*(self._decide(one) for one in step.questions)), strict=True):
            expected = self.rules.answer(asks, self.history.holder, self.book, self.history.papers, step.at)
            if differs := disagreement(expected, decided, asks, self.history.papers, self.rules):
                self._differ(number, f"{differs}: {asks} after {self.book}")
            if asks.action == "READ" and asks.who.startswith("professionals/") and not asks.has_left and asks.purpose_of_token is None:
                self.decided.append((asks, step.at, decided))

    async def explain(self) -> int:
        """Have the holder ask of each reading why it was decided so, at the end; gives how many were told as they were decided."""
        herself = someone(Asks(self.history.holder, "PATIENT", "", OWN_REQUEST))
        for asks, at, decided in self.decided:
            request = explanation_pb.ExplainDecisionRequest(record=self.history.record, reader=reader_of(asks))
            request.time.FromDatetime(at)
            with herself.calling("/carnet.consent.v1.AccessExplanationService/ExplainDecision"):
                told = await self.running.explanations.ExplainDecision(request, CONTEXT)
            verdict = explanation_pb.VERDICT_REFUSED if decided.HasField("denial") else explanation_pb.VERDICT_ALLOWED
            if (told.verdict, told.reason) != (verdict, decided.denial.reason):
                self._differ(-1, f"explained as {told}, decided as {decided}: {asks} at {at} after {self.book}")
        return len(self.decided)

    def _differ(self, number: int, what: str) -> None:
        self.differences.append(f"history {self.history.seed}, step {number}: {what}")

    async def _decide(self, asks: Asks) -> decision_pb.DecideResponse:
        purpose = cast("Any", f"PURPOSE_OF_USE_{asks.purpose}")
        request = decision_pb.DecideRequest(record=self.history.record, purpose=purpose, action=cast("Any", f"ACTION_{asks.action}"))
        with someone(asks).calling():
            return await self.running.decisions.Decide(request, CONTEXT)

    async def _tell(self, change: Change) -> bool:
        """Ask for a change; False when it is refused."""
        if change.by is None:
            await self._leave(change.told)
            return True
        with someone(change.by).calling(f"/carnet.consent.v1/{change.told.what.replace(' ', '')}"):
            try:
                await self._ask_for(change.told)
            except (Unavailable, Aborted):
                raise
            except Refusal:
                return False
        return True

    async def _ask_for(self, told: Told) -> None:
        authorisations, record, request_id = self.running.authorisations, self.history.record, new_request()
        match told.what:
            case "hidden":
                hiding = authorisation_pb.HideDocumentRequest(request_id=request_id, document=told.document, grantee=told.about)
                await authorisations.HideDocument(hiding, CONTEXT)
            case "shown":
                showing = authorisation_pb.UnhideDocumentRequest(request_id=request_id, document=told.document, grantee=told.about)
                await authorisations.UnhideDocument(showing, CONTEXT)
            case "switched":
                switches = record_pb2.EmergencySwitches(
                    dispatch="ETREAT" in told.on,
                    break_glass="BTG" in told.on,
                    masked_documents="MASKED" in told.on,
                    directives="DIRECTIVES" in told.on,
                )
                setting = record_service_pb.UpdateEmergencySwitchesRequest(
                    request_id=request_id, record=record, emergency_switches=switches
                )
                await self.running.records.UpdateEmergencySwitches(setting, CONTEXT)
            case "attending" | "declared" | "dismissed":
                await self._attend(told)
            case "taken back":
                name = self.names.get((told.undoes, told.about, ""), f"{record}/authorisations/none")
                taking = authorisation_pb.DeleteAuthorisationRequest(request_id=request_id, name=name)
                await authorisations.DeleteAuthorisation(taking, CONTEXT)
            case "glass broken" | "glass mended":
                await self._glass(told)
            case "closed" | "closing announced" | "closing opposed" | "reopened":
                await self._live(told)
            case "deposit opposed":
                await self._oppose(told)
            case "deposit allowed":
                await self._allow(told)
            case _:
                await self._state(told)

    async def _state(self, told: Told) -> None:
        stated = statement_pb.Authorisation(grantee=told.about, kind=cast("Any", f"AUTHORISATION_KIND_{KINDS[told.what]}"))
        if told.until is not None:
            stated.end_time.FromDatetime(told.until)
        request = authorisation_pb.CreateAuthorisationRequest(request_id=new_request(), parent=self.history.record, authorisation=stated)
        answer = await self.running.authorisations.CreateAuthorisation(request, CONTEXT)
        self.names[told.what, told.about, ""] = answer.authorisation.name

    async def _attend(self, told: Told) -> None:
        service = self.running.authorisations
        about: dict[str, Any] = {"request_id": new_request(), "record": self.history.record, "professional": told.about}
        if told.what == "dismissed":
            await service.EndAttendingPhysician(authorisation_pb.EndAttendingPhysicianRequest(**about), CONTEXT)
        elif told.undoes:
            await service.ConfirmAttendingPhysician(authorisation_pb.ConfirmAttendingPhysicianRequest(**about), CONTEXT)
        else:
            await service.DeclareAttendingPhysician(authorisation_pb.DeclareAttendingPhysicianRequest(**about), CONTEXT)

    async def _live(self, told: Told) -> None:
        records, about = self.running.records, cast("Any", {"request_id": new_request(), "record": self.history.record})
        match told.what:
            case "closing opposed":
                await records.OpposeClosing(record_service_pb.OpposeClosingRequest(**about), CONTEXT)
            case "reopened":
                await records.ReopenRecord(
                    record_service_pb.ReopenRecordRequest(**about, consent_confirmed=True, evidence=evidence()), CONTEXT
                )
            case _:
                motive = "FERMETURE_DEMANDE_" + ("REPRESENTANT" if told.about.startswith("patients/") else "PATIENT")
                closing = record_service_pb.CloseRecordRequest(**about, motive_code=motive, evidence=evidence())
                await records.CloseRecord(closing, CONTEXT)

    async def _oppose(self, told: Told) -> None:
        stated = statement_pb.DepositOpposition(author=told.about, document_class=told.kind, reason="he knows me")
        if told.until is not None:
            stated.end_time.FromDatetime(told.until)
        request = authorisation_pb.OpposeDepositRequest(request_id=new_request(), parent=self.history.record, opposition=stated)
        made = (await self.running.authorisations.OpposeDeposit(request, CONTEXT)).opposition
        self.oppositions.setdefault((told.about, told.kind), []).append(made.name)

    async def _allow(self, told: Told) -> None:
        """Take back all oppositions of an author and class, of which some may have ended. Raises Refusal when none is."""
        refused: list[Refusal] = []
        names = self.oppositions.get((told.about, told.kind)) or [f"{self.history.record}/depositOppositions/none"]
        for name in names:
            request = authorisation_pb.AllowDepositRequest(request_id=new_request(), name=name)
            try:
                await self.running.authorisations.AllowDeposit(request, CONTEXT)
            except Refusal as refusal:
                refused.append(refusal)
        if len(refused) == len(names):
            raise refused[0]

    async def _glass(self, told: Told) -> None:
        key = ("glass broken", told.about, told.place)
        if told.what == "glass mended":
            name = self.names.get(key, f"{self.history.record}/emergencyEpisodes/none")
            ending = emergency_pb.EndEmergencyAccessRequest(request_id=new_request(), name=name)
            await self.running.emergencies.EndEmergencyAccess(ending, CONTEXT)
            return
        lasts = Duration()
        lasts.FromTimedelta((told.until or told.at) - told.at)
        request = emergency_pb.BreakGlassRequest(
            request_id=new_request(),
            record=self.history.record,
            cannot_express_will=True,
            immediate_risk=True,
            reason="found unconscious",
            duration=lasts,
        )
        self.names[key] = (await self.running.emergencies.BreakGlass(request, CONTEXT)).episode.name

    async def _leave(self, told: Told) -> None:
        """Identity withdraws the activity of who left, and everything under it."""
        professional, place = told.about.removeprefix("professionals/"), told.place.removeprefix("structures/")
        expire_time = Timestamp()
        expire_time.FromDatetime(told.at + timedelta(days=90))
        request = withdrawal_pb.RegisterWithdrawalRequest(
            request_id=new_request(), subject=f"activities/{professional}/{place}", expire_time=expire_time
        )
        with DOCTOR.calling("/carnet.consent.v1.WithdrawalService/RegisterWithdrawal"):
            await self.running.withdrawals.RegisterWithdrawal(request, CONTEXT)


async def opened(running: Running, seed: int, times: list[datetime], rules: Reference) -> Played:
    """A new record of the person of a history, opened by herself."""
    patient = f"patients/h{seed}-holder"
    name = await running.open(Someone(patient, "PATIENT", purpose="PATIENT_REQUEST"), patient)
    told = history(seed, record=name, times=times, has_hand=False, grace=GRACE)
    directory = cast("Directory", running.identity)
    directory.roles |= told.roles
    for one in told.mandataries:
        kind = MandateKind(MANDATES[one.mandate])
        mandate = Mandate(mandate_of(one), one.on_behalf_of, kind, one.mandate_ends, one.scope, one.places_hidden)
        directory.mandates[mandate.name, one.who] = mandate
    return Played(running, told, rules, [Told(times[0], "opened", on=frozenset({"BTG", "ETREAT"}))])


def mandate_of(asks: Asks) -> str:
    """The name of somebody's mandate."""
    return f"mandates/{asks.who.removeprefix('patients/')}"


def someone(asks: Asks) -> Someone:
    """Who asks, as a token says it."""
    claims: dict[str, Any] = {"regulation": True} if asks.regulates else {}
    if asks.mandate:
        claims |= {"mandate": mandate_of(asks), "on_behalf_of": asks.on_behalf_of, "mandate_kind": MANDATES[asks.mandate]}
        claims |= {"mandate_end": int(asks.mandate_ends.timestamp())} if asks.mandate_ends else {}
        claims |= {"classes": list(asks.scope)} if asks.scope else {}
    purpose = asks.purpose if asks.purpose_of_token is None else asks.purpose_of_token
    return Someone(asks.who, asks.role, asks.place, purpose, f"sessions/{asks.who.partition('/')[2]}", claims)


def reader_of(asks: Asks) -> explanation_pb.Reader:
    """Who reads, as an explanation is asked for."""
    purpose = cast("Any", f"PURPOSE_OF_USE_{asks.purpose}")
    return explanation_pb.Reader(name=asks.who, role=asks.role, structure=asks.place, purpose=purpose, dispatch_doctor=asks.regulates)


def passes(terms: decision_pb.DocumentFilter, paper: Paper, document_class: str) -> bool:
    """Whether a document passes a permit's filter, as the contract says it."""
    if paper.name in terms.hidden_documents or paper.place in terms.excluded_structures:
        return False
    if (paper.by and paper.by == terms.own_professional) or (not paper.by and paper.place and paper.place == terms.own_structure):
        return True
    labels = paper.labels - ({"MASQUE_PS"} if paper.kind in terms.unmasked_types else set())
    covered = document_class in terms.classes and paper.kind not in terms.denied_types
    return not labels & set(terms.excluded_visibilities) and (terms.all_types or covered or paper.kind in terms.allowed_types)


def disagreement(expected: Answer, decided: decision_pb.DecideResponse, asks: Asks, papers: tuple[Paper, ...], rules: Reference) -> str:
    """What differs between the two answers; empty when nothing does."""
    wanted = f"one of {sorted(expected.reasons)}" if expected.reasons else "a permit"
    if decided.HasField("denial"):
        return "" if reason(decided) in expected.reasons else f"refused with {reason(decided)}, expected {wanted}"
    if expected.reasons:
        return f"permitted, expected {wanted}"
    read = [paper for paper in papers if asks.action in ("READ", "DEPOSIT")]
    seen = {paper.name for paper in read if passes(decided.permit.filter, paper, rules.class_of.get(paper.kind, ""))}
    if seen != expected.seen:
        return f"opens {sorted(seen - expected.seen)} too much and {sorted(expected.seen - seen)} too little"
    is_notified = decision_pb.OBLIGATION_NOTIFY_EMERGENCY in decided.permit.obligations
    return "" if is_notified == expected.is_emergency else "an emergency without notice, or a notice without an emergency"
