"""She chooses that documents to come are masked: from her portal to the readers of a document, through every service."""

from carnet.consent.v1.authorisation_service_pb2 import DeclareAttendingPhysicianRequest
from carnet.consent.v1.record_service_pb2 import UpdateDefaultVisibilityRequest
from carnet.documents.v1.document_entry_pb2 import VISIBILITY_MASKED_FROM_PROFESSIONALS
from carnet.documents.v1.document_lifecycle_service_pb2 import UnmaskDocumentRequest
from carnet_client import UserSession, request_id
from carnet_dev.local_run import LocalRun
from support.people import STANDING, state
from support.scenes import played


async def seen(session: UserSession, record: str) -> set[str]:
    """The names of the documents that somebody finds."""
    return {entry.name for entry in await session.search(record)}


async def test_a_deposit_after_the_choice_is_masked_for_all_but_its_depositor_and_the_attending_physician_until_she_unmasks_it(
    carnet: LocalRun,
) -> None:
    async with played(carnet) as scene:
        herself, record, earlier = scene.herself, scene.somebody.record, scene.document
        physician = await scene.log_in("denis")
        for reader in (scene.stranger, physician):
            await state(herself, record, reader.subject, STANDING)
        named = DeclareAttendingPhysicianRequest(request_id=request_id(), record=record, professional=physician.subject)
        await herself.connection.authorisations.DeclareAttendingPhysician(named, metadata=await herself.metadata(), timeout=10)
        choice = UpdateDefaultVisibilityRequest(request_id=request_id(), record=record, documents_masked_by_default=True)
        await herself.connection.records.UpdateDefaultVisibility(choice, metadata=await herself.metadata(), timeout=10)

        deposited = (await scene.doctor.deposit(record, scene.somebody.document(1))).entry

        assert list(deposited.visibilities) == [VISIBILITY_MASKED_FROM_PROFESSIONALS]
        assert await seen(scene.stranger, record) == {earlier}
        for reader in (scene.doctor, physician, herself):
            assert await seen(reader, record) == {earlier, deposited.name}
        assert (await physician.read(deposited.name)).content == scene.somebody.document(1)
        unmask = UnmaskDocumentRequest(request_id=request_id(), name=deposited.name)
        await herself.connection.lifecycle.UnmaskDocument(unmask, metadata=await herself.metadata(), timeout=10)
        assert await seen(scene.stranger, record) == {earlier, deposited.name}
