"""What a change would alter, as its holder is told before she makes it; and that it then alters just that."""

from typing import Any

import pytest
from carnet.consent.v1 import access_explanation_service_pb2 as pb
from carnet.consent.v1 import authorisation_pb2 as statements
from carnet.consent.v1 import record_pb2
from carnet.consent.v1 import record_service_pb2 as records
from component.consent.conftest import CONTEXT, DOCTOR, HOLDER, NURSE, OTHER_PERSON, Running, Someone
from component.consent.test_explain_decision import last_event, reason_of
from component.consent.test_who_can_read import biology

CARD = "/carnet.consent.v1.AccessExplanationService/PreviewChange"
NOTHING_IN_AN_EMERGENCY = record_pb2.EmergencySwitches()


def documents(record: str) -> list[pb.DocumentFacts]:
    """A result, its letter, one that is masked, and advance directives."""
    return [
        biology(record, name=f"{record}/documents/result"),
        biology(record, name=f"{record}/documents/letter"),
        biology(record, name=f"{record}/documents/masked", visibilities=["MASQUE_PS"]),
        pb.DocumentFacts(name=f"{record}/documents/directives", document_class="90", document_type="EXPPAT_3"),
    ]


def same_act(record: str) -> pb.DocumentLink:
    """The letter goes with the result."""
    first, second = (f"{record}/documents/{name}" for name in ("letter", "result"))
    return pb.DocumentLink(document=first, linked_document=second, kind=pb.DOCUMENT_LINK_KIND_SAME_ACT)


async def ask(running: Running, who: Someone, record: str, **change: object) -> pb.PreviewChangeResponse:
    """Ask what a change would alter."""
    fields: dict[str, Any] = {"record": record, "documents": documents(record), "links": [same_act(record)]}
    with who.calling(CARD):
        return await running.explanations.PreviewChange(pb.PreviewChangeRequest(**(fields | change)), CONTEXT)


def authorising(grantee: str, kind: str = "STANDING") -> statements.Authorisation:
    """A statement as proposed."""
    number: Any = f"AUTHORISATION_KIND_{kind}"
    return statements.Authorisation(grantee=grantee, kind=number)


def ends(names: Any) -> list[str]:  # noqa: ANN401 - a repeated field
    """The last part of each name, sorted."""
    return sorted(name.rpartition("/")[2] for name in names)


async def test_an_authorisation_is_previewed_and_then_opens_just_that(running: Running) -> None:
    record = await running.open()

    told = await ask(running, HOLDER, record, authorisation=authorising(NURSE.subject))

    (change,) = told.changes
    assert (change.name, list(change.roles), change.structure) == (NURSE.subject, ["60"], "")
    assert (ends(change.gained_documents), ends(change.lost_documents)) == (["directives", "letter", "result"], [])
    assert (told.consent_revision, bool(told.matrix_version)) == (2, True)
    assert await running.answer(NURSE, record) == "NEEDS_CONSENT", "nothing was stored"
    assert await running.consent.log.last_revision(record) == 2
    await running.state(HOLDER, record, NURSE.subject, "STANDING")
    assert await running.answer(NURSE, record) == "permit"


async def test_hiding_names_what_is_linked_and_stays_readable(running: Running) -> None:
    record = await running.open()
    hidden = pb.DocumentHiding(document=f"{record}/documents/result", grantee=DOCTOR.subject)

    (change,) = (await ask(running, HOLDER, record, hidden=hidden)).changes

    assert ends(change.lost_documents) == ["result"]
    (left,) = change.left_behind
    assert (ends([left.document]), ends([left.linked_document]), left.readable) == (["result"], ["letter"], True)
    assert left.kind == pb.DOCUMENT_LINK_KIND_SAME_ACT
    assert await reason_of(ask(running, HOLDER, record, unhidden=hidden)) == ("NOT_FOUND", "")


async def test_directives_that_close_are_warned_of(running: Running) -> None:
    record = await running.open()
    with HOLDER.calling("/carnet.consent.v1.RecordService/GetRecord"):
        await running.records.GetRecord(records.GetRecordRequest(name=record), CONTEXT)

    blocked = await ask(running, HOLDER, record, authorisation=authorising(DOCTOR.subject, "BLOCK"))
    opposed = await ask(running, HOLDER, record, emergency_switches=NOTHING_IN_AN_EMERGENCY)

    assert ends(blocked.closed_directives) == ["directives"]
    assert not blocked.directives_closed_in_emergency
    assert ends(opposed.directives_closed_in_emergency) == ["directives"]
    assert not opposed.closed_directives
    assert {one.name for one in opposed.changes} == {""}


async def test_an_attending_physician_is_previewed_given_and_ended(running: Running) -> None:
    record = await running.open()

    (given,) = (await ask(running, HOLDER, record, attending_physician=DOCTOR.subject)).changes

    assert ends(given.gained_documents) == ["masked"]
    assert await reason_of(ask(running, HOLDER, record, attending_physician=NURSE.subject)) == ("INVALID_FIELD", "professional")
    assert await reason_of(ask(running, HOLDER, record, ended_attending_physician=DOCTOR.subject)) == ("NOT_FOUND", "")


async def test_asking_is_an_event_and_the_only_thing_stored(running: Running) -> None:
    """Promise 1."""
    record = await running.open()

    await ask(running, HOLDER, record, authorisation=authorising(NURSE.subject))

    event = await last_event(running)
    assert (event["kind"], event["record"], event["actor"]["subject"]) == ("preview.asked", record, HOLDER.subject)
    assert await running.database["history"].count_documents({}) == 1
    await running.consent.journal.close()
    assert (await reason_of(ask(running, HOLDER, record, authorisation=authorising(NURSE.subject))))[0] == "EVENT_NOT_DURABLE"


@pytest.mark.parametrize(("who", "reason"), [(OTHER_PERSON, "NOT_FOUND"), (DOCTOR, "ROLE_NOT_ALLOWED")])
async def test_nobody_but_the_holder_is_told(running: Running, who: Someone, reason: str) -> None:
    record = await running.open()

    assert await reason_of(ask(running, who, record, authorisation=authorising(NURSE.subject))) == (reason, "")


async def test_what_could_not_be_changed_is_refused_as_the_change_is(running: Running) -> None:
    record = await running.open()
    masked = record_pb2.EmergencySwitches(masked_documents=True)

    assert await reason_of(ask(running, HOLDER, record)) == ("INVALID_FIELD", "change")
    assert await reason_of(ask(running, HOLDER, record, authorisation=authorising("structures/s"))) == (
        "INVALID_FIELD",
        "authorisation.end_time",
    )
    assert await reason_of(ask(running, HOLDER, record, deleted_authorisation=f"{record}/authorisations/none")) == ("NOT_FOUND", "")
    assert await reason_of(ask(running, HOLDER, record, emergency_switches=masked)) == (
        "SWITCH_DEPENDENCY",
        "emergency_switches.masked_documents",
    )
