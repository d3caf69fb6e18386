"""A contact address on the whole system: the letter that a newcomer finds in the folder of the development mail server verifies it."""

import re
from email.message import EmailMessage

import pytest
from carnet.identity.v1.contact_channel_service_pb2 import (
    CONTACT_CHANNEL_KIND_EMAIL,
    AddContactChannelRequest,
    ListContactChannelsRequest,
    VerifyContactChannelRequest,
)
from carnet_client import request_id
from carnet_dev.demo.cast import Cast
from carnet_dev.letters import letters_to
from carnet_dev.local_run import LocalRun
from support.people import HERSELF, TREATMENT, invented, with_record
from support.waiting import eventually


@pytest.mark.this_machine("a folder in which the mail server writes")
async def test_a_patient_adds_an_address_and_verifies_it_with_the_code_of_the_letter(carnet: LocalRun) -> None:
    address = f"dominique.{request_id()}@example.org"
    async with Cast(carnet.folder) as cast:
        doctor = await cast.session("alice", "software/gp", TREATMENT, (await cast.member("alice")).structure)
        herself = await cast.session(f"ins:{(await with_record(doctor, invented())).ins}", "portal", HERSELF)
        channels, metadata = herself.connection.contact_channels, await herself.metadata()
        asked = AddContactChannelRequest(request_id=request_id(), patient=herself.subject, kind=CONTACT_CHANNEL_KIND_EMAIL, address=address)
        added = (await channels.AddContactChannel(asked, metadata=metadata, timeout=10)).channel
        await eventually(lambda: bool(letters(carnet, address)))
        found = re.search(r"\b[0-9]{6}\b", letters(carnet, address)[0].get_content())
        assert found
        tried = VerifyContactChannelRequest(request_id=request_id(), channel=added.name, code=found[0])
        verified = (await channels.VerifyContactChannel(tried, metadata=metadata, timeout=10)).channel
        asked_for = ListContactChannelsRequest(patient=herself.subject)
        listed = await channels.ListContactChannels(asked_for, metadata=metadata, timeout=10)
    assert list(listed.channels) == [verified]
    assert verified.HasField("verify_time")


def letters(carnet: LocalRun, address: str) -> list[EmailMessage]:
    """The letters to an address that the development mail server wrote."""
    return letters_to(carnet.folder / "mail", address)
