"""Who is told that documents were added to a record. No notice names a document; nobody hears of one that is hidden from him (rules.md 8).

1. The holder, unless she deposited it herself or it is INVISIBLE_PATIENT (CSP R1111-53, rules.md 14).
2. With her who represents her, unless it is hidden from representatives, or from one of them by name, or was deposited for a place of
   care that is hidden from them (rules.md 12).
3. The confirmed attending physician, unless he deposited it himself or may not read it: a block, a named hide, the habilitation.
4. Of a document with a label that is not known here nobody is told.

What one structure deposits at about the same time is one notice for each recipient, however many documents it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from carnet_consent.domain.asker import Action, Asker, Purpose
from carnet_consent.domain.attending import DOCTOR
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.context import Question
from carnet_consent.domain.decision import decide
from carnet_consent.domain.filter import (
    INVISIBLE_TO_REPRESENTATIVES,
    INVISIBLE_TO_THE_PATIENT,
    MASKED_FROM_PROFESSIONALS,
    DocumentFacts,
    DocumentFilter,
)
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.notice import ADDING, DOCUMENTS_ADDED, Fact, Notice, notice_to
from carnet_consent.domain.outcome import Permit
from carnet_consent.domain.readers import SOMEWHERE

KNOWN_LABELS = frozenset({MASKED_FROM_PROFESSIONALS, INVISIBLE_TO_THE_PATIENT, INVISIBLE_TO_REPRESENTATIVES})


@dataclass(frozen=True, slots=True)
class Addition:
    """A document that was added."""

    document: DocumentFacts
    depositor: str
    """`professionals/{p}`, `patients/{p}` or `structures/{s}`."""
    time: datetime

    @property
    def source(self) -> str:
        """Who is told to have added it: the structure for which it was deposited; the depositor where there is none."""
        return self.document.structure or self.depositor


def notices_of_additions(additions: Iterable[Addition], consent: Consent, tables: Habilitation, now: datetime) -> tuple[Notice, ...]:
    """The notices of these documents: for each recipient and source one, and one more of what representatives are not told."""
    told: dict[tuple[str, str, bool], datetime] = {}
    readable = _readable(consent, tables, now)
    for addition in additions:
        for recipient, is_shared in _told(addition, consent, readable):
            key = (recipient, addition.source, is_shared)
            told[key] = max(told.get(key, addition.time), addition.time)
    return tuple(_notice(*key, time, consent) for key, time in told.items())


def in_the_window(notice: Notice, start: datetime, *, is_first: bool) -> Notice:
    """The notice as the first of a stretch of time, or as the one that tells whatever followed within it: twice the same is once."""
    return replace(notice, occasion=f"{start.isoformat()} {notice.tells_representatives} {'first' if is_first else 'more'}")


def _told(addition: Addition, consent: Consent, readable: dict[str, DocumentFilter]) -> Iterator[tuple[str, bool]]:
    """Who is told of a document, and whether representatives are told with the holder."""
    labels = frozenset(addition.document.labels)
    if labels - KNOWN_LABELS:
        return
    if addition.depositor != consent.patient and INVISIBLE_TO_THE_PATIENT not in labels:
        by_name = any(hide.document == addition.document.name and hide.grantee.startswith("patients/") for hide in consent.hides)
        yield consent.patient, INVISIBLE_TO_REPRESENTATIVES not in labels and not by_name
    for doctor, terms in readable.items():
        if addition.depositor != doctor and terms.passes(addition.document):
            yield doctor, False


def _readable(consent: Consent, tables: Habilitation, now: datetime) -> dict[str, DocumentFilter]:
    """What the confirmed attending physician may read, as a decision would say; he is not in it when he may read nothing."""
    found = {}
    for one in consent.attending_physicians:
        asker = Asker(one.professional, DOCTOR, SOMEWHERE, Purpose.TREATMENT)
        outcome = decide(Question(asker, asker.purpose, Action.READ), consent, tables, now).outcome
        if one.is_confirmed and isinstance(outcome, Permit):
            found[one.professional] = outcome.filter
    return found


def _notice(recipient: str, source: str, is_shared: bool, time: datetime, consent: Consent) -> Notice:  # noqa: FBT001 -- a key, taken apart
    place = source if source.startswith("structures/") else ""
    fact = Fact(DOCUMENTS_ADDED, 0, time, source)
    return notice_to(fact, replace(ADDING, tells_representatives=is_shared), recipient, place, consent)
