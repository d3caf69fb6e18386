"""Opposes deposits, and allows them again: the holder's own acts (CSP R1111-47)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from carnet_platform.identifiers import new_id
from google.protobuf.message import Message

from carnet_consent.domain.consent import Consent, DepositOpposition
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.opposing import OppositionWish, allow, oppose
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_opposition, event

Answer = Callable[[Changed[DepositOpposition]], Message]


@dataclass(frozen=True)
class Oppose:
    """The verbs OpposeDeposit and AllowDeposit."""

    changes: Changes
    habilitation: Habilitation

    async def oppose(self, write: Write, record: str, wish: OppositionWish, answer: Answer) -> bytes:
        """Oppose deposits: a withdrawal of what a permit to deposit allows."""
        opposition_id = new_id()

        def change(consent: Consent, now: datetime) -> Changed[DepositOpposition]:
            after, made = oppose(consent, write.acting.asker, wish, self.habilitation, now, opposition_id=opposition_id)
            told = event("deposit.opposed", record, write.acting, now, write.asked.request_id)
            return Changed(after, (about_opposition(told, made, wish.reason.strip()),), made, withdraws=True)

        return await self.changes.apply(write, record, change, answer)

    async def allow(self, write: Write, record: str, opposition_id: str, answer: Answer) -> bytes:
        """Take an opposition back: at once."""

        def change(consent: Consent, now: datetime) -> Changed[DepositOpposition]:
            after, taken = allow(consent, write.acting.asker, opposition_id, now)
            told = event("deposit.allowed", record, write.acting, now, write.asked.request_id)
            return Changed(after, (about_opposition(told, taken),), taken)

        return await self.changes.apply(write, record, change, answer)
