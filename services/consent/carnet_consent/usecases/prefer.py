"""Says of which notices a person wants letters: a change of her record like every other, with its event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import Message

from carnet_consent.domain.consent import Consent
from carnet_consent.domain.notice import Channel, NoticeKind
from carnet_consent.domain.notice_preferences import set_letters, wants_letters
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import event
from carnet_consent.usecases.expected import Expected, on_expected


@dataclass(frozen=True)
class Prefer:
    """The verb UpdateNoticePreferences."""

    changes: Changes

    async def __call__(
        self,
        write: Write,
        record: str,
        wishes: Mapping[Channel, Mapping[NoticeKind, bool]],
        expected: Expected,
        answer: Callable[[Changed[None]], Message],
    ) -> bytes:
        """Set what is named. ETAG_MISMATCH unless the record is the one expected."""

        def change(consent: Consent, now: datetime) -> Changed[None]:
            after = on_expected(consent, expected, lambda: _wishing(consent, write, wishes))
            told = event("notice_preferences.updated", record, write.acting, now, write.asked.request_id)
            told.change = " ".join(
                f"{kind}{'' if channel is Channel.EMAIL else f'.{channel}'}={'on' if is_on else 'off'}"
                for channel in Channel
                for kind, is_on in wants_letters(after, channel).items()
            )
            return Changed(after, (told,) if after != consent else (), None)

        return await self.changes.apply(write, record, change, answer)


def _wishing(consent: Consent, write: Write, wishes: Mapping[Channel, Mapping[NoticeKind, bool]]) -> Consent:
    for channel, of_channel in wishes.items():
        consent = set_letters(consent, write.acting.asker, of_channel, channel)
    return consent
