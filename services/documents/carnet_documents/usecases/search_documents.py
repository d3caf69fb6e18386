"""Searching documents: the permit's filter is in the query, so what is hidden is not counted, paged or timed differently."""

import asyncio
from dataclasses import dataclass, replace

from carnet_platform.clock import Clock

from carnet_documents.domain.decision import Action
from carnet_documents.storage.documents import Criteria, Documents
from carnet_documents.storage.page_tokens import PageTokens
from carnet_documents.storage.stored import Found
from carnet_documents.usecases.decisions import Decisions, HeldPermit
from carnet_documents.usecases.releasing import Releases, Told
from carnet_documents.usecases.shown import Shown, show


@dataclass(frozen=True, slots=True)
class Page:
    """Documents found, newest first; an empty ``next_token`` on the last page."""

    documents: tuple[Shown, ...]
    next_token: str


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for. ``fingerprint`` stands for the whole request and its user, without the page token."""

    record: str
    criteria: Criteria
    unique_id: str
    page_token: str
    fingerprint: str


class SearchDocuments:
    """Finds documents."""

    def __init__(self, decisions: Decisions, documents: Documents, releases: Releases, tokens: PageTokens, clock: Clock) -> None:
        self._decisions = decisions
        self._documents = documents
        self._releases = releases
        self._tokens = tokens
        self._clock = clock

    async def __call__(self, search: Search) -> Page:
        """One page. Raises ``Refusal``; PAGE_TOKEN_INVALID for another request's token."""
        record, criteria = search.record, self._criteria(search)
        held = await self._decisions.permit(record, Action.READ)
        found, _ = await asyncio.gather(self._found(record, criteria, held), self._releases.key(held, record))
        page = found[: criteria.limit - 1]
        key = await self._releases.key(held, record) if page else None
        opened = [await self._releases.open(one, key, held) for one in page]
        now = self._clock.now()
        successors = await self._documents.successors([one.placement for one in opened], held.allowed.terms, now)
        told = Told(record)
        await self._releases.announce("documents.searched", told, held)

        async def still_holds(renewed: HeldPermit) -> bool:
            again = await self._found(record, criteria, renewed)
            return [one.placement for one in again] == [one.placement for one in found]

        self._releases.release(told, held, still_holds)
        shown = tuple(show(one.placement, one.entry, now, self._documents.blinding, successors=successors) for one in opened)
        return Page(shown, self._next_token(search, found, criteria.limit - 1))

    def _criteria(self, search: Search) -> Criteria:
        """One more than the page holds is asked for, to know whether another page follows."""
        criteria = replace(search.criteria, limit=search.criteria.limit + 1)
        if search.unique_id:
            criteria = replace(criteria, unique=self._documents.blinding.unique_id(search.record, search.unique_id))
        if search.page_token:
            criteria = replace(criteria, after=self._tokens.open(search.fingerprint, search.page_token))
        return criteria

    async def _found(self, record: str, criteria: Criteria, held: HeldPermit) -> list[Found]:
        return await self._documents.search(record, held.allowed.terms, self._clock.now(), criteria)

    def _next_token(self, search: Search, found: list[Found], size: int) -> str:
        if len(found) <= size:
            return ""
        last = found[size - 1]
        return self._tokens.seal(search.fingerprint, last.stored["created"], last.placement.document)
