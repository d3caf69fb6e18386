"""Professionals who look for persons, on real stores: the use cases put together, with an event record that can be read."""

import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from carnet_identity.domain.identity_status import IdentityStatus
from carnet_identity.domain.ins import NIR_TEST, Ins, key_of
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.patient_search import MOST_SCORED, Said
from carnet_identity.domain.rate import Rates
from carnet_identity.domain.traits import Traits
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.indexes import Collections
from carnet_identity.storage.kept_searches import KeptSearches
from carnet_identity.storage.patient_search import PatientFinds
from carnet_identity.storage.patients import PatientStore
from carnet_identity.storage.rate_counts import RateCounts
from carnet_identity.storage.search_terms import SearchTerms
from carnet_identity.storage.sessions import SessionStore
from carnet_identity.storage.standing import Standing
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.lookup_patient import LookupPatient
from carnet_identity.usecases.meter import LOOKUP, SEARCH, Meter
from carnet_identity.usecases.search_patients import SearchPatients, Shown
from carnet_identity.usecases.select_candidate import Choice, SelectCandidate
from carnet_platform.calls import User, current_user
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import in_transaction
from component.identity.opened_session import session_of
from redis.asyncio import Redis
from support.calls import calling, user_of
from support.dominique import DOMINIQUE
from support.hand_clock import BEGIN, HandClock

KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
SOFTWARE = "spiffe://carnet/software/emergency"
KEPT_FOR, FOUND_FOR = timedelta(minutes=15), timedelta(days=30)
OFTEN = Rates(1_000_000, 1_000_000, 1_000_000, 1_000_000)
LICENCE = Said(family_name="Essai", given_name="Dominique", birth_date="19790328")
"""What a driving licence says of her."""


class Events:
    """Stands for the journal: durable on return, unless something happens meanwhile."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def append(self, payload: bytes) -> int:
        if self.meanwhile is not None:
            await self.meanwhile()
        self.events.append(json.loads(payload))
        return len(self.events)

    def taken(self) -> list[dict[str, Any]]:
        """The events so far, which are forgotten."""
        taken, self.events = self.events, []
        return taken


def person(number: int, **changes: Any) -> Patient:  # noqa: ANN401 - fields of Patient
    """Somebody with Dominique's traits and an INS of her own."""
    thirteen = f"2790351{number:06}"
    patient = Patient(
        id=f"{number:026}", ins=Ins(thirteen + key_of(thirteen), NIR_TEST), traits=DOMINIQUE.traits, status=IdentityStatus.QUALIFIED
    )
    return replace(patient, **changes)


def named(**changes: Any) -> Traits:  # noqa: ANN401 - fields of Traits
    """Dominique's traits, with changes."""
    return replace(DOMINIQUE.traits, **changes)


@dataclass(frozen=True)
class Rules:
    """What a world is made with."""

    searches: Rates = OFTEN
    lookups: Rates = OFTEN
    redis: Redis | None = None


class World:
    """The use cases on real stores."""

    def __init__(self, client: Any, collections: Collections, requests: Requests, rules: Rules) -> None:  # noqa: ANN401 - as fixtures give it
        self.client, self.collections, self.clock, self.journal = client, collections, HandClock(), Events()
        terms = SearchTerms(KEYS)
        self.sessions, self.due = SessionStore(collections.sessions), DueWithdrawals(collections.due_withdrawals)
        self.patients = PatientStore(collections.patients, KEYS, terms.of)
        standing = Standing(collections.sessions, collections.due_withdrawals)
        acting = ActingUser(standing, standing)
        counts = RateCounts(rules.redis, KEYS, self.clock, share=1.0)
        self.meter = Meter(counts, {SEARCH: rules.searches, LOOKUP: rules.lookups}, self.journal, self.clock)
        searches = KeptSearches(collections.patient_searches, KEYS)
        finds = PatientFinds(collections.patients, self.patients, terms, most=MOST_SCORED)
        self.search = SearchPatients(
            finds, searches, acting, self.meter, self.journal, self.clock, kept_for=KEPT_FOR, deceased_found_for=FOUND_FOR
        )
        self.select = SelectCandidate(client, self.patients, searches, acting, requests, self.journal, self.clock)
        self.look_up = LookupPatient(self.patients, acting, self.meter, self.journal, self.clock)

    async def register(self, *patients: Patient) -> None:
        """Store them in one transaction."""

        async def body(session: Any) -> None:  # noqa: ANN401 - the driver's
            for patient in patients:
                await self.patients.insert(session, patient)

        await in_transaction(self.client, body)

    async def log_in(self, *who: str) -> None:
        """A session for each professional."""
        for one in who:
            await self.sessions.insert(session_of(_user(one), BEGIN, lasting=timedelta(days=1)))

    async def found(self, **said: Any) -> Shown:  # noqa: ANN401 - fields of Said
        """What a search shows."""
        return await self.search(Said(**said))

    async def choose(self, search: str, patient: str = "", request_id: str = "") -> str:
        """The name of the person chosen, "none" for nobody."""
        asked = Asked("SelectCandidate", current_user().subject, request_id or str(uuid.uuid4()), f"{search} {patient}".encode())
        answer = await self.select(asked, Choice(search, patient), _told)
        return answer.decode()


def _told(patient: Patient | None) -> bytes:
    return b"none" if patient is None else patient.name.encode()


def _user(who: str, purpose: str = "TREATMENT", subject: str = "") -> User:
    return user_of(
        subject or f"professionals/{who}",
        organisation="structures/hospital",
        purpose=purpose,
        session=f"sessions/{who}",
        software=SOFTWARE,
    )


@contextmanager
def acting(who: str = "chloe", purpose: str = "BREAK_GLASS", *, subject: str = "") -> Iterator[None]:
    """Within, calls are those of a professional."""
    with calling(_user(who, purpose, subject)):
        yield
