"""Who a document is hidden from (TRE_A07; R1111-49, R1111-53; rules.md 14).

INVISIBLE_PATIENT lasts a calendar month from the first deposit, in Europe/Paris; a replacement inherits labels and that month.
Where the holder chose that documents to come are masked, each is from its deposit on; one that is hidden from her once it no longer is.
"""

import calendar
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from zoneinfo import ZoneInfo

from carnet_documents.domain.rules import RuleBroken

PARIS = ZoneInfo("Europe/Paris")
_FIELD = "header.entry.visibilities"


class Visibility(Enum):
    """A label beside N."""

    MASKED_FROM_PROFESSIONALS = "MASQUE_PS"
    HIDDEN_FROM_PATIENT = "INVISIBLE_PATIENT"
    HIDDEN_FROM_REPRESENTATIVES = "INVISIBLE_REPRESENTANTS_LEGAUX"


def one_month_after(first_deposit: datetime) -> datetime:
    """The same hour of the same day of the next month in Europe/Paris (its last day when it is shorter), in UTC."""
    local = first_deposit.astimezone(PARIS)
    year, month = (local.year + 1, 1) if local.month == 12 else (local.year, local.month + 1)  # noqa: PLR2004  # December
    day = min(local.day, calendar.monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day).astimezone(UTC)


def check_labels(labels: Iterable[Visibility], *, is_of_patient: bool, may_cumulate: bool) -> frozenset[Visibility]:
    """The labels of a deposit, or ``RuleBroken`` VISIBILITY_INVALID.

    Only ``may_cumulate`` lets a document be hidden from its patient and from professionals (EX_2.1-1050); and what the patient
    deposits is not hidden from the patient.
    """
    wanted = frozenset(labels)
    if is_of_patient and Visibility.HIDDEN_FROM_PATIENT in wanted:
        raise RuleBroken("VISIBILITY_INVALID", "a patient's own document cannot be hidden from the patient", _FIELD)
    if not may_cumulate and {Visibility.HIDDEN_FROM_PATIENT, Visibility.MASKED_FROM_PROFESSIONALS} <= wanted:
        raise RuleBroken("VISIBILITY_INVALID", "a document is not hidden from the patient and from professionals at once", _FIELD)
    return wanted


def hidden_from(labels: Iterable[Visibility]) -> tuple[str, ...]:
    """Who must not see lines of the history about a document with these labels: ``patient``, ``representatives``."""
    present = frozenset(labels)
    if Visibility.HIDDEN_FROM_PATIENT in present:
        return ("patient", "representatives")
    if Visibility.HIDDEN_FROM_REPRESENTATIVES in present:
        return ("representatives",)
    return ()
