"""What is asked badly of a preview is refused by its field, before anything is read."""

from collections.abc import Callable

import pytest
from carnet.consent.v1 import access_explanation_service_pb2 as pb
from carnet.consent.v1 import authorisation_pb2 as statements
from carnet_consent.api import previewing
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.preview import Link
from carnet_platform.errors import InvalidArgument

RECORD = "records/r"


def facts(number: int = 1, **changes: str) -> pb.DocumentFacts:
    """A document described well, but for the changes."""
    fields = {"name": f"{RECORD}/documents/d{number}", "document_class": "10", "document_type": "11502-2"}
    return pb.DocumentFacts(**(fields | changes))


LINK = pb.DocumentLink(document=facts(1).name, linked_document=facts(2).name, kind=pb.DOCUMENT_LINK_KIND_REPLACES)


def field_of(parse: Callable[[], object]) -> str:
    """The field to blame."""
    with pytest.raises(InvalidArgument) as refused:
        parse()
    assert refused.value.reason == "INVALID_FIELD"
    return refused.value.field


@pytest.mark.parametrize(
    ("described", "field"),
    [
        ([], "documents"),
        ([facts(number) for number in range(1001)], "documents"),
        ([facts(name="records/other/documents/d")], "documents.name"),
        ([facts(name=f"{RECORD}/documents/d/e")], "documents.name"),
        ([facts(name="")], "documents.name"),
        ([facts(), facts()], "documents.name"),
        ([facts(), facts(document_type="34133-9")], "documents.name"),
        ([facts(document_class="")], "documents.document_class"),
        ([facts(document_type="x" * 65)], "documents.document_type"),
        ([facts(depositor="structures/s")], "documents.depositor"),
        ([facts(structure="s")], "documents.structure"),
    ],
)
def test_documents_described_badly(described: list[pb.DocumentFacts], field: str) -> None:
    assert field_of(lambda: previewing.documents(described, RECORD)) == field


def test_documents_that_look_alike_stand_in_one_group() -> None:
    found = previewing.documents([facts(1), facts(2), facts(3, document_type="34133-9")], RECORD)

    assert found.groups == (
        (DocumentFacts("", "10", "11502-2"), (facts(1).name, facts(2).name)),
        (DocumentFacts("", "10", "34133-9"), (facts(3).name,)),
    )
    assert len(previewing.documents([facts(number) for number in range(1000)], RECORD).groups[0][1]) == 1000


@pytest.mark.parametrize(
    ("links", "field"),
    [
        ([pb.DocumentLink(document=facts(1).name, linked_document=facts(2).name)], "links.kind"),
        ([pb.DocumentLink(document=facts(1).name, linked_document=facts(3).name, kind=LINK.kind)], "links"),
        ([pb.DocumentLink(document=facts(1).name, linked_document=facts(1).name, kind=LINK.kind)], "links"),
        ([LINK] * 5001, "links"),
    ],
)
def test_links_described_badly(links: list[pb.DocumentLink], field: str) -> None:
    described = previewing.documents([facts(1), facts(2)], RECORD)

    assert previewing.links([LINK], described) == (Link(facts(1).name, facts(2).name, "REPLACES"),)
    assert field_of(lambda: previewing.links(links, described)) == field


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.PreviewChangeRequest(), "change"),
        (pb.PreviewChangeRequest(authorisation=statements.Authorisation(grantee="professionals/p")), "authorisation.kind"),
        (pb.PreviewChangeRequest(deleted_authorisation="records/other/authorisations/a"), "deleted_authorisation"),
        (pb.PreviewChangeRequest(deleted_authorisation="a"), "deleted_authorisation"),
        (pb.PreviewChangeRequest(hidden=pb.DocumentHiding(document="records/o/documents/d")), "hidden.document"),
        (pb.PreviewChangeRequest(hidden=pb.DocumentHiding(document=facts().name)), "hidden.grantee"),
        (pb.PreviewChangeRequest(unhidden=pb.DocumentHiding(document="d", grantee="professionals/p")), "unhidden.document"),
        (pb.PreviewChangeRequest(attending_physician="structures/s"), "attending_physician"),
        (pb.PreviewChangeRequest(ended_attending_physician=""), "ended_attending_physician"),
    ],
)
def test_a_change_proposed_badly(request_: pb.PreviewChangeRequest, field: str) -> None:
    assert field_of(lambda: previewing.proposal(request_, RECORD)) == field
