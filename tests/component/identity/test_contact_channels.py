"""Contact channels on the wire: a patient on the portal, a running identity, a real mail server, and one that is not there."""

import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import grpc
import pytest
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from carnet.identity.v1 import contact_channel_service_pb2 as pb
from carnet.identity.v1 import contact_channel_service_pb2_grpc as pb_grpc
from carnet.identity.v1 import patient_pb2
from carnet_dev.certificates import Authority
from carnet_dev.private_files import write_private
from component.identity.conftest import Start
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import TEST_NUMBERS, Refused, Running, lines, refused
from pymongo import MongoClient
from support.canaries import Place, found_in
from support.mail_server import CODE, PASSWORD, SERVER, USER, MailServer, SayingServer, changed, gone
from support.push_server import SECRET_LINE, PushServer
from support.stores_fixtures import TestStores
from support.waiting import wait_until

DATABASE = "identity_component"
"""The same as that of the fixture `identity`, in which patients are registered."""
ADDRESS = "canariquiquequ@nowhere-to-be-found.example"


@pytest.fixture(scope="module")
def server(certificates: Authority) -> Iterator[MailServer]:
    with MailServer(certificates.folder(SERVER), needs_login=True) as running:
        yield running


def with_mail(
    start: Start, port: int, certificates: Authority, tmp_path_factory: pytest.TempPathFactory, push: PushServer | None = None
) -> AbstractContextManager[Running]:
    """An identity that sends its letters to a port, and tells devices through a gateway where one is given."""
    credentials = tmp_path_factory.mktemp("mail") / "credentials"
    write_private(credentials, f"{USER}\n{PASSWORD}\n")
    pushing = {}
    if push is not None:
        write_private(credentials.with_name("push"), SECRET_LINE)
        pushing = {
            "push_gateway": push.url,
            "push_secret_file": str(credentials.with_name("push")),
            "push_ca_file": str(certificates.certificate_file),
            "portal_url": "https://portal.example/",
        }
    return start(
        DATABASE,
        smtp_server=f"localhost:{port}",
        smtp_ca_file=str(certificates.certificate_file),
        smtp_credentials_file=str(credentials),
        smtp_patience="PT2S",
        mail_sender="ne-pas-repondre@carnet.example",
        mail_every="PT0.1S",
        contact_codes_to_a_person="100",
        **pushing,
    )


@pytest.fixture(scope="module")
def mailing(start: Start, server: MailServer, certificates: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with with_mail(start, server.port, certificates, tmp_path_factory) as running:
        yield running


class Portal:
    """The portal, in which a patient has just logged in."""

    def __init__(self, running: Running, provider: Provider, patient: patient_pb2.Patient, name: str = "portal") -> None:
        self._running, self._name, self.patient = running, name, patient.name
        assertion = provider.sign(provider.patient_claims(patient.ins.value, TEST_NUMBERS))
        request = purposes.PURPOSE_OF_USE_PATIENT_REQUEST
        token = running.exchange(assertion, structure="", purpose=request, name="portal").access_token
        self._metadata = (("authorization", f"Bearer {token}"),)

    def call(self, method: str, request: Any) -> Any:  # noqa: ANN401 - messages of the service
        """The answer."""
        with self._running.stub(pb_grpc.ContactChannelServiceStub, self._name) as stub:
            return getattr(stub, method)(request, metadata=self._metadata, timeout=10)

    def add(self, address: str = ADDRESS, **changes: Any) -> Any:  # noqa: ANN401 - fields of the message
        """The answer to an address."""
        good = {"request_id": str(uuid.uuid4()), "patient": self.patient, "kind": pb.CONTACT_CHANNEL_KIND_EMAIL, "address": address}
        return self.call("AddContactChannel", pb.AddContactChannelRequest(**{**good, **changes}))

    def verify(self, channel: str, code: str) -> Any:  # noqa: ANN401 - as gRPC types them
        """The answer to a code."""
        return self.call("VerifyContactChannel", pb.VerifyContactChannelRequest(request_id=str(uuid.uuid4()), channel=channel, code=code))

    def channels(self) -> list[pb.ContactChannel]:
        """All channels."""
        return list(self.call("ListContactChannels", pb.ListContactChannelsRequest(patient=self.patient)).channels)

    def remove(self, channel: str) -> None:
        """Removes one."""
        self.call("RemoveContactChannel", pb.RemoveContactChannelRequest(request_id=str(uuid.uuid4()), channel=channel))

    def refused(self, address: str = ADDRESS, **changes: Any) -> Refused:  # noqa: ANN401 - fields of the message
        """How adding is refused."""
        return refused(lambda: self.add(address, **changes))


@pytest.fixture
def portal(mailing: Running, provider: Provider, patient: patient_pb2.Patient) -> Portal:
    return Portal(mailing, provider, patient)


def code_to(server: MailServer, address: str, number: int = 1) -> str:
    """The code of the letter of that number to an address, once it arrived."""
    wait_until(lambda: len(server.sent_to(address)) >= number)
    return server.code_to(address)


def test_a_channel_is_added_verified_listed_and_removed_and_each_is_an_event_without_the_address(
    portal: Portal, server: MailServer, neighbours: Neighbours
) -> None:
    added = portal.add("dominique@example.org")
    channel = added.channel.name
    assert channel.startswith(f"{portal.patient}/contactChannels/")
    assert added.channel.shown_address == "d…@example.org"
    assert not added.channel.HasField("verify_time")
    assert 890 < added.code_expire_time.seconds - time.time() < 901
    verified = portal.verify(channel, code_to(server, "dominique@example.org")).channel
    assert verified.HasField("verify_time")
    assert portal.channels() == [verified]
    assert not verified.undeliverable
    portal.remove(channel)
    assert portal.channels() == []
    subject = f"contactChannels/{portal.patient.partition('/')[2]}"
    wait_until(lambda: (subject, 3) in neighbours.audit.changes)
    events = [neighbours.audit.changes[subject, revision] for revision in (1, 2, 3)]
    assert [event.kind for event in events] == ["contact_channel.added", "contact_channel.verified", "contact_channel.removed"]
    assert {(event.subject, event.actor.subject, event.purpose) for event in events} == {
        (portal.patient, portal.patient, "PATIENT_REQUEST")
    }
    assert "example.org" not in str(events)


def test_a_letter_is_neutral_and_names_nobody(portal: Portal, server: MailServer) -> None:
    portal.add("neutral@example.org")
    code_to(server, "neutral@example.org")
    text = server.sent_to("neutral@example.org")[-1].as_string()
    assert not any(word in text.upper() for word in ("PAT-TROIS", "DOMINIQUE", portal.patient.upper(), "PATIENT"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": "x@example.org\r\nBcc: y@example.org"}, "address"),
        ({"address": "nobody"}, "address"),
        ({"kind": pb.CONTACT_CHANNEL_KIND_UNSPECIFIED}, "kind"),
        ({"kind": 7}, "kind"),
        ({"patient": "records/x"}, "patient"),
        ({"request_id": "x"}, "request_id"),
    ],
)
def test_a_wrong_field_is_named_and_not_quoted(portal: Portal, changes: dict[str, Any], field: str) -> None:
    answer = portal.refused(**changes)
    assert (answer.code, answer.reason, answer.field) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", field)
    assert "example.org" not in answer.text


def test_a_code_that_is_none_is_refused_without_a_try(portal: Portal) -> None:
    channel = portal.add("tries@example.org").channel.name
    for code in ("", "12345", "1234567", "12345x", "\uff11\uff12\uff13\uff14\uff15\uff16"):
        assert refused(lambda code=code: portal.verify(channel, code)).reason == "INVALID_FIELD"  # type: ignore[misc]
    assert refused(lambda: portal.verify("patients/x", "000000")).field == "channel"


def test_only_the_portal_may_call_and_only_for_its_user(
    mailing: Running, provider: Provider, patient: patient_pb2.Patient, portal: Portal
) -> None:
    for name in ("software/gp", "system/insurer", "consent"):
        assert Portal(mailing, provider, patient, name).refused().reason == "CALLER_NOT_ALLOWED"
    other = portal.refused(patient="patients/aaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert (other.code, other.reason) == (grpc.StatusCode.PERMISSION_DENIED, "MANDATE_NOT_IN_FORCE")


def test_without_a_mail_server_identity_serves_and_adding_says_what_is_missing(
    identity: Running, provider: Provider, patient: patient_pb2.Patient
) -> None:
    portal = Portal(identity, provider, patient)
    answer = portal.refused()
    assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "DEPENDENCY_UNAVAILABLE")
    assert "CARNET_SMTP_SERVER" in answer.text
    assert portal.channels() == []


def test_a_mail_server_that_goes_refuses_new_channels_and_lets_the_rest_be(portal: Portal, server: MailServer) -> None:
    """Fail closed: nothing is noted that could not be sent; and it heals by itself."""
    channel = portal.add("before@example.org").channel.name
    code = code_to(server, "before@example.org")
    with gone(server):
        wait_until(lambda: _code_of(portal) is grpc.StatusCode.UNAVAILABLE)
        listed = portal.channels()
        answer = portal.refused("meanwhile@example.org")
        assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
        assert portal.channels() == listed
        portal.verify(channel, code)
    wait_until(lambda: _code_of(portal, "after@example.org") is None)
    code_to(server, "after@example.org")
    assert server.sent_to("meanwhile@example.org") == []


def test_a_mail_server_that_hangs_refuses_new_channels_within_the_patience(portal: Portal, server: MailServer) -> None:
    with changed(server.hangs_at, lambda hangs: hangs.update({"NOOP", "MAIL"})):
        wait_until(lambda: _code_of(portal, "hung@example.org") is grpc.StatusCode.UNAVAILABLE)
        began = time.monotonic()
        assert portal.refused().reason == "DEPENDENCY_UNAVAILABLE"
        assert time.monotonic() - began < 5
    wait_until(lambda: _code_of(portal, "after-hanging@example.org") is None)


@pytest.mark.parametrize("lie", ["nonsense", "another authority", "no TLS"])
@pytest.mark.long
def test_a_mail_server_that_lies_refuses_new_channels(
    lie: str,
    start: Start,
    certificates: Authority,
    provider: Provider,
    patient: patient_pb2.Patient,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("lying")
    Authority(folder / "authority").issue(folder / "own", SERVER)
    liars = {
        "nonsense": SayingServer(b"220 hello\r\n", b"250 STARTTLS\r\n"),
        "another authority": MailServer(folder / "own"),
        "no TLS": MailServer(folder / "own", "none"),
    }
    with liars[lie] as liar, with_mail(start, liar.port, certificates, tmp_path_factory) as running:
        portal = Portal(running, provider, patient)
        answer = portal.refused()
        assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
        assert portal.channels() == []
        assert running.process.poll() is None


def test_no_address_and_no_code_is_in_the_log_or_in_the_store(
    portal: Portal, mailing: Running, server: MailServer, stores: TestStores, neighbours: Neighbours
) -> None:
    """Canaries: after adding, verifying, a refused letter and a removal."""
    channel = portal.add().channel.name
    code = code_to(server, ADDRESS)
    portal.verify(channel, code)
    with changed(server.replies, lambda replies: replies.update(RCPT=f"550 5.1.1 <{ADDRESS}> is nobody")):
        portal.add(f"other-{ADDRESS}")
        wait_until(lambda: any(one.undeliverable for one in portal.channels()))
    portal.remove(channel)
    wait_until(lambda: (f"contactChannels/{portal.patient.partition('/')[2]}", 4) in neighbours.audit.changes)
    with MongoClient[dict[str, Any]](stores.mongo_url(DATABASE)) as client:
        database = client.get_default_database()
        rows = [
            Place(name, repr(row).encode() + b"".join(value for value in row.values() if isinstance(value, bytes)))
            for name in database.list_collection_names()
            for row in database[name].find({})
        ]
    words = {"name": "canariquiquequ", "domain": "nowhere-to-be-found"}
    logged = [Place("log", line) for line in mailing.log.read_bytes().splitlines()]
    assert found_in([*rows, *logged], words) == set()
    # A code alone is six digits, which may stand anywhere by chance: as a word of its own it stands nowhere.
    assert not [line for line in lines(mailing.log) if code in [str(value) for value in line.values()]]
    assert {line["event"] for line in lines(mailing.log)} >= {"mail.sent", "mail.undeliverable", "mail.refused"}
    assert CODE.search(server.sent_to(ADDRESS)[-1].get_content())


def _code_of(portal: Portal, address: str = "probe@example.org") -> grpc.StatusCode | None:
    """How adding an address ends now."""
    try:
        portal.add(address)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return None


def test_a_device_is_refused_where_there_is_no_push_gateway_and_by_field_where_it_is_none(portal: Portal) -> None:
    device = {"kind": pb.CONTACT_CHANNEL_KIND_PUSH}
    answer = portal.refused("subscription-of-a-telephone", **device)
    assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "DEPENDENCY_UNAVAILABLE")
    for wrong in ("", "short", ADDRESS, "https://push.example/a-subscription"):
        answer = portal.refused(wrong, **device)
        assert (answer.reason, answer.field) == ("INVALID_FIELD", "address")
        assert not wrong or wrong not in answer.text
