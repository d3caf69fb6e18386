"""Says whether documents to come are masked: a change of the record like every other, with its event."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import Message

from carnet_consent.domain.consent import Consent
from carnet_consent.domain.default_visibility import DefaultVisibility, set_default_visibility, withdraws
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_default_visibility, event
from carnet_consent.usecases.expected import Expected, on_expected


@dataclass(frozen=True)
class SetDefaultVisibility:
    """The verb UpdateDefaultVisibility."""

    changes: Changes

    async def __call__(
        self, write: Write, record: str, wish: DefaultVisibility, expected: Expected, answer: Callable[[Changed[None]], Message]
    ) -> bytes:
        """Set it; to mask is a withdrawal. ETAG_MISMATCH unless the record is the one expected."""

        def change(consent: Consent, now: datetime) -> Changed[None]:
            after = on_expected(consent, expected, lambda: set_default_visibility(consent, write.acting.asker, wish))
            told = event("default_visibility.updated", record, write.acting, now, write.asked.request_id)
            # Set already: nothing changes, but the answer still says that it holds everywhere.
            events = (about_default_visibility(told, after),) if after != consent else ()
            return Changed(after, events, None, withdraws=withdraws(consent, after) or (wish.is_masked and not events))

        return await self.changes.apply(write, record, change, answer)
