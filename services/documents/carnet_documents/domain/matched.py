"""What identity says of the patient of a header and the holder of a record."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Matched:
    """Whether a header speaks of a holder who may be fed."""

    is_same: bool
    is_qualified: bool
    """Whether the holder's identity is qualified: nothing is linked to another (domain.md 1.1)."""
    is_under_former_ins: bool
    """Whether the header bears an INS that the holder bore before: nothing new is deposited under it (domain.md 1.1)."""
    differing: tuple[str, ...]
    """The traits that differ all the same."""
