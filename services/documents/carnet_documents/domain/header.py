"""The header of a CDA R2 document as values: what it says of itself (a ``Claim``), of its patient, and what it replaces."""

from dataclasses import dataclass

from carnet_documents.domain.entry import Claim

INS_AUTHORITIES = frozenset(f"1.2.250.1.213.1.4.{last}" for last in (8, 9, 10, 11))
"""OIDs of INS-NIR, INS-NIA, and the test and demonstration numbers (domain rules 1.1)."""

IDNPS_AUTHORITY = "1.2.250.1.71.4.2.1"
"""OID of the national identifiers of professionals."""


@dataclass(frozen=True, slots=True)
class HeaderPatient:
    """The patient the header names; what it lacks is ``""``.

    ``birth_date`` is YYYYMMDD with 00 for an unknown day or month; ``sex`` is M, F, U or ``""``.
    """

    ins: str = ""
    ins_authority: str = ""
    birth_family_name: str = ""
    first_given_name: str = ""
    given_names: str = ""
    birth_date: str = ""
    sex: str = ""
    birth_place: str = ""
    used_family_name: str = ""
    used_given_name: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """A header. ``claim.replaces`` is the uniqueId of the parent document of an RPLC, if any."""

    claim: Claim
    patient: HeaderPatient
    set_id: str = ""
    version_number: str = ""
    body_media_type: str = ""
    """MIME type of a nonXMLBody, ``""`` for a structured body."""
    author_numbers: tuple[str, ...] = ()
    """Identifiers of the authors under the national authority (IDNPS)."""
