"""A document that was added to a record, as another service is told of it: what decides who may hear of it, and nothing it says."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Addition:
    """One document that was added."""

    record: str
    """The opaque id of its record."""
    document: str
    """Its own opaque id."""
    class_code: str
    type_code: str
    labels: tuple[str, ...]
    """TRE_A07 codes."""
    depositor: str
    """`professionals/{p}`, `patients/{p}` or `structures/{s}`."""
    structure: str
    """`structures/{s}` for which it was deposited, or ``""``."""
    time: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents of one record that are told of together, now and whenever it is tried again."""

    request_id: str
    """A UUID, the same whoever tells."""
    record: str
    additions: tuple[Addition, ...]
    attempts: int
    """How often it was taken, this time included."""
