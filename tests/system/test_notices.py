"""Notices on the whole system: the person is told by a letter within a minute, and reads the rest in her inbox."""

import re
from datetime import timedelta

import pytest
from carnet.consent.v1.notice_service_pb2 import ListNoticesRequest, Notice
from carnet.identity.v1.contact_channel_service_pb2 import (
    CONTACT_CHANNEL_KIND_EMAIL,
    AddContactChannelRequest,
    VerifyContactChannelRequest,
)
from carnet_client import UserSession, request_id
from carnet_dev.demo.cast import Cast
from carnet_dev.local_run import LocalRun
from support.canaries import invented_word
from support.people import HERSELF, TREATMENT, invented, with_record
from support.scenes import break_glass, played
from support.waiting import eventually, eventually_answers

from system.test_mail import letters

TOLD_WITHIN = timedelta(seconds=60)


async def reachable(carnet: LocalRun, herself: UserSession) -> str:
    """An address of hers, verified by the code of its letter."""
    address, channels = f"{request_id()}@example.org", herself.connection.contact_channels
    adding = AddContactChannelRequest(request_id=request_id(), patient=herself.subject, kind=CONTACT_CHANNEL_KIND_EMAIL, address=address)
    channel = (await channels.AddContactChannel(adding, metadata=await herself.metadata(), timeout=10)).channel
    await eventually(lambda: bool(letters(carnet, address)))
    code = re.search(r"\b[0-9]{6}\b", letters(carnet, address)[0].get_content())
    assert code
    trying = VerifyContactChannelRequest(request_id=request_id(), channel=channel.name, code=code[0])
    await channels.VerifyContactChannel(trying, metadata=await herself.metadata(), timeout=10)
    return address


async def told(herself: UserSession) -> list[Notice]:
    """Her inbox."""
    answer = await herself.connection.notices.ListNotices(ListNoticesRequest(), metadata=await herself.metadata(), timeout=10)
    return list(answer.notices)


@pytest.mark.this_machine("a folder in which the mail server writes")
async def test_an_emergency_is_in_the_mail_within_a_minute_and_the_letter_says_nothing_of_whom_why_or_where(carnet: LocalRun) -> None:
    """C7: the patient is told within 60 s."""
    somebody, word = invented("ZYXWFAMILLE", "ZYXWPRENOM"), invented_word()
    async with played(carnet, somebody) as scene:
        address = await reachable(carnet, scene.herself)
        await break_glass(scene.emergency, scene.somebody.record, f"coma, {word}")
        await eventually(lambda: _exceptional(carnet, address) == 1, TOLD_WITHIN)
        letter = next(one for one in letters(carnet, address) if "exceptionnel" in str(one["Subject"]))
        chloe = await scene.member("chloe")
        canaries = (
            word, "coma", somebody.ins, somebody.family_name, somebody.given_name, scene.somebody.record, scene.somebody.patient,
            scene.emergency.subject, chloe.structure, "MODELE", "Fontaine", "pital",
        )  # fmt: skip
        assert not [one for one in canaries if one.lower() in (str(letter["Subject"]) + letter.get_content()).lower()]
        assert "Connectez-vous" in letter.get_content()
        assert "Log in" in letter.get_content()
        mine = next(one for one in await told(scene.herself) if one.event == "emergency.opened")
        assert word in mine.text, "to herself the reason is told"
        assert mine.actor == scene.emergency.subject
        assert mine.next_step
        await break_glass(scene.emergency, scene.somebody.record, "still in a coma")

        async def joined() -> bool:
            return any(one.event == "emergency.joined" for one in await told(scene.herself))

        await eventually_answers(joined)
        assert _exceptional(carnet, address) == 1, "one letter for one emergency"


@pytest.mark.this_machine("a folder in which the mail server writes")
async def test_a_first_access_is_in_the_mail_and_the_second_is_not(carnet: LocalRun) -> None:
    """domain.md 3.5."""
    async with played(carnet) as scene:
        address = await reachable(carnet, scene.herself)
        await scene.doctor.read(scene.document)
        await eventually(lambda: _first(carnet, address) == 1, TOLD_WITHIN)
        await scene.doctor.read(scene.document)
        await break_glass(scene.emergency, scene.somebody.record)
        await eventually(lambda: _exceptional(carnet, address) == 1, TOLD_WITHIN)
        assert _first(carnet, address) == 1


@pytest.mark.this_machine("a folder in which the mail server writes")
async def test_added_documents_are_in_the_mail_within_a_minute_in_one_letter_that_names_none(carnet: LocalRun) -> None:
    """domain.md 3.5; through documents, consent, identity and a real mail server."""
    somebody = invented("ZYXWFAMILLE", "ZYXWPRENOM")
    async with Cast(carnet.folder) as cast:
        alice = await cast.member("alice")
        doctor = await cast.session("alice", "software/gp", TREATMENT, alice.structure)
        known = await with_record(doctor, somebody)
        herself = await cast.session(f"ins:{known.ins}", "portal", HERSELF)
        address = await reachable(carnet, herself)
        deposited = [(await doctor.deposit(known.record, known.document(number))).entry for number in range(3)]
        await eventually(lambda: _new(carnet, address) == 1, TOLD_WITHIN)
        letter = next(one for one in letters(carnet, address) if "Du nouveau" in str(one["Subject"]))
        canaries = (
            known.ins, known.family_name, known.given_name, known.record, known.patient, doctor.subject, alice.structure, "MODELE",
            "document", "consultation", *(one.name for one in deposited), *(one.title for one in deposited),
        )  # fmt: skip
        assert not [one for one in canaries if one.lower() in (str(letter["Subject"]) + letter.get_content()).lower()]
        mine = [one for one in await told(herself) if one.event == "documents.added"]
        assert [one.actor for one in mine] == [alice.structure]
        assert "documents/" not in str(mine)
        assert _new(carnet, address) == 1


def _new(carnet: LocalRun, address: str) -> int:
    return sum("Du nouveau" in str(one["Subject"]) for one in letters(carnet, address))


def _exceptional(carnet: LocalRun, address: str) -> int:
    return sum("Un accès exceptionnel" in str(one["Subject"]) for one in letters(carnet, address))


def _first(carnet: LocalRun, address: str) -> int:
    return sum("Un premier accès" in str(one["Subject"]) for one in letters(carnet, address))
