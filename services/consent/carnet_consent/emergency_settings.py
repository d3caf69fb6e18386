"""The settings of emergency accesses, of what watches them, and of the opening budget, which they are free of."""

from datetime import timedelta

from carnet_platform.settings import PlatformSettings
from pydantic import Field


class EmergencySettings(PlatformSettings):
    """How long an emergency lasts, when it is reviewed, how often is too often, and how many records may be opened without one."""

    emergency_duration: timedelta = Field(default=timedelta(hours=4), gt=timedelta(0))
    """How long a broken glass stays open at most, in seconds (domain.md 3.3: 4 hours)."""
    emergency_review_after: timedelta = Field(default=timedelta(days=7), gt=timedelta(0))
    """By when an emergency access is to be reviewed, counted from its end, in seconds (OWN: a week). After that it is overdue."""
    emergency_rate_professional: int = Field(default=10, ge=1)
    """Emergencies that one professional may begin within a day before it raises an alarm (OWN). It is never refused."""
    emergency_rate_structure: int = Field(default=100, ge=1)
    """The same for all professionals of one structure."""
    opening_budget_professional: int = Field(default=500, ge=1)
    """Records that one professional may open in a day (UTC) without having had to do with them before (OWN). Beyond it: a refusal with an
    alarm; in an emergency the alarm alone."""
    opening_budget_structure: int = Field(default=10_000, ge=1)
    """The same for all professionals of one structure."""
    care_contact_longest_age: timedelta = Field(default=timedelta(minutes=10), gt=timedelta(0), le=timedelta(minutes=10))
    """How long after its signature a care-contact token is taken, in seconds (architecture.md 11: at most ten minutes)."""
    care_contact_lasts: timedelta = Field(default=timedelta(hours=24), gt=timedelta(0), le=timedelta(days=2))
    """How long after it was presented the first opening may follow without counting, in seconds (OWN: as consent for one consultation)."""
    care_contact_rate_professional: int = Field(default=500, ge=1)
    """Care contacts of one professional that are taken in a day (UTC) (OWN). Beyond it: a refusal with an alarm, and the opening budget
    counts."""
    care_contact_rate_structure: int = Field(default=20_000, ge=1)
    """The same for all professionals of one structure."""
    care_contact_key_timeout: timedelta = Field(default=timedelta(seconds=2), gt=timedelta(0))
    """How long identity may take to tell a structure's keys, in seconds; then the contact is refused and the opening budget counts."""
    emergency_watch_every: timedelta = Field(default=timedelta(seconds=20), gt=timedelta(0))
    """Between two looks for reviews that are overdue and for who breaks the glass too often, in seconds."""
