"""Hides documents by name, and sets the switches of an emergency: the holder's own acts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import Message

from carnet_consent.domain.consent import Consent, NamedHide, Switches
from carnet_consent.domain.hiding import hide, set_switches, switches_withdraw, unhide
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_hide, about_switches, event
from carnet_consent.usecases.expected import Expected, on_expected


@dataclass(frozen=True)
class Hide:
    """The verbs HideDocument and UnhideDocument."""

    changes: Changes

    async def hide(self, write: Write, record: str, hidden: NamedHide, answer: Callable[[Changed[None]], Message]) -> bytes:
        """Hide one document from one professional or structure: a withdrawal."""

        def change(consent: Consent, now: datetime) -> Changed[None]:
            after = hide(consent, write.acting.asker, hidden)
            told = about_hide(event("document.hidden", record, write.acting, now, write.asked.request_id), hidden)
            # Hidden already: nothing changes, but the answer still says that it holds everywhere.
            return Changed(after, (told,) if after is not consent else (), None, withdraws=True)

        return await self.changes.apply(write, record, change, answer)

    async def unhide(self, write: Write, record: str, hidden: NamedHide, answer: Callable[[Changed[None]], Message]) -> bytes:
        """Take a hiding back: at once."""

        def change(consent: Consent, now: datetime) -> Changed[None]:
            after = unhide(consent, write.acting.asker, hidden)
            told = about_hide(event("document.unhidden", record, write.acting, now, write.asked.request_id), hidden)
            return Changed(after, (told,), None)

        return await self.changes.apply(write, record, change, answer)


@dataclass(frozen=True)
class UpdateSwitches:
    """The verb UpdateEmergencySwitches."""

    changes: Changes

    async def __call__(
        self,
        write: Write,
        record: str,
        switches: Switches,
        expected: Expected,
        answer: Callable[[Changed[None]], Message],
    ) -> bytes:
        """Set all; a withdrawal when one that was accepted no longer is. ETAG_MISMATCH unless the record is the one expected."""

        def change(consent: Consent, now: datetime) -> Changed[None]:
            after = on_expected(consent, expected, lambda: set_switches(consent, write.acting.asker, switches, now))
            told = about_switches(event("switches.updated", record, write.acting, now, write.asked.request_id), switches)
            return Changed(after, (told,), None, withdraws=switches_withdraw(consent.switches, switches))

        return await self.changes.apply(write, record, change, answer)
