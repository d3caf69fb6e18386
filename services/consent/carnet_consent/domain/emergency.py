"""Emergency access: breaking the glass, and the dispatch doctor of Centre 15 (CSP L1111-17 I, rules.md 9).

A block does not stop it: the person who cannot speak may need the very doctor she blocked. Her opposition stops it, and a document
hidden by name stays closed. What is masked from professionals opens only if she accepted that beforehand (MASKED). It never leaves an
authorisation behind.

What she wrote for the very hour in which she cannot speak (advance directives, the trusted person, whom to call) has a switch of its
own, DIRECTIVES: when it is on, those types open in both emergencies although they are masked and MASKED is off. The switch lifts MASQUE_PS
and nothing else: the habilitation of the profession and a document hidden by name still close; when it is off, they are documents like
all others. It is off until she turns it on, for she may have masked them with intent. Source: these are content of the record (CSP
R1111-42), and a doctor must ask for them when a person cannot express her will (CSP L1111-6, L1111-11, L1111-12: our knowledge of the
law, not read here). Which types they are stands in data/types-urgence.csv, as an assumption.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.case import Case, Way
from carnet_consent.domain.checks import Check
from carnet_consent.domain.consent import Consent, Episode
from carnet_consent.domain.destroyed import RECORD_KEPT
from carnet_consent.domain.holder import RECORD_ACTIVE
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.outcome import Decision, Obligation, Permit
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.treatment import PROFESSION_MAY_READ, earliest, own_structure_end, professional_filter

LAW = "CSP L1111-17 I"
OTHER_MOTIVE = "OTHER"
"""The coded motive that leaves all to the words beside it."""
REASON_LENGTH = range(3, 1001)
"""How many characters the reason in words has. The person will read it."""


MAY_BREAK_GLASS: Check[Case] = Check(
    "emergency-profession",
    "EMERGENCY_PROFESSION_NOT_ALLOWED",
    "rules.md 9: the profession may not break the glass",
    LAW,
    lambda case: not case.habilitation.may_act_in_emergency(Purpose.BREAK_GLASS, case.asker.role),
)
BREAK_GLASS_ACCEPTED: Check[Case] = Check(
    "break-glass-accepted",
    "EMERGENCY_OPPOSED",
    "rules.md 9: the person opposed breaking the glass (BTG)",
    LAW,
    lambda case: not case.consent.switches.break_glass,
)
EPISODE_OPEN: Check[Case] = Check(
    "episode",
    "EPISODE_ENDED",
    "rules.md 9: no emergency is open, it ends by itself",
    LAW,
    lambda case: _episode(case) is None,
)
MAY_DISPATCH: Check[Case] = Check(
    "dispatch-right",
    "PURPOSE_NOT_ALLOWED",
    "domain.md 3.7, 4c: the token carries no right to regulate emergency calls",
    LAW,
    lambda case: (
        not case.asker.is_dispatch_doctor or not case.habilitation.may_act_in_emergency(Purpose.EMERGENCY_DISPATCH, case.asker.role)
    ),
)
DISPATCH_ACCEPTED: Check[Case] = Check(
    "dispatch-accepted",
    "EMERGENCY_OPPOSED",
    "rules.md 9: the person opposed access by the dispatch doctor (ETREAT)",
    LAW,
    lambda case: not case.consent.switches.dispatch,
)


def permit_break_glass(case: Case) -> Decision:
    """Permit reading inside the open episode of this professional for this structure."""
    obligations = (Obligation.SHOW_EMERGENCY, Obligation.NOTIFY_EMERGENCY)
    return _permit(case, obligations=obligations, rule="rules.md 9: the glass is broken", episode=_episode(case))


def permit_dispatch(case: Case) -> Decision:
    """Permit a dispatch doctor who received a call about the person; authorisations are not asked for."""
    return _permit(case, obligations=(Obligation.NOTIFY_EMERGENCY,), rule="domain.md 3.3: dispatch doctor of Centre 15", episode=None)


def _episode(case: Case) -> Episode | None:
    return case.consent.open_episode(case.asker.subject, case.asker.structure, case.now)


def _permit(case: Case, *, obligations: tuple[Obligation, ...], rule: str, episode: Episode | None) -> Decision:
    """Permit what the profession may read at any time; what is masked only under a switch, MASKED or DIRECTIVES."""
    asker, consent, now = case.asker, case.consent, case.now
    documents = professional_filter(asker, consent, case.habilitation, now, sees_masked=consent.switches.masked_documents)
    if consent.switches.directives:
        documents = replace(documents, unmasked_types=case.habilitation.directives)
    ends = earliest(episode.end if episode else None, own_structure_end(asker, consent, now))
    return Decision(Permit(documents, obligations, ends, episode.id if episode else ""), rule, LAW)


BREAK_GLASS = Way(
    (RECORD_KEPT, RECORD_ACTIVE, MAY_BREAK_GLASS, BREAK_GLASS_ACCEPTED, EPISODE_OPEN, PROFESSION_MAY_READ), permit_break_glass
)
DISPATCH = Way((RECORD_KEPT, RECORD_ACTIVE, MAY_DISPATCH, DISPATCH_ACCEPTED, PROFESSION_MAY_READ), permit_dispatch)


def check_attested(*, cannot_express_will: bool, immediate_risk: bool, reason: str) -> None:
    """Refuse unless both attestations are made and a reason is given in words. No record is looked at before."""
    if not (cannot_express_will and immediate_risk):
        raise RuleBrokenError("ATTESTATION_REQUIRED", "Attest both, if both are true: she cannot express her will, the risk is immediate.")
    if len(reason.strip()) not in REASON_LENGTH or not any(character.isalpha() for character in reason):
        raise RuleBrokenError("REASON_REQUIRED", "Say why in words, in 3 to 1000 characters.", field="reason")


def check_motive(motive: str, habilitation: Habilitation) -> str:
    """The coded motive: of the table of the edition (data/motifs-urgence.csv), OTHER where none is given. The words say the rest."""
    if not motive:
        return OTHER_MOTIVE
    if motive not in habilitation.emergency_motives:
        raise RuleBrokenError("INVALID_FIELD", "must be a code of the table of motives", field="motive")
    return motive


def check_may_break_glass(asker: Asker, habilitation: Habilitation) -> None:
    """Refuse anyone but a professional authenticated by name, for a structure, of a profession that may break the glass."""
    if not asker.is_named_professional or not asker.structure:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only a professional authenticated by name, for a structure, may break the glass.")
    if asker.purpose not in {Purpose.BREAK_GLASS, Purpose.TREATMENT}:
        raise RuleBrokenError("PURPOSE_NOT_ALLOWED", "Breaking the glass is an act of care.")
    if not habilitation.may_act_in_emergency(Purpose.BREAK_GLASS, asker.role):
        raise RuleBrokenError("EMERGENCY_PROFESSION_NOT_ALLOWED", "This profession may not break the glass.")


def break_glass(consent: Consent, asker: Asker, now: datetime, *, lasts: timedelta, episode_id: str) -> tuple[Consent, Episode, bool]:
    """Open an episode, or join the one that is open, whose end stays what it was.

    Returns:
        The consent, the episode, and whether it was begun by this call.
    """
    if not consent.switches.break_glass:
        raise RuleBrokenError("EMERGENCY_OPPOSED", "The person opposed emergency access.")
    present = consent.open_episode(asker.subject, asker.structure, now)
    if present is not None:
        return consent, present, False
    episode = Episode(episode_id, asker.subject, asker.structure, now, now + lasts)
    still_open = tuple(e for e in consent.episodes if now < e.end)
    return replace(consent, episodes=(*still_open, episode)), episode, True


def end_emergency(consent: Consent, asker: Asker, episode_id: str, now: datetime) -> tuple[Consent, Episode]:
    """End the asker's own episode now. Another's is not found; one that has ended stays as it ended."""
    episode = next((e for e in consent.episodes if e.id == episode_id and e.professional == asker.subject), None)
    if episode is None or not episode.is_open(now):
        raise RuleBrokenError("EPISODE_ENDED", "There is no open emergency access of this user under this name.")
    ended = replace(episode, end=now)
    return replace(consent, episodes=tuple(ended if e is episode else e for e in consent.episodes)), ended


def without_opposed_episodes(consent: Consent, now: datetime) -> Consent:
    """End every open episode of a record whose holder opposes breaking the glass, so that accepting it again later revives none."""
    if consent.switches.break_glass:
        return consent
    return replace(consent, episodes=tuple(replace(e, end=now) if e.is_open(now) else e for e in consent.episodes))
