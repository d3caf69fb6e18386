"""The settings of a record's life: how it is opened, how long an announcement waits, how long a closed one is kept."""

from datetime import timedelta
from typing import Literal

from carnet_platform.settings import PlatformSettings
from pydantic import Field


class LifeSettings(PlatformSettings):
    """What the law leaves to the operator in the life of a record, or fixes."""

    opening: Literal["ON_REQUEST", "ANNOUNCED"] = "ON_REQUEST"
    """How records come to be here: on the person's request (rules.md 18), or announced, unless she opposes (CSP L1111-14, R1111-28)."""
    opening_time_to_oppose: timedelta = Field(default=timedelta(weeks=6), gt=timedelta(0))
    """How long a person may oppose an announced opening, in seconds (CSP R1111-28: six weeks)."""
    open_departements: frozenset[str] = frozenset()
    """Departements of residence in which records are opened, such as 67 or 2A; empty for all (domain.md 2: opened one by one)."""
    closing_grace: timedelta = Field(default=timedelta(days=14), gt=timedelta(0))
    """How long the holder may oppose a closing by a professional or representative, in seconds (rules.md 15: 14 days)."""
    closed_kept_years: int = Field(default=10, ge=1, le=100)
    """Years after which a closed record is due to be destroyed and is reopened no more (CSP L1111-18: ten)."""
    late_results_accepted: timedelta = Field(default=timedelta(days=30), gt=timedelta(0))
    """How long results are still deposited after a person's death was stated, in seconds; then her record closes (rules.md 17: 30 days)."""
    life_every: timedelta = Field(default=timedelta(seconds=20), gt=timedelta(0))
    """Between two looks for records whose announced opening or closing takes effect, in seconds."""
