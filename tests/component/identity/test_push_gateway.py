"""Devices are told once, signed, whatever the gateway does; on real stores and a real HTTPS server."""

import json
import ssl
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from carnet_dev.certificates import Authority
from carnet_identity.clients.push_gateway import NoPushGateway, PushGateway, PushGatewayRules
from carnet_identity.domain.contact_channel import ChannelKind
from carnet_identity.domain.notice_letter import NoticeLetter, NoticeOutcome
from carnet_identity.pushing import client, jitter
from carnet_identity.usecases.add_contact_channel import NewChannel
from carnet_identity.usecases.add_device import AddDevice
from carnet_identity.usecases.send_letters import SendLetters
from carnet_platform.idempotency import Asked
from component.identity.desk import DOMINIQUE, OTHER, Desk, acting, reason_of
from component.identity.test_deliver_notice import PORTAL, Represented, asking, delivering, notice
from structlog.testing import capture_logs
from support.mail_server import SERVER, MailServer, gone
from support.push_server import SECRET, PushServer

PATIENCE = timedelta(seconds=0.5)
TELEPHONE, TABLET = "subscription-of-the-telephone", "subscription-of-the-tablet"
ADDRESS = "dominique@example.org"


@pytest.fixture(scope="module")
def server(certificates: Authority) -> Iterator[PushServer]:
    with PushServer(certificates.folder(SERVER)) as running:
        yield running


@dataclass
class Pushing:
    """A desk at which devices are added and told."""

    desk: Desk
    server: PushServer
    gateway: PushGateway | NoPushGateway

    @property
    def sending(self) -> SendLetters:
        """The job."""
        return replace(self.desk.sending, queue=self.desk.pushes, mailer=self.gateway, kind=ChannelKind.PUSH)

    async def add(self, subscription: str = TELEPHONE, *, patient: str = DOMINIQUE, request_id: str = "") -> str:
        """Adds a device and gives its id."""
        desk = self.desk
        adding = AddDevice(
            client=desk.client, acting=desk.acting, patients=desk.patients, channels=desk.channels, gateway=self.gateway,
            changes=desk.changes, requests=desk.requests, clock=desk.clock,
        )  # fmt: skip
        asked = Asked("AddContactChannel", "portal", request_id or str(uuid.uuid4()), f"{patient} {subscription}".encode())
        return (await adding(asked, NewChannel(patient, ChannelKind.PUSH, subscription), lambda _, one: one.id.encode())).decode()

    async def tell(self, letter: NoticeLetter = NoticeLetter.NEW_CONTENT) -> NoticeOutcome:
        """Queues a notice about Dominique."""
        return await delivering(self.desk)(asking(), notice(letter))

    async def deliver(self) -> None:
        """Tells whatever is due."""
        while await self.sending.send_one():
            pass

    async def waiting(self) -> int:
        """Pushes in the queue."""
        return int(await self.desk.database["pushes"].count_documents({}))


@pytest.fixture
async def pushing(desk: Desk, server: PushServer, certificates: Authority) -> AsyncIterator[Pushing]:
    server.told.clear()
    server.status, server.hangs, server.redirects, server.is_huge, server.sent, server.elsewhere = 204, False, False, False, 0, 0
    rules = PushGatewayRules(url=server.url, secrets=(b"another secret of many bytes......", SECRET), patience=PATIENCE)
    async with client(rules, ssl.create_default_context(cafile=certificates.certificate_file), 2) as http:
        yield Pushing(desk, server, PushGateway(rules, http, desk.clock))


async def test_each_device_is_told_once_with_a_valid_signature_and_nothing_of_whom_or_what(pushing: Pushing) -> None:
    """S9."""
    for subscription in (TELEPHONE, TABLET, TELEPHONE):
        await pushing.add(subscription)
    once = asking()
    assert [await delivering(pushing.desk)(once, notice()) for _ in range(2)] == [NoticeOutcome.QUEUED] * 2
    await pushing.deliver()
    assert len(pushing.server.told) == 2
    for told in pushing.server.told:
        assert told.is_signed()
        assert not told.is_signed(b"a secret that it does not have....")
        assert told.headers["webhook-timestamp"] == str(int(pushing.desk.clock.now().timestamp()))
        content = json.loads(told.body)
        assert (content["type"], content["data"]["url"]) == ("notice.exceptional_access", PORTAL)
        assert content["data"]["notice"] == told.headers["webhook-id"]
        whole = str(told.headers) + told.body.decode()
        assert not any(word in whole for word in (DOMINIQUE, "hospital", "PAT-TROIS", "27903512151898", "patients/", "python"))
    assert {json.loads(told.body)["data"]["subscription"] for told in pushing.server.told} == {TELEPHONE, TABLET}
    assert await pushing.waiting() == 0


@pytest.mark.parametrize("fault", ["gone", "hangs", "500", "redirects"])
async def test_a_retry_after_a_growing_pause_keeps_its_webhook_id_and_its_body(pushing: Pushing, fault: str) -> None:
    await pushing.add()
    await pushing.tell()
    _begin(pushing.server, fault)
    with capture_logs() as logs:
        assert await pushing.sending.send_one()
    assert not await pushing.sending.send_one(), "not at once"
    _end(pushing.server, fault)
    before = len(pushing.server.told)
    pushing.desk.clock.seconds += 5
    await pushing.deliver()
    told = pushing.server.told
    assert len(told) == before + 1
    assert len({(one.headers["webhook-id"], one.body) for one in told}) == 1
    assert all(one.is_signed() for one in told)
    assert len({one.headers["webhook-timestamp"] for one in told}) == len(told), "the time is that of the attempt"
    assert (await pushing.waiting(), pushing.server.elsewhere) == (0, 0)
    assert TELEPHONE not in str(logs)
    assert "localhost" not in str(logs)


async def test_a_subscription_that_is_gone_has_ended_until_it_is_added_again(pushing: Pushing) -> None:
    for subscription in (TELEPHONE, TABLET):
        await pushing.add(subscription)
    await pushing.tell()
    pushing.server.status = 410
    await pushing.deliver()
    assert [one.is_undeliverable for one in (await pushing.desk.held()).channels] == [True, True]
    assert (await pushing.waiting(), await pushing.tell()) == (0, NoticeOutcome.NO_CHANNEL)
    pushing.server.status = 200
    await pushing.add(TABLET)
    assert await pushing.tell() is NoticeOutcome.QUEUED
    await pushing.deliver()
    assert json.loads(pushing.server.told[-1].body)["data"]["subscription"] == TABLET
    assert len(pushing.server.told) == 3


async def test_an_answer_of_any_length_is_believed_for_its_status_and_not_read(pushing: Pushing) -> None:
    await pushing.add()
    await pushing.tell()
    pushing.server.is_huge = True
    await pushing.deliver()
    assert (len(pushing.server.told), await pushing.waiting()) == (1, 0)
    assert pushing.server.sent < 1 << 28, "the connection ended long before a gigabyte"


async def test_a_push_that_never_arrives_is_given_up_with_an_alarm(pushing: Pushing) -> None:
    await pushing.add()
    await pushing.tell()
    pushing.server.status = 503
    with capture_logs() as logs:
        for pause in (0, 5, 10, 20):
            pushing.desk.clock.seconds += pause
            assert await pushing.sending.send_one()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["push.not_delivered"]
    assert (await pushing.waiting(), len(pushing.server.told)) == (0, 4)
    assert 0.5 <= jitter() <= 1


async def test_a_gateway_whose_certificate_is_not_trusted_is_told_nothing(pushing: Pushing) -> None:
    await pushing.add()
    await pushing.tell()
    rules = PushGatewayRules(url=pushing.server.url, secrets=(SECRET,), patience=PATIENCE)
    async with client(rules, ssl.create_default_context(), 1) as http:
        stranger = replace(pushing, gateway=PushGateway(rules, http, pushing.desk.clock))
        assert await stranger.sending.send_one()
    assert (pushing.server.told, await pushing.waiting()) == ([], 1)


async def test_mail_that_is_down_keeps_no_device_from_being_told_and_the_other_way_round(pushing: Pushing, mail_server: MailServer) -> None:
    await pushing.desk.verified(mail_server, ADDRESS)
    await pushing.add()
    await pushing.tell()
    with gone(mail_server):
        await pushing.deliver()
    assert len(pushing.server.told) == 1
    before = len(mail_server.letters)
    pushing.server.hangs = True
    await pushing.tell()
    await pushing.desk.deliver()
    assert len(mail_server.letters) == before + 2


async def test_each_is_told_by_what_the_notice_is_told_by(pushing: Pushing, mail_server: MailServer) -> None:
    await pushing.desk.verified(mail_server, ADDRESS)
    await pushing.add()
    deliver = delivering(pushing.desk)
    for channel in ChannelKind:
        assert await deliver(asking(), replace(notice(), channels=frozenset({channel}))) is NoticeOutcome.QUEUED
    assert (await pushing.waiting(), await pushing.desk.outbox.length()) == (1, 1)


async def test_a_representatives_device_is_told_with_her_own(pushing: Pushing) -> None:
    """rules.md 12."""
    await pushing.add()
    with acting(OTHER):
        await pushing.add(TABLET, patient=OTHER)
    await delivering(pushing.desk, Represented(f"patients/{OTHER}"))(asking(), notice(for_others=True))
    await pushing.deliver()
    assert len(pushing.server.told) == 2


async def test_a_device_that_is_removed_and_a_person_who_has_died_are_told_nothing(pushing: Pushing) -> None:
    """rules.md 17."""
    telephone = await pushing.add()
    await pushing.tell()
    await pushing.desk.remove(telephone)
    assert await pushing.waiting() == 0
    assert (await pushing.desk.kinds())[-1].startswith("contact_channel")
    await pushing.add()
    await pushing.tell()
    await pushing.desk.bury()
    await pushing.deliver()
    assert (pushing.server.told, await pushing.waiting()) == ([], 0)
    assert await reason_of(pushing.add(TABLET)) == "PERSON_DECEASED"


async def test_who_may_not_add_a_device_adds_none_and_a_retry_adds_it_once(pushing: Pushing) -> None:
    request = str(uuid.uuid4())
    assert len({await pushing.add(request_id=request) for _ in range(2)}) == 1
    assert await pushing.desk.kinds() == ["contact_channel.added"]
    assert await reason_of(pushing.add(patient=OTHER)) == "MANDATE_NOT_IN_FORCE"
    assert await reason_of(pushing.add(TABLET, request_id=request)) == "REQUEST_ID_REUSED"
    for number in range(4):
        await pushing.add(f"{TABLET}-{number}")
    assert await reason_of(pushing.add(TABLET)) == "STATE_FORBIDS"
    nowhere = replace(pushing, gateway=NoPushGateway())
    assert await reason_of(nowhere.add(TABLET)) == "DEPENDENCY_UNAVAILABLE"


async def test_neither_the_queue_nor_the_channels_tell_a_subscription(pushing: Pushing) -> None:
    """S9."""
    await pushing.add()
    await pushing.tell()
    for name in ("pushes", "contact_channels"):
        rows = [str(row) async for row in pushing.desk.database[name].find()]
        assert rows
        assert not any(TELEPHONE in row or "exceptional" in row for row in rows)


def _begin(server: PushServer, fault: str) -> None:
    if fault == "gone":
        server.go()
    elif fault.isdigit():
        server.status = int(fault)
    else:
        setattr(server, fault, True)


def _end(server: PushServer, fault: str) -> None:
    if fault == "gone":
        server.listen()
    server.status, server.hangs, server.redirects = 204, False, False
