"""Contact channels in this process: the use cases on real stores and a real mail server, a patient who calls, and a clock by hand."""

import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from carnet_dev.certificates import Authority
from carnet_identity.clients.mail import MailServer as Sender
from carnet_identity.clients.mail import MailServerRules
from carnet_identity.correspondence import _read_templates
from carnet_identity.domain.contact_channel import ChannelKind, ContactChannel, ContactChannels
from carnet_identity.domain.identity_status import IdentityStatus
from carnet_identity.domain.ins import NIR_TEST, Ins
from carnet_identity.domain.patient import Death, Patient
from carnet_identity.storage.contact_channels import ContactChannelStore
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.indexes import open_collections
from carnet_identity.storage.outbox import Outbox
from carnet_identity.storage.patients import PatientStore
from carnet_identity.storage.sent_codes import SentCodes
from carnet_identity.storage.sessions import SessionStore
from carnet_identity.usecases.acting_for import ActingFor
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.add_contact_channel import AddContactChannel, CodeRules, NewChannel
from carnet_identity.usecases.list_contact_channels import ListContactChannels
from carnet_identity.usecases.remove_contact_channel import RemoveContactChannel
from carnet_identity.usecases.send_letters import SendLetters
from carnet_identity.usecases.verify_contact_channel import VerifyContactChannel
from carnet_platform.calls import User, current_user
from carnet_platform.changes import ChangeLog
from carnet_platform.clock import SystemClock
from carnet_platform.errors import Refusal
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Session as StoreSession
from carnet_platform.mongo import in_transaction
from component.identity.opened_session import session_of
from support.calls import calling, patient_of
from support.dominique import TRAITS
from support.hand_clock import BEGIN, HandClock
from support.mail_server import MailServer

KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
DOMINIQUE, OTHER = "a" * 26, "b" * 26
LIFETIME = timedelta(minutes=15)
RULES = CodeRules(lifetime=LIFETIME, most_to_a_person=5, most_to_a_mailbox=8, longest_queue=100)
PORTAL = "spiffe://carnet/portal"


class Desk:
    """The use cases and what they stand on."""

    def __init__(self, client: Any, database: Any, collections: Any, sender: Sender) -> None:  # noqa: ANN401 - as the fixture gives them
        self.client, self.database, self.sender = client, database, sender
        self.clock = HandClock()
        self.patients = PatientStore(collections.patients, KEYS)
        self.channels = ContactChannelStore(collections.contact_channels, KEYS)
        self.outbox = Outbox(collections.outbox, KEYS)
        self.pushes = Outbox(collections.pushes, KEYS)
        self.counts = SentCodes(collections.sent_codes, KEYS)
        self.sessions, self.due = SessionStore(collections.sessions), DueWithdrawals(collections.due_withdrawals)
        self.acting = ActingFor(ActingUser(self.sessions, self.due))
        self.letters_woken = 0

    async def open(self) -> None:
        """What needs a loop."""
        self.changes = await ChangeLog.open(self.database, KEYS)
        self.requests = await Requests.open(self.database, KEYS)
        for number, patient_id in enumerate((DOMINIQUE, OTHER)):
            await in_transaction(self.client, partial(self._register, _patient(patient_id, number)))
            await self.sessions.insert(session_of(_patient_user(patient_id), BEGIN))
        shared: dict[str, Any] = {"client": self.client, "acting": self.acting, "channels": self.channels, "clock": self.clock}
        shared |= {"changes": self.changes, "requests": self.requests}
        writing: dict[str, Any] = {"letters": self.outbox, "templates": _read_templates(""), "wake": self._wake}
        self.adding = AddContactChannel(**shared, **writing, patients=self.patients, counts=self.counts, mailer=self.sender, rules=RULES)
        self.verifying = VerifyContactChannel(**shared)
        self.removing = RemoveContactChannel(**shared, **writing, pushes=self.pushes)
        self.listing = ListContactChannels(self.acting, self.channels)
        self.sending = SendLetters(
            client=self.client,
            queue=self.outbox,
            channels=self.channels,
            patients=self.patients,
            mailer=self.sender,
            clock=self.clock,
            every=timedelta(seconds=1),
            at_once=1,
            most_attempts=4,
        )

    async def add(self, address: str = "dominique@example.org", *, request_id: str = "", patient: str = DOMINIQUE) -> str:
        """Adds a channel and gives its id, with the end of its code behind a space."""
        asked = _asked("AddContactChannel", request_id, f"{patient} {address}")
        return (await self.adding(asked, NewChannel(patient, ChannelKind.EMAIL, address), _answer)).decode()

    async def verify(self, channel: str, code: str, *, request_id: str = "", patient: str = DOMINIQUE) -> bytes:
        """Tries a code."""
        named = (patient, channel.partition(" ")[0])
        asked = _asked("VerifyContactChannel", request_id, f"{named} {code}")
        return await self.verifying(asked, named, code, lambda _, one: one.id.encode())

    async def remove(self, channel: str, *, request_id: str = "", patient: str = DOMINIQUE) -> None:
        """Removes a channel."""
        named = (patient, channel.partition(" ")[0])
        await self.removing(_asked("RemoveContactChannel", request_id, str(named)), named)

    async def deliver(self) -> None:
        """Sends whatever is due."""
        while await self.sending.send_one():
            pass

    async def verified(self, server: MailServer, address: str, patient: str = DOMINIQUE) -> str:
        """The id of a channel that was added and verified."""
        channel = (await self.add(address, patient=patient)).partition(" ")[0]
        await self.deliver()
        await self.verify(channel, server.code_to(address), patient=patient)
        return channel

    async def held(self, patient: str = DOMINIQUE) -> ContactChannels:
        """What is stored of a person."""
        return await self.channels.of(patient)

    async def kinds(self, patient: str = DOMINIQUE) -> list[str]:
        """The kinds of the events of a person's channels, in order."""
        changes, _ = await self.changes.unshipped("", 100)
        ours = [change.event.payload for change in changes if change.subject == f"contactChannels/{patient}"]
        return [str(payload).partition('"kind":"')[2].partition('"')[0] for payload in ours]

    async def bury(self, patient: str = DOMINIQUE) -> None:
        """States a death."""
        held = await self.patients.find(patient)
        assert held is not None
        dead = replace(held, death=Death(death_date="20260301", evidence="seen", record_time=BEGIN))
        await in_transaction(self.client, lambda store: self.patients.replace(store, dead))

    async def _register(self, patient: Patient, store: StoreSession) -> None:
        await self.patients.insert(store, patient)

    def _wake(self) -> None:
        self.letters_woken += 1


@asynccontextmanager
async def desk_of(database: tuple[Any, Any], server: MailServer, certificates: Authority) -> AsyncIterator[Desk]:
    """A desk on a fresh database, at which Dominique's session calls."""
    rules = MailServerRules(
        host="localhost",
        port=server.port,
        context=ssl.create_default_context(cafile=certificates.certificate_file),
        is_tls_implicit=False,
        sender="no-reply@carnet.example",
        patience=timedelta(seconds=2),
        connections=2,
    )
    sender = Sender(rules, SystemClock())
    desk = Desk(*database, await open_collections(database[1]), sender)
    await desk.open()
    try:
        with acting(DOMINIQUE):
            yield desk
    finally:
        await sender.close()


def acting(patient_id: str) -> AbstractContextManager[None]:
    """Within, calls are those of a patient through the portal."""
    return calling(_patient_user(patient_id))


async def reason_of(awaited: Any) -> str:  # noqa: ANN401 - anything that can be awaited
    """Why it is refused; "" when it is not."""
    try:
        await awaited
    except Refusal as refusal:
        return refusal.reason
    return ""


def _answer(held: ContactChannels, channel: ContactChannel, code_expire_time: Any) -> bytes:  # noqa: ANN401 - a datetime
    del held
    return f"{channel.id} {code_expire_time.isoformat()}".encode()


def _patient(patient_id: str, number: int) -> Patient:
    return Patient(
        id=patient_id,
        ins=Ins(f"27903512151898{9 - number}", NIR_TEST),
        traits=TRAITS,
        status=IdentityStatus.PROVISIONAL,
    )


def _patient_user(patient_id: str) -> User:
    return patient_of(f"patients/{patient_id}", session=f"sessions/{patient_id}", software=PORTAL)


def _asked(method: str, request_id: str, content: str) -> Asked:
    return Asked(method, current_user().subject, request_id or str(uuid.uuid4()), content.encode())
