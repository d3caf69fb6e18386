"""Searching over the wire: a real identity process, its answers, events, log and dump."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from carnet.identity.v1 import patient_pb2, patient_registry_service_pb2_grpc
from carnet.identity.v1 import patient_registry_service_pb2 as registry_pb
from carnet.identity.v1 import patient_search_service_pb2 as pb
from carnet.identity.v1 import patient_search_service_pb2_grpc as pb_grpc
from carnet_identity.domain.ins import key_of
from component.identity.conftest import Start
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import Running, ins, lines, refused, traits
from google.rpc import error_details_pb2, status_pb2
from pymongo import MongoClient
from support.stores_fixtures import TestStores
from support.waiting import wait_until

EMERGENCY, TREATMENT = purposes.PURPOSE_OF_USE_BREAK_GLASS, purposes.PURPOSE_OF_USE_TREATMENT
DATABASE = "identity_search"
_numbers = iter(range(100, 999))


class Software:
    """Software in which Alice works for one purpose."""

    def __init__(self, running: Running, provider: Provider, purpose: int, open_channels: ExitStack) -> None:
        self._metadata = (("authorization", f"Bearer {running.exchange(provider.assertion(), purpose=purpose).access_token}"),)
        self._search = open_channels.enter_context(running.stub(pb_grpc.PatientSearchServiceStub))
        self._registry = open_channels.enter_context(running.stub(patient_registry_service_pb2_grpc.PatientRegistryServiceStub))

    def register(self, **changes: Any) -> patient_pb2.Patient:  # noqa: ANN401 - fields of Traits
        """Somebody with an INS of her own."""
        thirteen = f"2790351217{next(_numbers)}"
        request = registry_pb.RegisterPatientRequest(
            request_id=str(uuid.uuid4()),
            ins=ins(thirteen + key_of(thirteen)),
            traits=traits(**changes),
            identity_status=patient_pb2.IDENTITY_STATUS_PROVISIONAL,
        )
        return self._registry.RegisterPatient(request, metadata=self._metadata, timeout=10).patient

    def look_up(self, number: str) -> patient_pb2.Patient:
        request = registry_pb.LookupPatientRequest(ins=ins(number))
        return self._registry.LookupPatient(request, metadata=self._metadata, timeout=10).patient

    def search(self, **said: Any) -> pb.SearchPatientsResponse:  # noqa: ANN401 - fields of the request
        request = pb.SearchPatientsRequest(**said)
        return self._search.SearchPatients(request, metadata=self._metadata, timeout=10)

    def select(self, search: str, patient: str = "", request_id: str = "") -> pb.SelectCandidateResponse:
        request = pb.SelectCandidateRequest(request_id=request_id or str(uuid.uuid4()), search=search, patient=patient)
        return self._search.SelectCandidate(request, metadata=self._metadata, timeout=10)


Works = Callable[..., Software]


@pytest.fixture(scope="module")
def running(start: Start) -> Iterator[Running]:
    """An identity of these tests' own: few lookups are allowed for treatment."""
    with start(DATABASE, lookup_rate_professional="4") as identity:
        yield identity


@pytest.fixture
def works(running: Running, provider: Provider) -> Iterator[Works]:
    with ExitStack() as channels:
        yield lambda purpose=EMERGENCY: Software(running, provider, purpose, channels)


def test_she_is_found_by_her_name_in_use_chosen_among_homonyms_and_all_of_it_is_in_the_log(works: Works, neighbours: Neighbours) -> None:
    """rules.md 10: enough to choose among homonyms, and no INS before one is chosen; rejected candidates are recorded."""
    software = works()
    her = software.register(used_family_name="D'AUBIGNE", birth_place="75056")
    homonym = software.register(birth_family_name="DAUBIGNE", given_names="DOMINIQUE", sex=patient_pb2.SEX_MALE)
    found = software.search(family_name="d\u2019Aubigné", given_name="dominique", birth_date="19790328")
    assert {one.patient for one in found.candidates} == {her.name, homonym.name}
    assert {one.traits.birth_place for one in found.candidates} == {"75056", "51215"}
    assert her.ins.value.encode() not in found.SerializeToString()
    assert software.select(found.search, her.name).patient == her
    assert not software.select(found.search).HasField("patient")
    wanted = {(name, "patient.candidate_shown") for name in (her.name, homonym.name)}
    wanted |= {(her.name, "patient.candidate_chosen"), (homonym.name, "patient.candidate_set_aside"), (found.search, "patient.searched")}
    wait_until(lambda: wanted <= {(one.subject, one.kind) for one in list(neighbours.audit.events.values())})
    women = software.search(family_name="daubigne", given_name="dominique", sex=patient_pb2.SEX_FEMALE)
    assert [one.patient for one in women.candidates] == [her.name]


def test_what_breaks_a_rule_is_refused_by_field(works: Works) -> None:
    software = works()
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    for said, reason, field in (
        ({"family_name": "X"}, "SEARCH_TOO_WIDE", ""),
        ({"family_name": "X", "birth_date": "1979"}, "INVALID_FIELD", "birth_date"),
        ({"family_name": "X", "commune": "1"}, "INVALID_FIELD", "commune"),
        ({"family_name": "X", "given_name": "Y", "sex": 9}, "INVALID_FIELD", "sex"),
    ):
        answer = refused(lambda said=said: software.search(**said))  # type: ignore[misc]
        assert (answer.code, answer.reason, answer.field) == (invalid, reason, field)
    assert refused(lambda: software.select("patients/x")).field == "search"
    assert refused(lambda: software.select("patientSearches/x", "records/x")).field == "patient"
    assert refused(lambda: software.select("patientSearches/x", request_id="7")).field == "request_id"
    unknown = refused(lambda: software.select("patientSearches/x"))
    assert (unknown.code, unknown.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
    answer = refused(lambda: works(TREATMENT).search(family_name="X", given_name="Y"))
    assert (answer.code, answer.reason, answer.field) == (invalid, "SEARCH_TOO_WIDE", "birth_date")


def test_who_passes_the_rate_is_told_when_to_ask_again_and_an_emergency_is_answered(
    works: Works, running: Running, neighbours: Neighbours
) -> None:
    """S4: throttled, alarm, the same answer for numbers that are known and that are not; rules.md 10."""
    software = works(TREATMENT)
    her = software.register()

    def look_up(number: str) -> str:
        try:
            return software.look_up(number).name
        except grpc.RpcError as error:
            return _reason(error)

    outcomes = [look_up(number) for number in [her.ins.value, "168017218137243"] * 6]
    assert set(outcomes[:2]) == {her.name, "NOT_FOUND"}
    assert set(outcomes[-2:]) == {"RATE_LIMITED 60"}, "one answer, with a RetryInfo of at most a minute"
    emergency = works(EMERGENCY)
    assert [emergency.look_up(her.ins.value).name for _ in range(8)] == [her.name] * 8
    rates = {line["rate"] for line in lines(running.log) if line["event"] == "patient.rate_passed" and line["level"] == "error"}
    assert {"LOOKUP_MINUTE", "LOOKUP_EMERGENCY_MINUTE"} <= rates
    wait_until(lambda: {"deny", "permit"} <= {one.decision for one in _passed(neighbours)})
    assert {one.subject for one in _passed(neighbours)} == {one.actor.subject for one in _passed(neighbours)}


def _passed(neighbours: Neighbours) -> list[Any]:
    return [one for one in list(neighbours.audit.events.values()) if one.kind == "patient.rate_passed"]


def _reason(error: Any) -> str:  # noqa: ANN401 - gRPC gives errors that are calls, typed as neither
    found = {}
    for detail in status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"]).details:
        for target in (error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()):
            if detail.Is(target.DESCRIPTOR):
                detail.Unpack(target)
                found[type(target).__name__] = target
    retry = found.get("RetryInfo")
    return str(found["ErrorInfo"].reason) + (f" {-(-retry.retry_delay.seconds // 60) * 60 or 60}" if retry else "")


def test_a_store_that_hangs_shows_nobody(works: Works, stores: TestStores) -> None:
    """R6, R7: fails closed, with when to try again; a Redis that hangs stops no search."""
    software = works()
    her = software.register(birth_family_name="ATTENTE")
    said = {"family_name": "ATTENTE", "birth_date": "19790328"}
    assert stores.mongod is not None
    assert stores.redis is not None
    stores.redis.stop()
    try:
        assert [one.patient for one in software.search(**said).candidates] == [her.name]
    finally:
        stores.redis.cont()
    stores.mongod.stop()
    try:
        answer = refused(lambda: software.search(**said))
        assert answer.code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
    finally:
        stores.mongod.cont()
    wait_until(lambda: _is_found(software, said))


def _is_found(software: Software, said: dict[str, Any]) -> bool:
    try:
        return len(software.search(**said).candidates) == 1
    except grpc.RpcError:
        return False


def test_only_software_may_search_and_only_with_a_token(running: Running) -> None:
    """S1."""
    for name, reason in (("software/gp", "TOKEN_MISSING"), ("portal", "CALLER_NOT_ALLOWED"), ("consent", "CALLER_NOT_ALLOWED")):
        with running.stub(pb_grpc.PatientSearchServiceStub, name) as searching:
            answer = refused(lambda searching=searching: searching.SearchPatients(pb.SearchPatientsRequest(), timeout=10))  # type: ignore[misc]
        assert answer.reason == reason


def test_a_dump_and_the_log_hold_nothing_of_what_was_looked_for(works: Works, running: Running, stores: TestStores) -> None:
    """S9: the blind terms, kept searches, requests, events and log lines, without a plaintext canary."""
    software = works()
    software.register(used_family_name="KANARIENVOGEL", birth_date="19790307")
    found = software.search(family_name="Kanarienvogel", given_name="Dominique", birth_date="19790307", commune="51215")
    software.select(found.search, found.candidates[0].patient)
    software.search(family_name="Zimtkanarie", birth_date="19790308")
    with MongoClient[dict[str, Any]](stores.mongo_admin_url) as client:
        database = client[DATABASE]
        dump = b"".join(bytes(raw) for name in database.list_collection_names() for raw in database[name].find_raw_batches())  # type: ignore[arg-type]
    written = running.log.read_bytes()
    for canary in ("KANARIENVOGEL", "Kanarienvogel", "Zimtkanarie", "ZIMTKANARIE", "19790307", "19790308"):
        assert canary.encode() not in dump
        assert canary.encode() not in written
