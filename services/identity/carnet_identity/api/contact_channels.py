"""`carnet.identity.v1.ContactChannelService`: how a person is reached, for herself and who may act for her."""

from __future__ import annotations

import re
from datetime import datetime

import grpc
from carnet.identity.v1 import contact_channel_service_pb2 as pb
from carnet.identity.v1.contact_channel_service_pb2_grpc import ContactChannelServiceServicer
from carnet_platform.idempotency import asked
from carnet_platform.identifiers import parse_name

from carnet_identity.api import mapping
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.contact_channel import CODE_DIGITS, ChannelKind, ContactChannel, ContactChannels
from carnet_identity.domain.mail_address import parse_mail_address, shown
from carnet_identity.domain.push import parse_subscription
from carnet_identity.domain.push import shown as shown_subscription
from carnet_identity.usecases.add_contact_channel import AddContactChannel, NewChannel
from carnet_identity.usecases.add_device import AddDevice
from carnet_identity.usecases.list_contact_channels import ListContactChannels
from carnet_identity.usecases.remove_contact_channel import RemoveContactChannel
from carnet_identity.usecases.verify_contact_channel import VerifyContactChannel

_CODE = re.compile(rf"[0-9]{{{CODE_DIGITS}}}")
_PREFIX = "CONTACT_CHANNEL_KIND_"


class ContactChannelServicer(ContactChannelServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(
        self,
        add: AddContactChannel,
        add_device: AddDevice,
        verify: VerifyContactChannel,
        list_channels: ListContactChannels,
        remove: RemoveContactChannel,
    ) -> None:
        self._add = add
        self._add_device = add_device
        self._verify = verify
        self._list = list_channels
        self._remove = remove

    async def AddContactChannel(  # noqa: N802 - the contract's name
        self,
        request: pb.AddContactChannelRequest,
        context: grpc.aio.ServicerContext[pb.AddContactChannelRequest, pb.AddContactChannelResponse],
    ) -> pb.AddContactChannelResponse:
        """Notes an address and sends a code to it, or notes a device."""
        del context
        (patient,) = parse_name(request.patient, "patients/*", "patient")
        with mapping.refusing():
            kind = _kind_from(request.kind)
            parse = parse_subscription if kind is ChannelKind.PUSH else parse_mail_address
            wanted = NewChannel(patient, kind, parse(request.address))
        if kind is ChannelKind.PUSH:
            answer = await self._add_device(asked(request), wanted, _added)
        else:
            answer = await self._add(asked(request), wanted, _added)
        return pb.AddContactChannelResponse.FromString(answer)

    async def VerifyContactChannel(  # noqa: N802
        self,
        request: pb.VerifyContactChannelRequest,
        context: grpc.aio.ServicerContext[pb.VerifyContactChannelRequest, pb.VerifyContactChannelResponse],
    ) -> pb.VerifyContactChannelResponse:
        """Verifies a channel by its code."""
        del context
        named = _named(request.channel)
        with mapping.refusing():
            code = _code_from(request.code)
        answer = await self._verify(asked(request), named, code, _verified)
        return pb.VerifyContactChannelResponse.FromString(answer)

    async def ListContactChannels(  # noqa: N802
        self,
        request: pb.ListContactChannelsRequest,
        context: grpc.aio.ServicerContext[pb.ListContactChannelsRequest, pb.ListContactChannelsResponse],
    ) -> pb.ListContactChannelsResponse:
        """The channels of a person."""
        del context
        (patient,) = parse_name(request.patient, "patients/*", "patient")
        held = await self._list(patient)
        return pb.ListContactChannelsResponse(channels=[_channel_to(held, channel) for channel in held.channels])

    async def RemoveContactChannel(  # noqa: N802
        self,
        request: pb.RemoveContactChannelRequest,
        context: grpc.aio.ServicerContext[pb.RemoveContactChannelRequest, pb.RemoveContactChannelResponse],
    ) -> pb.RemoveContactChannelResponse:
        """Forgets a channel."""
        del context
        await self._remove(asked(request), _named(request.channel))
        return pb.RemoveContactChannelResponse()


def _named(channel: str) -> tuple[str, str]:
    patient, channel_id = parse_name(channel, "patients/*/contactChannels/*", "channel")
    return patient, channel_id


def _kind_from(value: pb.ContactChannelKind.ValueType) -> ChannelKind:
    try:
        return ChannelKind(pb.ContactChannelKind.Name(value).removeprefix(_PREFIX))
    except ValueError:
        raise BrokenRule("kind", "required: a kind of channel that is known here") from None


def _code_from(code: str) -> str:
    if not _CODE.fullmatch(code):
        raise BrokenRule("code", f"must be {CODE_DIGITS} digits")
    return code


def _channel_to(held: ContactChannels, channel: ContactChannel) -> pb.ContactChannel:
    return pb.ContactChannel(
        name=held.name_of(channel),
        kind=pb.ContactChannelKind.Value(f"{_PREFIX}{channel.kind.value}"),
        shown_address=shown_subscription(channel.address) if channel.kind is ChannelKind.PUSH else shown(channel.address),
        verify_time=None if channel.verify_time is None else mapping.timestamp_to(channel.verify_time),
        undeliverable=channel.is_undeliverable,
    )


def _added(held: ContactChannels, channel: ContactChannel, code_expire_time: datetime | None = None) -> bytes:
    end = None if code_expire_time is None else mapping.timestamp_to(code_expire_time)
    answer = pb.AddContactChannelResponse(channel=_channel_to(held, channel), code_expire_time=end)
    return answer.SerializeToString(deterministic=True)


def _verified(held: ContactChannels, channel: ContactChannel) -> bytes:
    return pb.VerifyContactChannelResponse(channel=_channel_to(held, channel)).SerializeToString(deterministic=True)
