"""What a structure signs of a care contact: whatever it says, it is a contact or it is refused by field and rule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from carnet_consent.domain.asker import Asker
from carnet_consent.domain.care_contact import MOST_ID, Contact, ContactTimes, check_contact, read_contact
from carnet_consent.domain.refusal import RuleBrokenError
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TIMES = ContactTimes(timedelta(minutes=10), timedelta(seconds=60), timedelta(hours=24))
DOCTOR = Asker("professionals/doctor", "10", "structures/practice", "TREATMENT")
PATIENT = "patients/p"
CONTACT = Contact(DOCTOR.structure, PATIENT, DOCTOR.subject, NOW, "once")
CLAIMS = {
    "iss": DOCTOR.structure,
    "sub": PATIENT,
    "professional": DOCTOR.subject,
    "aud": "carnet-care-contact",
    "iat": int(NOW.timestamp()),
    "jti": "once",
}
ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=70), st.lists(st.integers(), max_size=2))


def test_a_complete_token_is_read_as_it_is_signed() -> None:
    assert read_contact(CLAIMS) == CONTACT
    assert read_contact(CLAIMS | {"exp": int(NOW.timestamp()) + 5}).expires == NOW + timedelta(seconds=5)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from([*CLAIMS, "exp"]), ANYTHING, max_size=3))
def test_no_claims_whatever_break_the_reading(changed: dict[str, object]) -> None:
    try:
        told = len(read_contact(CLAIMS | changed).id) <= MOST_ID
    except RuleBrokenError as broken:
        told = (broken.reason, broken.field) == ("CARE_CONTACT_INVALID", "token")
    assert told


@pytest.mark.parametrize(
    ("age", "taken"),
    [
        (timedelta(minutes=10), True),
        (timedelta(minutes=10, microseconds=1), False),
        (-timedelta(seconds=60), True),
        (-timedelta(seconds=61), False),
    ],
)
def test_it_is_believed_for_ten_minutes_and_a_minute_early(age: timedelta, taken: bool) -> None:  # noqa: FBT001  # a table
    contact = replace(CONTACT, issued=NOW - age)
    if taken:
        check_contact(contact, DOCTOR, PATIENT, NOW, TIMES)
        return
    with pytest.raises(RuleBrokenError) as refused:
        check_contact(contact, DOCTOR, PATIENT, NOW, TIMES)
    assert refused.value.reason == "CARE_CONTACT_EXPIRED"


def test_its_own_end_counts_from_the_instant_itself() -> None:
    with pytest.raises(RuleBrokenError, match="expired"):
        check_contact(replace(CONTACT, expires=NOW), DOCTOR, PATIENT, NOW, TIMES)
