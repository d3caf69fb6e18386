"""Who can read a document now, as its holder is told."""

from typing import Any

import pytest
from carnet.consent.v1 import access_explanation_service_pb2 as pb
from carnet.consent.v1 import authorisation_service_pb2 as authorisations
from carnet.identity.v1 import directory_service_pb2 as directory
from carnet_consent.clients.identity import IdentityClient
from component.consent.conftest import CONTEXT, DOCTOR, HOLDER, NURSE, OTHER_PERSON, Running, Someone, new_request
from component.consent.test_explain_decision import last_event, reason_of

CARD = "/carnet.consent.v1.AccessExplanationService/WhoCanRead"


def biology(record: str, **changes: object) -> pb.DocumentFacts:
    """A laboratory's result."""
    fields: dict[str, Any] = {"name": f"{record}/documents/d", "document_class": "10", "document_type": "11502-2"}
    return pb.DocumentFacts(**(fields | changes))


async def ask(running: Running, who: Someone, record: str, document: pb.DocumentFacts) -> pb.WhoCanReadResponse:
    """Ask who reads."""
    with who.calling(CARD):
        return await running.explanations.WhoCanRead(pb.WhoCanReadRequest(record=record, document=document), CONTEXT)


async def hide(running: Running, document: str, grantee: str) -> None:
    """Hide a document from somebody."""
    with HOLDER.calling("/carnet.consent.v1.AuthorisationService/HideDocument"):
        request = authorisations.HideDocumentRequest(request_id=new_request(), document=document, grantee=grantee)
        await running.authorisations.HideDocument(request, CONTEXT)


async def test_everybody_of_whom_something_is_stated_is_told_as_a_decision_answers_him(running: Running) -> None:
    record = await running.open()
    document = biology(record)
    until = (await running.state(HOLDER, record, NURSE.subject, "STANDING")).authorisation.end_time
    await running.state(HOLDER, record, "structures/clinic", "BLOCK")
    await running.state(HOLDER, record, "professionals/unknown", "STANDING")
    await running.state(HOLDER, record, "professionals/hidden", "STANDING")
    await hide(running, document.name, "professionals/hidden")

    told = await ask(running, HOLDER, record, document)

    assert {one.name: one.why.key for one in told.readers} == {
        DOCTOR.subject: "authorisation-of-the-person",
        NURSE.subject: "authorisation-of-the-person",
    }
    assert {one.name: (list(one.roles), one.end_time) for one in told.readers}[NURSE.subject] == (["60"], until)
    assert {one.name: one.why.key for one in told.refused} == {
        "structures/clinic": "block-of-the-structure",
        "professionals/unknown": "person-stated",
        "professionals/hidden": "hidden-by-name",
    }
    assert "10" in told.break_glass_roles
    assert told.dispatch_roles
    assert told.readers[0].why.text_fr
    assert told.readers[0].why.source
    assert (told.consent_revision, bool(told.matrix_version)) == (7, True)
    for who in (DOCTOR, NURSE):
        assert await running.answer(who, record) == "permit"


async def test_asking_is_an_event_that_names_the_document(running: Running) -> None:
    """Promise 1."""
    record = await running.open()

    await ask(running, HOLDER, record, biology(record))

    event = await last_event(running)
    assert (event["kind"], event["record"], event["document"]) == ("readers.asked", record, f"{record}/documents/d")
    await running.consent.journal.close()
    assert (await reason_of(ask(running, HOLDER, record, biology(record))))[0] == "EVENT_NOT_DURABLE"


MOTHER = Someone(
    "patients/mother",
    "REPRESENTATIVE",
    purpose="PATIENT_REQUEST",
    claims={"mandate": "mandates/m", "on_behalf_of": HOLDER.subject, "mandate_kind": "MINOR_REPRESENTATION"},
)


@pytest.mark.parametrize(
    ("who", "reason"),
    [(OTHER_PERSON, "NOT_FOUND"), (DOCTOR, "ROLE_NOT_ALLOWED"), (MOTHER, "ROLE_NOT_ALLOWED")],
    ids=lambda one: str(one)[:30],
)
async def test_nobody_but_the_holder_is_told(running: Running, who: Someone, reason: str) -> None:
    """Authorisations are the holder's alone: a minor's secret ones cannot be told apart (rules.md 12)."""
    record = await running.open()

    assert await reason_of(ask(running, who, record, biology(record))) == (reason, "")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "records/other/documents/d"}, "document.name"),
        ({"document_class": ""}, "document.document_class"),
        ({"depositor": "structures/s"}, "document.depositor"),
        ({"structure": "professionals/p"}, "document.structure"),
    ],
)
async def test_a_document_described_badly_is_refused_by_its_field(running: Running, changes: dict[str, str], field: str) -> None:
    record = await running.open()

    assert await reason_of(ask(running, HOLDER, record, biology(record, **changes))) == ("INVALID_FIELD", field)


class CountedDirectory:
    """A directory that knows everybody as a doctor and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def BatchGetDisplayNames(self, request: Any) -> Any:  # noqa: ANN401, N802
        self.asked.append(len(request.names))
        told = directory.BatchGetDisplayNamesResponse.DisplayName
        return directory.BatchGetDisplayNamesResponse(display_names=[told(name=name, profession="10") for name in request.names])


async def test_the_directory_is_asked_for_many_at_once() -> None:
    counted = CountedDirectory()
    peer: Any = lambda: counted  # noqa: E731  # a peer gives its stub
    names = [f"professionals/{number}" for number in range(401)]

    found = await IdentityClient(peer, peer, peer).professions(names)

    assert set(found) == set(names)
    assert counted.asked == [200, 200, 1]
    assert await IdentityClient(peer, peer, peer).professions([]) == {}
