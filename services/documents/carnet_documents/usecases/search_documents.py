"""Searching documents: the permit's filter is in the query, so what is hidden is not counted, paged or timed differently."""

from dataclasses import dataclass, replace

from carnet_platform.clock import Clock

from carnet_documents.domain.decision import Action
from carnet_documents.storage.documents import Criteria, Documents, Listing
from carnet_documents.storage.page_tokens import PageTokens
from carnet_documents.usecases.decisions import Decisions, HeldPermit
from carnet_documents.usecases.releasing import Releases, Told
from carnet_documents.usecases.showing import Showing
from carnet_documents.usecases.shown import Shown


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
        self._showing = Showing(documents, releases, clock)

    async def __call__(self, search: Search) -> Page:
        """One page. Raises ``Refusal``; PAGE_TOKEN_INVALID for another request's token."""
        record, criteria = search.record, self._criteria(search)
        held = await self._decisions.permit(record, Action.READ)
        listing = await self._showing.page(record, criteria, held)
        key = await self._releases.key(held, record) if listing.found else None
        opened = [await self._releases.open(one, key, held) for one in listing.found]
        shown = await self._showing.shown(opened, held)
        told = Told(record)
        await self._releases.announce("documents.searched", told, held)

        async def still_holds(renewed: HeldPermit) -> bool:
            again = await self._showing.page(record, criteria, renewed)
            return [one.placement for one in again.found] == [one.placement for one in listing.found]

        self._releases.release(told, held, still_holds)
        return Page(tuple(shown), self._next_token(search, listing))

    def _criteria(self, search: Search) -> Criteria:
        criteria = search.criteria
        if search.unique_id:
            criteria = replace(criteria, unique=self._documents.blinding.unique_id(search.record, search.unique_id))
        if search.page_token:
            criteria = replace(criteria, after=self._tokens.open(search.fingerprint, search.page_token))
        return criteria

    def _next_token(self, search: Search, listing: Listing) -> str:
        return "" if listing.follows is None else self._tokens.seal(search.fingerprint, *listing.follows)
