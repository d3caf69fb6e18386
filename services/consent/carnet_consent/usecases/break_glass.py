"""Breaks the glass and ends it (CSP L1111-17 I, rules.md 9). No budget, cache or queue stands in its way: only the rules and the store."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet_platform.identifiers import new_id
from google.protobuf.message import Message

from carnet_consent.domain.consent import Consent, Episode
from carnet_consent.domain.emergency import break_glass, check_attested, check_may_break_glass, check_motive, end_emergency
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import check_may_change
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_episode, event

Answer = Callable[[Changed[Episode]], Message]


@dataclass(frozen=True, slots=True)
class Emergency:
    """What the professional attests and says."""

    cannot_express_will: bool
    immediate_risk: bool
    reason: str
    lasts: timedelta | None
    """As asked; None for the default."""
    motive: str = ""
    """As a code; empty for OTHER."""


@dataclass(frozen=True)
class BreakGlass:
    """The verbs BreakGlass and EndEmergencyAccess."""

    changes: Changes
    habilitation: Habilitation
    longest: timedelta

    async def begin(self, write: Write, record: str, emergency: Emergency, answer: Answer) -> bytes:
        """Open an episode or join the open one; the reason is recorded each time, and the end never moves."""
        asker = write.acting.asker
        check_may_break_glass(asker, self.habilitation)
        check_attested(cannot_express_will=emergency.cannot_express_will, immediate_risk=emergency.immediate_risk, reason=emergency.reason)
        motive = check_motive(emergency.motive, self.habilitation)
        lasts = self._duration(emergency.lasts)
        episode_id = new_id()

        def change(consent: Consent, now: datetime) -> Changed[Episode]:
            check_may_change(asker, consent)
            after, episode, is_new = break_glass(consent, asker, now, lasts=lasts, episode_id=episode_id)
            told = event("emergency.opened" if is_new else "emergency.joined", record, write.acting, now, write.asked.request_id)
            return Changed(after, (about_episode(told, record, episode, emergency.reason.strip(), motive),), episode)

        return await self.changes.apply(write, record, change, answer)

    async def end(self, write: Write, record: str, episode_id: str, answer: Answer) -> bytes:
        """End the user's own episode: a withdrawal."""

        def change(consent: Consent, now: datetime) -> Changed[Episode]:
            after, episode = end_emergency(consent, write.acting.asker, episode_id, now)
            told = event("emergency.ended", record, write.acting, now, write.asked.request_id)
            return Changed(after, (about_episode(told, record, episode),), episode, withdraws=True)

        return await self.changes.apply(write, record, change, answer)

    def _duration(self, asked: timedelta | None) -> timedelta:
        if asked is None:
            return self.longest
        if not timedelta() < asked <= self.longest:
            raise RuleBrokenError("INVALID_FIELD", "must be longer than nothing and not longer than the default", field="duration")
        return asked
