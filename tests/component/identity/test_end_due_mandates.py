"""What time does to mandates, on both drivers: once, by however many processes, and again after any of them died."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Binary
from carnet_identity.correspondence import _read_templates
from carnet_identity.domain.identity_status import IdentityStatus
from carnet_identity.domain.ins import NIR_TEST, Ins
from carnet_identity.domain.mandate import Mandate, MandateKind, MandateRelation, MandateState
from carnet_identity.domain.mandate_rules import MandateTimes, next_due
from carnet_identity.domain.patient import Death, Patient
from carnet_identity.domain.traits import Sex, Traits
from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.storage.contact_channels import ContactChannelStore
from carnet_identity.storage.due_life_news import DueLifeNews
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.hidden_places import HiddenPlaceStore
from carnet_identity.storage.indexes import open_collections
from carnet_identity.storage.mandates import MandateStore
from carnet_identity.storage.outbox import Outbox
from carnet_identity.storage.patients import PatientStore
from carnet_identity.usecases.check_mandate import CheckMandate
from carnet_identity.usecases.end_due_mandates import EndDueMandates
from carnet_identity.usecases.mandate_book import MandateBook
from carnet_identity.usecases.notice_letters import NoticeLetters, Pushes
from carnet_identity.usecases.withdraw import Withdraw
from carnet_platform.changes import ChangeLog
from carnet_platform.idempotency import Requests
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Session, in_transaction
from structlog.testing import capture_logs
from support.drivers import AT_LENGTH_ON_BOTH
from support.hand_clock import BEGIN, HandClock

pytestmark = pytest.mark.parametrize("database", AT_LENGTH_ON_BOTH, indirect=True)

KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
TIMES = MandateTimes(age_of_majority=18, invitation=timedelta(days=30), longest_caregiving=timedelta(days=366), notice_days=(30, 7))
DAY = timedelta(days=1)
CHILD = Patient(
    id="child",
    ins=Ins("279035121518989", NIR_TEST),
    traits=Traits(birth_family_name="ENFANT", first_given_name="LOU", birth_date="20080615", sex=Sex.FEMALE),
    status=IdentityStatus.QUALIFIED,
)
MOTHER = replace(CHILD, id="mother", ins=Ins("279035121518893", NIR_TEST), traits=replace(CHILD.traits, birth_date="19800412"))
MAJORITY = datetime(2026, 6, 14, 22, tzinfo=UTC)
MANDATE = Mandate(
    id="m",
    holder=CHILD.name,
    mandatary=MOTHER.name,
    kind=MandateKind.MINOR_REPRESENTATION,
    relation=MandateRelation.MOTHER,
    state=MandateState.ACCEPTED,
    made_by="professionals/p",
    made_time=BEGIN,
    begin=BEGIN,
    end=MAJORITY,
    ends_at_majority=True,
)


class NoFence:
    """Consent is told by another job."""

    async def register(self, withdrawal: Withdrawal) -> None:
        raise AssertionError(withdrawal.subject)


class World:
    """Identity's stores, and as many processes with the job as a test asks for."""

    def __init__(self, client: Any, collections: Any, changes: ChangeLog, requests: Requests) -> None:  # noqa: ANN401
        self.client, self.changes, self.clock = client, changes, HandClock()
        self.mandates = MandateStore(collections.mandates, collections.mandate_barriers, KEYS)
        self.patients, self.due = PatientStore(collections.patients, KEYS), DueWithdrawals(collections.due_withdrawals)
        self.mandate_news = DueLifeNews(collections.due_mandate_news)
        letters = NoticeLetters(
            ContactChannelStore(collections.contact_channels, KEYS),
            Outbox(collections.outbox, KEYS),
            _read_templates(""),
            Pushes(Outbox(collections.pushes, KEYS), ""),
            self.mandate_news,
        )
        self.book = MandateBook(self.mandates, changes, self.clock, TIMES, letters)
        self.withdraw = Withdraw(
            client, requests, self.due, NoFence(), self.clock, acknowledge_after=timedelta(0), tokens_live=timedelta(minutes=6)
        )
        self.places = HiddenPlaceStore(collections.hidden_places, KEYS)
        self.check = CheckMandate(self.patients, self.book, changes, self.places)

    def job(self) -> EndDueMandates:
        """A process."""
        return EndDueMandates(self.client, self.book, self.withdraw, DAY)

    async def keep(self, *mandates: Mandate) -> None:
        """Stores mandates, each with its first event."""

        async def body(session: Session) -> None:
            for mandate in mandates:
                await self.mandates.insert(session, mandate, next_due(mandate, TIMES.notice_days))
                await self.changes.append(session, mandate.name, b"{}", revision=1)

        await in_transaction(self.client, body)

    def at(self, moment: datetime) -> None:
        """Moves the clock."""
        self.clock.seconds = 1000.0 + (moment - BEGIN).total_seconds()

    async def told(self) -> list[dict[str, Any]]:
        """The events of time so far, in the order of revisions."""
        changes, _ = await self.changes.unshipped("", 100)
        return [json.loads(one.event.payload) for one in changes if one.revision > 1]


@pytest.fixture
async def world(database: tuple[Any, Any]) -> World:
    """A child of 17 and her mother."""
    client, opened = database
    made = World(client, await open_collections(opened), await ChangeLog.open(opened, KEYS), await Requests.open(opened, KEYS))

    async def body(session: Session) -> None:
        for patient in (CHILD, MOTHER):
            await made.patients.insert(session, patient)

    await in_transaction(client, body)
    return made


async def test_both_are_told_before_majority_and_then_it_ends_with_a_withdrawal(world: World) -> None:
    """Notices 30 and 7 days before, as events for both; at majority the mandate is withdrawn. Each once."""
    await world.keep(MANDATE)
    for moment, made in (
        (MAJORITY - 31 * DAY, 0),
        (MAJORITY - 30 * DAY, 1),
        (MAJORITY - 8 * DAY, 0),
        (MAJORITY - 7 * DAY, 1),
        (MAJORITY - timedelta.resolution, 0),
        (MAJORITY, 1),
        (MAJORITY + DAY, 0),
    ):
        world.at(moment)
        assert (moment, await world.job().once()) == (moment, made)
    told = await world.told()
    assert [(one["kind"], one["change"]) for one in told] == [
        ("mandate.ends_soon", "MAJORITY"),
        ("mandate.ends_soon", "MAJORITY"),
        ("mandate.ended", "MAJORITY"),
    ]
    assert all(one["tell"] == sorted([CHILD.name, MOTHER.name]) and one["actor"]["role"] == "PLATFORM" for one in told)
    assert sorted(one.patient for one in await world.mandate_news.some()) == sorted([CHILD.name, MOTHER.name]), "for their inboxes"
    assert [one.subject for one in await world.due.some()] == [MANDATE.name]
    held = await world.mandates.find("m")
    assert held is not None
    assert (held.state, held.revision) == (MandateState.ENDED, 4)


async def test_several_processes_at_once_make_each_step_once(world: World) -> None:
    """Several replicas: a conditional update on the revision, no lease."""
    pending = replace(MANDATE, state=MandateState.PENDING, end=None, invitation_expires=BEGIN + DAY)
    await world.keep(*(replace(MANDATE, id=f"m{number}", end=BEGIN + DAY) for number in range(4)), replace(pending, id="i"))
    world.at(BEGIN + DAY)
    made = await asyncio.gather(*(world.job().once() for _ in range(4)))
    assert sum(made) == 5
    kinds = [one["kind"] for one in await world.told()]
    assert sorted(kinds) == ["mandate.ended"] * 4 + ["mandate.expired"]
    assert len(await world.due.some()) == 4, "what expires was never in force"


async def test_a_process_that_comes_back_after_long_makes_up_for_what_it_missed(world: World) -> None:
    """Surviving restarts: one end, no notice of what is over already."""
    await world.keep(MANDATE)
    world.at(MAJORITY + 100 * DAY)
    assert await world.job().once() == 1
    assert [one["kind"] for one in await world.told()] == ["mandate.ended"]


async def test_one_that_is_broken_holds_up_no_other(world: World, database: tuple[Any, Any]) -> None:
    await world.keep(replace(MANDATE, end=BEGIN + DAY), replace(MANDATE, id="n", holder="patients/x", end=BEGIN + DAY))
    await database[1].mandates.update_one({"_id": "m"}, {"$set": {"content": Binary(b"x" * 200)}})
    world.at(BEGIN + DAY)
    with capture_logs() as logged:
        assert await world.job().once() == 1
    assert {line["event"] for line in logged} == {"mandate.seal_broken"}


async def test_nothing_is_in_force_past_its_end_though_no_process_has_looked(world: World) -> None:
    await world.keep(MANDATE)
    world.at(MAJORITY - timedelta(milliseconds=1))
    standing = await world.check("m")
    assert standing is not None
    assert (standing.mandate.end, standing.hidden_structures) == (MAJORITY, ())
    world.at(MAJORITY)
    assert await world.check("m") is None
    assert await world.check("never") is None


async def test_a_birth_date_that_was_corrected_counts_at_once(world: World) -> None:
    """The minor's own majority ends it, whatever was reckoned when it was registered."""
    await world.keep(replace(MANDATE, end=MAJORITY + 300 * DAY))
    world.at(MAJORITY)
    assert await world.check("m") is None


@pytest.mark.parametrize("who", [CHILD, MOTHER], ids=["holder", "mandatary"])
async def test_a_death_ends_it_though_the_mandate_does_not_say_so_yet(world: World, who: Patient) -> None:
    """rules.md 17."""
    await world.keep(MANDATE)
    dead = replace(who, death=Death(death_date="20260301", evidence="certificate", record_time=BEGIN))

    async def body(session: Session) -> None:
        await world.patients.replace(session, dead)

    assert await world.check("m") is not None
    await in_transaction(world.client, body)
    assert await world.check("m") is None


async def test_a_suspended_mandate_that_is_set_back_with_its_seal_is_noticed(world: World, database: tuple[Any, Any]) -> None:
    """C8: the row of before, whole and sealed, is older than its last event."""
    await world.keep(MANDATE)
    before = await database[1].mandates.find_one({"_id": "m"})

    async def suspend(session: Session) -> None:
        held = await world.mandates.find("m", session)
        assert held is not None
        after = await world.mandates.replace(session, replace(held, state=MandateState.SUSPENDED), None)
        await world.changes.append(session, after.name, b"{}", revision=after.revision)

    await in_transaction(world.client, suspend)
    await database[1].mandates.replace_one({"_id": "m"}, before)
    with capture_logs() as logged:
        assert await world.check("m") is None
    assert [(line["event"], line["log_level"]) for line in logged] == [("mandate.rolled_back", "error")]


@pytest.mark.parametrize("edit", ["set back", "taken away"])
async def test_hidden_places_that_are_set_back_or_taken_away_open_nothing(world: World, database: tuple[Any, Any], edit: str) -> None:
    """C8: what the child hid does not come to light by an earlier row."""
    await world.keep(MANDATE)

    async def hide(*structures: str) -> None:
        async def body(session: Session) -> None:
            kept = await world.places.put(session, CHILD.name, structures, await world.places.of(CHILD.name, session))
            await world.changes.append(session, kept.name, b"{}", revision=kept.revision)

        await in_transaction(world.client, body)

    await hide("structures/a")
    before = await database[1].hidden_places.find_one({})
    await hide("structures/a", "structures/b")
    standing = await world.check("m")
    assert standing is not None
    assert standing.hidden_structures == ("structures/a", "structures/b")
    if edit == "set back":
        await database[1].hidden_places.replace_one({}, before)
    else:
        await database[1].hidden_places.delete_one({})
    with capture_logs() as logged:
        assert await world.check("m") is None
    assert [(line["event"], line["log_level"]) for line in logged] == [("hidden_places.rolled_back", "error")]
