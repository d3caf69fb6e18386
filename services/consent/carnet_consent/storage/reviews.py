"""Reviews of emergency accesses: one row an episode, which stays when the episode has left the record's bounded document.

A row is made and kept in step in the very transaction that changes the episode (`follow`, called by `usecases/change.py` for every
change), so no episode is without its review, whatever ends it. The words are encrypted and the row is sealed. One that does not fit its
seal is neither listed nor concluded, and an alarm is raised, as for one that is missing of an episode which stands in its record
(`rollback.py` looks); its episode stands in the log all the same.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Self

import structlog
from carnet.audit.v1.event_pb2 import Event
from carnet_platform.envelope import Context
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Database, Session, aggregate, conflict, ensure_collection
from carnet_platform.rows import RowSeals

from carnet_consent.domain.consent import Consent, Episode
from carnet_consent.domain.review import Review, ReviewState
from carnet_consent.storage.alarming import OncePerHour
from carnet_consent.storage.indexes import REVIEWS, REVIEWS_INDEXES, REVIEWS_VALIDATOR

_log = structlog.get_logger(__name__)
Row = dict[str, Any]
_OPENED: Final = "emergency.opened"
_JOINED: Final = "emergency.joined"


class Reviews:
    """The collection `emergency_reviews`."""

    def __init__(self, collection: Collection, keys: MasterKeys, due_after: timedelta) -> None:
        self.collection = collection
        self._sealer, self._seals = Sealer(keys, REVIEWS), RowSeals(keys, REVIEWS)
        self._due_after = due_after
        self._alarms = OncePerHour()

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys, due_after: timedelta) -> Self:
        """Make the collection if it is not there; a review is due so long after its episode has ended."""
        return cls(await ensure_collection(database, REVIEWS, validator=REVIEWS_VALIDATOR, indexes=REVIEWS_INDEXES), keys, due_after)

    async def follow(self, session: Session, before: Consent, after: Consent, events: Sequence[Event]) -> None:
        """Keep the reviews in step with the episodes of a record that changes, inside its transaction."""
        for told in events:
            if told.kind == _OPENED:
                episode = next(e for e in after.episodes if name_of(after, e) == told.emergency_episode)
                await self._insert(session, self._begun(after, episode, told))
            elif told.kind == _JOINED:
                await self._change(session, told.emergency_episode, lambda row: {"uses": row["uses"] + 1})
        if before.episodes != after.episodes:
            ends = {e.id: e.end for e in before.episodes}
            for episode in after.episodes:
                if ends.get(episode.id, episode.end) != episode.end:
                    await self._end(session, name_of(after, episode), episode.end)

    async def read(self, name: str, *, session: Session | None = None) -> Review | None:
        """One review; None where there is none that can be believed."""
        row = await self.collection.find_one({"_id": name}, session=session)
        return self._opened(row) if row is not None else None

    async def conclude(self, session: Session, review: Review) -> None:
        """Store the outcome of a review."""
        text = self._text(review.episode, review.reason, review.words)
        outcome = {"state": review.state.value, "reviewer": review.reviewer, "concluded": review.concluded, "text": text}
        await self._change(session, review.episode, lambda _: outcome)

    async def mark_told(self, session: Session, name: str) -> bool:
        """Mark a review as told to be overdue; False when it was before, or is due no longer."""
        row = await self.collection.find_one({"_id": name, "state": ReviewState.DUE.value, "is_told": False}, session=session)
        if row is not None:
            await self._change(session, name, lambda _: {"is_told": True})
        return row is not None

    async def page(self, now: datetime, after: tuple[datetime, str] | None, size: int) -> tuple[list[Review], tuple[datetime, str] | None]:
        """Reviews awaited of episodes that have ended, the earliest due first, and where the next page begins; None when it is the last."""
        query: Row = {"state": ReviewState.DUE.value, "end": {"$lte": now}}
        if after is not None:
            query["$or"] = [{"due": {"$gt": after[0]}}, {"due": after[0], "_id": {"$gt": after[1]}}]
        rows = await self.collection.find(query).sort([("due", 1), ("_id", 1)]).limit(size + 1).to_list(size + 1)
        found = [review for review in map(self._opened, rows[:size]) if review is not None]
        return found, (rows[size - 1]["due"], rows[size - 1]["_id"]) if len(rows) > size else None

    async def overdue(self, now: datetime, most: int) -> list[Review]:
        """Reviews that are overdue and were not told to be, the longest first."""
        query = {"state": ReviewState.DUE.value, "is_told": False, "due": {"$lte": now}}
        found: list[Review] = []
        async for row in self.collection.find(query).sort("due", 1):  # those that cannot be believed stay, and hold up none behind them
            review = self._opened(row)
            found += [review] if review is not None else []
            if len(found) == most:
                break
        return found

    async def check(self, names: Sequence[str]) -> None:
        """Raise an alarm for each of these episodes that has no review: its row was deleted."""
        rows = self.collection.find({"_id": {"$in": list(names)}}, {"_id": 1})
        for name in sorted(set(names) - {row["_id"] async for row in rows}):
            self._miss(name)

    async def begun_since(self, since: datetime, field: str, more_than: int) -> AsyncIterator[tuple[str, int]]:
        """Professionals or structures (`field`) that began more than so many episodes since an instant, and how many."""
        counted: list[Mapping[str, Any]] = [
            {"$match": {"begin": {"$gte": since}}},
            {"$group": {"_id": f"${field}", "count": {"$sum": 1}}},
            {"$match": {"count": {"$gt": more_than}}},
        ]
        async for found in await aggregate(self.collection, counted):
            yield found["_id"], found["count"]

    def _begun(self, consent: Consent, episode: Episode, told: Event) -> Row:
        name = name_of(consent, episode)
        return {
            "_id": name,
            "record": consent.record,
            "professional": episode.professional,
            "structure": episode.structure,
            "begin": episode.begin,
            "end": episode.end,
            "due": episode.end + self._due_after,
            "state": ReviewState.DUE.value,
            "is_told": False,
            "uses": 1,
            "motive": told.change,
            "text": self._text(name, told.motive, ""),
        }

    async def _insert(self, session: Session, row: Row) -> None:
        await self.collection.insert_one(self._seals.sealed(row), session=session)

    async def _end(self, session: Session, name: str, end: datetime) -> None:
        await self._change(session, name, lambda _: {"end": end, "due": end + self._due_after})

    async def _change(self, session: Session, name: str, changed: Callable[[Row], Row]) -> None:
        row = await self.collection.find_one({"_id": name}, session=session)
        if row is None:
            self._miss(name)
        if row is None or not self._is_whole(row):
            return  # an emergency is not kept from beginning or ending by somebody's hand in this row; the alarm is raised
        replaced = await self.collection.replace_one({"_id": name}, self._seals.sealed(row | changed(row)), session=session)
        if replaced.matched_count != 1:
            raise conflict("the review was changed meanwhile")

    def _is_whole(self, row: Row) -> bool:
        if self._seals.is_whole(row):
            return True
        if self._alarms.is_due(str(row["_id"])):
            _log.error("emergency_review.seal_broken", episode=str(row["_id"]))
        return False

    def _miss(self, name: str) -> None:
        if self._alarms.is_due(name):
            _log.error("emergency_review.missing", episode=name)

    def _opened(self, row: Row) -> Review | None:
        if not self._is_whole(row):
            return None
        reason, words = json.loads(self._sealer.unseal(bytes.fromhex(row["text"]), _context(row["_id"])))
        return Review(
            episode=row["_id"],
            record=row["record"],
            professional=row["professional"],
            structure=row["structure"],
            begin=row["begin"],
            end=row["end"],
            due=row["due"],
            motive=row["motive"],
            reason=reason,
            uses=row["uses"],
            state=ReviewState(row["state"]),
            words=words,
            reviewer=row.get("reviewer", ""),
            concluded=row.get("concluded"),
        )

    def _text(self, name: str, reason: str, words: str) -> str:
        # Hexadecimal, because a sealed row holds no bytes.
        return self._sealer.seal(json.dumps([reason, words]).encode(), _context(name)).hex()


def name_of(consent: Consent, episode: Episode) -> str:
    """`records/{record}/emergencyEpisodes/{episode}`."""
    return f"{consent.record}/emergencyEpisodes/{episode.id}"


def _context(name: str) -> Context:
    return Context(REVIEWS, "text", item=name)
