"""Who may act for another person, on a real process."""

import time
from datetime import timedelta
from typing import Any

import grpc
import pytest
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from carnet.identity.v1 import mandate_reference_service_pb2 as reference_pb
from carnet.identity.v1 import mandate_reference_service_pb2_grpc as reference_grpc
from carnet.identity.v1 import mandate_service_pb2 as pb
from carnet.identity.v1 import session_service_pb2 as session_pb
from carnet.identity.v1 import session_service_pb2_grpc as session_grpc
from component.identity.family import (
    ADULT,
    CARE,
    MINOR,
    Family,
    User,
    accepting,
    born,
    caring,
    checked,
    ending,
    inviting,
    registering,
    request_id,
    stamp,
    suspending,
)
from component.identity.neighbours import Neighbours
from component.identity.running import Running, ins, lines, refused
from component.identity.software import Software, death, kinds, new_number
from support.waiting import wait_until

NEVER_GIVEN = "mandates/aaaaaaaaaaaaaaaaaaaaaaaaaa"


def test_a_representative_of_a_minor_is_registered_on_evidence(family: Family, identity: Running, neighbours: Neighbours) -> None:
    """domain.md 1.3: until majority at the latest; the event has the evidence, and who is to be told."""
    mandate = family.doctor.register(family.child, family.mother)
    assert (mandate.holder, mandate.mandatary) == (family.child.name, family.mother.name)
    assert mandate.state == pb.MANDATE_STATE_ACCEPTED
    assert timedelta(days=3 * 365 - 5) < mandate.end_time.ToDatetime() - mandate.begin_time.ToDatetime() < timedelta(days=3 * 366)
    wait_until(lambda: (mandate.name, 1) in neighbours.audit.changes)
    told = neighbours.audit.changes[mandate.name, 1]
    assert (told.kind, told.motive, told.change) == ("mandate.registered", "family record book", "MINOR_REPRESENTATION")
    assert list(told.tell) == sorted([family.child.name, family.mother.name])
    standing = checked(identity, mandate.name)
    assert (standing.in_force, standing.holder, standing.mandatary, standing.kind) == (True, family.child.name, family.mother.name, MINOR)


def test_a_retry_of_a_registration_gets_the_first_answer(family: Family) -> None:
    request = registering(family.child, family.mother)
    assert family.doctor("RegisterMandate", request) == family.doctor("RegisterMandate", request)
    other = registering(family.child, family.mother, request_id=request.request_id, evidence="another")
    assert family.doctor.refused("RegisterMandate", other).reason == "REQUEST_ID_REUSED"
    assert family.doctor.refused("RegisterMandate", registering(family.child, family.mother)).reason == "STATE_FORBIDS"


@pytest.mark.parametrize(
    "changes",
    [
        {"ins": ins(new_number())},
        {"family_name": "AUTRE"},
        {"given_name": "AUTRE"},
        {"birth_date": "19800413"},
    ],
)
def test_one_trait_that_differs_registers_nobody_and_all_are_refused_alike(family: Family, changes: dict[str, Any]) -> None:
    answer = family.doctor.refused("RegisterMandate", registering(family.child, family.mother, mandatary=family.mother.match(**changes)))
    assert (answer.code, answer.reason, answer.field) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", "mandatary")
    assert answer.text == "what is said of the mandatary fits no registered person"


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"kind": CARE}, "INVALID_FIELD", "kind"),
        ({"kind": 0}, "INVALID_FIELD", "kind"),
        ({"kind": ADULT}, "STATE_FORBIDS", "kind"),
        ({"relation": 0}, "INVALID_FIELD", "relation"),
        ({"evidence": " "}, "INVALID_FIELD", "evidence"),
        ({"evidence": "x" * 501}, "INVALID_FIELD", "evidence"),
        ({"end_time": stamp(-timedelta(days=1))}, "INVALID_FIELD", "end_time"),
        ({"holder": "patients/nobody"}, "NOT_FOUND", "holder"),
        ({"holder": "records/x"}, "INVALID_FIELD", "holder"),
        ({"request_id": "7"}, "INVALID_FIELD", "request_id"),
        ({"mandatary": None}, "INS_INVALID", ""),
    ],
)
def test_a_broken_registration_is_refused_by_field(family: Family, changes: dict[str, Any], reason: str, field: str) -> None:
    answer = family.doctor.refused("RegisterMandate", registering(family.child, family.mother, **changes))
    assert answer.reason in {reason, "INVALID_FIELD"}
    assert answer.field.startswith(field)


def test_an_adult_is_represented_as_an_adult(family: Family) -> None:
    """Code civil 425: on a judgment, with its end."""
    adult = family.person("MAJEUR", "PAUL", "19550101")
    assert family.doctor.refused("RegisterMandate", registering(adult, family.mother)).reason == "STATE_FORBIDS"
    judged = stamp(timedelta(days=1000))
    mandate = family.doctor.register(
        adult, family.mother, kind=ADULT, relation=pb.MANDATE_RELATION_RESPONSIBLE_PERSON, end_time=judged, evidence="judgment"
    )
    assert abs((mandate.end_time.ToDatetime() - judged.ToDatetime()).total_seconds()) < 0.01
    assert family.session(family.mother, mandate.name).claims["mandate_kind"] == "ADULT_REPRESENTATION"


def test_an_administrative_system_registers_a_mandate_on_evidence(family: Family, identity: Running) -> None:
    """Under its own certificate; a structure's own token reads nothing."""
    request = session_pb.ExchangeCertificateRequest(purpose=purposes.PURPOSE_OF_USE_SYSTEM_DEPOSIT)
    with identity.stub(session_grpc.SessionServiceStub, "system/insurer") as sessions:
        token = sessions.ExchangeCertificate(request, timeout=10).access_token
    system = User(identity, "system/insurer", token)
    mandate = system.register(family.child, family.mother)
    assert mandate.state == pb.MANDATE_STATE_ACCEPTED
    assert system.refused("GetMandate", pb.GetMandateRequest(mandate=mandate.name)).reason == "NOT_FOUND"


def test_a_person_registers_no_mandate_and_a_professional_invites_to_none(family: Family) -> None:
    mother = family.session(family.mother)
    assert mother.refused("RegisterMandate", registering(family.child, family.mother)).reason == "ROLE_NOT_ALLOWED"
    assert family.doctor.refused("InviteMandate", inviting(family.child, family.father.match())).reason == "ROLE_NOT_ALLOWED"
    assert family.doctor.refused("ListMandates", pb.ListMandatesRequest()).reason == "ROLE_NOT_ALLOWED"


def test_a_second_representative_is_invited_by_the_first_and_accepts(family: Family, neighbours: Neighbours) -> None:
    """domain.md 1.3: PENDING, then ACCEPTED with the attestation; the first is told."""
    first = family.doctor.register(family.child, family.mother)
    mother, father = family.session(family.mother), family.session(family.father)
    invitation = mother.invite(family.child, family.father.match(family_name="père"))
    assert (mother.state(invitation), father.state(invitation)) == ("PENDING", "PENDING")
    assert mother("GetMandate", pb.GetMandateRequest(mandate=invitation)).mandate.mandatary == "", "who is registered is not told"
    assert family.refused_session(family.father, invitation)[1] == "MANDATE_NOT_IN_FORCE"
    unattested = father.refused("AcceptMandate", accepting(invitation, attests=False))
    assert (unattested.reason, unattested.field) == ("INVALID_FIELD", "attests_identity")
    accepted = father.accept(invitation)
    assert (accepted.state, accepted.end_time) == (pb.MANDATE_STATE_ACCEPTED, first.end_time)
    assert mother("GetMandate", pb.GetMandateRequest(mandate=invitation)).mandate.mandatary == family.father.name
    assert father.listed() == mother.listed() == family.session(family.child).listed() == [invitation, first.name]
    wait_until(lambda: (invitation, 2) in neighbours.audit.changes)
    told = neighbours.audit.changes[invitation, 2]
    assert (told.kind, told.actor.subject) == ("mandate.accepted", family.father.name)
    assert list(told.tell) == sorted([family.child.name, family.mother.name])


def test_an_invitation_is_answered_alike_whether_or_not_somebody_is_registered(family: Family, neighbours: Neighbours) -> None:
    family.doctor.register(family.child, family.mother)
    mother = family.session(family.mother)
    nobody = mother("InviteMandate", inviting(family.child, family.father.match(ins=ins(new_number()))))
    wrong = mother("InviteMandate", inviting(family.child, family.father.match(birth_date="19790924")))
    right = mother("InviteMandate", inviting(family.child, family.father.match()))
    assert len({(len(one.mandate), one.invitation_expire_time.seconds // 60) for one in (nobody, wrong, right)}) <= 2
    shown = [mother("GetMandate", pb.GetMandateRequest(mandate=one.mandate)).mandate for one in (nobody, wrong, right)]
    for one in shown:
        for field in ("name", "etag", "invitation_expire_time"):
            one.ClearField(field)
    assert shown[0] == shown[1] == shown[2]
    father = family.session(family.father)
    answers = {
        (a.code, a.reason, a.text) for a in (father.refused("AcceptMandate", accepting(one)) for one in (nobody.mandate, NEVER_GIVEN))
    }
    assert len(answers) == 1
    assert father.accept(right.mandate).state == pb.MANDATE_STATE_ACCEPTED
    wait_until(lambda: (nobody.mandate, 1) in neighbours.audit.changes)


def test_nobody_invites_for_somebody_else(family: Family) -> None:
    """Whether such a person exists is not told."""
    father = family.session(family.father)
    answers = [
        father.refused("InviteMandate", inviting(family.child, family.mother.match())),
        father.refused("InviteMandate", inviting(family.child, family.mother.match(), holder="patients/nobody")),
        father.refused("InviteMandate", inviting(family.child, family.mother.match(), **caring())),
    ]
    assert {(one.code, one.reason, one.text) for one in answers} == {
        (grpc.StatusCode.NOT_FOUND, "NOT_FOUND", "there is no such person whom the user may invite for")
    }
    child = family.session(family.child)
    assert child.refused("InviteMandate", inviting(family.child, family.mother.match())).reason == "NOT_FOUND", "a parent is registered"


def test_an_invitation_is_refused_once(family: Family) -> None:
    family.doctor.register(family.child, family.mother)
    invitation = family.session(family.mother).invite(family.child, family.father.match())
    father = family.session(family.father)
    refusal = pb.RefuseMandateRequest(request_id=request_id(), mandate=invitation)
    assert father("RefuseMandate", refusal) == father("RefuseMandate", refusal)
    assert father.refused("AcceptMandate", accepting(invitation)).reason == "STATE_FORBIDS"
    assert family.session(family.mother).state(invitation) == "REFUSED"


def test_a_caregiver_has_a_scope_by_class_and_an_end(family: Family) -> None:
    """rules.md 13: by the holder or a representative; the scope goes with the token."""
    family.doctor.register(family.child, family.mother)
    mother, father = family.session(family.mother), family.session(family.father)
    wrongs: tuple[dict[str, Any], ...] = ({"classes": []}, {"classes": ["x"]}, {"end_time": None}, {"end_time": stamp(timedelta(days=400))})
    for wrong in wrongs:
        assert mother.refused("InviteMandate", inviting(family.child, family.father.match(), **caring(**wrong))).reason == "INVALID_FIELD"
    invitation = family.session(family.child).invite(family.child, family.father.match(), **caring(classes=["31", "10"]))
    accepted = father.accept(invitation)
    assert list(accepted.classes) == ["10", "31"]
    claims = family.session(family.father, invitation).claims
    assert (claims["role"], claims["classes"], claims["sub"]) == ("CAREGIVER", ["10", "31"], family.father.name)
    assert mother("EndMandate", ending(invitation)).mandate.state == pb.MANDATE_STATE_ENDED


def test_a_session_under_a_mandate_is_the_representatives_own(family: Family) -> None:
    """The token stays hers; it says for whom, of which kind, until when."""
    mandate = family.doctor.register(family.child, family.mother)
    claims = family.session(family.mother, mandate.name).claims
    assert (claims["sub"], claims["role"], claims["purpose"]) == (family.mother.name, "REPRESENTATIVE", "PATIENT_REQUEST")
    assert (claims["mandate"], claims["on_behalf_of"]) == (mandate.name, family.child.name)
    assert (claims["mandate_kind"], claims["mandate_end"]) == ("MINOR_REPRESENTATION", mandate.end_time.seconds)
    assert "classes" not in claims
    assert claims["exp"] - claims["iat"] <= 300


def test_a_session_is_refused_alike_under_what_is_no_mandate_of_hers_in_force(family: Family) -> None:
    mandate = family.doctor.register(family.child, family.mother)
    pending = family.session(family.mother).invite(family.child, family.father.match())
    answers = {
        family.refused_session(family.father, mandate.name),
        family.refused_session(family.father, pending),
        family.refused_session(family.mother, NEVER_GIVEN),
        family.refused_session(family.child, mandate.name),
    }
    family.session(family.child)("SuspendMandate", suspending(mandate.name))
    answers.add(family.refused_session(family.mother, mandate.name))
    assert answers == {(grpc.StatusCode.PERMISSION_DENIED, "MANDATE_NOT_IN_FORCE", "no such mandate of this user is in force")}


def test_a_mandate_begins_and_ends_by_its_dates(family: Family, identity: Running) -> None:
    later = family.doctor.register(family.child, family.mother, begin_time=stamp(timedelta(days=1)))
    assert not checked(identity, later.name).in_force
    assert family.refused_session(family.mother, later.name)[1] == "MANDATE_NOT_IN_FORCE"
    soon = family.doctor.register(family.child, family.father, end_time=stamp(timedelta(seconds=20)))
    claims = family.session(family.father, soon.name).claims
    assert claims["exp"] <= soon.end_time.seconds + 1, "no token outlives its mandate"


@pytest.mark.parametrize("who", ["child", "other parent", "doctor"])
def test_a_suspension_is_acknowledged_once_consent_has_it(family: Family, identity: Running, neighbours: Neighbours, who: str) -> None:
    """Promise 2: `mandates/{mandate}` is withdrawn, and acknowledged 505 ms after consent's commit. The others are told."""
    mandate = family.doctor.register(family.child, family.mother)
    family.doctor.register(family.child, family.father)
    users = {
        "child": lambda: family.session(family.child),
        "other parent": lambda: family.session(family.father),
        "doctor": lambda: family.doctor,
    }
    user = users[who]()
    under = family.session(family.mother, mandate.name)
    request = suspending(mandate.name)
    answer = user("SuspendMandate", request)
    acknowledged = time.monotonic()
    assert acknowledged - neighbours.consent.withdrawals[mandate.name][1] >= 0.505
    assert answer.mandate.state == pb.MANDATE_STATE_SUSPENDED
    assert user("SuspendMandate", request) == answer
    assert not checked(identity, mandate.name).in_force
    assert under.refused("ListMandates", pb.ListMandatesRequest()).reason == "SESSION_WITHDRAWN", "identity looks for itself"
    wait_until(lambda: (mandate.name, 2) in neighbours.audit.changes)
    told = neighbours.audit.changes[mandate.name, 2]
    assert (told.kind, told.motive) == ("mandate.suspended", "a danger")
    assert {family.mother.name, family.child.name, family.father.name} - {told.actor.subject} == set(told.tell)


def test_a_suspended_representation_comes_back_by_evidence_alone(family: Family) -> None:
    mandate = family.doctor.register(family.child, family.father)
    family.doctor.register(family.child, family.mother)
    mother, father = family.session(family.mother), family.session(family.father)
    mother("SuspendMandate", suspending(mandate.name))
    invitation = mother.invite(family.child, family.father.match())
    assert father.refused("AcceptMandate", accepting(invitation)).reason == "STATE_FORBIDS"
    again = family.doctor.register(family.child, family.father)
    assert family.session(family.father, again.name).claims["mandate"] == again.name
    assert mother.state(mandate.name) == "ENDED"


def test_who_was_suspended_brings_nobody_in(family: Family) -> None:
    mandate = family.doctor.register(family.child, family.mother)
    invitation = family.session(family.mother).invite(family.child, family.father.match(), **caring())
    family.doctor("SuspendMandate", suspending(mandate.name))
    assert family.session(family.father).refused("AcceptMandate", accepting(invitation)).reason == "STATE_FORBIDS"


def test_a_mandatary_ends_her_own_mandate_and_a_minor_does_not_end_her_parents(family: Family) -> None:
    mandate = family.doctor.register(family.child, family.mother)
    mother, child = family.session(family.mother), family.session(family.child)
    assert child.refused("EndMandate", ending(mandate.name)).reason == "ROLE_NOT_ALLOWED"
    assert mother.refused("SuspendMandate", suspending(mandate.name)).reason == "ROLE_NOT_ALLOWED"
    assert family.session(family.father).refused("EndMandate", ending(mandate.name)).reason == "NOT_FOUND"
    assert family.session(family.father).refused("SuspendMandate", suspending(mandate.name)).reason == "NOT_FOUND"
    assert mother("EndMandate", ending(mandate.name)).mandate.state == pb.MANDATE_STATE_ENDED
    assert child.refused("SuspendMandate", suspending(mandate.name, "")).field == "reason"


def test_consent_that_does_not_answer_leaves_the_mandate_suspended_and_is_told_later(
    family: Family, identity: Running, neighbours: Neighbours
) -> None:
    """Promise 3: fails closed. The retry walks from where it stopped."""
    mandate, child = family.doctor.register(family.child, family.mother), family.session(family.child)
    request = suspending(mandate.name)
    neighbours.consent.is_down = True
    try:
        answer = child.refused("SuspendMandate", request)
        assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
        assert not checked(identity, mandate.name).in_force
    finally:
        neighbours.consent.is_down = False
    wait_until(lambda: mandate.name in neighbours.consent.withdrawals)
    assert child("SuspendMandate", request).mandate.state == pb.MANDATE_STATE_SUSPENDED
    wait_until(lambda: (mandate.name, 2) in neighbours.audit.changes)
    assert [kind for kind, _ in kinds(neighbours, mandate.name)] == ["mandate.registered", "mandate.suspended"]


def test_a_death_ends_the_mandates_for_and_of_the_person(family: Family, software: Software, neighbours: Neighbours) -> None:
    """rules.md 17."""
    mothers, fathers = family.doctor.register(family.child, family.mother), family.doctor.register(family.child, family.father)
    invitation = family.session(family.mother).invite(family.child, family.father.match(), **caring())
    software.call(software.registry.RecordDeath, death(family.patient(family.mother)))
    assert mothers.name in neighbours.consent.withdrawals
    assert family.session(family.father).state(fathers.name) == "ACCEPTED"
    software.call(software.registry.RecordDeath, death(family.patient(family.child)))
    assert family.refused_session(family.father, fathers.name)[1] == "MANDATE_NOT_IN_FORCE"
    assert {fathers.name, invitation} <= neighbours.consent.withdrawals.keys()
    wait_until(lambda: (fathers.name, 2) in neighbours.audit.changes)
    assert kinds(neighbours, fathers.name)[1:] == [("mandate.ended", "DEATH")]


def test_mandates_are_listed_in_pages_newest_first(family: Family) -> None:
    family.doctor.register(family.child, family.mother)
    mother = family.session(family.mother)
    names = [mother.invite(family.child, family.father.match(), **caring()) for _ in range(4)]
    whole = mother.listed()
    assert whole[:4] == names[::-1]
    pages, token = [], ""
    while True:
        page = mother("ListMandates", pb.ListMandatesRequest(page_size=2, page_token=token))
        pages.append([one.name for one in page.mandates])
        token = page.next_page_token
        if not token:
            break
    assert [name for page in pages for name in page] == whole
    assert [len(page) for page in pages] == [2, 2, 1]
    first = mother("ListMandates", pb.ListMandatesRequest(page_size=2))
    foreign = family.session(family.father).refused("ListMandates", pb.ListMandatesRequest(page_token=first.next_page_token))
    assert foreign.reason == "PAGE_TOKEN_INVALID"
    assert mother.refused("ListMandates", pb.ListMandatesRequest(page_size=101)).field == "page_size"


def test_a_minor_whose_day_of_birth_is_unknown_is_one_as_long_as_she_can_be(family: Family) -> None:
    """In doubt she is a minor: her representation is a minor's until the last day on which she can come of age."""
    year = int(born(18)[:4])
    child = family.person("DOUTE", "NOA", f"{year}0000")
    mandate = family.doctor.register(child, family.mother)
    assert mandate.end_time.ToDatetime().strftime("%Y-%m-%d %H") == f"{year + 18}-12-30 23"


def test_nothing_of_who_acts_for_whom_stands_in_a_log(family: Family, identity: Running) -> None:
    """Promise 9: canaries."""
    mandate = family.doctor.register(family.child, family.mother, evidence="CANARYEVIDENCE")
    family.session(family.child)("SuspendMandate", suspending(mandate.name, "CANARYREASON"))
    family.doctor.refused(
        "RegisterMandate", registering(family.child, family.mother, mandatary=family.mother.match(family_name="CANARYNAME"))
    )
    text = identity.log.read_text()
    assert lines(identity.log)
    for word in ("CANARY", family.mother.number, family.child.number, "family record book"):
        assert word not in text


def test_software_may_not_look_at_a_mandate_as_consent_does(identity: Running) -> None:
    """Who may call what: CheckMandate is for the service that decides."""

    def look() -> object:
        with identity.stub(reference_grpc.MandateReferenceServiceStub, "portal") as reference:
            return reference.CheckMandate(reference_pb.CheckMandateRequest(mandate=NEVER_GIVEN), timeout=10)

    assert refused(look).code is grpc.StatusCode.PERMISSION_DENIED
    assert not checked(identity, NEVER_GIVEN).in_force
