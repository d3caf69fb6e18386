"""Reading a history: newest first, in pages, each line in words with the names people know.

The total and the lines are those of one moment: a page token carries the number under which to go on, so lines that come meanwhile
shift nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carnet_platform.calls import current_user
from carnet_verify.verify import read_event
from carnet_verify.words import Words, put_into_words

from carnet_audit.clients.directory import DisplayNames
from carnet_audit.storage.histories import HistoryStore
from carnet_audit.usecases.page_tokens import PageTokens
from carnet_audit.usecases.release import HistoryRelease

_NAMED = ("professionals/", "structures/")


@dataclass(frozen=True)
class ShownLine:
    """A line in words, with the text it is made of."""

    number: int
    payload: bytes
    words: Words


@dataclass(frozen=True)
class Page:
    """Lines, the token of the next page (empty on the last), and how many lines there are in all."""

    lines: list[ShownLine]
    next_page_token: str
    total: int


class ReadHistory:
    """Reads a page."""

    def __init__(self, release: HistoryRelease, histories: HistoryStore, names: DisplayNames, tokens: PageTokens) -> None:
        self._release, self._histories, self._names, self._tokens = release, histories, names, tokens

    async def read(self, record: str, page_size: int, page_token: str, language: str) -> Page:
        """At most `page_size` lines of `records/{record}`. Raises the refusal; the reading is durable before this returns."""
        allowed = await self._release.allow(record)
        place = f"{current_user().subject} {record} {allowed.view}"
        before = self._tokens.open(place, page_token) if page_token else None
        total = await self._histories.count(record, allowed.view)
        before = total + 1 if before is None else min(before, total + 1)
        stored = await self._histories.newest_first(record, allowed.view, before, page_size)
        events = [read_event(line.payload.decode()) for line in stored]
        names = await self._names.find(set[str]().union(*map(named_in, events)))
        await self._release.announce(allowed, "history.read")
        lines = [
            ShownLine(line.number, line.payload, put_into_words(event, names, language, holder=allowed.decision.patient))
            for line, event in zip(stored, events, strict=True)
        ]
        last = lines[-1].number if lines else 1
        return Page(lines, self._tokens.seal(place, last) if last > 1 else "", total)


def named_in(event: Mapping[str, Any]) -> set[str]:
    """The professionals and structures an event names. A patient has no public name."""
    actor = event.get("actor") or {}
    found = {str(actor.get("subject", "")), str(actor.get("structure", "")), str(event.get("grantee", ""))}
    return {name for name in found if name.startswith(_NAMED)}
