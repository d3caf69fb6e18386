"""What bad input gets: the code, the reason, the field and the rule; and nothing of it is kept."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1.record_pb2 import ConsentEvidence, EmergencySwitches
from carnet.consent.v1.record_service_pb2 import LookupRecordRequest, OpenRecordRequest, RecordAvailability, UpdateEmergencySwitchesRequest
from carnet.documents.v1.document_entry_pb2 import AvailabilityStatus, Code, DocumentEntry
from carnet.documents.v1.document_query_service_pb2 import SearchDocumentsRequest
from carnet.documents.v1.submission_service_pb2 import SubmitDocumentRequest
from carnet.identity.v1.directory_service_pb2 import LookupProfessionalRequest, LookupStructureRequest
from carnet.identity.v1.patient_pb2 import IdentityStatus, Ins, Sex, Traits
from carnet.identity.v1.patient_registry_service_pb2 import RegisterPatientRequest
from carnet_client import UserSession, request_id
from carnet_dev.local_run import LocalRun
from joserfc import jwt
from joserfc.jwk import ECKey
from pymongo import MongoClient
from support.answers import Answer, refusal
from support.canaries import admin_url
from support.cda import TEST_INS_AUTHORITY, Cda, pdf
from support.people import BLOCK, QUALIFYING, Somebody, invented, state, with_record
from support.scenes import Scene, break_glass, played

EVERY_STATUS = [AvailabilityStatus.AVAILABILITY_STATUS_APPROVED, AvailabilityStatus.AVAILABILITY_STATUS_DEPRECATED]
COMPLEMENT = "1.2.250.1.213.1.1.4.12"
LIMIT = 5 * 1024 * 1024
PDF = DocumentEntry(mime_type="application/pdf", title="Courrier", type=Code(code="11488-4", system="2.16.840.1.113883.6.1"))


# Registration


def registration(somebody: Somebody, **changes: Any) -> RegisterPatientRequest:  # noqa: ANN401  # fields of the message
    """A request to register her, with what is wrong in it."""
    traits = Traits(birth_family_name=somebody.family_name, first_given_name=somebody.given_name, birth_date="19850612", sex=Sex.SEX_FEMALE)
    right = {
        "ins": Ins(value=somebody.ins, authority=TEST_INS_AUTHORITY),
        "traits": traits,
        "identity_status": IdentityStatus.IDENTITY_STATUS_QUALIFIED,
        "identity_evidence": QUALIFYING,
    }
    return RegisterPatientRequest(request_id=request_id(), **{**right, **changes})


async def test_a_wrong_number_is_refused_with_its_field_and_its_rule(carnet: LocalRun) -> None:
    async with played(carnet) as scene:
        doctor, somebody = scene.doctor, invented()
        wrong_key = somebody.ins[:13] + f"{int(somebody.ins[13:]) % 97 + 1:02d}"
        patients, directory = doctor.connection.patients, doctor.connection.directory
        for value, authority, told in (
            (wrong_key, TEST_INS_AUTHORITY, ("INS_INVALID", "ins.value")),
            (somebody.ins[:14], TEST_INS_AUTHORITY, ("INS_INVALID", "ins.value")),
            (somebody.ins, "1.2.250.1.213.1.4.8", ("INS_WRONG_ENVIRONMENT", "ins.authority")),
        ):
            request = registration(somebody, ins=Ins(value=value, authority=authority))
            answer = await refusal(patients.RegisterPatient(request, metadata=await doctor.metadata(), timeout=10))
            check_names_field_and_rule(answer, *told, value)
        for rpps in ("99700366241", "9970036624", "9970036624x"):
            answer = await refusal(directory.LookupProfessional(LookupProfessionalRequest(rpps=rpps), timeout=10))
            check_names_field_and_rule(answer, "RPPS_INVALID", "rpps", rpps)
        for finess in ("990000011", "99000001"):
            answer = await refusal(directory.LookupStructure(LookupStructureRequest(finess=finess), timeout=10))
            check_names_field_and_rule(answer, "FINESS_INVALID", "finess", finess)


def check_names_field_and_rule(answer: Answer, reason: str, field: str, value: str) -> None:
    """INVALID_ARGUMENT with the reason, the field and a rule, and without the value."""
    assert (answer.brief, answer.field) == (("INVALID_ARGUMENT", reason), field)
    assert len(answer.rule) > 10
    assert value not in answer.said


# Tokens


def forged(token: str, carnet: LocalRun, claims: Mapping[str, Any] | None = None, header: Mapping[str, Any] | None = None) -> str:
    """The token with other claims or another header, signed with the true key."""
    key = ECKey.import_key((carnet.folder / "keys" / "identity" / "tokens" / "signing.pem").read_bytes())
    read = jwt.decode(token, key, algorithms=["ES256"])
    return jwt.encode({**read.header, **(header or {})}, {**read.claims, **(claims or {})}, key, algorithms=["ES256"])


@pytest.mark.this_machine("the key that signs tokens")
async def test_a_token_that_is_not_this_callers_now_and_here_is_refused(carnet: LocalRun) -> None:
    """S1: missing, expired, not valid yet, of another audience, issuer, presenter or key, unsigned: UNAUTHENTICATED, with the reason."""
    async with played(carnet) as scene:
        token = (await scene.doctor.metadata())[0][1].removeprefix("Bearer ")
        now = int(time.time())
        other_key = ECKey.generate_key("P-256")
        unsigned = "eyJhbGciOiJub25lIn0." + token.split(".")[1] + "."
        expected = {
            "": "TOKEN_MISSING",
            "nonsense": "TOKEN_INVALID",
            forged(token, carnet, {"exp": now - 61, "iat": now - 300, "nbf": now - 300}): "TOKEN_EXPIRED",
            forged(token, carnet, {"nbf": now + 120}): "TOKEN_EXPIRED",
            forged(token, carnet, {"aud": "another"}): "TOKEN_INVALID",
            forged(token, carnet, {"iss": "another"}): "TOKEN_INVALID",
            forged(token, carnet, {"cnf": {"x5t#S256": "another"}}): "TOKEN_WRONG_PRESENTER",
            forged(token, carnet, header={"jku": "https://example.org/keys"}): "TOKEN_INVALID",
            forged(token, carnet, header={"kid": "unheard-of"}): "TOKEN_INVALID",
            jwt.encode({"alg": "ES256"}, {"sub": "professionals/x"}, other_key, algorithms=["ES256"]): "TOKEN_INVALID",
            unsigned: "TOKEN_INVALID",
        }
        told = {}
        for presented in expected:
            told[presented] = await refusal(search(scene.doctor, scene.somebody.record, presented))
        assert [(answer.code, answer.reason) for answer in told.values()] == [("UNAUTHENTICATED", reason) for reason in expected.values()]
        # With the true key and nothing changed it is taken: what was refused above was refused for what was changed.
        await search(scene.doctor, scene.somebody.record, forged(token, carnet))
        other = await scene.cast.connection("software/hospital")
        stolen = SearchDocumentsRequest(parent=scene.somebody.record, purpose=scene.doctor.purpose)
        answer = await refusal(other.documents.SearchDocuments(stolen, metadata=[("authorization", f"Bearer {token}")], timeout=10))
        assert answer.brief == ("UNAUTHENTICATED", "TOKEN_WRONG_PRESENTER")


async def search(session: UserSession, record: str, token: str) -> object:
    """Search with that token."""
    metadata = [("authorization", f"Bearer {token}")] if token else []
    request = SearchDocumentsRequest(parent=record, purpose=session.purpose)
    return await session.connection.documents.SearchDocuments(request, metadata=metadata, timeout=10)


async def test_a_caller_outside_the_table_is_denied(carnet: LocalRun) -> None:
    async with played(carnet) as scene:
        insurer = await scene.cast.system("system/insurer")
        assert (await refusal(insurer.search(scene.somebody.record))).brief == ("PERMISSION_DENIED", "CALLER_NOT_ALLOWED")


# Records


async def test_a_record_in_a_state_that_forbids_is_told_with_its_remedy(carnet: LocalRun) -> None:
    """rules.md 7: none, needs consent, blocked, open already, emergency opposed, identity not qualified."""
    async with played(carnet) as scene:
        record, stranger = scene.somebody.record, scene.stranger
        assert await availability(stranger, scene.somebody.patient) == "NEEDS_CONSENT"
        check_remedy(await refusal(stranger.search(record)), "NEEDS_CONSENT", "Ask your patient")
        await state(scene.herself, record, stranger.subject, BLOCK)
        assert await availability(stranger, scene.somebody.patient) == "BLOCKED"
        check_remedy(await refusal(stranger.search(record)), "BLOCKED", "Ask your patient")
        assert (await refusal(opening(scene.doctor, scene.somebody.patient))).brief == ("ALREADY_EXISTS", "RECORD_EXISTS")
        assert (await refusal(scene.doctor.search("records/" + "a" * 26))).brief == ("NOT_FOUND", "NOT_FOUND")
        await oppose_emergency(scene)
        answer = await refusal(break_glass(scene.emergency, record))
        assert answer.brief == ("PERMISSION_DENIED", "EMERGENCY_OPPOSED")
        provisional = registration(invented(), identity_status=IdentityStatus.IDENTITY_STATUS_PROVISIONAL)
        patients = scene.doctor.connection.patients
        patient = (await patients.RegisterPatient(provisional, metadata=await scene.doctor.metadata(), timeout=10)).patient.name
        assert await availability(scene.doctor, patient) == "NO_RECORD"
        assert (await refusal(opening(scene.doctor, patient))).brief == ("FAILED_PRECONDITION", "IDENTITY_NOT_QUALIFIED")


def check_remedy(answer: Answer, reason: str, remedy: str) -> None:
    assert answer.brief == ("PERMISSION_DENIED", reason)
    assert remedy in answer.message


async def availability(session: UserSession, patient: str) -> str:
    """What LookupRecord says, without its prefix."""
    records = session.connection.records
    found = await records.LookupRecord(LookupRecordRequest(patient=patient), metadata=await session.metadata(), timeout=10)
    return RecordAvailability.Name(found.availability).removeprefix("RECORD_AVAILABILITY_")


async def opening(session: UserSession, patient: str) -> object:
    """Open a record."""
    evidence = ConsentEvidence(form="form", form_version="v3", method="signed on screen")
    request = OpenRecordRequest(request_id=request_id(), patient=patient, evidence=evidence)
    return await session.connection.records.OpenRecord(request, metadata=await session.metadata(), timeout=10)


async def oppose_emergency(scene: Scene) -> None:
    """Both emergency switches off."""
    request = UpdateEmergencySwitchesRequest(request_id=request_id(), record=scene.somebody.record, emergency_switches=EmergencySwitches())
    herself = scene.herself
    await herself.connection.records.UpdateEmergencySwitches(request, metadata=await herself.metadata(), timeout=10)


# Documents


def stored(carnet: LocalRun) -> dict[str, int]:
    """How many documents each collection of the documents service holds, but for those that say what was refused and when."""
    with MongoClient[dict[str, Any]](admin_url(carnet)) as client:
        database = client["carnet_documents"]
        names = set(database.list_collection_names()) - {"journal", "streams"}
        return {name: database[name].count_documents({}) for name in sorted(names)}


def wrong_documents(somebody: Somebody) -> dict[str, tuple[bytes, DocumentEntry | None, tuple[str, str]]]:
    """What is wrong, the bytes, how they are declared, and how they are refused."""
    doctype = '<?xml version="1.0"?><!DOCTYPE ClinicalDocument [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    invalid, state_forbids, denied = "INVALID_ARGUMENT", "FAILED_PRECONDITION", "PERMISSION_DENIED"
    return {
        "too large": (somebody.document(1, filler="x" * LIMIT), None, (invalid, "DOCUMENT_TOO_LARGE")),
        "empty": (b"", None, (invalid, "DOCUMENT_EMPTY")),
        "disguised": (b"MZ\x90\x00 not a PDF at all", PDF, (invalid, "DOCUMENT_TYPE_DISGUISED")),
        "two types at once": (pdf() + b"PK\x05\x06" + b"\0" * 18 + b"%%EOF", PDF, (invalid, "DOCUMENT_TYPE_DISGUISED")),
        "no XML": (pdf(), None, (invalid, "DOCUMENT_TYPE_DISGUISED")),
        "DOCTYPE": (somebody.document(2, prolog=doctype), None, (invalid, "XML_REFUSED")),
        "not well formed": (somebody.document(3)[:-20], None, (invalid, "XML_REFUSED")),
        "no clinical document": (b'<?xml version="1.0"?><letter xmlns="urn:x"/>', None, (invalid, "NOT_A_CLINICAL_DOCUMENT")),
        "another patient": (invented().document(4, ins=invented().ins), None, (state_forbids, "DOCUMENT_OF_ANOTHER_PATIENT")),
        "the insurer's class": (somebody.document(5, type_code="REMB", type_system=COMPLEMENT), None, (denied, "CLASS_NOT_DEPOSITABLE")),
        "a script in it": (pdf("/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>"), PDF, (invalid, "DOCUMENT_FORMAT_NOT_ACCEPTED")),
    }  # fmt: skip


@pytest.mark.this_machine("MongoDB behind the services")
async def test_a_document_that_may_not_be_kept_is_refused_with_the_reason_and_nothing_of_it_is_stored(carnet: LocalRun) -> None:
    """S7: too large, disguised, with a DOCTYPE, of another person, and the rest."""
    async with played(carnet) as scene:
        record = scene.somebody.record
        before = stored(carnet)
        told = {}
        for what, (content, entry, _) in wrong_documents(scene.somebody).items():
            told[what] = (await refusal(scene.doctor.deposit(record, content, entry))).brief
        assert told == {what: expected for what, (_, _, expected) in wrong_documents(scene.somebody).items()}
        assert stored(carnet) == before
        assert [entry.name for entry in await scene.herself.search(record, availability_statuses=EVERY_STATUS)] == [scene.document]


@pytest.mark.this_machine("MongoDB behind the services")
@pytest.mark.parametrize("part", [0.0, 0.5])
async def test_a_document_sent_in_part_is_refused_and_nothing_of_it_is_stored(carnet: LocalRun, part: float) -> None:
    """Half sent: by a sender that stops, and by one that goes away."""
    async with played(carnet) as scene:
        content = scene.somebody.document(1, filler="x" * 2_000_000)
        before = stored(carnet)
        half = content[: int(len(content) * part)]
        answer = await refusal(sent(scene.doctor, scene.somebody.record, half, announced=len(content)))
        assert answer.brief == ("INVALID_ARGUMENT", "DOCUMENT_INCOMPLETE")
        with pytest.raises(asyncio.CancelledError):
            await sent(scene.doctor, scene.somebody.record, half, announced=len(content), goes_away=True)
        assert [entry.name for entry in await scene.doctor.search(scene.somebody.record)] == [scene.document]
        assert stored(carnet) == before


async def sent(session: UserSession, record: str, content: bytes, *, announced: int, goes_away: bool = False) -> object:
    """Send a deposit message by message; `goes_away` cancels it after the last."""
    stub = session.connection.submission
    call: Any = None

    async def parts() -> AsyncIterator[SubmitDocumentRequest]:
        header = SubmitDocumentRequest.Header(parent=record, entry=DocumentEntry(mime_type="text/xml"), size=announced)
        yield SubmitDocumentRequest(header=header)
        for start in range(0, len(content), 1 << 17):
            yield SubmitDocumentRequest(chunk=content[start : start + (1 << 17)])
        if goes_away:
            call.cancel()

    call = stub.SubmitDocument(parts(), metadata=await session.metadata(), timeout=10)
    return await call


@pytest.mark.this_machine("MongoDB behind the services")
async def test_the_same_document_again_gets_the_first_answer_and_other_bytes_under_its_identifier_are_refused(carnet: LocalRun) -> None:
    async with played(carnet) as scene:
        record, somebody, doctor = scene.somebody.record, scene.somebody, scene.doctor
        first = await doctor.deposit(record, somebody.document(1))
        before = stored(carnet)
        again = await doctor.deposit(record, somebody.document(1))
        assert (again.already_deposited, again.entry.name) == (True, first.entry.name)
        other_bytes = await refusal(doctor.deposit(record, somebody.document(1, filler="other")))
        assert other_bytes.brief == ("ALREADY_EXISTS", "UNIQUE_ID_REUSED")
        assert stored(carnet) == before
        # The identifier is this structure's in this record: another record may hold the same one.
        other = await with_record(doctor, invented())
        about_her = Cda(unique_id=first.entry.unique_id, ins=other.ins, family_name=other.family_name, given_name=other.given_name)
        assert not (await doctor.deposit(other.record, about_her.render())).already_deposited


async def test_a_request_id_used_again_gets_the_first_answer_and_is_refused_with_another_content(carnet: LocalRun) -> None:
    async with played(carnet) as scene:
        patients, somebody = scene.doctor.connection.patients, invented()
        request = registration(somebody)
        first = await patients.RegisterPatient(request, metadata=await scene.doctor.metadata(), timeout=10)
        assert await patients.RegisterPatient(request, metadata=await scene.doctor.metadata(), timeout=10) == first
        request.traits.birth_place = "51215"
        answer = await refusal(patients.RegisterPatient(request, metadata=await scene.doctor.metadata(), timeout=10))
        assert answer.brief == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")


async def test_a_purpose_that_is_not_the_tokens_is_refused(carnet: LocalRun) -> None:
    async with played(carnet) as scene:
        request = SearchDocumentsRequest(parent=scene.somebody.record, purpose=PurposeOfUse.PURPOSE_OF_USE_BREAK_GLASS)
        search = scene.doctor.connection.documents.SearchDocuments(request, metadata=await scene.doctor.metadata(), timeout=10)
        assert (await refusal(search)).brief == ("PERMISSION_DENIED", "PURPOSE_NOT_ALLOWED")
