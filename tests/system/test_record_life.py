"""The life of a record through every service: closed and reopened by its holder, and what identity tells of a death."""

import pytest
from carnet.consent.v1.record_pb2 import ConsentEvidence
from carnet.consent.v1.record_service_pb2 import CloseRecordRequest, ListOpenableRecordsRequest, ReopenRecordRequest
from carnet.identity.v1.patient_pb2 import Ins, Patient
from carnet.identity.v1.patient_registry_service_pb2 import LookupPatientRequest, RecordDeathRequest, UndoDeathRequest
from carnet_client import Refused, UserSession, request_id
from carnet_client.refusals import telling_refusals
from carnet_dev.local_run import LocalRun
from support.cda import TEST_INS_AUTHORITY
from support.scenes import Scene, played
from support.waiting import eventually_answers

EVIDENCE = ConsentEvidence(form="form", form_version="v3", method="signed on screen")


async def reopen(by: UserSession, record: str) -> None:
    """Reopen a record with renewed consent."""
    request = ReopenRecordRequest(request_id=request_id(), record=record, consent_confirmed=True, evidence=EVIDENCE)
    with telling_refusals():
        await by.connection.records.ReopenRecord(request, metadata=await by.metadata(), timeout=20)


async def found(scene: Scene) -> Patient:
    """The person as identity tells her."""
    request = LookupPatientRequest(ins=Ins(value=scene.somebody.ins, authority=TEST_INS_AUTHORITY))
    return (await scene.doctor.connection.patients.LookupPatient(request, metadata=await scene.doctor.metadata(), timeout=20)).patient


async def state_of(scene: Scene) -> str:
    """The state of the record, as the refusal of reopening tells it."""
    with pytest.raises(Refused) as refused:
        await reopen(scene.doctor, scene.somebody.record)
    assert refused.value.reason == "STATE_FORBIDS"
    return refused.value.metadata["state"]


async def test_a_closed_record_is_its_holders_alone_until_she_reopens_it(carnet: LocalRun) -> None:
    """rules.md 15."""
    async with played(carnet) as scene:
        record = scene.somebody.record
        request = CloseRecordRequest(request_id=request_id(), record=record, motive_code="FERMETURE_DEMANDE_PATIENT", evidence=EVIDENCE)
        with telling_refusals():
            await scene.herself.connection.records.CloseRecord(request, metadata=await scene.herself.metadata(), timeout=20)

        for refused_one in (scene.doctor.read(scene.document), scene.doctor.deposit(record, scene.somebody.document(7))):
            with pytest.raises(Refused) as refused:
                await refused_one
            assert refused.value.reason == "RECORD_CLOSED"
        assert (await scene.herself.read(scene.document)).content == scene.content

        await reopen(scene.herself, record)
        assert (await scene.doctor.read(scene.document)).content == scene.content

        async def is_told() -> bool:
            lines = [line.text for line in await scene.herself.history(record)]
            return all(any(words in line for line in lines) for words in ("closed your record", "reopened your record"))

        await eventually_answers(is_told)


async def test_a_death_stated_at_identity_announces_the_closing_and_its_undoing_takes_that_back(carnet: LocalRun) -> None:
    """rules.md 17: late results are accepted meanwhile."""
    async with played(carnet) as scene:
        records, metadata = scene.doctor.connection.records, await scene.doctor.metadata()
        listed = (await records.ListOpenableRecords(ListOpenableRecordsRequest(), metadata=metadata, timeout=20)).openable_records
        assert listed[0].record == scene.somebody.record
        assert await state_of(scene) == "ACTIVE"
        person, patients = await found(scene), scene.doctor.connection.patients
        stated = RecordDeathRequest(
            request_id=request_id(), patient=person.name, etag=person.etag, death_date="20260120", evidence="certificate no. 12"
        )
        dead = (await patients.RecordDeath(stated, metadata=metadata, timeout=20)).patient

        async def is_in_state(state: str) -> bool:
            return await state_of(scene) == state

        await eventually_answers(lambda: is_in_state("CLOSING_ANNOUNCED"))
        await scene.doctor.deposit(scene.somebody.record, scene.somebody.document(8))

        undone = UndoDeathRequest(request_id=request_id(), patient=dead.name, etag=dead.etag, reason="a mistake")
        await patients.UndoDeath(undone, metadata=metadata, timeout=20)
        await eventually_answers(lambda: is_in_state("ACTIVE"))
