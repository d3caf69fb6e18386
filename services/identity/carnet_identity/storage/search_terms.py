"""The blind form of the combinations a person is found by: eight bytes of an HMAC each, under a key outside the database.

Promises that whoever has the store alone can neither read a value nor try one, and that nothing tells which combination a term is of.
What equal terms and their numbers give away stands in docs/threat-model.md.
"""

from __future__ import annotations

from typing import Final

from carnet_platform.envelope import mac
from carnet_platform.keys import MasterKeys

from carnet_identity.domain.patient import Patient
from carnet_identity.domain.search_terms import Composite, Terms, composites_for, composites_of

TERM_BYTES: Final = 8
"""Combinations of a whole country hardly ever meet; whoever is found by chance does not fit what was said, and is not shown."""


class SearchTerms:
    """Makes the terms of persons, and those asked for."""

    def __init__(self, keys: MasterKeys) -> None:
        self._key = keys.derive("patient-search-terms")

    def of(self, patient: Patient) -> list[bytes]:
        """Those a person is stored with, in the order of their bytes."""
        return sorted(map(self._blind, composites_of(patient.traits, (patient.residence_commune, patient.traits.birth_place))))

    def asked(self, terms: Terms) -> list[bytes]:
        """Those of which everybody who fits bears one at least."""
        return sorted(map(self._blind, composites_for(terms)))

    def _blind(self, composite: Composite) -> bytes:
        return mac(self._key, *(value.encode() for value in composite))[:TERM_BYTES]
