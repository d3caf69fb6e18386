"""Finding a person without her INS, and saying who was meant, on real stores (rules.md 10)."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.patient import Death
from carnet_identity.domain.patient_search import MOST_SHOWN
from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.storage.indexes import open_collections
from carnet_platform.envelope import EnvelopeError
from carnet_platform.errors import AlreadyExists, Denied, NotFound, Unauthenticated, Unavailable
from carnet_platform.idempotency import Requests
from carnet_platform.mongo import in_transaction
from component.identity.looking import FOUND_FOR, KEPT_FOR, KEYS, LICENCE, Rules, World, acting, named, person
from support.drivers import AT_LENGTH_ON_BOTH
from support.hand_clock import BEGIN

BOTH_DRIVERS = pytest.mark.parametrize("database", AT_LENGTH_ON_BOTH, indirect=True)
HER, HOMONYM = person(1), person(2, traits=named(given_names="DOMINIQUE CLAUDE", birth_family_name="AUTRE"))
STRANGER = person(3, traits=named(birth_family_name="PERSONNE", used_family_name="", birth_date="19500101"))


@pytest.fixture
async def world(database: tuple[Any, Any]) -> World:
    opened = World(database[0], await open_collections(database[1]), await Requests.open(database[1], KEYS), Rules())
    await opened.log_in("chloe", "bruno")
    await opened.register(HER, HOMONYM, STRANGER)
    return opened


@pytest.fixture(autouse=True)
def chloe() -> Iterator[None]:
    with acting("chloe"):
        yield


@BOTH_DRIVERS
async def test_she_is_found_by_her_licence_and_her_homonym_is_set_aside(world: World) -> None:
    """rules.md 10; first-impression chapter 6. Each who was shown has it in the log under her own name."""
    shown = await world.search(LICENCE)
    assert [(one.patient, one.score, one.is_homonym_known) for one in shown.candidates] == [(HER, 100, False), (HOMONYM, 100, False)]
    searched, *seen = world.journal.taken()
    assert (searched["kind"], searched["subject"], searched["count"]) == ("patient.searched", shown.search.name, 2)
    assert searched["change"] == "FAMILY_NAME GIVEN_NAME BIRTH_DATE"
    assert [(one["kind"], one["subject"], one["purpose"]) for one in seen] == [
        ("patient.candidate_shown", HER.name, "BREAK_GLASS"),
        ("patient.candidate_shown", HOMONYM.name, "BREAK_GLASS"),
    ]
    assert await world.choose(shown.search.id, HER.id) == HER.name
    settled, *told = world.journal.taken()
    assert (settled["kind"], settled["subject"], settled["change"], settled["count"]) == (
        "patient.search_settled",
        shown.search.name,
        "CHOSEN",
        1,
    )
    assert [(one["kind"], one["subject"]) for one in told] == [
        ("patient.candidate_chosen", HER.name),
        ("patient.candidate_set_aside", HOMONYM.name),
    ]
    for one in [searched, settled, *seen, *told]:
        assert one["actor"]["subject"] == "professionals/chloe"
        assert one["decision"] == "permit"
        assert "DOMINIQUE" not in str(one), "events carry opaque names and codes only"


async def test_none_of_them_may_be_meant(world: World) -> None:
    shown = await world.search(LICENCE)
    world.journal.taken()
    assert await world.choose(shown.search.id) == "none"
    kinds = [(one["kind"], one.get("change")) for one in world.journal.taken()]
    assert kinds == [("patient.search_settled", "NONE"), ("patient.candidate_set_aside", None), ("patient.candidate_set_aside", None)]


async def test_nobody_found_is_an_event_too(world: World) -> None:
    shown = await world.found(family_name="INCONNU", birth_date="19790328")
    assert (list(shown.candidates), shown.is_too_wide) == ([], False)
    (searched,) = world.journal.taken()
    assert (searched["kind"], searched["decision"], searched["reason"]) == ("patient.searched", "deny", "NOT_FOUND")
    assert await world.choose(shown.search.id) == "none"


async def test_for_treatment_two_terms_are_not_enough_and_nothing_is_looked_for(world: World) -> None:
    with acting("chloe", "TREATMENT"):
        with pytest.raises(BrokenRule) as raised:
            await world.found(family_name="ESSAI", birth_date="19790328")
        assert raised.value.reason == "SEARCH_TOO_WIDE"
        assert [one.patient for one in (await world.search(LICENCE)).candidates] == [HER, HOMONYM]


async def test_only_named_professionals_search_and_only_to_care(world: World) -> None:
    with acting("chloe", subject="patients/p"), pytest.raises(Denied, match="ROLE_NOT_ALLOWED"):
        await world.search(LICENCE)
    with acting("chloe", "SYSTEM_DEPOSIT"), pytest.raises(Denied, match="PURPOSE_NOT_ALLOWED"):
        await world.search(LICENCE)
    assert world.journal.taken() == []


async def test_more_than_two_hundred_are_not_shown_and_more_must_be_said(world: World) -> None:
    crowd = named(birth_family_name="MARTIN", used_family_name="")
    await world.register(*(person(number, traits=crowd) for number in range(1000, 1200)))
    shown = await world.found(family_name="Martin", birth_date="19790328")
    assert (len(shown.candidates), shown.is_too_wide) == (MOST_SHOWN, False)
    assert len(world.journal.taken()) == 1 + MOST_SHOWN
    await world.register(person(1200, traits=crowd))
    shown = await world.found(family_name="Martin", birth_date="19790328")
    assert (list(shown.candidates), shown.is_too_wide) == ([], True)
    (searched,) = world.journal.taken()
    assert (searched["decision"], searched["reason"]) == ("deny", "SEARCH_TOO_WIDE")


async def test_another_professionals_search_one_that_is_over_and_one_never_made_are_the_same(world: World) -> None:
    shown = await world.search(LICENCE)
    world.journal.taken()

    async def refusal(search: str) -> tuple[str, str, str]:
        with pytest.raises(NotFound) as raised:
            await world.choose(search, HER.id)
        return raised.value.reason, raised.value.message, raised.value.field

    with acting("bruno"):
        anothers = await refusal(shown.search.id)
    world.clock.seconds += KEPT_FOR.total_seconds()
    assert anothers == await refusal(shown.search.id) == await refusal("never") == ("NOT_FOUND", anothers[1], "search")
    assert world.journal.taken() == []


async def test_nobody_is_chosen_whom_the_search_did_not_show(world: World) -> None:
    shown = await world.search(LICENCE)
    for patient in (STRANGER.id, "z" * 26):
        with pytest.raises(NotFound, match="showed nobody") as raised:
            await world.choose(shown.search.id, patient)
        assert raised.value.field == "patient"


async def test_a_retry_gets_the_first_answer_and_another_content_is_refused(world: World) -> None:
    shown = await world.search(LICENCE)
    request_id = str(uuid.uuid4())
    assert await world.choose(shown.search.id, HER.id, request_id) == HER.name
    world.journal.taken()
    world.clock.seconds += KEPT_FOR.total_seconds()
    assert await world.choose(shown.search.id, HER.id, request_id) == HER.name
    assert world.journal.taken() == []
    with pytest.raises(AlreadyExists, match="REQUEST_ID_REUSED"):
        await world.choose(shown.search.id, HOMONYM.id, request_id)


async def test_the_long_dead_are_as_if_they_were_not_there(world: World) -> None:
    """rules.md 17: late results are taken for thirty days; then the same answer as for nobody, with as many events."""
    dead = person(
        9,
        traits=named(birth_family_name="DEFUNTE", used_family_name=""),
        death=Death(death_date="20260201", evidence="x", record_time=BEGIN),
    )
    await world.register(dead)
    said = {"family_name": "DEFUNTE", "birth_date": "19790328"}
    assert [one.patient for one in (await world.found(**said)).candidates] == [dead]
    world.clock.seconds += FOUND_FOR.total_seconds() + 1
    world.journal.taken()
    forbidden, unknown = await world.found(**said), await world.found(family_name="INCONNU", birth_date="19790328")
    assert list(forbidden.candidates) == list(unknown.candidates) == []
    first, second = ({name: value for name, value in one.items() if name != "subject"} for one in world.journal.taken())
    assert first == second


@pytest.mark.parametrize("subject", ["sessions/chloe", "professionals/chloe", "activities/chloe/hospital"])
async def test_what_is_withdrawn_while_the_events_are_made_durable_is_not_answered(world: World, subject: str) -> None:
    """Promise 2."""
    shown = await world.search(LICENCE)

    async def withdraw() -> None:
        await world.due.add([Withdrawal(subject=subject, request_id="r", expire_time=BEGIN + timedelta(days=1))])

    world.journal.meanwhile = withdraw
    with pytest.raises(Unauthenticated, match="SESSION_WITHDRAWN"):
        await world.search(LICENCE)
    world.journal.meanwhile = None
    await world.due.forget_expired(BEGIN + timedelta(days=2))
    world.journal.meanwhile = withdraw
    with pytest.raises(Unauthenticated, match="SESSION_WITHDRAWN"):
        await world.choose(shown.search.id, HER.id)


async def test_without_a_durable_event_nobody_is_shown(world: World) -> None:
    """Promise 1; R7."""
    shown = await world.search(LICENCE)

    async def fail() -> None:
        raise Unavailable("EVENT_NOT_DURABLE", "the store does not answer")

    world.journal.meanwhile = fail
    for attempt in (lambda: world.search(LICENCE), lambda: world.choose(shown.search.id, HER.id)):
        with pytest.raises(Unavailable, match="EVENT_NOT_DURABLE"):
            await attempt()
    world.journal.meanwhile = None
    assert await world.choose(shown.search.id, HER.id) == HER.name


async def test_a_row_that_is_not_believed_fails_a_search_for_treatment_and_is_left_out_in_an_emergency(world: World) -> None:
    """C8: nobody is shown in another's place, and one edited row stops no emergency."""
    other = await world.collections.patients.find_one({"_id": STRANGER.id})
    assert other is not None
    await world.collections.patients.update_one({"_id": HOMONYM.id}, {"$set": {"identity": other["identity"]}})
    with acting("chloe", "TREATMENT"), pytest.raises(EnvelopeError):
        await world.search(LICENCE)
    assert [one.patient for one in (await world.search(LICENCE)).candidates] == [HER]


async def test_a_changed_person_is_shown_as_she_is_now(world: World) -> None:
    moved = replace(HER, residence_commune="33063")
    changed = await in_transaction(world.client, lambda session: world.patients.replace(session, moved))
    shown = await world.found(family_name="pat trois", commune="33063")
    assert [one.patient for one in shown.candidates] == [changed]


@BOTH_DRIVERS
async def test_many_searches_at_once_are_each_told_their_own(world: World) -> None:
    async def one(number: int) -> bool:
        family = "ESSAI" if number % 2 else "PERSONNE"
        birth_date = "19790328" if number % 2 else "19500101"
        shown = await world.found(family_name=family, birth_date=birth_date)
        return {candidate.patient.id for candidate in shown.candidates} == ({HER.id, HOMONYM.id} if number % 2 else {STRANGER.id})

    assert all(await asyncio.gather(*(one(number) for number in range(60))))
