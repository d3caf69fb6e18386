"""Whose notices a user may read, and which of them (rules.md 12).

A person and a professional read their own. A representative reads what the person represented is told and representatives hear, never of
a place of care that is hidden from the representative. A caregiver reads classes of documents, and no notice.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.mandate import MandateKind
from carnet_consent.domain.notice import Notice
from carnet_consent.domain.notice_words import Voice
from carnet_consent.domain.refusal import RuleBrokenError


@dataclass(frozen=True, slots=True)
class Inbox:
    """Which notices are read, by whom."""

    recipient: str
    """Whom they tell: `patients/{p}` or `professionals/{p}`."""
    reader: str
    """Who reads them; marks of what was read are his own."""
    voice: Voice
    hidden_places: tuple[str, ...] = ()
    """`structures/{s}`: what happened there is left out."""

    @property
    def is_represented(self) -> bool:
        """Whether a representative reads: only what representatives hear."""
        return self.voice is Voice.REPRESENTATIVE

    def shown(self, notice: Notice) -> Notice:
        """A notice as its reader gets it: the reason that a professional wrote is for the holder, and may hold a minor's secret."""
        return notice if self.voice is Voice.HOLDER else replace(notice, words="")


def inbox_of(asker: Asker, now: datetime) -> Inbox:
    """The inbox of a user, whose mandate, if any, is as it stands now. Refuses everybody who has none."""
    if asker.is_mandatary:
        mandate = asker.mandate
        if mandate is None or mandate.is_over(now):
            raise RuleBrokenError("MANDATE_NOT_IN_FORCE", "The mandate is not in force.")
        if mandate.kind == MandateKind.CAREGIVING:
            raise RuleBrokenError("ROLE_NOT_ALLOWED", "A caregiver is told nothing here.")
        return Inbox(mandate.holder, asker.subject, Voice.REPRESENTATIVE, mandate.hidden_structures)
    if asker.is_patient and asker.purpose == Purpose.PATIENT_REQUEST:
        return Inbox(asker.subject, asker.subject, Voice.HOLDER)
    if asker.is_named_professional and asker.purpose == Purpose.TREATMENT:
        return Inbox(asker.subject, asker.subject, Voice.PROFESSIONAL)
    raise RuleBrokenError("ROLE_NOT_ALLOWED", "Notices are for persons, who represents them, and professionals in care.")
