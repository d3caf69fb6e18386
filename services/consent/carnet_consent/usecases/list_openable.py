"""Lists the records that a professional may open (TD0.4), the newest grant first.

Each record stands at the newest of what is granted to him or his structure. A page may be shorter than asked, or empty, and go on: rows of
what has ended are passed over, and only so many are looked at in one call.
"""

import base64
import binascii
from dataclasses import dataclass

from carnet_platform.clock import Clock
from carnet_platform.envelope import EnvelopeError
from carnet_platform.errors import InvalidArgument

from carnet_consent.domain.consent import Consent, contradictions
from carnet_consent.domain.openable import Openable, check_may_list, openable
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.storage.grants import Grants, GrantTokens, Place
from carnet_consent.storage.instants import micros_of
from carnet_consent.storage.read_batch import ReadBatch
from carnet_consent.storage.records import Records
from carnet_consent.storage.rollback import RollbackWatch
from carnet_consent.usecases.acting import Acting

MOST, USUAL = 100, 50
"""Records in a page: at most, and when nobody says how many."""
_LONGEST_TOKEN = 500


@dataclass(frozen=True)
class ListOpenable:
    """The verb ListOpenableRecords."""

    grants: Grants
    tokens: GrantTokens
    records: Records
    batch: ReadBatch
    rollbacks: RollbackWatch
    clock: Clock

    async def __call__(self, acting: Acting, page_size: int, page_token: str) -> tuple[list[Openable], str]:
        """One page, and the token of the next; empty when there is none.

        Raises:
            RuleBrokenError: the asker is no professional in care, or was withdrawn.
            InvalidArgument: INVALID_FIELD, a negative size; PAGE_TOKEN_INVALID.
        """
        asker = acting.asker
        check_may_list(asker)
        if page_size < 0:
            raise InvalidArgument("INVALID_FIELD", "must not be negative", field="page_size")
        after = self._place(page_token, acting) if page_token else None
        if (await self.batch.read("", acting.fences)).is_withdrawn:
            raise RuleBrokenError("SESSION_WITHDRAWN", "This session has ended. Log in again.")
        found, last = await self.grants.some(asker.grantees, after, min(page_size or USUAL, MOST))
        records, now = await self.records.look_at([one.record for one in found]), self.clock.now()
        page: dict[str, Openable] = {}
        for grant in found:
            consent = self.rollbacks.trusted(grant.record, records.get(grant.record))
            if not isinstance(consent, Consent) or any(contradictions(consent)):
                continue
            told = openable(consent, asker, now)
            if told is not None and micros_of(told.since) == grant.place[0]:
                page[grant.record] = told
        return list(page.values()), self._token(last, acting) if last is not None else ""

    def _token(self, place: Place, acting: Acting) -> str:
        return base64.urlsafe_b64encode(self.tokens.seal(place, _who(acting))).decode().rstrip("=")

    def _place(self, token: str, acting: Acting) -> Place:
        try:
            sealed = base64.b64decode(token[:_LONGEST_TOKEN] + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            return self.tokens.open(sealed, _who(acting))
        except (EnvelopeError, ValueError, binascii.Error):
            raise InvalidArgument("PAGE_TOKEN_INVALID", "was made for another request", field="page_token") from None


def _who(acting: Acting) -> str:
    return " ".join(acting.asker.grantees)
