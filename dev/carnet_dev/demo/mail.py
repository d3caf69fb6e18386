"""Her address, verified by the code of a letter, and the letters she gets: on this machine they are files that one can read."""

import asyncio
import re
import time
from collections.abc import Callable
from email.message import EmailMessage

from carnet.identity.v1.contact_channel_service_pb2 import (
    CONTACT_CHANNEL_KIND_EMAIL,
    AddContactChannelRequest,
    ListContactChannelsRequest,
    VerifyContactChannelRequest,
)
from carnet_client import request_id
from carnet_client.refusals import telling_refusals

from carnet_dev.demo.page import StoryError
from carnet_dev.demo.scene import Scene
from carnet_dev.letters import letters_to

ADDRESS = "dominique@example.org"
PATIENCE_SECONDS = 60.0
_LOOK_EVERY_SECONDS = 0.1


def is_read_here(scene: Scene) -> bool:
    """Whether letters end in a folder of this machine."""
    return scene.cast.mail.is_dir()


async def she_has_an_address(scene: Scene) -> None:
    """Verify her address by the code of the letter, unless an earlier telling has."""
    channels, metadata = scene.dominique.connection.contact_channels, await scene.dominique.metadata()
    with telling_refusals():
        listed = await channels.ListContactChannels(ListContactChannelsRequest(patient=scene.patient), metadata=metadata, timeout=10)
        if any(channel.HasField("verify_time") for channel in listed.channels):
            return
        known = len(letters_to(scene.cast.mail, ADDRESS))
        adding = AddContactChannelRequest(request_id=request_id(), patient=scene.patient, kind=CONTACT_CHANNEL_KIND_EMAIL, address=ADDRESS)
        added = (await channels.AddContactChannel(adding, metadata=metadata, timeout=10)).channel
        letter = await next_letter(scene, known, lambda letter: re.search(r"\b[0-9]{6}\b", text_of(letter)) is not None)
        code = re.findall(r"\b[0-9]{6}\b", text_of(letter))[0]
        trying = VerifyContactChannelRequest(request_id=request_id(), channel=added.name, code=code)
        await channels.VerifyContactChannel(trying, metadata=metadata, timeout=10)


async def next_letter(scene: Scene, known: int, is_meant: Callable[[EmailMessage], bool]) -> EmailMessage:
    """The first letter that is meant, after the first `known`. Raises ``StoryError`` when none came within a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := [letter for letter in letters_to(scene.cast.mail, ADDRESS)[known:] if is_meant(letter)]:
            return found[0]
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
    raise StoryError("the letter")


def text_of(letter: EmailMessage) -> str:
    """Its words."""
    return str(letter.get_content())
