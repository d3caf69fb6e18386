"""Identity says that a mandate changed; whom it concerns finds it in the inbox, once, and nobody else does."""

from typing import cast

import pytest
from carnet.consent.v1 import mandate_notice_service_pb2 as pb
from carnet.consent.v1 import notice_service_pb2 as notice_pb
from carnet_consent.api.mandate_notices import MandateNoticeServicer
from carnet_consent.domain.letter_queue import Delivery
from carnet_platform.errors import Refusal
from component.consent.conftest import CONTEXT, HOLDER, OTHER_PERSON, Running, new_request
from component.consent.test_inbox import MANDATE, listed, representative


async def tell(running: Running, patient: str, request_id: str = "") -> None:
    """As identity does."""
    served = next(one for one in running.consent.services if one.name == "carnet.consent.v1.MandateNoticeService")
    request = pb.TellMandateChangedRequest(request_id=request_id or new_request(), patient=patient)
    with HOLDER.calling("/carnet.consent.v1.MandateNoticeService/TellMandateChanged"):
        await cast("MandateNoticeServicer", served.servicer).TellMandateChanged(request, CONTEXT)


async def test_a_mandate_that_changed_is_in_the_inbox_once_of_whom_it_concerns_with_or_without_a_record(running: Running) -> None:
    """domain.md 3.5: for who has no address the inbox is all there is; its letters are identity's."""
    request = new_request()
    for _ in range(2):
        await tell(running, OTHER_PERSON.subject, request)
    await tell(running, OTHER_PERSON.subject)
    told = (await listed(running, OTHER_PERSON, language_code="en")).notices
    assert [(one.kind, one.event, one.record) for one in told] == [(notice_pb.NOTICE_KIND_MANDATE, "mandate.changed", "")] * 2
    assert "a mandate in which you take part" in told[0].text
    assert told[0].next_step
    assert (await listed(running, HOLDER)).notices == []
    assert {row["delivery"] async for row in running.database["notices"].find()} == {Delivery.NONE}


async def test_who_represents_her_does_not_read_her_notices_of_mandates(running: Running) -> None:
    mother = representative()
    running.identity.mandates[MANDATE.name, mother.subject] = MANDATE
    await tell(running, HOLDER.subject)
    assert (await listed(running, mother)).notices == []


@pytest.mark.parametrize(("patient", "request_id", "field"), [("professionals/p", "", "patient"), ("patients/p", "none", "request_id")])
async def test_what_breaks_a_rule_is_refused_by_field(running: Running, patient: str, request_id: str, field: str) -> None:
    with pytest.raises(Refusal) as refused:
        await tell(running, patient, request_id)
    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", field)
