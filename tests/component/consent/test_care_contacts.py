"""Care contacts on a real store: a structure's signature takes a first opening out of the budget, once, for whom it names, and now."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest
import structlog
from carnet.audit.v1.event_pb2 import Event
from carnet.consent.v1 import care_contact_service_pb2 as pb
from carnet_consent.api.care_contact import CareContactServicer
from carnet_platform.changes import ChangeLog
from carnet_platform.errors import Refusal
from component.consent.conftest import (
    CONTEXT,
    DOCTOR,
    HOLDER,
    KEYS,
    NURSE,
    KnownPersons,
    Running,
    Someone,
    new_request,
    settings,
    started,
)
from component.consent.test_opening_budget import BREAKING, SPENT, looked_up, midday
from google.protobuf import json_format
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
PRESENT = "/carnet.consent.v1.CareContactService/PresentCareContact"
KEY, OTHER_KEY = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
UNTIL_TOO_OLD = timedelta(minutes=10, seconds=1)


class HungIdentity(KnownPersons):
    """An identity that may be hung when it is asked for keys."""

    is_hung = False

    async def structure_keys(self, structure: str) -> str:
        if self.is_hung:
            await asyncio.Event().wait()
        return await super().structure_keys(structure)


@pytest.fixture
async def running(database: tuple[Any, Any]) -> AsyncIterator[Running]:
    """Consent with a budget of one person a professional, and three care contacts a structure."""
    identity = HungIdentity()
    identity.keys[NURSE.structure] = json.dumps(KeySet([KEY]).as_dict(private=False))
    brief = settings(opening_budget_professional=1, care_contact_rate_structure=3, care_contact_key_timeout=timedelta(milliseconds=50))
    async with started(database, brief, midday(), identity) as one:
        yield one


def signed(running: Running, patient: str, key: ECKey = KEY, who: Someone = NURSE, *, alg: str = "ES256", **changed: Any) -> str:  # noqa: ANN401  # claims
    """A token as a vendor makes one; a claim that is changed to None is left out."""
    claims = {
        "iss": who.structure,
        "sub": patient,
        "professional": who.subject,
        "aud": "carnet-care-contact",
        "iat": int(running.clock.now().timestamp()),
        "jti": str(uuid.uuid4()),
    } | changed
    header = {"alg": alg, "kid": key.thumbprint()}
    return jwt.encode(header, {name: value for name, value in claims.items() if value is not None}, key, algorithms=["ES256"])


async def presented(running: Running, patient: str, token: str, who: Someone = NURSE, request_id: str = "") -> str:
    """`noted`, or the reason of the refusal."""
    served = next(one for one in running.consent.services if one.name == "carnet.consent.v1.CareContactService")
    request = pb.PresentCareContactRequest(request_id=request_id or new_request(), patient=patient, token=token)
    with who.calling(PRESENT):
        try:
            answer = await cast("CareContactServicer", served.servicer).PresentCareContact(request, CONTEXT)
        except Refusal as refused:
            return refused.reason
    assert timedelta() < answer.expire_time.ToDatetime().replace(tzinfo=running.clock.now().tzinfo) - running.clock.now()
    return "noted"


async def contact(running: Running, patient: str, who: Someone = NURSE) -> str:
    """A contact, signed and presented."""
    return await presented(running, patient, signed(running, patient, who=who), who)


@BOTH_DRIVERS
async def test_an_opening_that_a_contact_announced_does_not_count_and_the_budget_stays_for_others(running: Running) -> None:
    record = await running.open(patient="patients/a")
    assert await contact(running, "patients/a") == await contact(running, "patients/none") == "noted"

    assert await looked_up(running, "patients/a") == "NEEDS_CONSENT", "it gives no right"
    assert await looked_up(running, "patients/none") == "NO_RECORD"
    assert await looked_up(running, "patients/x") == "NO_RECORD"
    assert await looked_up(running, "patients/y") == SPENT
    await running.state(NURSE, record, NURSE.subject, "STANDING")
    assert await running.answer(NURSE, record) == "permit"


async def test_a_contact_helps_nobody_else_and_ends(running: Running) -> None:
    assert await contact(running, "patients/a") == "noted"
    colleague, elsewhere = Someone("professionals/colleague", "60", NURSE.structure), Someone(NURSE.subject, "60", "structures/other")
    for who in (colleague, elsewhere):
        await looked_up(running, "patients/x", who)
        assert await looked_up(running, "patients/a", who) == SPENT

    running.clock.moved += timedelta(hours=25)
    await looked_up(running, "patients/x")
    assert await looked_up(running, "patients/a") == SPENT


async def test_each_fault_of_a_token_has_its_reason_and_leaves_the_budget_in_force(running: Running) -> None:
    await looked_up(running, "patients/x")
    patient, now = "patients/a", int(running.clock.now().timestamp())
    long_ago, soon = now - int(UNTIL_TOO_OLD.total_seconds()), now + 120
    faults = {
        "not a token": "CARE_CONTACT_INVALID",
        "x" * 9000: "CARE_CONTACT_INVALID",
        signed(running, patient, aud="carnet"): "CARE_CONTACT_INVALID",
        signed(running, patient, jti=None): "CARE_CONTACT_INVALID",
        signed(running, patient, jti="j" * 65): "CARE_CONTACT_INVALID",
        signed(running, patient, iat="now"): "CARE_CONTACT_INVALID",
        signed(running, patient, iat=10**30): "CARE_CONTACT_INVALID",
        signed(running, patient, iat=long_ago): "CARE_CONTACT_EXPIRED",
        signed(running, patient, iat=soon): "CARE_CONTACT_EXPIRED",
        signed(running, patient, exp=now - 1): "CARE_CONTACT_EXPIRED",
        signed(running, patient, OTHER_KEY): "CARE_CONTACT_KEY_UNKNOWN",
        signed(running, patient)[:-8] + "AAAAAAAA": "CARE_CONTACT_KEY_UNKNOWN",
        signed(running, "patients/b"): "CARE_CONTACT_MISMATCH",
        signed(running, patient, professional="professionals/colleague"): "CARE_CONTACT_MISMATCH",
        signed(running, patient, iss="structures/other"): "CARE_CONTACT_MISMATCH",
    }

    assert {token: await presented(running, patient, token) for token in faults} == faults
    unsigned = signed(running, patient).split(".")[1]
    assert await presented(running, patient, f"eyJhbGciOiJub25lIn0.{unsigned}.") == "CARE_CONTACT_INVALID"
    assert await looked_up(running, patient) == SPENT


async def test_a_token_is_good_for_one_request_whose_retry_gets_the_first_answer(running: Running) -> None:
    """Though ten minutes have passed, and identity is gone."""
    token, request_id = signed(running, "patients/a"), new_request()
    assert await presented(running, "patients/a", token, request_id=request_id) == "noted"
    assert await presented(running, "patients/a", token) == "CARE_CONTACT_REPLAYED"

    running.clock.moved += UNTIL_TOO_OLD
    running.identity.is_down = True

    assert await presented(running, "patients/a", token, request_id=request_id) == "noted"
    assert await presented(running, "patients/a", signed(running, "patients/a"), request_id=request_id) == "REQUEST_ID_REUSED"


async def test_of_one_token_presented_several_times_at_once_one_is_noted(running: Running) -> None:
    token = signed(running, "patients/a")
    answers = await asyncio.gather(*(presented(running, "patients/a", token) for _ in range(4)))

    assert sorted(answers) == ["CARE_CONTACT_REPLAYED"] * 3 + ["noted"]


@pytest.mark.parametrize("fault", ["is_down", "is_hung"])
async def test_without_identity_no_contact_is_noted_the_budget_counts_and_an_emergency_goes_on(running: Running, fault: str) -> None:
    """C7: never stopped by a budget."""
    record = await running.open(patient="patients/a")
    setattr(running.identity, fault, True)

    assert await contact(running, "patients/a") == "DEPENDENCY_UNAVAILABLE"

    await looked_up(running, "patients/x")
    assert await looked_up(running, "patients/a") == SPENT
    assert await looked_up(running, "patients/a", BREAKING) == "NEEDS_CONSENT"
    assert await running.answer(BREAKING, record) == "EPISODE_ENDED"


async def test_only_a_professional_by_name_in_care_presents_one(running: Running) -> None:
    token = signed(running, "patients/a")
    assert await presented(running, "patients/a", token, HOLDER) == "ROLE_NOT_ALLOWED"
    assert await presented(running, "patients/a", token, Someone(NURSE.structure, "STRUCTURE", NURSE.structure)) == "ROLE_NOT_ALLOWED"
    assert await presented(running, "patients/a", token, BREAKING) == "PURPOSE_NOT_ALLOWED"
    assert await presented(running, "patients/a", token) == "noted", "nothing of it was used up"


async def test_a_structure_with_outlandishly_many_contacts_is_refused_with_one_alarm_and_what_is_refused_uses_nothing_up(
    running: Running,
) -> None:
    """A stolen key must not open the country."""
    for patient in "abc":
        assert await contact(running, f"patients/{patient}", DOCTOR) == "noted"
        assert await presented(running, f"patients/{patient}", "x") == "CARE_CONTACT_INVALID"

    with structlog.testing.capture_logs() as logged:
        assert [await contact(running, f"patients/{patient}") for patient in "de"] == ["RATE_LIMITED"] * 2

    assert [line["who"] for line in logged if line["event"] == "care_contacts.rate_passed"] == [NURSE.structure]
    await looked_up(running, "patients/x")
    assert await looked_up(running, "patients/d") == SPENT
    running.clock.moved += timedelta(days=1)
    assert await contact(running, "patients/d") == "noted"


async def test_the_contact_stands_in_the_history_of_the_record_changes_nothing_in_it_and_no_row_names_anybody(running: Running) -> None:
    record = await running.open(patient="patients/a")
    before = await running.database["records"].find_one({"_id": record})
    await contact(running, "patients/a")

    assert await running.database["records"].find_one({"_id": record}) == before
    log = await ChangeLog.open(running.database, KEYS)
    changes, _ = await log.unshipped("", 50)
    (noted,) = [change for change in changes if change.subject.startswith("careContacts/")]
    told = json_format.Parse(noted.event.payload, Event())
    assert (told.kind, told.record, told.actor.subject, told.actor.structure) == (
        "care_contact.noted",
        record,
        NURSE.subject,
        NURSE.structure,
    )
    async for row in running.database["care_contacts"].find({}):
        assert not any(name in str(row) for name in ("nurse", "hospital", "patients/"))
