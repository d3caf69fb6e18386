"""What the holder of one record consented to, as one immutable value: everything that a decision reads about the record.

A change makes a new value with the next revision. The words of professionals stand in the events, where the person reads them; here
only the motive of a statement stays, because the holder's list shows it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from carnet_consent.domain.destruction import Destruction, LegalHold


class RecordState(StrEnum):
    """The life of a record (domain.md 2)."""

    ACTIVE = "ACTIVE"
    CLOSED = "CLOSED"
    ANNOUNCED = "ANNOUNCED"
    """Its opening was announced to the person, who may oppose it (CSP R1111-28): there is no record yet."""
    OPPOSED = "OPPOSED"
    """The person opposed its opening (CSP L1111-14): there is no record, and none is announced again."""
    DESTROYING = "DESTROYING"
    """Its destruction has begun: nobody reads it, and nobody stops that (rules.md 16)."""
    DESTROYED = "DESTROYED"
    """It is destroyed and certified; the person may have another one."""


class StatementKind(StrEnum):
    """What a statement about a grantee says (rules.md 2 and 3)."""

    SINGLE_CONSULTATION = "SINGLE_CONSULTATION"
    STANDING = "STANDING"
    CARE_RELATION = "CARE_RELATION"
    BLOCK = "BLOCK"


AUTHORISATIONS = frozenset({StatementKind.SINGLE_CONSULTATION, StatementKind.STANDING})
"""The two forms of consent: for one consultation, or standing. Both rules hold at once (rules.md 3)."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the record about one professional or structure."""

    id: str
    grantee: str
    kind: StatementKind
    start: datetime
    end: datetime | None
    """The first instant at which it no longer holds; None when only a hand ends it."""
    stated_by: str
    motive: str = ""

    def is_in_force(self, now: datetime) -> bool:
        """From its start to just before its end: at the end itself it permits no longer.

        A block holds from the moment it is stored: another process's clock may be behind that of the one that took it, and what was
        acknowledged must hold there too (promise 2). What permits waits for its start: that errs on the safe side.
        """
        return (self.kind is StatementKind.BLOCK or self.start <= now) and (self.end is None or now < self.end)


@dataclass(frozen=True, slots=True)
class AttendingPhysician:
    """A doctor's standing as medecin traitant: pending until the holder confirms (rules.md 4)."""

    professional: str
    is_confirmed: bool


@dataclass(frozen=True, slots=True)
class NamedHide:
    """One document hidden by name from one professional or structure."""

    document: str
    grantee: str


@dataclass(frozen=True, slots=True)
class Episode:
    """One professional's emergency access for one structure; it ends by itself."""

    id: str
    professional: str
    structure: str
    begin: datetime
    end: datetime

    def is_open(self, now: datetime) -> bool:
        """From its beginning to just before its end."""
        return self.begin <= now < self.end


@dataclass(frozen=True, slots=True)
class Switches:
    """What the person accepts in an emergency. An absent switch of an imported record counts as accepted (rules.md 9)."""

    dispatch: bool = True
    break_glass: bool = True
    masked_documents: bool = False
    directives: bool = False
    """Advance directives, trusted person and emergency contacts, even masked and with MASKED off (`emergency.py`)."""

    @property
    def contradict_each_other(self) -> bool:
        """MASKED is only settable when one of the first two is on (domain.md 3.3); DIRECTIVES likewise: both widen those two."""
        return (self.masked_documents or self.directives) and not (self.dispatch or self.break_glass)


@dataclass(frozen=True, slots=True)
class Evidence:
    """How the person's consent to the opening was collected."""

    form: str
    form_version: str
    method: str
    collected_by: str
    collected: datetime


DEATH = "FERMETURE_DECES"
"""The coded motive of a closing because the person has died."""
DESTRUCTION = "FERMETURE_DESTRUCTION"
"""The coded motive of a closing because the holder has her record destroyed."""


@dataclass(frozen=True, slots=True)
class Closing:
    """A closing: announced until it takes effect, then done (rules.md 15 and 17)."""

    motive: str
    """Its code (data/motives). The words said with it stand in the event alone."""
    evidence: Evidence
    """How the will to close was collected, by whom and when; of a death, only when it was learnt."""
    due: datetime
    """When it takes effect, unless it is opposed or taken back."""
    closed: datetime | None = None
    """When it did; None while it is announced."""
    destroy: datetime | None = None
    """When the closed record is due to be destroyed (CSP L1111-18); None while the closing is announced."""
    announce: datetime | None = None
    """When that is announced to the holder; None in what was closed before it was: then it is announced when it is due."""


@dataclass(frozen=True, slots=True)
class DepositOpposition:
    """The holder opposes that somebody feeds her record, or that it is fed with a class of documents (`opposing.py`)."""

    id: str
    author: str
    """`professionals/{p}` or `structures/{s}`; empty for every author."""
    document_class: str
    """A class of JDV_J57; empty for every class."""
    end: datetime | None
    """The first instant at which it no longer holds; None when only her hand ends it."""

    def is_in_force(self, now: datetime) -> bool:
        """From the moment it is stored to just before its end, as a block."""
        return self.end is None or now < self.end


@dataclass(frozen=True, slots=True)
class Consent:
    """The whole of a record's consent at one revision."""

    record: str
    """`records/{r}`."""
    patient: str
    """`patients/{p}`: the holder."""
    state: RecordState
    revision: int
    opened: datetime
    evidence: Evidence
    switches: Switches = Switches()
    statements: tuple[Statement, ...] = ()
    attending_physicians: tuple[AttendingPhysician, ...] = ()
    hides: tuple[NamedHide, ...] = ()
    episodes: tuple[Episode, ...] = ()
    closing: Closing | None = None
    """The closing that is announced, or by which the record is closed."""
    renewed: Evidence | None = None
    """How consent was collected when the record was last reopened."""
    opening_due: datetime | None = None
    """When an announced opening takes effect, unless it is opposed."""
    person_revision: int = 0
    """The revision of the person, as identity counts, at which it was last learnt whether she lives: older news is no news."""

    muted_letters: tuple[str, ...] = ()
    """The kinds of notice (`notice.py`) of which the holder wants no letter; the inbox tells them all the same. Sorted."""
    oppositions: tuple[DepositOpposition, ...] = ()
    masks_new_documents: bool = False
    """Whether what is deposited from now on is masked from professionals (`default_visibility.py`)."""
    muted_pushes: tuple[str, ...] = ()
    """The kinds of notice of which her devices are not told. Sorted."""

    destruction: Destruction | None = None
    """The destruction that is confirmed or announced, goes on, or is done."""
    holds: tuple[LegalHold, ...] = ()
    """The legal holds: under one no destruction begins or goes on."""

    @property
    def is_unopened(self) -> bool:
        """Whether the record was announced and never opened: for everybody but the person there is none."""
        return self.state in {RecordState.ANNOUNCED, RecordState.OPPOSED}

    @property
    def is_closed(self) -> bool:
        """Whether its closing took effect, whatever became of it since."""
        return self.state == RecordState.CLOSED or self.is_destroyed

    @property
    def is_destroyed(self) -> bool:
        """Whether nothing can be read of it any more but its history: it is destroyed, or is being."""
        return self.state in {RecordState.DESTROYING, RecordState.DESTROYED}

    @property
    def due(self) -> datetime | None:
        """When time itself changes this record next: what is announced takes effect, a destruction goes on, what was kept is deleted.

        None when nothing waits for time.
        """
        if self.state == RecordState.ACTIVE and self.closing is not None:
            return self.closing.due
        if self.is_closed:
            return self._destruction_due()
        return self.opening_due if self.state == RecordState.ANNOUNCED and self.closing is None else None

    @property
    def destroyed(self) -> datetime:
        """When it was certified as destroyed; the beginning of time where it was not."""
        done = None if self.destruction is None else self.destruction.destroyed
        return done or datetime.min.replace(tzinfo=UTC)

    def _destruction_due(self) -> datetime | None:
        if self.destruction is not None and self.state == RecordState.DESTROYED:
            return self.destruction.history_end
        if self.holds:
            return None
        if self.destruction is not None:
            return self.destruction.begun or self.destruction.due
        return None if self.closing is None else self.closing.announce or self.closing.destroy

    def in_force_about(self, grantee: str, now: datetime) -> tuple[Statement, ...]:
        """The statements in force about one professional or structure. Nobody's name finds nothing."""
        return tuple(s for s in self.statements if s.grantee == grantee and s.is_in_force(now)) if grantee else ()

    def has_confirmed(self, professional: str) -> bool:
        """Whether the holder gave or confirmed this doctor as attending physician."""
        return AttendingPhysician(professional, is_confirmed=True) in self.attending_physicians

    def open_episode(self, professional: str, structure: str, now: datetime) -> Episode | None:
        """The emergency episode in which this professional now acts for this structure."""
        return next((e for e in self.episodes if e.professional == professional and e.structure == structure and e.is_open(now)), None)


def contradictions(consent: Consent) -> Iterator[str]:
    """Name every way in which the record's statements cannot stand together. One is enough to refuse (rules.md 6).

    A block beside an authorisation is none of them: the order of precedence answers that.
    """
    if any(count > 1 for count in Counter(s.id for s in consent.statements).values()):
        yield "two statements under one identifier"
    if any(s.end is not None and s.end < s.start for s in consent.statements):
        yield "a statement that ends before it begins"
    if any(e.end < e.begin for e in consent.episodes):
        yield "an emergency that ends before it begins"
    if any(count > 1 for count in Counter(a.professional for a in consent.attending_physicians).values()):
        yield "a doctor who is attending physician in two ways"
    if sum(a.is_confirmed for a in consent.attending_physicians) > 1:
        yield "two confirmed attending physicians"
    if not consent.is_closed and consent.closing is not None and consent.closing.closed is not None:
        yield "a closing that took effect on a record that is not closed"
    yield from _contradictions_of_destruction(consent)
    if consent.state == RecordState.ANNOUNCED and consent.opening_due is None:
        yield "an opening announced for no day"
    if consent.switches.contradict_each_other:
        yield "masked documents opened in an emergency that is refused"


def _contradictions_of_destruction(consent: Consent) -> Iterator[str]:
    if consent.is_destroyed and (consent.destruction is None or consent.destruction.begun is None):
        yield "a record that is destroyed by no destruction"
    if not consent.is_closed and consent.destruction is not None:
        yield "a destruction of a record that is not closed"
