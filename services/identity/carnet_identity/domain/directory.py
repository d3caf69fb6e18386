"""The public directory: professionals with every activity, and structures; what a file says of them, and what a line must not break.

A professional has one opaque name whatever the directory says later, and so has a structure. What a session may be opened for is
decided by the activities in force on the day the directory is asked (`Professional.day`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from carnet_identity.domain.activity import Activity, foremost

# TRE_G15-ProfessionSante, OID 1.2.250.1.71.1.2.7, those without an end date (domain.md 1.2); the table of data/nomenclatures says the same.
PROFESSIONS = frozenset(
    "10 21 26 28 31 32 40 50 60 69 70 80 81 82 83 84 85 86 91 92 94 95 96 98".split()  # noqa: SIM905 - a table of codes reads better
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A structure of the directory; numbers are "" where it has none."""

    id: str
    key: str
    finess: str
    entity_finess: str
    siren: str
    siret: str
    display_name: str

    @property
    def name(self) -> str:
        """`structures/{structure}`, opaque."""
        return f"structures/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Professional:
    """A professional of the directory, as on a day."""

    id: str
    rpps: str
    family_name: str
    given_name: str
    title: str
    activities: tuple[Activity, ...]
    day: str
    """YYYYMMDD: the day on which activities are in force or not."""

    @property
    def name(self) -> str:
        """`professionals/{professional}`, opaque."""
        return f"professionals/{self.id}"

    @property
    def display_name(self) -> str:
        """How people call them, e.g. `Dr Bruno EXEMPLE`."""
        return " ".join(part for part in (self.title, self.given_name, self.family_name) if part)

    @property
    def national_id(self) -> str:
        """IDNPS: `8` and the RPPS (domain.md 1.2)."""
        return f"8{self.rpps}"

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of the structures in which a session may be opened."""
        return tuple(dict.fromkeys(activity.structure for activity in self.activities if activity.is_in_force(self.day)))

    @property
    def profession(self) -> str:
        """TRE_G15 code of the foremost activity, one in force if there is any."""
        return self._foremost.profession

    @property
    def specialty(self) -> str:
        """Savoir-faire of the foremost activity."""
        return self._foremost.specialty

    def activity_in(self, structure: str, profession: str = "") -> Activity | None:
        """The activity a session in a structure is opened for: its profession and speciality are those of the session.

        Of several in the same structure the foremost; `profession`, where the user's assertion names one, leaves only those of it.
        """
        return foremost(
            activity
            for activity in self.activities
            if activity.structure == structure and activity.is_in_force(self.day) and profession in {"", activity.profession}
        )

    @property
    def _foremost(self) -> Activity:
        found = foremost(activity for activity in self.activities if activity.is_in_force(self.day)) or foremost(self.activities)
        return found or Activity("", "", "", "", "", False, False, "", "")


class StructureEntry(NamedTuple):
    """A structure as a file has it."""

    key: str
    """What the directory knows it by, for ever: `structure_key`."""
    finess: str
    entity_finess: str
    siren: str
    siret: str
    display_name: str


class ProfessionalEntry(NamedTuple):
    """A professional as a file has them; the structure of an activity is its key."""

    rpps: str
    family_name: str
    given_name: str
    title: str
    activities: tuple[Activity, ...]


class RefusedLine(NamedTuple):
    """A line that was not taken; never a value of it."""

    place: str
    """e.g. `professionals[3]` of a small file, counted from 0, or `professionals:17`, a line of an extract, counted from 1."""
    field: str
    """The heading or field, "" for the whole line."""
    rule: str


def structure_key(finess: str, siret: str, technical: str) -> str:
    """What a structure is known by: its FINESS, or `3` and its SIRET (domain.md 1.2, Struct_IdNat), or `T` and its technical number.

    "" when a line names no structure. The first of them that it has: a site of FINESS may share its SIRET with another. No two kinds
    can be taken for each other: a FINESS has nine characters, `3` and a SIRET fifteen.
    """
    return finess or (f"3{siret}" if siret else f"T{technical}" if technical else "")
