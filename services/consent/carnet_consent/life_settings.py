"""The settings of a record's life: how it is opened, how long an announcement waits, how long a closed one is kept."""

import re
from datetime import timedelta
from typing import Literal

from pydantic import Field, field_validator

from carnet_consent.destruction_settings import DestructionSettings

_DEPARTEMENT = re.compile(r"0[1-9]|1[0-9]|2[1-9AB]|[3-8][0-9]|9[0-5]|9[78][0-9]|99")


class LifeSettings(DestructionSettings):
    """What the law leaves to the operator in the life of a record, or fixes."""

    opening: Literal["ON_REQUEST", "ANNOUNCED"] = "ON_REQUEST"
    """How records come to be here: on the person's request (rules.md 18), or announced, unless she opposes (CSP L1111-14, R1111-28)."""
    opening_time_to_oppose: timedelta = Field(default=timedelta(weeks=6), gt=timedelta(0))
    """How long a person may oppose an announced opening, in seconds (CSP R1111-28: six weeks)."""
    open_departements: frozenset[str] = frozenset()
    """Departements of residence in which records are opened, announced and imported, such as 67, 2A or 971; 99 for who lives abroad; empty
    for all (domain.md 2: opened one by one). Of a person whose commune is not known none is opened while it is not empty."""
    closing_grace: timedelta = Field(default=timedelta(days=14), gt=timedelta(0))
    """How long the holder may oppose a closing by a professional or representative, in seconds (rules.md 15: 14 days)."""
    closed_kept_years: int = Field(default=10, ge=1, le=100)
    """Years after which a closed record is destroyed and is reopened no more (CSP L1111-18: ten)."""
    late_results_accepted: timedelta = Field(default=timedelta(days=30), gt=timedelta(0))
    """How long results are still deposited after a person's death was stated, in seconds; then her record closes (rules.md 17: 30 days)."""
    life_every: timedelta = Field(default=timedelta(seconds=20), gt=timedelta(0))
    """Between two looks for records that time changes, in seconds: an announced opening or closing takes effect, a purge is announced, a
    destruction begins."""

    @field_validator("open_departements")
    @classmethod
    def _are_departements(cls, codes: frozenset[str]) -> frozenset[str]:
        # A code that is none would keep out everybody whom it was meant to let in, and nobody would be told.
        if not all(_DEPARTEMENT.fullmatch(code) for code in codes):
            raise ValueError("must be codes of INSEE: two digits, 2A, 2B, or three digits overseas (971 to 989)")
        return codes
