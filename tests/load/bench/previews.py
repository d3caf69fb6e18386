"""The rows of explanations: what a change would alter, and who can read a document, in a record of 1 000 documents and 20 authorisations.

The documents are told with the question, as the portal tells them: of sixty types, by forty professionals in fifteen structures, three in
ten without a named author, one in twenty masked. Nothing of them need be stored.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1 import access_explanation_service_pb2 as pb
from carnet.consent.v1.authorisation_pb2 import Authorisation, AuthorisationKind
from carnet.consent.v1.authorisation_service_pb2 import CreateAuthorisationRequest, ListAuthorisationsRequest
from carnet.consent.v1.record_pb2 import ConsentEvidence, EmergencySwitches
from carnet.consent.v1.record_service_pb2 import LookupRecordRequest, OpenRecordRequest
from carnet.identity.v1.directory_service_pb2 import LookupProfessionalRequest
from carnet_client import UserSession, request_id
from carnet_consent.tables import delivered
from carnet_dev.demo.cast import Cast
from carnet_dev.demo.family import register
from carnet_dev.extracts import rpps
from carnet_dev.people import patients
from google.protobuf.timestamp_pb2 import Timestamp
from load.bench.consents import AUTHORISATIONS, OF_STRUCTURES
from load.bench.load import Operation
from load.bench.persons import numbered

DOCUMENTS, TYPES, AUTHORS, STRUCTURES = 1_000, 60, 40, 15
OWN_RPPS = 900_000
"""Above the numbers of the directory's extracts."""
HOLDER = "dominique"
STANDING, BLOCK = AuthorisationKind.AUTHORISATION_KIND_STANDING, AuthorisationKind.AUTHORISATION_KIND_BLOCK


@dataclass
class Explained:
    """A record about which its holder asks; empty until `prepare` has run."""

    cast: Cast
    doctor: UserSession
    portal: UserSession = field(init=False)
    record: str = ""
    authors: list[str] = field(default_factory=list)
    authorised: list[str] = field(default_factory=list)
    """Names of the authorisations, those of structures last."""
    documents: list[pb.DocumentFacts] = field(default_factory=list)

    async def prepare(self) -> None:
        """Open the record, state twenty authorisations, make up the documents; its professionals lie in the directory."""
        if self.record:
            return
        her = await register(self.doctor, patients()[HOLDER])
        self.portal = await self.cast.session(HOLDER, "portal", PurposeOfUse.PURPOSE_OF_USE_PATIENT_REQUEST)
        directory = self.portal.connection.directory
        found = [
            await directory.LookupProfessional(LookupProfessionalRequest(rpps=rpps(OWN_RPPS + number)), timeout=30)
            for number in range(AUTHORS)
        ]
        self.authors = [one.professional.name for one in found]
        self.record = await self._opened(her.patient)
        self.authorised = await self._authorised()
        self.documents = list(islice(self._invented(), DOCUMENTS))

    async def _opened(self, patient: str) -> str:
        records, metadata = self.doctor.connection.records, await self.doctor.metadata()
        known = await records.LookupRecord(LookupRecordRequest(patient=patient), metadata=metadata, timeout=30)
        if known.record:
            return known.record
        evidence = ConsentEvidence(form="bench", form_version="1", method="invented")
        request = OpenRecordRequest(request_id=request_id(), patient=patient, evidence=evidence)
        return (await records.OpenRecord(request, metadata=metadata, timeout=30)).record.name

    async def _authorised(self) -> list[str]:
        stub, metadata = self.portal.connection.authorisations, await self.portal.metadata()
        listed = await stub.ListAuthorisations(ListAuthorisationsRequest(parent=self.record), metadata=metadata, timeout=30)
        stated = {one.grantee: one.name for one in listed.authorisations}
        wanted = [*self.authors[: AUTHORISATIONS - OF_STRUCTURES], *(place(number) for number in range(OF_STRUCTURES))]
        for grantee in wanted:
            if grantee not in stated:
                one = Authorisation(grantee=grantee, kind=STANDING, end_time=_soon())
                request = CreateAuthorisationRequest(request_id=request_id(), parent=self.record, authorisation=one)
                answer = await stub.CreateAuthorisation(request, metadata=metadata, timeout=30)
                stated[grantee] = answer.authorisation.name
        return [stated[grantee] for grantee in wanted]

    def _invented(self) -> Iterator[pb.DocumentFacts]:
        chance = random.Random(1)
        types = sorted(delivered().newest.classes.items())[:TYPES]
        while True:
            document_type, document_class = chance.choice(types)
            yield pb.DocumentFacts(
                name=f"{self.record}/documents/{numbered(chance.randrange(2**40))}",
                document_class=document_class,
                document_type=document_type,
                visibilities=["MASQUE_PS"] if chance.random() < 0.05 else [],
                depositor=chance.choice(self.authors) if chance.random() < 0.7 else "",
                structure=place(chance.randrange(STRUCTURES)),
            )


def with_authors(directory: Path) -> str:
    """The directory of the story with forty doctors more, as a document."""
    document = json.loads(directory.read_text(encoding="utf-8"))
    somewhere = document["structures"][0]["finess"]
    for number in range(AUTHORS):
        names = {"family_name": "BANC", "given_name": "Essai", "title": "Dr", "profession": "10", "specialty": "SM26"}
        document["professionals"].append({"rpps": rpps(OWN_RPPS + number), **names, "structures": [somewhere]})
    return json.dumps(document)


def place(number: int) -> str:
    """The `number`-th invented structure."""
    return f"structures/{numbered(number)}"


def _soon() -> Timestamp:
    end = Timestamp()
    end.FromDatetime(datetime.now(UTC) + timedelta(days=300))
    return end


def kinds_of_change(explained: Explained) -> dict[str, pb.PreviewChangeRequest]:
    """A request of each kind of change, but for the blocking of a structure."""
    first, last = explained.authorised[0], explained.authorised[-1]
    document, author, newcomer = explained.documents[0].name, explained.authors[1], explained.authors[-1]
    changes: dict[str, dict[str, Any]] = {
        "a professional is authorised": {"authorisation": Authorisation(grantee=newcomer, kind=STANDING)},
        "a structure is authorised": {"authorisation": Authorisation(grantee=place(OF_STRUCTURES), kind=STANDING, end_time=_soon())},
        "a professional is blocked": {"authorisation": Authorisation(grantee=author, kind=BLOCK)},
        "a professional's authorisation is taken back": {"deleted_authorisation": first},
        "a structure's authorisation is taken back": {"deleted_authorisation": last},
        "emergencies are opposed": {"emergency_switches": EmergencySwitches()},
        "a document is hidden from a professional": {"hidden": pb.DocumentHiding(document=document, grantee=author)},
        "a document is hidden from a structure": {"hidden": pb.DocumentHiding(document=document, grantee=place(0))},
    }
    return {what: _about(explained, **change) for what, change in changes.items()}


def structure_blocked(explained: Explained) -> pb.PreviewChangeRequest:
    """The dearest change: it is told of everybody who acts for the structure, with all that he loses."""
    return _about(explained, authorisation=Authorisation(grantee=place(0), kind=BLOCK))


def _about(explained: Explained, **change: Any) -> pb.PreviewChangeRequest:  # noqa: ANN401 - one of the fields of `change`
    return pb.PreviewChangeRequest(record=explained.record, documents=explained.documents, **change)


def preview(explained: Explained, requests: Callable[[Explained], Iterable[pb.PreviewChangeRequest]]) -> Operation:
    """What a change would alter, each of `requests` in turn."""
    asked: list[pb.PreviewChangeRequest] = []
    count = 0

    async def operation() -> int:
        nonlocal count
        asked.extend([] if asked else requests(explained))
        request, count = asked[count % len(asked)], count + 1
        stub, metadata = explained.portal.connection.explanations, await explained.portal.metadata()
        return (await stub.PreviewChange(request, metadata=metadata, timeout=60)).ByteSize()

    return operation


def who_can_read(explained: Explained) -> Operation:
    """Who reads one of the documents, drawn at random."""

    async def operation() -> int:
        request = pb.WhoCanReadRequest(record=explained.record, document=random.choice(explained.documents))
        stub, metadata = explained.portal.connection.explanations, await explained.portal.metadata()
        return (await stub.WhoCanRead(request, metadata=metadata, timeout=60)).ByteSize()

    return operation
