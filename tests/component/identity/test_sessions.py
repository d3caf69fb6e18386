"""Ending a session."""

import time
import uuid

import grpc
from carnet.identity.v1 import session_service_pb2 as pb
from carnet.identity.v1 import session_service_pb2_grpc as pb_grpc
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import Refused, Running, lines, refused
from support.waiting import wait_until


def _revoke(identity: Running, session: str, request_id: str, name: str = "software/gp") -> pb.RevokeSessionResponse:
    with identity.stub(pb_grpc.SessionServiceStub, name) as sessions:
        return sessions.RevokeSession(pb.RevokeSessionRequest(request_id=request_id, session=session), timeout=10)


def _refused(identity: Running, session: str, name: str = "software/gp") -> Refused:
    return refused(lambda: _revoke(identity, session, str(uuid.uuid4()), name))


def test_a_revocation_is_acknowledged_505_ms_after_consent_has_it(identity: Running, provider: Provider, neighbours: Neighbours) -> None:
    session = identity.exchange(provider.assertion()).session
    answer = _revoke(identity, session, str(uuid.uuid4()))
    acknowledged = time.monotonic()
    committed = neighbours.consent.withdrawals[session][1]
    assert acknowledged - committed >= 0.505
    assert answer.revoke_time.seconds > 0
    wait_until(lambda: (session, 1) in neighbours.audit.changes)
    assert neighbours.audit.changes[session, 1].kind == "session.revoked"


def test_a_retry_gets_the_first_answer_at_once(identity: Running, provider: Provider, neighbours: Neighbours) -> None:
    session, request_id = identity.exchange(provider.assertion()).session, str(uuid.uuid4())
    first = _revoke(identity, session, request_id)
    begun = time.monotonic()
    assert _revoke(identity, session, request_id) == first
    assert time.monotonic() - begun < 0.505
    assert _revoke(identity, session, str(uuid.uuid4())) == first
    wait_until(lambda: (session, 1) in neighbours.audit.changes)
    assert (session, 2) not in neighbours.audit.changes


def test_another_softwares_session_is_as_good_as_none(identity: Running, provider: Provider, neighbours: Neighbours) -> None:
    session = identity.exchange(provider.assertion()).session
    others, nobodys = _refused(identity, session, "software/hospital"), _refused(identity, "sessions/aaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert others == nobodys
    assert others.code is grpc.StatusCode.NOT_FOUND
    assert session not in neighbours.consent.withdrawals


def test_a_request_id_names_one_session(identity: Running, provider: Provider) -> None:
    first, second = (identity.exchange(provider.assertion()).session for _ in range(2))
    request_id = str(uuid.uuid4())
    _revoke(identity, first, request_id)
    assert refused(lambda: _revoke(identity, second, request_id)).reason == "REQUEST_ID_REUSED"


def test_consent_down_is_unavailable_and_consent_is_told_once_it_is_back(
    identity: Running, provider: Provider, neighbours: Neighbours
) -> None:
    session = identity.exchange(provider.assertion()).session
    neighbours.consent.is_down = True
    try:
        answer = _refused(identity, session)
    finally:
        neighbours.consent.is_down = False
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
    wait_until(lambda: session in neighbours.consent.withdrawals)


def test_a_withdrawal_that_consent_refuses_holds_up_no_other(identity: Running, provider: Provider, neighbours: Neighbours) -> None:
    stuck, behind = (identity.exchange(provider.assertion()).session for _ in range(2))
    neighbours.consent.refused.add(stuck)
    assert _refused(identity, stuck).reason == "INVALID_FIELD"
    neighbours.consent.is_down = True
    try:
        _refused(identity, behind)
    finally:
        neighbours.consent.is_down = False
    wait_until(lambda: behind in neighbours.consent.withdrawals)
    alarms = [line for line in lines(identity.log) if line["event"] == "withdrawal.refused"]
    assert {(line["subject"], line["level"]) for line in alarms} == {(stuck, "error")}
    neighbours.consent.refused.discard(stuck)
    wait_until(lambda: stuck in neighbours.consent.withdrawals)
