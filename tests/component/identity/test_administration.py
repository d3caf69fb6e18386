"""Stop switches: two operators stop whatever a session names, and it stays stopped until two of them resume it."""

import base64
import os
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import grpc
import pytest
from carnet.identity.v1 import patient_registry_service_pb2_grpc as registry_grpc
from carnet_dev.certificates import Authority
from carnet_dev.key_files import signing_key_file
from component.identity.conftest import Start
from component.identity.neighbours import Neighbours
from component.identity.operators import APPROVED, DECLINED, DONE, EXPIRED, PROPOSED, Operator
from component.identity.provider import ALICE, Provider
from component.identity.running import HOSPITAL, PRACTICE, Running, lines, refused
from component.identity.software import Software, registration
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from pymongo import MongoClient
from support.stores_fixtures import TestStores
from support.waiting import wait_until

BRUNO = "899700218896"
NUMBER = "279035121518989"


DATABASE = "identity_administration"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings of replicas: the same keys, a clock that a test moves, and little patience."""
    folder = tmp_path_factory.mktemp("administration")
    (folder / "offset").write_text("0")
    return {
        "token_key_folder": str(signing_key_file(folder / "signing" / "2026-01-01.pem").parent),
        "clock_offset_file": str(folder / "offset"),
        "operation_resumed_after": "PT1S",
        "operations_every": "PT0.2S",
        "certificate_stops_every": "PT0.2S",
    }


@pytest.fixture(scope="module")
def identity(start: Start, shared: dict[str, str]) -> Iterator[Running]:
    """One of this module's own: whom it has stopped and resumed still waits for his last token to end."""
    with start(DATABASE, **shared) as running:
        yield running


@pytest.fixture
def anne(identity: Running, provider: Provider) -> Operator:
    return Operator.of(identity, provider, "anne")


@pytest.fixture
def boris(identity: Running, provider: Provider) -> Operator:
    return Operator.of(identity, provider, "boris")


@pytest.fixture
def neighbour(neighbours: Neighbours) -> Iterator[Neighbours]:
    """Consent and audit, put right again."""
    yield neighbours
    neighbours.consent.is_down = False


def _thumbprint(authority: Authority, name: str) -> str:
    certificate = x509.load_pem_x509_certificate((authority.folder(name) / "cert.pem").read_bytes())
    return base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()


def _login(identity: Running, provider: Provider, *, structure: str = PRACTICE, name: str = "software/gp", idnps: str = "") -> str:
    """`opened`, or why not."""
    changes = {"preferred_username": idnps} if idnps else {}
    try:
        identity.exchange(provider.assertion(**changes), structure=identity.structure(structure), name=name)
    except grpc.RpcError as error:
        failed = error
        return refused(lambda: _raise(failed)).reason
    return "opened"


def _raise(error: Exception) -> None:
    raise error


def _alice(identity: Running, provider: Provider) -> str:
    return identity.exchange(provider.assertion()).subject


def _targets(identity: Running, provider: Provider) -> dict[str, str]:
    alice, practice = _alice(identity, provider), identity.structure(PRACTICE)
    return {
        "professional": alice,
        "structure": practice,
        "activity": f"activities/{alice.partition('/')[2]}/{practice.partition('/')[2]}",
        "certificate": f"certificates/{_thumbprint(identity.authority, 'software/gp')}",
        "program": "callers/software/gp",
    }


def test_a_stop_ends_the_use_of_tokens_in_hand_here_as_well(identity: Running, provider: Provider, anne: Operator, boris: Operator) -> None:
    """Promise 2: identity looks for itself, in the directory or on the wire. The first: it needs people who were not stopped before."""
    for target, (idnps, finess, name) in {
        identity.structure(PRACTICE): (ALICE, PRACTICE, "software/gp"),
        f"certificates/{_thumbprint(identity.authority, 'software/emergency')}": (BRUNO, HOSPITAL, "software/emergency"),
    }.items():
        with _working(identity, provider, idnps, finess, name) as software:
            assert refused(partial(software.look_up, NUMBER)).reason == "NOT_FOUND"
            boris.approve(anne.propose(target).name)
            assert refused(partial(software.look_up, NUMBER)).reason == "SESSION_WITHDRAWN"
        boris.approve(anne.propose(target, "resume").name)


@pytest.mark.parametrize("what", ["professional", "structure", "activity", "certificate", "program"])
def test_two_operators_stop_what_a_session_names_and_two_resume_it(
    identity: Running, provider: Provider, neighbour: Neighbours, anne: Operator, boris: Operator, what: str
) -> None:
    """docs/architecture.md, section 3: stop switches act as withdrawals; done 505 ms after consent has them."""
    target = _targets(identity, provider)[what]
    neighbour.consent.withdrawals.pop(target, None)
    proposed = anne.propose(target)
    assert refused(lambda: anne.approve(proposed.name)).reason == "SECOND_PERSON_REQUIRED"
    assert _login(identity, provider) == "opened"

    done = boris.approve(proposed.name)
    ended = time.monotonic()
    assert (done.state, done.proposer, done.approver) == (DONE, anne.name, boris.name)
    assert ended - neighbour.consent.withdrawals[target][1] >= 0.505
    assert _login(identity, provider) == "STOPPED"
    elsewhere = {"structure": HOSPITAL, "name": "software/hospital", "idnps": BRUNO}
    assert _login(identity, provider, **elsewhere) == "opened"

    resumed = anne.propose(target, "resume")
    assert _login(identity, provider) == "STOPPED"
    assert boris.approve(resumed.name).state == DONE
    assert _login(identity, provider) == "opened"
    assert refused(lambda: anne.propose(target, "resume")).reason == "STATE_FORBIDS"


@contextmanager
def _working(identity: Running, provider: Provider, idnps: str, finess: str, name: str) -> Iterator[Software]:
    """Software in which a professional has just logged in."""
    assertion = provider.assertion(preferred_username=idnps)
    token = identity.exchange(assertion, structure=identity.structure(finess), name=name).access_token
    with identity.stub(registry_grpc.PatientRegistryServiceStub, name) as registry:
        yield Software(registry, token)


def test_a_stopped_session_ends_for_ever_and_the_person_logs_in_again(
    identity: Running, provider: Provider, neighbour: Neighbours, anne: Operator, boris: Operator
) -> None:
    session = identity.exchange(provider.assertion()).session
    assert boris.approve(anne.propose(session).name).state == DONE
    assert session in neighbour.consent.withdrawals
    assert refused(lambda: anne.propose(session, "resume")).reason == "STATE_FORBIDS"
    assert _login(identity, provider) == "opened"


def test_a_patient_is_stopped_and_told(
    identity: Running, provider: Provider, neighbour: Neighbours, anne: Operator, boris: Operator, number: str
) -> None:
    with _working(identity, provider, BRUNO, HOSPITAL, "software/hospital") as software:
        patient = software.register(registration(number)).name
    proposed = anne.propose(patient)
    boris.approve(proposed.name)
    wait_until(lambda: (proposed.name, 3) in neighbour.audit.changes)
    told = [event for (subject, _), event in neighbour.audit.changes.items() if subject == proposed.name]
    assert {event.kind for event in told} == {"operation.proposed", "operation.approved", "operation.done"}
    assert all((event.subject, list(event.tell), event.record) == (patient, [patient], "") for event in told)
    boris.approve(anne.propose(patient, "resume").name)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("professionals/aaaaaaaaaaaaaaaaaaaaaaaaaa", "NOT_FOUND"),
        ("structures/aaaaaaaaaaaaaaaaaaaaaaaaaa", "NOT_FOUND"),
        ("patients/aaaaaaaaaaaaaaaaaaaaaaaaaa", "NOT_FOUND"),
        ("sessions/aaaaaaaaaaaaaaaaaaaaaaaaaa", "NOT_FOUND"),
        ("activities/aaaaaaaaaaaaaaaaaaaaaaaaaa/b", "NOT_FOUND"),
        ("callers/nobody", "NOT_FOUND"),
        ("certificates/short", "INVALID_FIELD"),
        ("operators/a", "INVALID_FIELD"),
        ("records/a", "INVALID_FIELD"),
        ("professionals/a operations/b", "INVALID_FIELD"),
        ("", "INVALID_FIELD"),
    ],
)
def test_a_slip_of_the_pen_is_no_stop(anne: Operator, target: str, reason: str) -> None:
    answer = refused(lambda: anne.propose(target))
    assert (answer.reason, answer.field) == (reason, "target")
    assert answer.text.find(target) == -1 or not target


def test_nobody_stops_the_certificate_he_would_resume_with(identity: Running, anne: Operator) -> None:
    own = f"certificates/{_thumbprint(identity.authority, 'operations')}"
    for target in (own, "callers/operations"):
        assert refused(partial(anne.propose, target)).reason == "STATE_FORBIDS"
    assert refused(lambda: anne.propose(own, "burn")).reason == "INVALID_FIELD"
    assert refused(lambda: anne.propose(own, "resume", emergency=True)).reason == "INVALID_FIELD"


def test_an_emergency_stop_holds_at_once_until_another_declines_it(
    identity: Running, provider: Provider, neighbour: Neighbours, anne: Operator, boris: Operator
) -> None:
    target = _targets(identity, provider)["professional"]
    neighbour.consent.withdrawals.pop(target, None)
    proposed = anne.propose(target, emergency=True)
    assert time.monotonic() - neighbour.consent.withdrawals[target][1] >= 0.505
    assert (proposed.state, proposed.emergency, proposed.HasField("done_time")) == (PROPOSED, True, True)
    assert _login(identity, provider) == "STOPPED"
    assert refused(lambda: anne.decline(proposed.name)).reason == "SECOND_PERSON_REQUIRED"

    assert boris.decline(proposed.name).state == DECLINED
    assert _login(identity, provider) == "opened"


def test_a_stop_that_consent_does_not_hear_of_is_not_acknowledged_and_done_later(
    identity: Running, provider: Provider, neighbour: Neighbours, anne: Operator, boris: Operator
) -> None:
    target = _targets(identity, provider)["activity"]
    neighbour.consent.withdrawals.pop(target, None)
    proposed, request_id = anne.propose(target), str(uuid.uuid4())
    neighbour.consent.is_down = True
    answer = refused(lambda: boris.approve(proposed.name, request_id))
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
    assert boris.state(proposed.name) == APPROVED
    assert _login(identity, provider) == "STOPPED"

    neighbour.consent.is_down = False
    wait_until(lambda: target in neighbour.consent.withdrawals)
    assert boris.approve(proposed.name, request_id).state == DONE
    boris.approve(anne.propose(target, "resume").name)


@pytest.mark.long
def test_a_stop_that_consent_hangs_on_ends_with_the_deadline_and_is_done_later(
    identity: Running, provider: Provider, neighbour: Neighbours, anne: Operator, boris: Operator
) -> None:
    target = _targets(identity, provider)["activity"]
    neighbour.consent.withdrawals.pop(target, None)
    proposed = anne.propose(target)
    neighbour.consent.answers.clear()
    try:
        answer = refused(lambda: boris.approve(proposed.name))
        assert answer.code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
        assert boris.state(proposed.name) == APPROVED
    finally:
        neighbour.consent.answers.set()
    wait_until(lambda: boris.state(proposed.name) == DONE)
    assert target in neighbour.consent.withdrawals
    boris.approve(anne.propose(target, "resume").name)


def test_a_process_killed_between_approval_and_completion_leaves_it_to_another(
    start: Start, identity: Running, provider: Provider, neighbour: Neighbours, shared: dict[str, str], anne: Operator, boris: Operator
) -> None:
    """R: approved and durable, the approver dies before consent answers; another replica carries it out, once."""
    target = _targets(identity, provider)["professional"]
    proposed = anne.propose(target)
    with start(DATABASE, **shared) as dying, ThreadPoolExecutor(1) as pool:
        neighbour.consent.withdrawals.pop(target, None)
        neighbour.consent.answers.clear()
        try:
            approving = pool.submit(lambda: refused(lambda: boris.approve(proposed.name, at=dying)))
            wait_until(lambda: boris.state(proposed.name) == APPROVED)
            os.kill(dying.process.pid, signal.SIGKILL)
            assert approving.result().code is grpc.StatusCode.UNAVAILABLE
        finally:
            neighbour.consent.answers.set()
    wait_until(lambda: boris.state(proposed.name) == DONE)
    assert _login(identity, provider) == "STOPPED"
    assert target in neighbour.consent.withdrawals
    wait_until(lambda: (proposed.name, 3) in neighbour.audit.changes)
    kinds = [event.kind for (subject, _), event in sorted(neighbour.audit.changes.items()) if subject == proposed.name]
    assert kinds == ["operation.proposed", "operation.approved", "operation.done"]
    boris.approve(anne.propose(target, "resume").name)


@pytest.mark.long
def test_two_replicas_that_approve_at_once_stop_it_once(
    start: Start, identity: Running, provider: Provider, neighbour: Neighbours, shared: dict[str, str], anne: Operator, boris: Operator
) -> None:
    chloe, target = Operator.of(identity, provider, "chloe"), _targets(identity, provider)["professional"]
    with start(DATABASE, **shared) as second, ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            proposed = anne.propose(target)

            def outcome(approver: Operator, at: Running, name: str = proposed.name) -> str:
                try:
                    return f"state {approver.approve(name, at=at).state}"
                except grpc.RpcError as error:
                    failed = error
                    return refused(lambda: _raise(failed)).reason

            assert sorted(pool.map(outcome, (boris, chloe), (identity, second))) == ["STATE_FORBIDS", f"state {DONE}"]
            wait_until(partial(neighbour.audit.changes.__contains__, (proposed.name, 3)))
            assert (proposed.name, 4) not in neighbour.audit.changes
    boris.approve(anne.propose(target, "resume").name)


def test_a_stopped_certificate_is_told_to_consent_again_and_again(
    identity: Running, provider: Provider, neighbour: Neighbours, anne: Operator, boris: Operator
) -> None:
    """A service's certificate brings the tokens of others: no login is refused for it, so consent must not forget."""
    target = f"certificates/{_thumbprint(identity.authority, 'documents')}"
    boris.approve(anne.propose(target).name)
    wait_until(lambda: neighbour.consent.told.count(target) >= 3)
    assert _login(identity, provider) == "opened"

    boris.approve(anne.propose(target, "resume").name)
    wait_until(lambda: _is_quiet(neighbour, target))


def _is_quiet(neighbour: Neighbours, target: str) -> bool:
    before = neighbour.consent.told.count(target)
    end = time.monotonic() + 1.0
    try:
        wait_until(lambda: neighbour.consent.told.count(target) > before or time.monotonic() > end)
    finally:
        is_quiet = neighbour.consent.told.count(target) == before
    return is_quiet


def test_a_hand_in_the_store_lets_nobody_in(
    identity: Running, provider: Provider, stores: TestStores, anne: Operator, boris: Operator
) -> None:
    """C8: a stop that was edited away, taken away or set back refuses every login, with an alarm."""
    with MongoClient[dict[str, object]](stores.mongo_admin_url) as client:
        rows, structure, professional = (
            client[DATABASE]["stops"],
            identity.structure(HOSPITAL),
            _targets(identity, provider)["professional"],
        )
        boris.approve(anne.propose(structure).name)
        before = rows.find_one({})
        boris.approve(anne.propose(professional).name)
        whole = rows.find_one({})
        assert before is not None
        assert whole is not None

        for edited, alarm in (
            ({**whole, "stops": []}, "stops.seal_broken"),
            (before, "stops.rolled_back"),
            (None, "stops.rolled_back"),
        ):
            rows.delete_many({})
            if edited is not None:
                rows.insert_one(edited)
            known = len(lines(identity.log))
            assert _login(identity, provider) == "INTERNAL"
            assert alarm in {line["event"] for line in lines(identity.log)[known:] if line["level"] == "error"}

        rows.replace_one({"_id": "stops/all"}, whole, upsert=True)
        assert _login(identity, provider) == "STOPPED"
    for stopped in (structure, professional):
        boris.approve(anne.propose(stopped, "resume").name)
    assert _login(identity, provider) == "opened"


def test_an_emergency_stop_that_nobody_confirms_is_resumed_with_an_alarm(
    identity: Running, provider: Provider, shared: dict[str, str], anne: Operator, boris: Operator
) -> None:
    """The last: it lets a day pass."""
    target, hospital = _targets(identity, provider)["professional"], identity.structure(HOSPITAL)
    lapsing, confirmed = anne.propose(target, emergency=True), anne.propose(hospital, emergency=True)
    assert boris.approve(confirmed.name).state == DONE
    assert _login(identity, provider) == "STOPPED"

    offset = Path(shared["clock_offset_file"])
    offset.write_text(str(int(timedelta(days=1, minutes=1).total_seconds())))
    wait_until(lambda: lapsing.name in _unconfirmed(identity))
    offset.write_text("0")

    assert Operator.of(identity, provider, "anne").state(lapsing.name) == EXPIRED
    assert confirmed.name not in _unconfirmed(identity)
    assert _login(identity, provider) == "opened"
    assert _login(identity, provider, structure=HOSPITAL, name="software/hospital", idnps=BRUNO) == "STOPPED"


def _unconfirmed(identity: Running) -> set[str]:
    return {line["operation"] for line in lines(identity.log) if line["event"] == "operation.unconfirmed"}
