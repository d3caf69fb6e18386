"""Documents asked for by kind pass a filter as each of them would by itself."""

from dataclasses import replace

from carnet_consent.domain.documents import Documents
from carnet_consent.domain.filter import DocumentFilter
from carnet_consent.domain.matrix import DocumentRights
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.consent.builders import CLINIC, HOSPITAL
from unit.consent.test_monotonicity import DOCUMENTS, PEOPLE

MANY = tuple(replace(one, name=f"{one.name}-{number}", depositor=who) for one in DOCUMENTS for number, who in enumerate(("", *PEOPLE)))
some_names = st.lists(st.sampled_from([one.name for one in MANY]), max_size=3, unique=True).map(tuple)
rights = st.builds(
    DocumentRights,
    st.booleans(),
    st.sampled_from(((), ("10",), ("10", "52"))),
    st.sampled_from(((), ("ATTEST-RESID",))),
    st.sampled_from(((), ("11502-2",))),
)
filters = st.builds(
    DocumentFilter,
    rights,
    st.sampled_from(((), ("MASQUE_PS",), ("INVISIBLE_PATIENT",))),
    some_names,
    st.sampled_from(("", *PEOPLE)),
    st.sampled_from(("", HOSPITAL)),
    st.sampled_from(((), (CLINIC,))),
)


@settings(max_examples=150, deadline=None)
@given(filters)
def test_what_is_open_by_kind_is_what_passes_one_by_one(terms: DocumentFilter) -> None:
    documents = Documents.of(MANY)

    assert documents.names(documents.opened(terms)) == {one.name for one in MANY if terms.passes(one)}
    assert documents.names(documents.opened(None)) == frozenset()
    assert documents.beyond(documents.opened(terms), documents.opened(terms)) == ()


@settings(max_examples=100, deadline=None)
@given(filters, filters)
def test_what_one_opens_beyond_another_is_the_difference(terms: DocumentFilter, others: DocumentFilter) -> None:
    documents = Documents.of(MANY)
    found = documents.beyond(documents.opened(terms), documents.opened(others))

    assert set(found) == {one.name for one in MANY if terms.passes(one) and not others.passes(one)}
    assert len(set(found)) == len(found)


def test_documents_that_look_alike_are_one_group() -> None:
    first, second = DOCUMENTS[0], replace(DOCUMENTS[0], name="records/r/documents/twin")
    documents = Documents.of([first, second, DOCUMENTS[2]])

    assert [names for _, names in documents.groups] == [(first.name, second.name), (DOCUMENTS[2].name,)]
    assert documents.places() == (HOSPITAL,)
