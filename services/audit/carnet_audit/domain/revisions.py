"""Where a subject's changes stand: the next revision expected, and which of those kept waiting may follow now."""

from collections.abc import Collection
from enum import Enum


class Place(Enum):
    """What to do with a change that arrived."""

    KNOWN = "its revision was taken in before: compare"
    NEXT = "it is the one expected"
    EARLY = "one before it is missing: keep it"


def place_change(revision: int, expected: int) -> Place:
    """Where a revision (1 or more) stands when `expected` is the next one of its subject."""
    if revision < expected:
        return Place.KNOWN
    return Place.NEXT if revision == expected else Place.EARLY


def run_from(expected: int, waiting: Collection[int]) -> int:
    """The next revision expected once those waiting that follow without a gap are taken."""
    while expected in waiting:
        expected += 1
    return expected
