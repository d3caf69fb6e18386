"""The filter of a permit, as the reference says it and as storage asks it."""

from typing import Any

import pytest
from carnet_documents.domain.filter import DocumentFilter
from carnet_documents.domain.visibility import Visibility

NAME = "records/r/documents/d"


def passes(terms: DocumentFilter, **changed: Any) -> bool:  # noqa: ANN401  # parts of one document
    document: dict[str, Any] = {"name": NAME, "depositor": "professionals/p", "class_code": "10", "type_code": "11488-4", "labels": ()}
    return terms.passes(**{**document, **changed})


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (DocumentFilter(), False),
        (DocumentFilter(all_types=True), True),
        (DocumentFilter(classes=frozenset({"10"})), True),
        (DocumentFilter(classes=frozenset({"11"})), False),
        (DocumentFilter(allowed_types=frozenset({"11488-4"})), True),
        (DocumentFilter(classes=frozenset({"10"}), denied_types=frozenset({"11488-4"})), False),
        (DocumentFilter(allowed_types=frozenset({"11488-4"}), denied_types=frozenset({"11488-4"})), True),
        (DocumentFilter(all_types=True, hidden_documents=frozenset({NAME})), False),
        (DocumentFilter(own_professional="professionals/p"), True),
        (DocumentFilter(own_structure="structures/s"), False),
        (DocumentFilter(own_professional="professionals/p", hidden_documents=frozenset({NAME})), False),
    ],
)
def test_class_type_name_and_depositor_decide(terms: DocumentFilter, expected: bool) -> None:  # noqa: FBT001  # a table
    assert passes(terms) is expected


def test_an_excluded_label_hides_from_all_but_the_depositor() -> None:
    terms = DocumentFilter(all_types=True, excluded_visibilities=frozenset({"MASQUE_PS"}), own_professional="professionals/q")
    masked = (Visibility.MASKED_FROM_PROFESSIONALS,)

    assert passes(terms)
    assert not passes(terms, labels=masked)
    assert passes(terms, labels=masked, depositor="professionals/q")
    assert passes(terms, labels=(Visibility.HIDDEN_FROM_PATIENT,))


def test_a_label_that_is_not_known_here_hides_everything_but_own_deposits() -> None:
    terms = DocumentFilter(all_types=True, excluded_visibilities=frozenset({"NEW_LABEL"}), own_professional="professionals/p")

    assert passes(terms)
    assert not passes(terms, depositor="professionals/q")
