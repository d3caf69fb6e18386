"""Declares, confirms and ends attending physicians (rules.md 4)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import Message

from carnet_consent.domain.attending import confirm, declare, end_attending, somebody_lost_it
from carnet_consent.domain.consent import AttendingPhysician, Consent
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_physician, event
from carnet_consent.usecases.open_record import Identities

Answer = Callable[[Changed[AttendingPhysician]], Message]


@dataclass(frozen=True)
class Attend:
    """The verbs DeclareAttendingPhysician, ConfirmAttendingPhysician, EndAttendingPhysician."""

    changes: Changes
    identities: Identities

    async def declare(self, write: Write, record: str, professional: str, answer: Answer) -> bytes:
        """Declare a doctor. His profession is his token's when he declares himself, the directory's when the holder names him."""
        asker = write.acting.asker
        profession = asker.role if asker.subject == professional else await self.identities.profession(professional)

        def change(consent: Consent, now: datetime) -> Changed[AttendingPhysician]:
            after, is_confirmed = declare(consent, asker, professional, profession, now)
            return self._changed("declared", write, consent, after, AttendingPhysician(professional, is_confirmed), now)

        return await self.changes.apply(write, record, change, answer)

    async def confirm(self, write: Write, record: str, professional: str, answer: Answer) -> bytes:
        """Confirm a pending doctor; the former one loses it that second."""

        def change(consent: Consent, now: datetime) -> Changed[AttendingPhysician]:
            after = confirm(consent, write.acting.asker, professional)
            return self._changed("confirmed", write, consent, after, AttendingPhysician(professional, is_confirmed=True), now)

        return await self.changes.apply(write, record, change, answer)

    async def end(self, write: Write, record: str, professional: str, answer: Answer) -> bytes:
        """End a doctor's standing."""

        def change(consent: Consent, now: datetime) -> Changed[AttendingPhysician]:
            was_confirmed = consent.has_confirmed(professional)
            after = end_attending(consent, write.acting.asker, professional)
            return self._changed("ended", write, consent, after, AttendingPhysician(professional, was_confirmed), now)

        return await self.changes.apply(write, record, change, answer)

    def _changed(
        self, what: str, write: Write, before: Consent, after: Consent, physician: AttendingPhysician, now: datetime
    ) -> Changed[AttendingPhysician]:
        told = about_physician(event(f"attending_physician.{what}", before.record, write.acting, now, write.asked.request_id), physician)
        events = (told,) if after != before else ()
        return Changed(after, events, physician, withdraws=somebody_lost_it(before, after))
