"""Opposing deposits, on a real store."""

import time
from typing import Any, cast

import pytest
from carnet.consent.v1 import access_decision_service_pb2 as decisions
from carnet.consent.v1 import authorisation_pb2 as statements
from carnet.consent.v1 import authorisation_service_pb2 as authorisations
from carnet_platform.errors import Refusal
from component.consent.conftest import ACKNOWLEDGED_AFTER, CONTEXT, DOCTOR, HOLDER, Running, new_request, reason


async def deposit(running: Running, record: str) -> decisions.DecideResponse:
    """The decision on the doctor's deposit."""
    request = decisions.DecideRequest(record=record, purpose=cast("Any", "PURPOSE_OF_USE_TREATMENT"), action=decisions.ACTION_DEPOSIT)
    with DOCTOR.calling():
        return await running.decisions.Decide(request, CONTEXT)


async def test_an_opposition_refuses_deposits_once_acknowledged_until_the_holder_allows_them(running: Running) -> None:
    """CSP R1111-47."""
    record = await running.open()
    assert "10" in (await deposit(running, record)).permit.filter.classes
    opposition = statements.DepositOpposition(author=DOCTOR.subject)
    request = authorisations.OpposeDepositRequest(request_id=new_request(), parent=record, opposition=opposition)

    with HOLDER.calling(), pytest.raises(Refusal) as refused:
        await running.authorisations.OpposeDeposit(request, CONTEXT)
    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", "opposition.reason")

    request.opposition.reason, begun = "He is my neighbour", time.monotonic()
    with HOLDER.calling():
        made = (await running.authorisations.OpposeDeposit(request, CONTEXT)).opposition
        assert time.monotonic() - begun >= ACKNOWLEDGED_AFTER.total_seconds()
        assert (await running.authorisations.OpposeDeposit(request, CONTEXT)).opposition == made
        listed = await running.authorisations.ListAuthorisations(authorisations.ListAuthorisationsRequest(parent=record), CONTEXT)
    assert list(listed.deposit_oppositions) == [made]
    assert made.reason == ""
    assert reason(await deposit(running, record)) == "DEPOSIT_OPPOSED"
    assert await running.answer(DOCTOR, record) == "permit"

    allowing = authorisations.AllowDepositRequest(request_id=new_request(), name=made.name)
    with DOCTOR.calling(), pytest.raises(Refusal) as refused:
        await running.authorisations.AllowDeposit(allowing, CONTEXT)
    assert refused.value.reason == "ROLE_NOT_ALLOWED"
    with HOLDER.calling():
        await running.authorisations.AllowDeposit(allowing, CONTEXT)
    assert (await deposit(running, record)).HasField("permit")
