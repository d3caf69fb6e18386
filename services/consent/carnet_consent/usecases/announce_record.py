"""Announces the opening of a record, and opposes that (CSP L1111-14, R1111-28). Opening it is for `pass_time.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet_platform.identifiers import new_id
from carnet_recording.events import write_time
from google.protobuf.message import Message

from carnet_consent.domain.announcing import Announcement, OpeningWay, announce, check_may_announce, check_way, oppose_opening
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.opening import check_evidence
from carnet_consent.domain.person import check_departement, check_lives_and_is_qualified
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import event
from carnet_consent.usecases.expected import Expected, on_expected
from carnet_consent.usecases.persons import Persons

Answer = Callable[[Changed[None]], Message]


@dataclass(frozen=True)
class AnnounceRecord:
    """The verbs AnnounceRecord and OpposeOpening."""

    changes: Changes
    persons: Persons
    way: OpeningWay
    to_oppose: timedelta
    open_departements: frozenset[str]

    async def announce(self, write: Write, announcement: Announcement, answer: Answer) -> bytes:
        """Announce a record for a person who has none and never opposed one."""
        asker = write.acting.asker
        check_may_announce(asker)
        check_evidence(announcement.form, announcement.form_version, announcement.method)
        check_way(self.way, OpeningWay.ANNOUNCED)
        person = await self.persons.status(announcement.patient)
        check_lives_and_is_qualified(person)
        check_departement(person, self.open_departements)
        record = f"records/{new_id()}"

        def make(now: datetime) -> Changed[None]:
            consent = announce(asker, announcement, now, self.to_oppose, record=record)
            told = event("record.opening_announced", record, write.acting, now, write.asked.request_id)
            told.end_time = write_time(now + self.to_oppose)
            return Changed(consent, (told,), None)

        return await self.changes.create(write, make, answer)

    async def oppose(self, write: Write, record: str, expected: Expected, answer: Answer) -> bytes:
        """Oppose an announced opening."""

        def change(consent: Consent, now: datetime) -> Changed[None]:
            after = on_expected(consent, expected, lambda: oppose_opening(consent, write.acting.asker))
            return Changed(after, (event("record.opening_opposed", record, write.acting, now, write.asked.request_id),), None)

        return await self.changes.apply(write, record, change, answer)
