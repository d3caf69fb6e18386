"""What is known of a document (XDS DocumentEntry, docs: domain rules 5.5), as a value.

An ``Entry`` never changes once it is kept: status, labels and links, which do, live in ``domain.placement``.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Code:
    """A coded value; ``system`` is the OID of its code system."""

    code: str
    system: str = ""
    display: str = ""


@dataclass(frozen=True, slots=True)
class Author:
    """An author as the document names him."""

    identifier: str = ""
    family_name: str = ""
    given_name: str = ""
    specialty: Code | None = None
    institution: str = ""
    institution_identifier: str = ""


@dataclass(frozen=True, slots=True)
class DepositWarning:
    """What is dirty in a document and was accepted all the same."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What the depositor says of a document, or what its header says: absent is ``""``, ``None`` or ``()``."""

    unique_id: str = ""
    type: Code | None = None
    format: Code | None = None
    mime_type: str = ""
    language_code: str = ""
    title: str = ""
    authors: tuple[Author, ...] = ()
    legal_authenticator: Author | None = None
    confidentiality: str = ""
    facility_type: Code | None = None
    practice_setting: Code | None = None
    creation_time: datetime | None = None
    service_start_time: datetime | None = None
    service_stop_time: datetime | None = None
    event_codes: tuple[Code, ...] = ()
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A document's description as it is kept. Instants are UTC; ``size`` in bytes; ``sha256`` lower-case hexadecimal."""

    unique_id: str
    type: Code
    document_class: Code
    format: Code
    mime_type: str
    language_code: str
    title: str
    confidentiality: str
    creation_time: datetime
    size: int
    sha256: str
    deposit_time: datetime
    depositor: str
    authors: tuple[Author, ...] = ()
    legal_authenticator: Author | None = None
    facility_type: Code | None = None
    practice_setting: Code | None = None
    service_start_time: datetime | None = None
    service_stop_time: datetime | None = None
    event_codes: tuple[Code, ...] = ()
    replaces: str = ""
    warnings: tuple[DepositWarning, ...] = ()
