"""The inbox: to each whom it concerns what he is told, to nobody else; marks of his own; and the letters a person wants."""

from datetime import timedelta
from typing import Any, cast

import pytest
from carnet.consent.v1 import authorisation_service_pb2 as authorisation_pb
from carnet.consent.v1 import emergency_access_service_pb2 as emergencies
from carnet.consent.v1 import notice_service_pb2 as pb
from carnet.consent.v1 import withdrawal_service_pb2 as withdrawals
from carnet_consent.api.notices import NoticeServicer
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_platform.errors import Refusal
from component.consent.conftest import CONTEXT, DOCTOR, HOLDER, OTHER_PERSON, Running, Someone, new_request
from google.protobuf.timestamp_pb2 import Timestamp

BREAKING = Someone("professionals/urgent", "10", "structures/hospital", purpose="BREAK_GLASS")
ELSEWHERE = Someone("professionals/urgent", "10", "structures/clinic", purpose="BREAK_GLASS")
ATTENDING = Someone("professionals/attending", "10", "structures/practice")
MANDATE = Mandate("mandates/m", HOLDER.subject, MandateKind.ADULT_REPRESENTATION)
REASON = "coma, zyxwquartz"


def representative(mandate: Mandate = MANDATE) -> Someone:
    """Who represents the holder."""
    claims = {"mandate": mandate.name, "on_behalf_of": mandate.holder, "mandate_kind": mandate.kind.value}
    return Someone("patients/mother", "REPRESENTATIVE", purpose="PATIENT_REQUEST", claims=claims)


def inbox(running: Running) -> NoticeServicer:
    served = next(one for one in running.consent.services if one.name == "carnet.consent.v1.NoticeService")
    return cast("NoticeServicer", served.servicer)


async def listed(running: Running, who: Someone, **asked: Any) -> pb.ListNoticesResponse:  # noqa: ANN401 - fields of the message
    """What somebody is told."""
    with who.calling():
        return await inbox(running).ListNotices(pb.ListNoticesRequest(**asked), CONTEXT)


async def events(running: Running, who: Someone, **asked: Any) -> list[str]:  # noqa: ANN401
    """The kinds of event that somebody is told of, newest first."""
    return [notice.event for notice in (await listed(running, who, **asked)).notices]


async def mark(running: Running, who: Someone, *names: str, request_id: str = "") -> None:
    """Note notices as read."""
    with who.calling("/carnet.consent.v1.NoticeService/MarkNoticesRead"):
        await inbox(running).MarkNoticesRead(pb.MarkNoticesReadRequest(request_id=request_id or new_request(), names=names), CONTEXT)


async def break_glass(running: Running, record: str, who: Someone = BREAKING) -> None:
    request = emergencies.BreakGlassRequest(
        request_id=new_request(), record=record, cannot_express_will=True, immediate_risk=True, reason=REASON
    )
    with who.calling():
        await running.emergencies.BreakGlass(request, CONTEXT)
    running.clock.moved += timedelta(seconds=1)


async def give_attending(running: Running, record: str) -> None:
    """The holder names her attending physician."""
    request = authorisation_pb.DeclareAttendingPhysicianRequest(request_id=new_request(), record=record, professional=ATTENDING.subject)
    with HOLDER.calling():
        await running.authorisations.DeclareAttendingPhysician(request, CONTEXT)
    running.clock.moved += timedelta(seconds=1)


async def reason_of(call: Any) -> tuple[str, str]:  # noqa: ANN401
    """How a call is refused."""
    with pytest.raises(Refusal) as refused:
        await call
    return refused.value.reason, refused.value.field


async def test_an_emergency_is_told_to_the_holder_with_its_reason_and_to_the_attending_physician_without(running: Running) -> None:
    """C7; CSP R1111-48; rules.md 22."""
    record = await running.open()
    await give_attending(running, record)
    await break_glass(running, record)
    told = (await listed(running, HOLDER)).notices
    assert [(one.event, one.kind, one.record, one.actor, one.read) for one in told] == [
        ("emergency.opened", pb.NOTICE_KIND_EMERGENCY_ACCESS, record, BREAKING.subject, False)
    ]
    assert "Urgent, pour Hospital, a ouvert votre carnet en urgence" in told[0].text
    assert REASON in told[0].text
    assert told[0].next_step.startswith("Vous pouvez")
    his = (await listed(running, ATTENDING, language_code="en")).notices
    assert [one.event for one in his] == ["emergency.opened", "attending_physician.declared"], "newest first"
    assert REASON not in str(his)
    assert await events(running, DOCTOR) == []
    assert await events(running, OTHER_PERSON) == []


async def test_a_representative_hears_what_representatives_hear_and_nothing_of_a_hidden_place(running: Running) -> None:
    """rules.md 12: as it stands now, not as it was when the notice was stored."""
    mother = representative()
    running.identity.mandates[MANDATE.name, mother.subject] = MANDATE
    record = await running.open()
    await break_glass(running, record)
    await break_glass(running, record, ELSEWHERE)
    seen = (await listed(running, mother)).notices
    assert [one.structure for one in seen] == [ELSEWHERE.structure, BREAKING.structure]
    assert REASON not in str(seen), "the reason is the holder's"
    assert "la personne que vous représentez" in seen[0].text
    hiding = Mandate(MANDATE.name, MANDATE.holder, MANDATE.kind, hidden_structures=(ELSEWHERE.structure,))
    running.identity.mandates[MANDATE.name, mother.subject] = hiding
    assert [one.structure for one in (await listed(running, mother)).notices] == [BREAKING.structure]
    page = await listed(running, mother, page_size=1)
    assert page.next_page_token == "", "nothing shows that there is another"
    hidden = (await listed(running, HOLDER)).notices[0].name
    assert await reason_of(mark(running, mother, hidden)) == ("NOT_FOUND", "")
    running.identity.mandates.clear()
    assert (await reason_of(listed(running, mother)))[0] == "MANDATE_NOT_IN_FORCE"
    running.identity.is_down = True
    assert (await reason_of(listed(running, mother)))[0] == "DEPENDENCY_UNAVAILABLE"


async def test_a_caregiver_and_a_withdrawn_session_are_told_nothing(running: Running) -> None:
    caregiver = Mandate("mandates/c", HOLDER.subject, MandateKind.CAREGIVING)
    claims = {
        "mandate": caregiver.name,
        "on_behalf_of": caregiver.holder,
        "mandate_kind": caregiver.kind.value,
        "classes": ["31"],
    }
    aunt = Someone("patients/aunt", "CAREGIVER", purpose="PATIENT_REQUEST", claims=claims)
    running.identity.mandates[caregiver.name, aunt.subject] = caregiver
    assert (await reason_of(listed(running, aunt)))[0] == "ROLE_NOT_ALLOWED"
    expire_time = Timestamp()
    expire_time.FromDatetime(running.clock.now() + timedelta(minutes=6))
    with HOLDER.calling():
        await running.withdrawals.RegisterWithdrawal(
            withdrawals.RegisterWithdrawalRequest(request_id=new_request(), subject=HOLDER.session, expire_time=expire_time), CONTEXT
        )
    assert (await reason_of(listed(running, HOLDER)))[0] == "SESSION_WITHDRAWN"


async def test_each_reader_marks_for_himself_and_a_retry_marks_once(running: Running) -> None:
    mother = representative()
    running.identity.mandates[MANDATE.name, mother.subject] = MANDATE
    await break_glass(running, await running.open())
    name, request = (await listed(running, HOLDER)).notices[0].name, new_request()
    for _ in range(2):
        await mark(running, mother, name, request_id=request)
    assert [one.read for one in (await listed(running, mother)).notices] == [True]
    assert [one.read for one in (await listed(running, HOLDER)).notices] == [False]
    assert await events(running, mother, unread_only=True) == []
    assert await events(running, HOLDER, unread_only=True) == ["emergency.opened"]
    for who in (OTHER_PERSON, DOCTOR):
        assert await reason_of(mark(running, who, name)) == ("NOT_FOUND", ""), "another's is answered as an absent one"
    assert await reason_of(mark(running, HOLDER, name, "notices/aaaaaaaaaaaaaaaaaaaaaaaaaa")) == ("NOT_FOUND", "")
    assert [one.read for one in (await listed(running, HOLDER)).notices] == [False], "all or none"


async def test_pages_follow_each_other_and_a_token_is_good_for_its_reader_alone(running: Running) -> None:
    record = await running.open()
    for _ in range(5):
        await break_glass(running, record)
    first = await listed(running, HOLDER, page_size=2)
    second = await listed(running, HOLDER, page_size=2, page_token=first.next_page_token)
    third = await listed(running, HOLDER, page_size=2, page_token=second.next_page_token)
    names = [one.name for page in (first, second, third) for one in page.notices]
    assert (len(names), len(set(names)), third.next_page_token) == (5, 5, "")
    assert await reason_of(listed(running, OTHER_PERSON, page_token=first.next_page_token)) == ("PAGE_TOKEN_INVALID", "page_token")


async def test_a_question_that_breaks_a_rule_is_refused_by_field(running: Running) -> None:
    for asked, field in (({"page_size": -1}, "page_size"), ({"page_size": 51}, "page_size"), ({"language_code": "de"}, "language_code")):
        assert await reason_of(listed(running, HOLDER, **asked)) == ("INVALID_FIELD", field)
    for names in ([], ["notices/"], ["records/r"], ["notices/a"] * 51):
        assert await reason_of(mark(running, HOLDER, *names)) == ("INVALID_FIELD", "names")


async def test_without_the_directory_the_notice_is_told_without_names(running: Running) -> None:
    await break_glass(running, await running.open())
    running.identity.is_down = True
    assert "une structure dont le nom n'est pas disponible" in (await listed(running, HOLDER)).notices[0].text


def wish(kind: pb.NoticeKind.ValueType, *, email: bool) -> pb.NoticePreference:
    return pb.NoticePreference(kind=kind, email=email, push=email)


async def update(running: Running, who: Someone, record: str, *wishes: pb.NoticePreference, etag: str = "") -> Any:  # noqa: ANN401
    """Say which letters are wanted."""
    request = pb.UpdateNoticePreferencesRequest(request_id=new_request(), record=record, preferences=wishes, etag=etag)
    with who.calling("/carnet.consent.v1.NoticeService/UpdateNoticePreferences"):
        return await inbox(running).UpdateNoticePreferences(request, CONTEXT)


async def preferences(running: Running, who: Someone, record: str) -> pb.GetNoticePreferencesResponse:
    with who.calling():
        return await inbox(running).GetNoticePreferences(pb.GetNoticePreferencesRequest(record=record), CONTEXT)


async def test_a_letter_switched_off_is_not_queued_and_the_inbox_tells_all_the_same(running: Running) -> None:
    record = await running.open()
    before = await preferences(running, HOLDER, record)
    assert {one.kind: (one.email, one.required) for one in before.preferences}[pb.NOTICE_KIND_ATTENDING_PHYSICIAN] == (True, False)
    after = await update(running, HOLDER, record, wish(pb.NOTICE_KIND_ATTENDING_PHYSICIAN, email=False), etag=before.etag)
    assert after.etag != before.etag
    assert (await preferences(running, HOLDER, record)).preferences == after.preferences
    declaring = authorisation_pb.DeclareAttendingPhysicianRequest(request_id=new_request(), record=record, professional=DOCTOR.subject)
    with DOCTOR.calling():
        await running.authorisations.DeclareAttendingPhysician(declaring, CONTEXT)
    assert await events(running, HOLDER) == ["attending_physician.declared"]
    assert await running.database["notices"].count_documents({"delivery": "WAITING"}) == 0
    wanted = wish(pb.NOTICE_KIND_ATTENDING_PHYSICIAN, email=True)
    assert await reason_of(update(running, HOLDER, record, wanted, etag=before.etag)) == ("ETAG_MISMATCH", "etag")


async def test_preferences_that_break_a_rule_are_refused_by_field(running: Running) -> None:
    record, attending = await running.open(), wish(pb.NOTICE_KIND_ATTENDING_PHYSICIAN, email=True)
    unstated, unknown = (wish(cast("Any", kind), email=True) for kind in (0, 99))
    for wishes in ([], [unstated], [unknown], [attending, attending], [wish(pb.NOTICE_KIND_EMERGENCY_ACCESS, email=False)]):
        assert await reason_of(update(running, HOLDER, record, *wishes)) == ("INVALID_FIELD", "preferences")


async def test_anybody_elses_preferences_are_not_told_and_not_changed(running: Running) -> None:
    record = await running.open()
    assert (await reason_of(preferences(running, OTHER_PERSON, record)))[0] == "NOT_FOUND"
    assert (await reason_of(update(running, OTHER_PERSON, record, wish(pb.NOTICE_KIND_ATTENDING_PHYSICIAN, email=False))))[0] == "NOT_FOUND"
    assert (await reason_of(preferences(running, DOCTOR, record)))[0] == "ROLE_NOT_ALLOWED"
