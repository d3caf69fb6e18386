"""Every name that a token carries refuses once it is withdrawn, in Decide and in a change; nothing else does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet.consent.v1 import withdrawal_service_pb2 as withdrawals
from carnet_platform.errors import InvalidArgument
from component.consent.conftest import CONTEXT, DOCTOR, HOLDER, Running, Someone, new_request
from google.protobuf.timestamp_pb2 import Timestamp

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
THROUGH_DOCUMENTS = replace(DOCTOR, presenter="software", bringer="documents")
"""His token as documents brings it: bound to his software, under the certificate of documents."""
HERSELF = replace(HOLDER, session="sessions/h1", presenter="portal", bringer="documents")
NAMES = [
    (THROUGH_DOCUMENTS, "sessions/s1"),
    (THROUGH_DOCUMENTS, "professionals/doctor"),
    (THROUGH_DOCUMENTS, "structures/hospital"),
    (THROUGH_DOCUMENTS, "activities/doctor/hospital"),
    (THROUGH_DOCUMENTS, "certificates/software"),
    (THROUGH_DOCUMENTS, "certificates/documents"),
    (THROUGH_DOCUMENTS, "callers/software/gp"),
    (HERSELF, "sessions/h1"),
    (HERSELF, "patients/holder"),
    (HERSELF, "certificates/portal"),
    (HERSELF, "certificates/documents"),
]


async def _withdraw(running: Running, subject: str) -> None:
    expire_time = Timestamp()
    expire_time.FromDatetime(datetime.now(UTC) + timedelta(minutes=6))
    request = withdrawals.RegisterWithdrawalRequest(request_id=new_request(), subject=subject, expire_time=expire_time)
    with DOCTOR.calling("/carnet.consent.v1.WithdrawalService/RegisterWithdrawal"):
        await running.withdrawals.RegisterWithdrawal(request, CONTEXT)


@BOTH_DRIVERS
@pytest.mark.parametrize(("who", "subject"), NAMES, ids=[subject for _, subject in NAMES])
async def test_each_name_of_a_token_and_of_who_brings_it_refuses_once_withdrawn(running: Running, who: Someone, subject: str) -> None:
    """C4 and architecture.md 5, "One fence": one decision covers every withdrawal."""
    record = await running.open()
    assert await running.answer(who, record) == "permit"

    await _withdraw(running, subject)

    assert await running.answer(who, record) == "SESSION_WITHDRAWN"
    with pytest.raises(Exception, match="This session has ended"):
        await running.state(who, record, "professionals/third", "BLOCK")


@BOTH_DRIVERS
async def test_the_withdrawals_of_others_refuse_nobody(running: Running) -> None:
    record = await running.open()
    others = ("sessions/s2", "professionals/docto", "patients/holde", "patients/doctor", "structures/hospita", "activities/doctor/clinic")
    for subject in (*others, "certificates/thumbprint", "mandates/m", "callers/software", "callers/gp", "callers/software/hospital"):
        await _withdraw(running, subject)

    assert await running.answer(THROUGH_DOCUMENTS, record) == "permit"
    assert await running.answer(HERSELF, record) == "permit"


@pytest.mark.parametrize(
    "subject", ["records/r", "patients", "patients/a/b", "activities/doctor", "position", "operators/o", "certificates/"]
)
async def test_what_no_token_names_cannot_be_withdrawn(running: Running, subject: str, database: tuple[Any, Any]) -> None:
    with pytest.raises(InvalidArgument):
        await _withdraw(running, subject)
    assert await database[1]["fences"].find_one({"_id": subject}) is None
