"""Notices on the wire: consent alone may ask; representatives in force are told, but not of a place that is hidden from them."""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import grpc
import pytest
from carnet.identity.v1 import contact_channel_service_pb2 as channel_pb
from carnet.identity.v1 import mandate_service_pb2 as mandate_pb
from carnet.identity.v1 import notice_delivery_service_pb2 as pb
from carnet.identity.v1 import notice_delivery_service_pb2_grpc as pb_grpc
from carnet_dev.certificates import Authority
from component.identity.conftest import Start
from component.identity.family import Family, Person, caring, ending, stamp
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import HOSPITAL, Running, refused
from component.identity.test_contact_channels import Portal, code_to, with_mail
from support.mail_server import SERVER, MailServer
from support.push_server import PushServer
from support.waiting import wait_until


@pytest.fixture(scope="module")
def server(certificates: Authority) -> Iterator[MailServer]:
    with MailServer(certificates.folder(SERVER), needs_login=True) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(certificates: Authority) -> Iterator[PushServer]:
    with PushServer(certificates.folder(SERVER)) as running:
        yield running


@pytest.fixture(scope="module")
def mailing(
    start: Start, server: MailServer, gateway: PushServer, certificates: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    with with_mail(start, server.port, certificates, tmp_path_factory, gateway) as running:
        yield running


def telling(patient: str, /, **changes: Any) -> pb.DeliverNoticeRequest:  # noqa: ANN401 - fields of the message
    """A notice of an emergency a minute ago."""
    good = {
        "request_id": str(uuid.uuid4()),
        "patient": patient,
        "letter": pb.NOTICE_LETTER_EXCEPTIONAL_ACCESS,
        "event_time": stamp(-timedelta(minutes=1)),
    }
    return pb.DeliverNoticeRequest(**{**good, **changes})


def deliver(running: Running, request: pb.DeliverNoticeRequest, name: str = "consent") -> pb.NoticeOutcome.ValueType:
    """What becomes of a notice."""
    with running.stub(pb_grpc.NoticeDeliveryServiceStub, name) as notices:
        return notices.DeliverNotice(request, timeout=10).outcome


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"request_id": "no UUID"}, "request_id"),
        ({"patient": ""}, "patient"),
        ({"patient": "professionals/x"}, "patient"),
        ({"letter": 0}, "letter"),
        ({"letter": 99}, "letter"),
        ({"event_time": None}, "event_time"),
        ({"event_time": stamp(timedelta(hours=1))}, "event_time"),
        ({"place_of_care": "hospital"}, "place_of_care"),
    ],
)
def test_a_notice_that_lacks_a_part_is_refused_by_field(mailing: Running, changes: dict[str, Any], field: str) -> None:
    answer = refused(lambda: deliver(mailing, telling("patients/aaaaaaaaaaaaaaaaaaaaaaaaaa", **changes)))
    assert (answer.code, answer.reason, answer.field) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", field)


@pytest.mark.parametrize("name", ["documents", "portal", "software/gp"])
def test_consent_alone_may_ask(mailing: Running, name: str) -> None:
    answer = refused(lambda: deliver(mailing, telling("patients/aaaaaaaaaaaaaaaaaaaaaaaaaa"), name))
    assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED")


def reachable(running: Running, provider: Provider, family: Family, server: MailServer, person: Person) -> str:
    """An address of this person, verified."""
    address = f"{uuid.uuid4().hex}@example.org"
    portal = Portal(running, provider, family.patient(person))
    portal.verify(portal.add(address).channel.name, code_to(server, address))
    return address


def test_representatives_are_told_while_they_are_and_not_of_a_place_hidden_from_them(
    family: Family, mailing: Running, provider: Provider, server: MailServer
) -> None:
    """rules.md 12; domain.md 3.4."""
    mandate = family.doctor.register(family.child, family.mother)
    childs, mothers, fathers = (
        reachable(mailing, provider, family, server, person) for person in (family.child, family.mother, family.father)
    )
    hospital, child = mailing.structure(HOSPITAL), family.session(family.child)

    def count(*addresses: str) -> list[int]:
        return [len(server.sent_to(address)) - 1 for address in addresses]

    assert deliver(mailing, telling(family.child.name, representatives=True)) == pb.NOTICE_OUTCOME_QUEUED
    wait_until(lambda: count(childs, mothers) == [1, 1])
    hiding = mandate_pb.SetPlaceOfCareHiddenRequest(request_id=str(uuid.uuid4()), holder=family.child.name, structure=hospital, hidden=True)
    child("SetPlaceOfCareHidden", hiding)
    deliver(mailing, telling(family.child.name, representatives=True, place_of_care=hospital))
    wait_until(lambda: count(childs) == [2])
    family.session(family.mother, mandate.name)("EndMandate", ending(mandate.name))
    wait_until(lambda: count(childs) == [3])
    assert "mandat" in str(server.sent_to(childs)[-1]["Subject"]), "of the end that somebody else made"
    deliver(mailing, telling(family.child.name, representatives=True))
    wait_until(lambda: count(childs) == [4])
    assert count(mothers, fathers) == [1, 0]


def test_who_is_invited_and_who_is_represented_are_told_of_a_mandate_and_not_who_acts(
    family: Family, mailing: Running, provider: Provider, server: MailServer, neighbours: Neighbours
) -> None:
    """domain.md 3.5: mandates; the letter names nobody."""
    mothers, fathers = (reachable(mailing, provider, family, server, person) for person in (family.mother, family.father))
    invitation = family.session(family.mother).invite(family.mother, family.father.match(), **caring())
    wait_until(lambda: len(server.sent_to(fathers)) == 2)
    wait_until(lambda: family.father.name in neighbours.consent.told_of_mandates)
    letter = server.sent_to(fathers)[-1]
    assert "mandat" in str(letter["Subject"])
    assert not any(name in letter.get_content() for name in (family.mother.family_name, family.mother.name, invitation))
    family.session(family.father).accept(invitation)
    wait_until(lambda: len(server.sent_to(mothers)) == 2)
    assert len(server.sent_to(fathers)) == 2


def test_a_device_that_the_portal_adds_is_told_by_a_signed_webhook_and_by_what_is_asked_alone(
    family: Family, mailing: Running, provider: Provider, server: MailServer, gateway: PushServer
) -> None:
    """From the wire to the wire: no code, one push, and nothing of whom."""
    address = reachable(mailing, provider, family, server, family.father)
    portal, before = Portal(mailing, provider, family.patient(family.father)), len(server.sent_to(address))
    subscription = f"subscription-{uuid.uuid4().hex}"
    channel = portal.add(subscription, kind=channel_pb.CONTACT_CHANNEL_KIND_PUSH)
    assert not channel.HasField("code_expire_time")
    assert (channel.channel.HasField("verify_time"), channel.channel.shown_address) == (True, f"…{subscription[-4:]}")
    asked = telling(family.father.name, letter=pb.NOTICE_LETTER_NEW_CONTENT, channels=[pb.NOTICE_CHANNEL_PUSH])
    for _ in range(2):
        assert deliver(mailing, asked) == pb.NOTICE_OUTCOME_QUEUED
    wait_until(lambda: len(gateway.told) == 1)
    told = gateway.told[0]
    assert told.is_signed()
    assert json.loads(told.body)["type"] == "notice.new_content"
    assert family.father.name not in told.body.decode()
    assert len(server.sent_to(address)) == before, "no letter"
    wrong = refused(lambda: deliver(mailing, telling(family.father.name, channels=[99])))
    assert (wrong.reason, wrong.field) == ("INVALID_FIELD", "channels")
    portal.remove(channel.channel.name)
    assert deliver(mailing, telling(family.father.name, channels=[pb.NOTICE_CHANNEL_PUSH])) == pb.NOTICE_OUTCOME_NO_CHANNEL
    log = mailing.log.read_text()
    assert subscription not in log
    assert gateway.url not in log
