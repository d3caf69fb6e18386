"""The mandate of a call: as the token says it, and as identity says it now.

What a token says of a mandate never changes while the mandate is in force, and its end is a withdrawal; so it serves for whoever changes a
record. A release asks besides how the mandate stands, and which places of care are hidden from its mandatary: after the question came, so
that what was hidden before is hidden.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_consent.domain.refusal import RuleBrokenError


class Mandates(Protocol):
    """What consent asks of the service that keeps mandates."""

    async def standing(self, mandate: str, mandatary: str) -> Mandate | None:
        """`mandates/{m}` as it stands now, for `patients/{p}`; None when she has no such mandate in force."""


def mandate_of(claims: Mapping[str, Any]) -> Mandate | None:
    """The mandate that a token speaks of; None for a token that speaks of none, or lacks or misspells a part of it."""
    try:
        end, classes = claims.get("mandate_end"), claims.get("classes", [])
        return Mandate(
            name=_text(claims["mandate"], "mandates/"),
            holder=_text(claims["on_behalf_of"], "patients/"),
            kind=MandateKind(claims["mandate_kind"]),
            end=None if end is None else datetime.fromtimestamp(end, UTC),
            classes=tuple(_text(one, "") for one in classes),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def check_not_over(asker: Asker, now: datetime) -> None:
    """Refuse a person whose mandate has come to its end, or who acts for another without one."""
    if asker.is_mandatary and (asker.mandate is None or asker.mandate.is_over(now)):
        raise RuleBrokenError("MANDATE_NOT_IN_FORCE", "The mandate is not in force.")


@dataclass(frozen=True, slots=True)
class StandingMandates:
    """Looks how the mandate of an asker stands."""

    mandates: Mandates

    async def now(self, asker: Asker) -> Asker:
        """The asker with the mandate as it stands now: never wider than the token says. Raises Unavailable when it cannot be told."""
        said = asker.mandate
        if not asker.is_mandatary or said is None:
            return asker
        found = await self.mandates.standing(said.name, asker.subject)
        if found is None or (found.holder, found.kind) != (said.holder, said.kind):
            return replace(asker, mandate=None)
        ends = [end for end in (said.end, found.end) if end is not None]
        classes = tuple(one for one in found.classes if one in said.classes)
        return replace(asker, mandate=replace(found, end=min(ends, default=None), classes=classes))


def _text(value: object, prefix: str) -> str:
    if not isinstance(value, str) or not value.startswith(prefix) or not value:
        raise TypeError(prefix)
    return value
