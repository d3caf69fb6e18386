"""What the use cases need of stores and neighbours, with what each must promise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.assertion import VerifiedAssertion
from carnet_identity.domain.directory import Professional, ProfessionalEntry, Structure, StructureEntry
from carnet_identity.domain.first_access import FirstAccess
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.patient_search import KeptSearch
from carnet_identity.domain.rate import Counted
from carnet_identity.domain.search_terms import Terms
from carnet_identity.domain.session import Session
from carnet_identity.domain.stop import Stop
from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.usecases.telling import Waiting


class Patients(Protocol):
    """Persons; an INS, present or former, stands for one of them."""

    async def find(self, patient_id: str, session: StoreSession | None = None) -> Patient | None:
        """By opaque id."""
        ...

    async def find_by_ins(self, ins: Ins, session: StoreSession | None = None) -> Patient | None:
        """By exact INS, present or former."""
        ...

    async def insert(self, session: StoreSession, patient: Patient) -> None:
        """In the caller's transaction, which runs again when the INS is taken meanwhile."""
        ...

    async def replace(self, session: StoreSession, patient: Patient) -> Patient:
        """The next revision, in the caller's transaction, which runs again when the person is changed meanwhile."""
        ...


class Comparisons(Protocol):
    """Comparisons before a first access; one is settled once."""

    async def insert(self, comparison: FirstAccess) -> None:
        """A new one."""
        ...

    async def find(self, comparison_id: str, session: StoreSession | None = None) -> FirstAccess | None:
        """By opaque id, as long as it is kept."""
        ...

    async def newest(self, professional: str, patient: str) -> FirstAccess | None:
        """The newest by a professional, `professionals/*`, with a person, `patients/*`, as long as it is kept."""
        ...

    async def settle(self, session: StoreSession, comparison: FirstAccess) -> None:
        """As decided, in the caller's transaction, which runs again when it is decided meanwhile."""
        ...


class MandatesEnd(Protocol):
    """The mandates of a person who has died (rules.md 17)."""

    async def end_of(self, session: StoreSession, patient: str, now: datetime) -> Sequence[str]:
        """Ends those for `patients/{patient}` and those that person holds for others, each with its event, in the caller's transaction.

        Gives their names, which are withdrawn with the person's.
        """
        ...


class PatientFinder(Protocol):
    """Persons by what is said of them."""

    async def find(self, terms: Terms, *, is_broken_left_out: bool) -> list[Patient]:
        """Those who may fit, in no order; of too many one more than may be scored."""
        ...


class SearchMemory(Protocol):
    """Searches, for a quarter of an hour."""

    async def keep(self, search: KeptSearch) -> None:
        """A new one."""
        ...

    async def find(self, search_id: str) -> KeptSearch | None:
        """By opaque id; None for one never made or forgotten."""
        ...


class RateCounter(Protocol):
    """Counts over all processes."""

    async def add(self, counted: Sequence[Counted]) -> tuple[int, ...]:
        """One more of each; the numbers as great as they may be at most, also when it cannot be told."""
        ...


class Directory(Protocol):
    """Professionals and structures; their names never change."""

    async def professional_by_rpps(self, rpps: str) -> Professional | None:
        """By RPPS."""
        ...

    async def structure_by_finess(self, finess: str) -> Structure | None:
        """By FINESS."""
        ...

    async def professionals_of(self, ids: Sequence[str]) -> list[Professional]:
        """By opaque ids; unknown ones are left out."""
        ...

    async def structures_of(self, ids: Sequence[str]) -> list[Structure]:
        """By opaque ids; unknown ones are left out."""
        ...


class NumberedPatients(Protocol):
    """Persons, many at once."""

    async def of_ins(self, numbers: Sequence[Ins]) -> Mapping[Ins, Patient]:
        """By exact INS, present or former; unknown ones, and those whose rows cannot be believed, are left out."""
        ...


class NumberedDirectory(Protocol):
    """Professionals and structures, many at once; unknown ones, and those whose rows cannot be believed, are left out."""

    async def professionals_by_rpps(self, numbers: Sequence[str]) -> Mapping[str, Professional]:
        """By RPPS."""
        ...

    async def structures_by_key(self, keys: Sequence[str]) -> Mapping[str, Structure]:
        """By the key that the directory knows them by."""
        ...


class DirectoryWriter(Protocol):
    """What an import needs; rows that cannot be believed are left out and left alone."""

    def professionals_between(self, after: str, upto: str | None) -> AsyncIterator[Professional]:
        """In the order of their RPPS: above `after`, up to `upto` or to the last."""
        ...

    async def structures_by_key(self, keys: Sequence[str]) -> Mapping[str, Structure]:
        """Those that exist."""
        ...

    async def put_structures(self, entries: Sequence[StructureEntry], held: Mapping[str, Structure]) -> Mapping[str, str]:
        """Ids of those that are new, by key."""
        ...

    async def put_professionals(self, entries: Sequence[ProfessionalEntry], held: Mapping[str, Professional]) -> int:
        """How many were new or changed."""
        ...

    async def end_activities(self, professionals: Sequence[Professional]) -> None:
        """Leaves them without any activity."""
        ...


class DirectorySource(Protocol):
    """A whole directory as files tell it. May be read again from the start, one list at a time."""

    @property
    def is_complete(self) -> bool:
        """Whether all of it could be read: then who is not in it has left."""
        ...

    def structures(self) -> Iterator[StructureEntry]:
        """Each once, in the order of their keys."""
        ...

    def professionals(self) -> Iterator[ProfessionalEntry]:
        """Each once, in the order of their RPPS."""
        ...


class ImportProgress(Protocol):
    """How far an import came."""

    async def begin(self) -> tuple[str, str]:
        """The phase and the key after which it goes on."""
        ...

    async def reached(self, phase: str, key: str) -> None:
        """All up to this key of this phase is stored; raises when another import was begun."""
        ...


class Sessions(Protocol):
    """Sessions; a revoked one stays revoked."""

    async def insert(self, session: Session) -> None:
        """A new one; Unauthenticated when its assertion has opened one before."""
        ...

    async def find(self, session_id: str, within: StoreSession | None = None) -> Session | None:
        """By opaque id."""
        ...

    async def revoke(self, within: StoreSession, session_id: str, time: datetime) -> bool:
        """False when it had ended already."""
        ...


class SessionReader(Protocol):
    """Sessions, to be looked at."""

    async def find(self, session_id: str, within: StoreSession | None = None) -> Session | None:
        """By opaque id."""
        ...


class WithdrawalReader(Protocol):
    """Withdrawals made here, to be looked at."""

    async def is_any_withdrawn(self, subjects: Iterable[str]) -> bool:
        """Whether any was withdrawn here."""
        ...


class Presented(Protocol):
    """Which assertions were presented."""

    async def present(self, issuer: str, assertion_id: str, *, issue_time: datetime, refuse_after: datetime) -> bytes:
        """Its mark, once; Unauthenticated the second time, Unavailable when it cannot be told."""
        ...


class Due(Waiting[Withdrawal], Protocol):
    """Withdrawals made here: due until consent was told, kept for as long as a token could name them."""

    async def add(self, withdrawals: Sequence[Withdrawal], within: StoreSession | None = None) -> None:
        """Note them."""
        ...

    async def is_any_withdrawn(self, subjects: Iterable[str]) -> bool:
        """Whether any was withdrawn here."""
        ...

    async def forget_expired(self, now: datetime) -> None:
        """Forget those that no token can name any more."""
        ...


class Stops(Protocol):
    """What operators have stopped, until it is resumed."""

    async def is_any_stopped(self, names: Iterable[str]) -> bool:
        """Whether any of these names is; raises when it cannot be told."""
        ...

    async def standing(self) -> frozenset[Stop]:
        """All of them; raises when it cannot be told."""
        ...

    async def change(self, session: StoreSession, changed: Callable[[frozenset[Stop]], frozenset[Stop]]) -> int | None:
        """In the caller's transaction; the revision of the event that must go with it, None when nothing changes."""
        ...


class Fence(Protocol):
    """Consent, which refuses what is withdrawn."""

    async def register(self, withdrawal: Withdrawal) -> None:
        """Returns after its majority commit; repeatable; Unavailable otherwise."""
        ...


class ChangeRecord(Protocol):
    """The platform's log of changes."""

    async def append(self, session: StoreSession, subject: str, payload: bytes, *, revision: int | None = None) -> int:
        """In the caller's transaction."""
        ...


class EventRecord(Protocol):
    """The platform's journal."""

    async def append(self, payload: bytes) -> int:
        """Durable on return; Unavailable otherwise."""
        ...


class AssertionSignatures(Protocol):
    """Checks the signature of assertions."""

    async def verify(self, assertion: str) -> VerifiedAssertion:
        """Unauthenticated ASSERTION_INVALID when it does not hold, Unavailable when the provider's keys cannot be had."""
        ...


class TokenSigner(Protocol):
    """Signs user tokens."""

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A compact JWS."""
        ...

    def published(self) -> str:
        """A JSON Web Key Set with public keys only, newest first."""
        ...
