"""Puts contact channels, the outboxes, the mail server and the push gateway together, for main.

Everything that the settings name is read at the start: a certificate authority, credentials or templates that cannot be used stop it. The
mail server itself is not waited for: it may come and go, and so may the push gateway (`pushing.py`).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Self

from carnet_platform.changes import ChangeLog
from carnet_platform.idempotency import Requests
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Client
from carnet_platform.platform import Platform
from carnet_platform.settings import SettingsError

from carnet_identity.api.contact_channels import ContactChannelServicer
from carnet_identity.api.notice_delivery import NoticeDeliveryServicer
from carnet_identity.clients.mail import MailServer, MailServerRules
from carnet_identity.clients.no_mail import NoMailServer
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.contact_channel import ChannelKind
from carnet_identity.domain.letter import LetterTemplates, read_templates
from carnet_identity.mail_settings import MailSettings
from carnet_identity.pushing import Pushing, jitter, trust
from carnet_identity.storage.contact_channels import ContactChannelStore
from carnet_identity.storage.due_life_news import DueLifeNews
from carnet_identity.storage.indexes import Collections
from carnet_identity.storage.outbox import Outbox
from carnet_identity.storage.patients import PatientStore
from carnet_identity.storage.sent_codes import SentCodes
from carnet_identity.usecases.acting_for import ActingFor
from carnet_identity.usecases.add_contact_channel import AddContactChannel, CodeRules
from carnet_identity.usecases.add_device import AddDevice
from carnet_identity.usecases.deliver_code import DeliverCode
from carnet_identity.usecases.deliver_notice import DeliverNotice, Representing
from carnet_identity.usecases.list_contact_channels import ListContactChannels
from carnet_identity.usecases.notice_letters import NoticeLetters, Pushes
from carnet_identity.usecases.remove_contact_channel import RemoveContactChannel
from carnet_identity.usecases.send_letters import SendLetters
from carnet_identity.usecases.verify_contact_channel import VerifyContactChannel

_TEMPLATES = files("carnet_identity") / "data" / "mail"


@dataclass(frozen=True, slots=True)
class MailStores:
    """What is kept of channels and letters."""

    channels: ContactChannelStore
    sent_codes: SentCodes
    outbox: Outbox
    pushes: Outbox
    mandate_news: DueLifeNews

    @classmethod
    def of(cls, collections: Collections, keys: MasterKeys) -> Self:
        """Over the open collections."""
        return cls(
            ContactChannelStore(collections.contact_channels, keys),
            SentCodes(collections.sent_codes, keys),
            Outbox(collections.outbox, keys),
            Outbox(collections.pushes, keys),
            DueLifeNews(collections.due_mandate_news),
        )


@dataclass(frozen=True, slots=True)
class Correspondence:
    """What the settings lead to, read and found good."""

    settings: MailSettings
    templates: LetterTemplates
    rules: MailServerRules | None
    pushing: Pushing

    @classmethod
    def read(cls, settings: MailSettings, pushing: Pushing) -> Self:
        """Raises SettingsError."""
        return cls(settings, _read_templates(settings.mail_templates), _server_rules(settings), pushing)

    def serve(
        self,
        platform: Platform,
        stores: MailStores,
        patients: PatientStore,
        acting: ActingFor,
        recording: tuple[Client, ChangeLog, Requests],
        representing: Representing,
    ) -> tuple[ContactChannelServicer, NoticeDeliveryServicer]:
        """Both services, with the jobs that send letters and pushes."""
        client, changes, requests = recording
        channels, clock, mailer, gateway = stores.channels, platform.clock, self._mailer(platform), self.pushing.gateway(platform)
        sending = SendLetters(
            client=client,
            queue=stores.outbox,
            channels=channels,
            patients=patients,
            mailer=mailer,
            clock=clock,
            every=self.settings.mail_every,
            at_once=self.settings.smtp_connections,
            most_attempts=self.settings.mail_attempts,
        )
        pushing = replace(
            sending,
            queue=stores.pushes,
            mailer=gateway,
            at_once=self.pushing.settings.push_connections,
            most_attempts=self.pushing.settings.push_attempts,
            kind=ChannelKind.PUSH,
            jitter=jitter,
        )
        platform.background("letters", sending.run)
        platform.background("pushes", pushing.run)

        def wake() -> None:
            sending.wake()
            pushing.wake()

        add = AddContactChannel(
            client=client,
            acting=acting,
            patients=patients,
            channels=channels,
            counts=stores.sent_codes,
            letters=stores.outbox,
            mailer=mailer,
            templates=self.templates,
            changes=changes,
            requests=requests,
            clock=clock,
            rules=self._code_rules(),
            wake=sending.wake,
        )
        verify = VerifyContactChannel(client=client, acting=acting, channels=channels, changes=changes, requests=requests, clock=clock)
        remove = RemoveContactChannel(
            client=client,
            acting=acting,
            channels=channels,
            letters=stores.outbox,
            pushes=stores.pushes,
            templates=self.templates,
            changes=changes,
            requests=requests,
            clock=clock,
            wake=sending.wake,
        )
        device = AddDevice(
            client=client,
            acting=acting,
            patients=patients,
            channels=channels,
            gateway=gateway,
            changes=changes,
            requests=requests,
            clock=clock,
        )
        deliver = DeliverNotice(
            client=client,
            patients=patients,
            representing=representing,
            letters=self.notices(stores),
            requests=requests,
            clock=clock,
            wake=wake,
        )
        send_code = DeliverCode(
            client=client,
            patients=patients,
            channels=channels,
            letters=stores.outbox,
            templates=self.templates,
            requests=requests,
            clock=clock,
            wake=sending.wake,
        )
        servicer = ContactChannelServicer(add, device, verify, ListContactChannels(acting, channels), remove)
        return servicer, NoticeDeliveryServicer(deliver, send_code)

    def notices(self, stores: MailStores) -> NoticeLetters:
        """Writes the letters of notices; what is queued is sent by the job of `serve`."""
        portal = "" if self.pushing.rules is None else self.pushing.settings.portal_url
        return NoticeLetters(stores.channels, stores.outbox, self.templates, Pushes(stores.pushes, portal), stores.mandate_news)

    def _mailer(self, platform: Platform) -> MailServer | NoMailServer:
        if self.rules is None:
            platform.logger.warning("mail.none", setting="CARNET_SMTP_SERVER")
            return NoMailServer()
        server = MailServer(self.rules, platform.clock)
        platform.on_stop(server.close)
        return server

    def _code_rules(self) -> CodeRules:
        settings = self.settings
        return CodeRules(
            lifetime=settings.contact_code_lifetime,
            most_to_a_person=settings.contact_codes_to_a_person,
            most_to_a_mailbox=settings.contact_codes_to_a_mailbox,
            longest_queue=settings.mail_queue,
        )


def _server_rules(settings: MailSettings) -> MailServerRules | None:
    if settings.smtp_server is None:
        return None
    host, _, port = settings.smtp_server.rpartition(":")
    user, password = _read_credentials(settings)
    return MailServerRules(
        host=host,
        port=int(port),
        context=None if settings.smtp_security == "none" else trust(settings.smtp_ca_file, "CARNET_SMTP_CA_FILE"),
        is_tls_implicit=settings.smtp_security == "tls",
        user=user,
        password=password,
        sender=settings.mail_sender,
        patience=settings.smtp_patience,
        connections=settings.smtp_connections,
    )


def _read_credentials(settings: MailSettings) -> tuple[str | None, str | None]:
    file = settings.smtp_credentials_file
    if file is None:
        return None, None
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SettingsError(f"CARNET_SMTP_CREDENTIALS_FILE: {file}: {error.strerror}") from None
    except ValueError:
        raise SettingsError(f"CARNET_SMTP_CREDENTIALS_FILE: {file} is not text in UTF-8") from None
    if len(lines) != 2 or not all(lines):  # noqa: PLR2004 - user, password
        raise SettingsError(f"CARNET_SMTP_CREDENTIALS_FILE: {file} must hold two lines, user and password")
    return lines[0], lines[1]


def _read_templates(version: str) -> LetterTemplates:
    versions = sorted(folder.name for folder in _TEMPLATES.iterdir() if folder.is_dir())
    chosen = version or versions[-1]
    if chosen not in versions:
        raise SettingsError(f"CARNET_MAIL_TEMPLATES: there is no such version; there are {', '.join(versions)}")
    try:
        read = {
            file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8")) for file in (_TEMPLATES / chosen).iterdir()
        }
        return read_templates(read)
    except BrokenRule as error:
        raise SettingsError(f"CARNET_MAIL_TEMPLATES: {chosen}: {error}") from None
    except ValueError:
        raise SettingsError(f"CARNET_MAIL_TEMPLATES: {chosen} holds a file that is not TOML in UTF-8") from None
