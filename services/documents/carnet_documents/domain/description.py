"""From what the depositor claims and what the header says to the entry that is kept; the header is authoritative.

A claim that contradicts the header is refused and names the field; a claim the header is silent about is kept. Without a header
(plain files of the patient) the claim must hold what an entry needs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from carnet_documents.domain.entry import Author, Claim, Code, DepositWarning, Entry
from carnet_documents.domain.header import Header
from carnet_documents.domain.rules import RuleBroken

_PREFIX = "header.entry."
MAX_TITLE = 255
MAX_TEXT = 1024
MAX_AUTHORS = 50
MAX_EVENT_CODES = 200
_CONFIDENTIALITIES = frozenset({"N", "R", "V"})


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the service itself knows of a deposit."""

    size: int
    sha256: str
    deposit_time: datetime
    depositor: str
    fallback_unique_id: str
    """For plain files without an identifier: made from their bytes, so that a retry finds it again."""


def _same_code(claimed: Code, said: Code) -> bool:
    return claimed.code == said.code and (not claimed.system or not said.system or claimed.system == said.system)


def _same_codes(claimed: tuple[Code, ...], said: tuple[Code, ...]) -> bool:
    return all(any(_same_code(one, other) for other in said) for one in claimed)


def _same_authors(claimed: tuple[Author, ...], said: tuple[Author, ...]) -> bool:
    numbers = {author.identifier for author in said}
    return all(not author.identifier or author.identifier in numbers for author in claimed)


def _same_author(claimed: Author, said: Author) -> bool:
    return _same_authors((claimed,), (said,))


def _same_instant(claimed: datetime, said: datetime) -> bool:
    return claimed.replace(microsecond=0) == said.replace(microsecond=0)


def _equal(claimed: object, said: object) -> bool:
    return claimed == said


_COMPARED: dict[str, Callable[..., bool]] = {
    "unique_id": _equal,
    "type": _same_code,
    "mime_type": _equal,
    "language_code": _equal,
    "title": _equal,
    "authors": _same_authors,
    "legal_authenticator": _same_author,
    "confidentiality": _equal,
    "facility_type": _same_code,
    "practice_setting": _same_code,
    "creation_time": _same_instant,
    "service_start_time": _same_instant,
    "service_stop_time": _same_instant,
    "event_codes": _same_codes,
}


def reconcile(claim: Claim, header: Header) -> Claim:
    """The header's claim, completed by the depositor's. Raises ``RuleBroken`` ENTRY_CONTRADICTS_HEADER naming the field.

    ``format`` and ``replaces`` are the depositor's where stated: the first is no element of the header, the second is compared
    where both can be looked up.
    """
    merged = header.claim
    for name, is_same in _COMPARED.items():
        claimed, said = getattr(claim, name), getattr(merged, name)
        if not claimed:
            continue
        if not said:
            merged = replace(merged, **{name: claimed})
        elif not is_same(claimed, said):
            raise RuleBroken("ENTRY_CONTRADICTS_HEADER", "contradicts the header of the document", _PREFIX + name)
    return replace(merged, format=claim.format or merged.format, replaces=merged.replaces or claim.replaces)


def check_claim(claim: Claim) -> None:
    """Raise ``RuleBroken`` INVALID_FIELD for a claim that is too long or not of its list of values."""
    texts = {
        "unique_id": (claim.unique_id, MAX_TITLE),
        "mime_type": (claim.mime_type, MAX_TITLE),
        "language_code": (claim.language_code, 16),
        "title": (claim.title, MAX_TITLE),
        "replaces": (claim.replaces, MAX_TITLE),
    }
    for name, (text, limit) in texts.items():
        if len(text) > limit or any(character < " " for character in text):
            raise RuleBroken("INVALID_FIELD", f"must be at most {limit} printable characters", _PREFIX + name)
    for name in ("type", "format", "facility_type", "practice_setting"):
        _check_code(getattr(claim, name), name)
    for code in claim.event_codes:
        _check_code(code, "event_codes")
    if len(claim.authors) > MAX_AUTHORS:
        raise RuleBroken("INVALID_FIELD", f"must be at most {MAX_AUTHORS}", _PREFIX + "authors")
    if len(claim.event_codes) > MAX_EVENT_CODES:
        raise RuleBroken("INVALID_FIELD", f"must be at most {MAX_EVENT_CODES}", _PREFIX + "event_codes")
    if claim.confidentiality and claim.confidentiality not in _CONFIDENTIALITIES:
        raise RuleBroken("INVALID_FIELD", "must be N, R or V", _PREFIX + "confidentiality")
    _check_authors(claim)


def _check_code(code: Code | None, name: str) -> None:
    if code is not None and (not code.code or max(len(code.code), len(code.system), len(code.display)) > MAX_TITLE):
        raise RuleBroken("INVALID_FIELD", f"must have a code, and parts of at most {MAX_TITLE} characters", _PREFIX + name)


def _check_authors(claim: Claim) -> None:
    everybody = claim.authors + ((claim.legal_authenticator,) if claim.legal_authenticator else ())
    for author in everybody:
        parts = (author.identifier, author.family_name, author.given_name, author.institution, author.institution_identifier)
        if any(len(part) > MAX_TEXT for part in parts):
            raise RuleBroken("INVALID_FIELD", f"parts must be at most {MAX_TEXT} characters", _PREFIX + "authors")
        _check_code(author.specialty, "authors")


def describe(claim: Claim, document_class: Code, receipt: Receipt, warnings: tuple[DepositWarning, ...]) -> Entry:
    """The entry to keep. Raises ``RuleBroken`` INVALID_FIELD for a type or title that nobody stated."""
    if claim.type is None:
        raise RuleBroken("INVALID_FIELD", "is required", _PREFIX + "type")
    if not claim.title:
        raise RuleBroken("INVALID_FIELD", "is required", _PREFIX + "title")
    return Entry(
        unique_id=claim.unique_id or receipt.fallback_unique_id,
        type=claim.type,
        document_class=document_class,
        format=claim.format or Code(claim.mime_type, "", claim.mime_type),
        mime_type=claim.mime_type,
        language_code=claim.language_code or "fr-FR",
        title=claim.title,
        confidentiality=claim.confidentiality or "N",
        creation_time=(claim.creation_time or receipt.deposit_time).astimezone(UTC),
        size=receipt.size,
        sha256=receipt.sha256,
        deposit_time=receipt.deposit_time,
        depositor=receipt.depositor,
        authors=claim.authors,
        legal_authenticator=claim.legal_authenticator,
        facility_type=claim.facility_type,
        practice_setting=claim.practice_setting,
        service_start_time=claim.service_start_time,
        service_stop_time=claim.service_stop_time,
        event_codes=claim.event_codes,
        replaces=claim.replaces,
        warnings=warnings,
    )
