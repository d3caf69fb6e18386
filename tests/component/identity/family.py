"""A mother, a father and a child of 15, registered for one test, and the sessions in which they act on the portal."""

import json
import uuid
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from carnet.identity.v1 import mandate_reference_service_pb2 as reference_pb
from carnet.identity.v1 import mandate_reference_service_pb2_grpc as reference_grpc
from carnet.identity.v1 import mandate_service_pb2 as pb
from carnet.identity.v1 import mandate_service_pb2_grpc as pb_grpc
from carnet.identity.v1 import patient_pb2
from carnet.identity.v1 import session_service_pb2 as session_pb
from carnet.identity.v1 import session_service_pb2_grpc as session_grpc
from component.identity.provider import Provider
from component.identity.running import TEST_NUMBERS, Refused, Running, ins, refused, traits
from component.identity.software import Software, new_number, registration
from google.protobuf.timestamp_pb2 import Timestamp

MINOR, ADULT, CARE = pb.MANDATE_KIND_MINOR_REPRESENTATION, pb.MANDATE_KIND_ADULT_REPRESENTATION, pb.MANDATE_KIND_CAREGIVING
HERSELF = purposes.PURPOSE_OF_USE_PATIENT_REQUEST


def born(years_ago: int) -> str:
    """A birth date so many years and a day ago, whatever the hour in Paris."""
    day = datetime.now(UTC).date() - timedelta(days=2)
    return f"{day.year - years_ago:04d}{day.month:02d}{min(day.day, 28):02d}"


def stamp(from_now: timedelta) -> Timestamp:
    """An instant that far from now."""
    time = Timestamp()
    time.FromDatetime(datetime.now(UTC) + from_now)
    return time


@dataclass
class Person:
    """Somebody registered."""

    name: str
    number: str
    family_name: str
    given_name: str
    birth_date: str

    def match(self, **changes: Any) -> pb.MandataryMatch:  # noqa: ANN401 - fields of the message
        """What somebody who knows her says of her."""
        known = {"ins": ins(self.number), "family_name": self.family_name, "given_name": self.given_name, "birth_date": self.birth_date}
        return pb.MandataryMatch(**{**known, **changes})


class User:
    """Somebody logged in, calling MandateService."""

    def __init__(self, identity: Running, software: str, token: str) -> None:
        self._identity = identity
        self._software = software
        self.token = token

    @property
    def claims(self) -> dict[str, Any]:
        """What the token says."""
        body = self.token.split(".")[1]
        claims: dict[str, Any] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims

    def __call__(self, method: str, request: Any) -> Any:  # noqa: ANN401 - as gRPC types them
        """The answer of a method."""
        with self._identity.stub(pb_grpc.MandateServiceStub, self._software) as mandates:
            return getattr(mandates, method)(request, metadata=(("authorization", f"Bearer {self.token}"),), timeout=10)

    def refused(self, method: str, request: Any) -> Refused:  # noqa: ANN401
        """How a method is refused."""
        return refused(lambda: self(method, request))

    def register(self, holder: Person, mandatary: Person, /, **changes: Any) -> pb.Mandate:  # noqa: ANN401
        """A representation registered on evidence."""
        mandate: pb.Mandate = self("RegisterMandate", registering(holder, mandatary, **changes)).mandate
        return mandate

    def invite(self, holder: Person, match: pb.MandataryMatch, /, **changes: Any) -> str:  # noqa: ANN401
        """An invitation; its name."""
        name: str = self("InviteMandate", inviting(holder, match, **changes)).mandate
        return name

    def accept(self, mandate: str) -> pb.Mandate:
        """The invitation accepted."""
        accepted: pb.Mandate = self("AcceptMandate", accepting(mandate)).mandate
        return accepted

    def state(self, mandate: str) -> str:
        """Where a mandate stands."""
        found = self("GetMandate", pb.GetMandateRequest(mandate=mandate)).mandate
        return pb.MandateState.Name(found.state).removeprefix("MANDATE_STATE_")

    def listed(self) -> list[str]:
        """The names of her mandates, newest first."""
        return [one.name for one in self("ListMandates", pb.ListMandatesRequest()).mandates]


def request_id() -> str:
    """A new one."""
    return str(uuid.uuid4())


def registering(holder: Person, mandatary: Person, /, **changes: Any) -> pb.RegisterMandateRequest:  # noqa: ANN401
    """Registers a mother's representation."""
    good = {
        "request_id": request_id(),
        "holder": holder.name,
        "mandatary": mandatary.match(),
        "kind": MINOR,
        "relation": pb.MANDATE_RELATION_MOTHER,
        "evidence": "family record book",
    }
    return pb.RegisterMandateRequest(**{**good, **changes})


def inviting(holder: Person, match: pb.MandataryMatch, /, **changes: Any) -> pb.InviteMandateRequest:  # noqa: ANN401
    """Invites a father."""
    good = {
        "request_id": request_id(),
        "holder": holder.name,
        "mandatary": match,
        "kind": MINOR,
        "relation": pb.MANDATE_RELATION_FATHER,
    }
    return pb.InviteMandateRequest(**{**good, **changes})


def caring(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """What makes an invitation a caregiver's."""
    good = {"kind": CARE, "relation": pb.MANDATE_RELATION_AUNT_OR_UNCLE, "classes": ["31"], "end_time": stamp(timedelta(days=90))}
    return {**good, **changes}


def accepting(mandate: str, *, attests: bool = True) -> pb.AcceptMandateRequest:
    """Accepts an invitation."""
    return pb.AcceptMandateRequest(request_id=request_id(), mandate=mandate, attests_identity=attests)


def suspending(mandate: str, reason: str = "a danger") -> pb.SuspendMandateRequest:
    """Suspends a mandate."""
    return pb.SuspendMandateRequest(request_id=request_id(), mandate=mandate, reason=reason)


def ending(mandate: str) -> pb.EndMandateRequest:
    """Ends a mandate."""
    return pb.EndMandateRequest(request_id=request_id(), mandate=mandate)


class Family:
    """Everybody of one test."""

    def __init__(self, identity: Running, provider: Provider, software: Software, doctor_token: str) -> None:
        self._identity = identity
        self._provider = provider
        self._software = software
        self.doctor = User(identity, "software/gp", doctor_token)
        self.child = self.person("ENFANT", "LOU", born(15))
        self.mother = self.person("MERE", "ANNE", "19800412")
        self.father = self.person("PERE", "MARC", "19790923")

    def person(self, family_name: str, given_name: str, birth_date: str) -> Person:
        """Somebody new."""
        number = new_number()
        said = traits(birth_family_name=family_name, first_given_name=given_name, given_names=given_name, birth_date=birth_date)
        patient: patient_pb2.Patient = self._software.register(registration(number, traits=said))
        return Person(patient.name, number, family_name, given_name, birth_date)

    def patient(self, person: Person) -> patient_pb2.Patient:
        """Somebody as registered."""
        return self._software.look_up(person.number)

    def session(self, person: Person, mandate: str = "", purpose: int = HERSELF) -> User:
        """Somebody logged in on the portal, for herself or under a mandate."""
        assertion = self._provider.sign(self._provider.patient_claims(person.number, TEST_NUMBERS))
        request = session_pb.ExchangeAssertionRequest(
            assertion=assertion, purpose=purposes.PurposeOfUse.ValueType(purpose), mandate=mandate
        )
        with self._identity.stub(session_grpc.SessionServiceStub, "portal") as sessions:
            return User(self._identity, "portal", sessions.ExchangeAssertion(request, timeout=10).access_token)

    def refused_session(self, person: Person, mandate: str) -> tuple[grpc.StatusCode, str, str]:
        """How a session under a mandate is refused."""
        answer = refused(lambda: self.session(person, mandate))
        return answer.code, answer.reason, answer.text


def checked(identity: Running, mandate: str) -> reference_pb.CheckMandateResponse:
    """How a mandate stands, as consent asks."""
    with identity.stub(reference_grpc.MandateReferenceServiceStub, "consent") as reference:
        return reference.CheckMandate(reference_pb.CheckMandateRequest(mandate=mandate), timeout=10)
