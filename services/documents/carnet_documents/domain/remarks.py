"""What is dirty in a deposit and kept all the same (rules.md 20): one warning of a kind for a document."""

from collections.abc import Iterable

from carnet_documents.domain.entry import DepositWarning
from carnet_documents.domain.header import Header
from carnet_documents.domain.numbers import is_author_number_valid, is_ins_valid

REPLACED_ABSENT = DepositWarning("REPLACED_DOCUMENT_ABSENT", "it replaces a document that is not in this record")


def header_warnings(header: Header) -> tuple[DepositWarning, ...]:
    """Numbers in the header that fail their key."""
    found: list[DepositWarning] = []
    if not all(is_author_number_valid(number) for number in header.author_numbers):
        found.append(DepositWarning("AUTHOR_IDENTIFIER_INVALID", "an author's number fails its check digit"))
    if header.patient.ins and not is_ins_valid(header.patient.ins):
        found.append(DepositWarning("INS_KEY_INVALID", "the INS of the header fails its key"))
    return tuple(found)


def trait_warnings(differing: Iterable[str]) -> tuple[DepositWarning, ...]:
    """One warning for each trait of the header that differs from the record's without meaning another patient."""
    return tuple(
        DepositWarning(f"{trait.upper()}_DIFFERS", f"the trait {trait} of the header differs from the record's")
        for trait in sorted(set(differing))
    )
