"""Activities, and what a session may be opened for today."""

from datetime import UTC, datetime
from typing import Any

from carnet_identity.domain.activity import Activity, day_in_paris, foremost, opened
from carnet_identity.domain.directory import Professional
from hypothesis import given
from hypothesis import strategies as st

DAYS = st.dates().map(lambda day: day.strftime("%Y%m%d").zfill(8))


def activity(structure: str = "structures/a", profession: str = "10", **changes: Any) -> Activity:  # noqa: ANN401 - fields of an activity
    base = Activity(structure, profession, "", "", "", is_locum=False, is_care=True, begin_date="", end_date="")
    return base._replace(**changes)


def professional(*activities: Activity) -> Professional:
    return Professional(
        id="p", rpps="99700366240", family_name="UNTEL", given_name="Alice", title="Dr", activities=activities, day="20261122"
    )


@given(DAYS, DAYS, DAYS)
def test_an_activity_is_in_force_from_its_first_to_its_last_day(begin: str, day: str, end: str) -> None:
    assert activity(begin_date=begin, end_date=end).is_in_force(day) == (begin <= day <= end)


def test_no_session_is_opened_without_a_structure_or_for_what_is_no_care() -> None:
    someone = professional(activity(structure=""), activity(is_care=False), activity("structures/b"))
    assert someone.structures == ("structures/b",)
    assert opened(someone.activities, "20261122") == {("structures/b", "10")}


def test_a_day_begins_at_midnight_in_paris() -> None:
    assert day_in_paris(datetime(2026, 6, 30, 22, 0, tzinfo=UTC)) == "20260701"
    assert day_in_paris(datetime(2026, 11, 22, 22, 59, tzinfo=UTC)) == "20261122"


def test_a_session_has_the_profession_and_speciality_of_the_activity_in_its_structure() -> None:
    someone = professional(
        activity("structures/a", "60"),
        activity("structures/b", "10", specialty="SM04", is_locum=True),
        activity("structures/b", "10", specialty="SM26"),
        activity("structures/c", "10", end_date="20261121"),
    )
    found = someone.activity_in("structures/b")
    assert found is not None
    assert (found.profession, found.specialty) == ("10", "SM26")
    assert someone.activity_in("structures/b", "60") is None
    assert someone.activity_in("structures/c") is None
    assert (someone.profession, someone.specialty) == ("60", "")


def test_who_somebody_is_is_told_by_what_they_do_now() -> None:
    over, now = activity("structures/a", "60", end_date="20200101"), activity("structures/b", "10", is_locum=True)
    assert professional(over, now).profession == "10"
    assert professional(over).profession == "60"
    assert (professional().profession, professional().structures) == ("", ())
    assert foremost([]) is None
