"""A holder wants her record destroyed, through every service: the code comes by mail, the record closes, a legal hold is told to her."""

import re

import pytest
from carnet.common.v1.purpose_of_use_pb2 import PURPOSE_OF_USE_OPERATIONS
from carnet.consent.v1 import admin_service_pb2 as admin_pb
from carnet.consent.v1 import record_destruction_service_pb2 as pb
from carnet_client import Refused, request_id
from carnet_client.refusals import telling_refusals
from carnet_dev.local_run import LocalRun
from support.scenes import played
from support.waiting import eventually

from system.test_mail import letters
from system.test_notices import reachable


@pytest.mark.this_machine("a folder in which the mail server writes")
async def test_a_record_is_closed_by_the_code_that_was_mailed_and_is_held_by_two_operators(carnet: LocalRun) -> None:
    """rules.md 16."""
    async with played(carnet) as scene:
        herself, record = scene.herself, scene.somebody.record
        own, address = herself.connection.destructions, await reachable(carnet, herself)
        asking = pb.RequestDestructionRequest(request_id=request_id(), record=record)
        await own.RequestDestruction(asking, metadata=await herself.metadata(), timeout=20)
        await eventually(lambda: len(letters(carnet, address)) == 2)
        mailed = " ".join(letter.get_content() for letter in letters(carnet, address) if "confirmation" in str(letter["Subject"]))
        code = re.search(r"\b[0-9]{6}\b", mailed)
        assert code
        confirming = pb.ConfirmDestructionRequest(request_id=request_id(), record=record, code=code[0])
        told = (await own.ConfirmDestruction(confirming, metadata=await herself.metadata(), timeout=20)).destruction
        assert told.state == pb.DESTRUCTION_STATE_COOLING_OFF
        with pytest.raises(Refused) as refused:
            await scene.doctor.read(scene.document)
        assert refused.value.reason == "RECORD_CLOSED"

        olga, omar = [await scene.cast.session(name, "operations", PURPOSE_OF_USE_OPERATIONS) for name in ("olga", "omar")]
        proposing = admin_pb.ProposeOperationRequest(request_id=request_id(), kind="hold", target=record, reason="An order.")
        with telling_refusals():
            proposed = await olga.connection.consent_admin.ProposeOperation(proposing, metadata=await olga.metadata(), timeout=20)
            approving = admin_pb.ApproveOperationRequest(request_id=request_id(), operation=proposed.operation.name)
            await omar.connection.consent_admin.ApproveOperation(approving, metadata=await omar.metadata(), timeout=20)
        looking = pb.GetDestructionRequest(record=record)
        held = (await own.GetDestruction(looking, metadata=await herself.metadata(), timeout=20)).destruction
        assert [one.reason for one in held.legal_holds] == ["An order."]

        cancelling = pb.CancelDestructionRequest(request_id=request_id(), record=record)
        await own.CancelDestruction(cancelling, metadata=await herself.metadata(), timeout=20)
        with telling_refusals():
            await scene.doctor.read(scene.document)  # as it was before
