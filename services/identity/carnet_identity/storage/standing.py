"""Whether whoever acts still may: the session, and what was withdrawn here, of all who ask at once in one round trip.

Each answer is of a read begun after it was asked for (`carnet_platform.gathering`), as if it had been asked alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from carnet_platform.gathering import Gathering
from carnet_platform.mongo import Collection, aggregate
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.session import Session
from carnet_identity.storage.sessions import SessionStore, session_of

_SESSION: Final = "session"
_NAMES: Final = "names"

_Question = tuple[str, tuple[str, ...]]


class Standing:
    """Collections `sessions` and `due_withdrawals`, read together."""

    def __init__(self, sessions: Collection, due: Collection) -> None:
        self._sessions, self._due = sessions, due
        self._store = SessionStore(sessions)
        self._gathering = Gathering[_Question, Any](self._look, most=64)

    async def find(self, session_id: str, within: StoreSession | None = None) -> Session | None:
        """The session of an opaque id."""
        if within is not None:
            return await self._store.find(session_id, within)
        found: Session | None = await self._gathering.ask(f"{_SESSION} {session_id}", (_SESSION, (session_id,)))
        return found

    async def is_any_withdrawn(self, subjects: Iterable[str]) -> bool:
        """Whether any of these was withdrawn here, whether or not consent was told."""
        names = tuple(subjects)
        return bool(await self._gathering.ask(" ".join((_NAMES, *names)), (_NAMES, names)))

    async def _look(self, asked: Mapping[str, _Question]) -> Mapping[str, Session | bool | None]:
        wanted: dict[str, set[str]] = {_SESSION: set(), _NAMES: set()}
        for kind, names in asked.values():
            wanted[kind].update(names)
        withdrawn = [{"$match": {"_id": {"$in": sorted(wanted[_NAMES])}}}, {"$project": {"_id": 1}}]
        rows = await aggregate(
            self._sessions,
            [{"$match": {"_id": {"$in": sorted(wanted[_SESSION])}}}, {"$unionWith": {"coll": self._due.name, "pipeline": withdrawn}}],
        )
        sessions: dict[str, Session] = {}
        gone: set[str] = set()
        async for row in rows:
            if "subject" in row:
                sessions[row["_id"]] = session_of(row)
            else:
                gone.add(row["_id"])
        return {key: sessions.get(names[0]) if kind == _SESSION else not gone.isdisjoint(names) for key, (kind, names) in asked.items()}
