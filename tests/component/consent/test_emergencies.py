"""Trial C7: breaking the glass on a real store, with its reviews and the watch over them."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
import structlog
from carnet.consent.v1 import authorisation_service_pb2 as authorisations
from carnet.consent.v1 import emergency_access_service_pb2 as emergencies
from carnet.consent.v1 import emergency_review_service_pb2 as reviews
from carnet.consent.v1 import record_pb2
from carnet.consent.v1 import record_service_pb2 as records
from carnet_consent.api.emergency_reviews import EmergencyReviewServicer
from carnet_platform.errors import Refusal
from component.consent.conftest import CONTEXT, DOCTOR, HOLDER, Running, Someone, new_request
from google.protobuf.duration_pb2 import Duration

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
NURSE = Someone("professionals/nurse", "60", "structures/hospital", purpose="BREAK_GLASS")
OFFICER = Someone("operators/dora", "DATA_PROTECTION_OFFICER", purpose="OPERATIONS")
WEEK = timedelta(days=7)
JUSTIFIED, NOT_JUSTIFIED = reviews.EMERGENCY_REVIEW_OUTCOME_JUSTIFIED, reviews.EMERGENCY_REVIEW_OUTCOME_NOT_JUSTIFIED


def breaking(record: str, **changed: Any) -> emergencies.BreakGlassRequest:  # noqa: ANN401 -- fields of the request
    """A request that attests both and says why, changed as asked."""
    stated: dict[str, Any] = {"cannot_express_will": True, "immediate_risk": True, "reason": "Unconscious after a fall"} | changed
    return emergencies.BreakGlassRequest(request_id=new_request(), record=record, **stated)


async def broken(running: Running, record: str, who: Someone = NURSE, **changed: Any) -> emergencies.EmergencyEpisode:  # noqa: ANN401
    """The glass broken."""
    with who.calling("/carnet.consent.v1.EmergencyAccessService/BreakGlass"):
        return (await running.emergencies.BreakGlass(breaking(record, **changed), CONTEXT)).episode


def reviewing(running: Running) -> EmergencyReviewServicer:
    served = next(one for one in running.consent.services if one.name.endswith(".EmergencyReviewService"))
    return cast("EmergencyReviewServicer", served.servicer)


async def awaited(running: Running, who: Someone = OFFICER, **asked: Any) -> reviews.ListEmergencyReviewsResponse:  # noqa: ANN401
    """The reviews awaited."""
    with who.calling("/carnet.consent.v1.EmergencyReviewService/ListEmergencyReviews"):
        return await reviewing(running).ListEmergencyReviews(reviews.ListEmergencyReviewsRequest(**asked), CONTEXT)


async def review(running: Running, episode: str, who: Someone = OFFICER, **changed: Any) -> reviews.EmergencyReview:  # noqa: ANN401
    """A review concluded."""
    stated: dict[str, Any] = {"request_id": new_request(), "outcome": NOT_JUSTIFIED, "words": "She could speak."} | changed
    with who.calling("/carnet.consent.v1.EmergencyReviewService/ReviewEmergencyAccess"):
        request = reviews.ReviewEmergencyAccessRequest(episode=episode, **stated)
        return (await reviewing(running).ReviewEmergencyAccess(request, CONTEXT)).review


async def told(running: Running, record: str) -> list[Any]:
    """The events of a record's changes, in order."""
    changes, _ = await running.consent.log.unshipped("", 1000)
    return [one.event for one in changes if one.subject == record]


def refused(raised: pytest.ExceptionInfo[Refusal]) -> tuple[str, str]:
    return raised.value.reason, raised.value.field


async def test_an_emergency_ends_to_the_second_and_leaves_no_authorisation(running: Running) -> None:
    """C7."""
    record = await running.open()
    episode = await broken(running, record, duration=Duration(seconds=600))
    permit = (await running.decide(NURSE, record)).permit
    assert permit.emergency_episode == episode.name

    running.clock.moved = timedelta(seconds=590)
    assert await running.answer(NURSE, record) == "permit"
    running.clock.moved = timedelta(seconds=600)

    assert await running.answer(NURSE, record) == "EPISODE_ENDED"
    assert await running.answer(Someone(NURSE.subject, "60", NURSE.structure), record) == "NEEDS_CONSENT"
    with HOLDER.calling():
        listed = await running.authorisations.ListAuthorisations(authorisations.ListAuthorisationsRequest(parent=record), CONTEXT)
    assert [one.grantee for one in listed.authorisations] == [DOCTOR.subject]
    assert not listed.attending_physicians


NO_EMERGENCY: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"cannot_express_will": False}, ("ATTESTATION_REQUIRED", "")),
    ({"immediate_risk": False}, ("ATTESTATION_REQUIRED", "")),
    ({"reason": ""}, ("REASON_REQUIRED", "reason")),
    ({"reason": "123 ?"}, ("REASON_REQUIRED", "reason")),
    ({"motive": "BORED"}, ("INVALID_FIELD", "motive")),
    ({"duration": Duration(seconds=4 * 3600 + 1)}, ("INVALID_FIELD", "duration")),
    ({"duration": Duration(seconds=-1)}, ("INVALID_FIELD", "duration")),
]


async def test_what_is_not_attested_and_explained_opens_nothing(running: Running) -> None:
    """C7."""
    record = await running.open()

    for changed, expected in NO_EMERGENCY:
        with pytest.raises(Refusal) as raised:
            await broken(running, record, **changed)
        assert refused(raised) == expected

    assert await running.answer(NURSE, record) == "EPISODE_ENDED"
    assert await running.database["emergency_reviews"].count_documents({}) == 0


async def test_the_switch_of_the_directives_is_stored_told_and_in_the_filter(running: Running) -> None:
    record = await running.open()
    await broken(running, record)
    accepted = record_pb2.EmergencySwitches(dispatch=True, break_glass=True, directives=True)
    update = records.UpdateEmergencySwitchesRequest(request_id=new_request(), record=record, emergency_switches=accepted)

    with HOLDER.calling():
        updated = (await running.records.UpdateEmergencySwitches(update, CONTEXT)).record

    assert updated.emergency_switches == accepted
    terms = (await running.decide(NURSE, record)).permit.filter
    assert set(terms.unmasked_types) == {"EXPPAT_1", "EXPPAT_3", "FICHE-CONTACTS"}
    assert list(terms.excluded_visibilities) == ["MASQUE_PS"]
    assert b"DIRECTIVES=on" in (await told(running, record))[-1].payload


async def test_a_switch_that_depends_on_another_is_refused_by_its_field(running: Running) -> None:
    record = await running.open()
    alone = record_pb2.EmergencySwitches(directives=True)
    update = records.UpdateEmergencySwitchesRequest(request_id=new_request(), record=record, emergency_switches=alone)

    with HOLDER.calling(), pytest.raises(Refusal) as raised:
        await running.records.UpdateEmergencySwitches(update, CONTEXT)

    assert refused(raised) == ("SWITCH_DEPENDENCY", "emergency_switches.directives")


async def test_every_emergency_gets_one_review_that_waits_for_its_end(running: Running) -> None:
    """C7: a review opens; a second use joins."""
    record = await running.open()
    episode = await broken(running, record, motive="UNCONSCIOUS", reason="Coma, anticoagulants?")
    assert await broken(running, record, reason="Looking again") == episode
    assert not (await awaited(running)).reviews
    with pytest.raises(Refusal) as raised:
        await review(running, episode.name)
    assert raised.value.reason == "STATE_FORBIDS"

    running.clock.moved = timedelta(hours=4)

    [waiting] = (await awaited(running)).reviews
    assert waiting.episode == episode.name
    assert (waiting.professional, waiting.structure, waiting.motive) == (NURSE.subject, NURSE.structure, "UNCONSCIOUS")
    assert (waiting.reason, waiting.uses, waiting.overdue) == ("Coma, anticoagulants?", 2, False)
    assert waiting.due_time.ToDatetime() - waiting.end_time.ToDatetime() == WEEK
    assert b"anticoagulants" not in str(await running.database["emergency_reviews"].find_one({})).encode()


@BOTH_DRIVERS
async def test_the_outcome_is_an_event_of_the_record_and_is_stated_once(running: Running) -> None:
    record = await running.open()
    episode = await broken(running, record)
    with NURSE.calling():
        end = emergencies.EndEmergencyAccessRequest(request_id=new_request(), name=episode.name)
        await running.emergencies.EndEmergencyAccess(end, CONTEXT)
    request_id = new_request()

    concluded = await review(running, episode.name, request_id=request_id)

    assert await review(running, episode.name, request_id=request_id) == concluded
    assert (concluded.outcome, concluded.words) == (NOT_JUSTIFIED, "She could speak.")
    line = (await told(running, record))[-1].payload
    assert all(part in line for part in (b"emergency.reviewed", b"NOT_JUSTIFIED", b"She could speak.", b"professionals/nurse"))
    assert not (await awaited(running)).reviews
    with pytest.raises(Refusal) as raised:
        await review(running, episode.name, outcome=JUSTIFIED)
    assert raised.value.reason == "STATE_FORBIDS"
    assert (await running.decide(DOCTOR, record)).HasField("permit"), "the record is as readable as before"


NO_REVIEW: list[tuple[Someone, dict[str, Any], tuple[str, str]]] = [
    (NURSE, {}, ("ROLE_NOT_ALLOWED", "")),
    (HOLDER, {}, ("ROLE_NOT_ALLOWED", "")),
    (Someone("operators/olga", "OPERATOR", purpose="OPERATIONS"), {}, ("ROLE_NOT_ALLOWED", "")),
    (OFFICER, {"words": ""}, ("INVALID_FIELD", "words")),
    (OFFICER, {"outcome": 0}, ("INVALID_FIELD", "outcome")),
    (OFFICER, {"outcome": 77}, ("INVALID_FIELD", "outcome")),
    (OFFICER, {"request_id": "x"}, ("INVALID_FIELD", "request_id")),
]


async def test_what_is_no_review_is_refused(running: Running) -> None:
    record = await running.open()
    episode = await broken(running, record, duration=Duration(seconds=1))
    running.clock.moved = timedelta(seconds=2)

    for who, changed, expected in NO_REVIEW:
        with pytest.raises(Refusal) as raised:
            await review(running, episode.name, who, **changed)
        assert refused(raised) == expected
    with pytest.raises(Refusal) as raised:
        await review(running, f"{record}/emergencyEpisodes/none")
    assert raised.value.reason == "NOT_FOUND"


@BOTH_DRIVERS
async def test_reviews_come_in_pages_the_earliest_due_first_and_each_is_recorded_before(running: Running) -> None:
    lasting = {f"patients/{number}": Duration(seconds=60 * number) for number in (3, 1, 2)}
    expected = []
    for patient, duration in lasting.items():
        expected.append((await broken(running, await running.open(patient=patient), duration=duration)).name)
    running.clock.moved = timedelta(hours=1)
    before = running.consent.journal.next_seq

    first = await awaited(running, page_size=2)
    second = await awaited(running, page_size=2, page_token=first.next_page_token)

    assert [one.episode for one in (*first.reviews, *second.reviews)] == [expected[1], expected[2], expected[0]]
    assert second.next_page_token == ""
    assert running.consent.journal.next_seq == before + 3
    other = Someone("operators/other", "DATA_PROTECTION_OFFICER", purpose="OPERATIONS")
    for who, asked in ((other, {"page_token": first.next_page_token}), (OFFICER, {"page_token": "x"}), (OFFICER, {"page_size": 51})):
        with pytest.raises(Refusal) as raised:
            await awaited(running, who, **asked)
        assert raised.value.field in {"page_token", "page_size"}
    with pytest.raises(Refusal) as raised:
        await awaited(running, NURSE)
    assert raised.value.reason == "ROLE_NOT_ALLOWED"


@BOTH_DRIVERS
async def test_an_overdue_review_is_told_once_and_stays_first(running: Running) -> None:
    record = await running.open()
    episode = await broken(running, record, duration=Duration(seconds=60))
    await running.consent.watch.look()
    running.clock.moved = timedelta(minutes=1) + WEEK

    with structlog.testing.capture_logs() as logged:
        await running.consent.watch.look()
        await running.consent.watch.look()

    assert [line["episode"] for line in logged if line["event"] == "emergency_review.overdue"] == [episode.name]
    events = [one.payload for one in await told(running, record)]
    assert sum(b"emergency.review_overdue" in one for one in events) == 1
    assert [(one.episode, one.overdue) for one in (await awaited(running)).reviews] == [(episode.name, True)]
    await review(running, episode.name)
    assert not (await awaited(running)).reviews


async def test_an_overdue_review_of_a_record_that_cannot_be_changed_is_told_to_the_operators_once(running: Running) -> None:
    record = await running.open()
    await broken(running, record, duration=Duration(seconds=60))
    await running.database["records"].delete_one({"_id": record})
    running.clock.moved = timedelta(minutes=1) + WEEK

    with structlog.testing.capture_logs() as logged:
        await running.consent.watch.look()
        await running.consent.watch.look()

    assert [line["event"] for line in logged if line["log_level"] == "error"] == ["emergency_review.overdue"]


@BOTH_DRIVERS
async def test_of_two_who_conclude_at_once_one_does_and_two_uses_at_once_are_one_emergency(running: Running) -> None:
    record = await running.open()
    first, second = await asyncio.gather(broken(running, record), broken(running, record))
    assert first == second
    running.clock.moved = timedelta(hours=5)

    found = await asyncio.gather(
        review(running, first.name, outcome=JUSTIFIED), review(running, first.name, outcome=NOT_JUSTIFIED), return_exceptions=True
    )

    assert sorted(type(one).__name__ for one in found) == ["EmergencyReview", "FailedPrecondition"]
    assert sum(b"emergency.reviewed" in one.payload for one in await told(running, record)) == 1


async def test_opposition_ends_the_emergency_and_its_review_is_due_from_then(running: Running) -> None:
    record = await running.open()
    await broken(running, record)
    opposed = records.UpdateEmergencySwitchesRequest(
        request_id=new_request(), record=record, emergency_switches=record_pb2.EmergencySwitches(dispatch=True)
    )

    with HOLDER.calling():
        await running.records.UpdateEmergencySwitches(opposed, CONTEXT)

    assert len((await awaited(running)).reviews) == 1
    with pytest.raises(Refusal) as raised:
        await broken(running, record)
    assert raised.value.reason == "EMERGENCY_OPPOSED"


async def test_a_review_that_somebody_edited_is_neither_told_nor_concluded_and_stops_no_emergency(running: Running) -> None:
    record = await running.open()
    episode = await broken(running, record)
    await running.database["emergency_reviews"].update_one({}, {"$set": {"professional": "professionals/another"}})

    with structlog.testing.capture_logs() as logged:
        assert (await broken(running, record)).name == episode.name
        running.clock.moved = timedelta(hours=5)
        assert not (await awaited(running)).reviews
        with pytest.raises(Refusal) as raised:
            await review(running, episode.name)

    assert raised.value.reason == "NOT_FOUND"
    assert "emergency_review.seal_broken" in {line["event"] for line in logged}


async def test_who_breaks_the_glass_too_often_is_told_once_a_day_and_never_refused(running: Running) -> None:
    """C7, rules.md 10."""
    opened = [await running.open(patient=f"patients/{number}") for number in range(11)]
    for record in opened[:10]:
        await broken(running, record)
    await running.consent.watch.look()
    assert await running.database["told"].count_documents({}) == 0

    await broken(running, opened[10])
    before = running.consent.journal.next_seq
    with structlog.testing.capture_logs() as logged:
        await running.consent.watch.look()
        await running.consent.watch.look()

    assert [(line["who"], line["count"]) for line in logged if line["event"] == "emergency.rate_passed"] == [(NURSE.subject, 11)]
    assert running.consent.journal.next_seq == before + 1
    assert await running.answer(NURSE, opened[10]) == "permit"
