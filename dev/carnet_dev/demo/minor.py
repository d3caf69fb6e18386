"""The second story: a mother and her child of 15, the secret that stays the child's, her father, and a mandate that is suspended."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.documents.v1.document_entry_pb2 import DocumentEntry, Visibility
from carnet.identity.v1 import mandate_service_pb2 as pb
from carnet_client import Refused, UserSession, request_id
from carnet_client.refusals import telling_refusals
from rich.console import Console

from carnet_dev.demo.cast import Cast, Member
from carnet_dev.demo.family import Relative, open_record, register, tidy
from carnet_dev.demo.leaks import look_for
from carnet_dev.demo.page import Page, StoryError
from carnet_dev.demo.papers import paper_about
from carnet_dev.local_run import NotRunningError
from carnet_dev.people import patients

HERSELF, TREATMENT = PurposeOfUse.PURPOSE_OF_USE_PATIENT_REQUEST, PurposeOfUse.PURPOSE_OF_USE_TREATMENT
EVIDENCE, REASON = "family record book", "she no longer lives with her"
NEVER_GIVEN = "aaaaaaaaaaaaaaaaaaaaaaaaaa"


@dataclass
class Household:
    """Who plays, and what has happened so far."""

    page: Page
    cast: Cast
    alice: UserSession
    bruno: UserSession
    bruno_member: Member
    lou: Relative = field(init=False)
    marie: Relative = field(init=False)
    marc: Relative = field(init=False)
    child: UserSession = field(init=False)
    """Lou, at the portal for herself."""
    record: str = ""
    mandates: dict[str, str] = field(default_factory=dict)
    """`mandates/{mandate}` by user."""
    sessions: dict[str, UserSession] = field(default_factory=dict)
    """Sessions under those, by user."""
    documents: dict[str, DocumentEntry] = field(default_factory=dict)
    sent: dict[str, bytes] = field(default_factory=dict)


def tell_minor(folder: Path, console: Console) -> int:
    """Tell the story on the system that runs in ``folder``; 0 only if every step ended as it should."""
    try:
        return asyncio.run(_tell(folder, console))
    except NotRunningError as error:
        console.print(str(error), style="red", markup=False)
        return 1


async def _tell(folder: Path, console: Console) -> int:
    page = Page(console)
    async with Cast(folder) as cast:
        console.print("Carnet · a mother and her child of 15", style="bold", end="")
        console.print("        mutual TLS · all people invented", style="dim")
        try:
            alice, bruno = await cast.member("alice"), await cast.member("bruno")
            home = Household(
                page,
                cast,
                await cast.session("alice", "software/gp", TREATMENT, alice.structure),
                await cast.session("bruno", "software/gp", TREATMENT, bruno.structure),
                bruno,
            )
            for chapter in CHAPTERS:
                await chapter(home)
            console.print()
            words = [trait for user in ("lou", "marie", "marc") for trait in (patients()[user].ins, patients()[user].birth_family_name)]
            look_for(page, folder, [*words, EVIDENCE, REASON])
        except (StoryError, Refused) as error:
            page.bad += isinstance(error, Refused)
            console.print(f"\nthe story ends here: {error}", style="red", markup=False)
    return page.close()


async def her_record(home: Household) -> None:
    """Chapter 1: three persons, one record, three documents."""
    page = home.page
    page.chapter(1, "Lou is 15")
    home.lou, home.marie, home.marc = [await register(home.alice, patients()[user]) for user in ("lou", "marie", "marc")]
    page.check("Lou, her mother Marie and her father Marc are registered, identities qualified", holds=True)
    home.child = await home.cast.session("lou", "portal", HERSELF)
    for user, relative in (("marie", home.marie), ("marc", home.marc)):
        await tidy(await home.cast.session(user, "portal", HERSELF), relative, home.lou)
    home.record = await page.step("her record, opened at her request", open_record(home.alice, home.lou))
    await _set_hidden(home, hidden=False)
    await page.step('Dr UNTEL sends "Compte rendu de consultation"', _deposit(home, home.alice, "visible", 1, "11488-4"))
    secret = [Visibility.VISIBILITY_HIDDEN_FROM_REPRESENTATIVES]
    await page.step(
        "and, at Lou's request, one that is hidden from her representatives", _deposit(home, home.alice, "secret", 2, "11502-2", secret)
    )
    await page.step("Dr EXEMPLE, cardiology, sends one as well", _deposit(home, home.bruno, "elsewhere", 3, "11488-4"))
    found = {entry.name for entry in await home.child.search(home.record)}
    page.check("Lou sees all three", {entry.name for entry in home.documents.values()} <= found)


async def her_mother(home: Household) -> None:
    """Chapter 2: registered on evidence; she reads for Lou, as herself."""
    page = home.page
    page.chapter(2, "Her mother, on evidence")
    marie = await home.cast.session("marie", "portal", HERSELF)
    await page.refusal("Lou's record", marie.search(home.record), "NOT_FOUND")
    home.mandates["marie"] = await page.step(f'Dr UNTEL registers her mandate, having seen the "{EVIDENCE}"', _register_mandate(home))
    await _log_in(home, "marie")
    read = await page.step("she reads the consultation", home.sessions["marie"].read(home.documents["visible"].name))
    page.check("byte for byte what Dr UNTEL sent", read.content == home.sent["visible"])


async def the_secret(home: Household) -> None:
    """Chapter 3: what is hidden from representatives is, for her, not there (C9)."""
    page, marie = home.page, home.sessions["marie"]
    page.chapter(3, "A secret stays Lou's")
    seen = {entry.name for entry in await marie.search(home.record)}
    page.check("it is not in her mother's list", home.documents["secret"].name not in seen and home.documents["visible"].name in seen)
    asked = await page.refusal("by its number", marie.read(home.documents["secret"].name), "NOT_FOUND")
    never = await page.refusal("never given", marie.read(f"{home.record}/documents/{NEVER_GIVEN}"), "NOT_FOUND")
    is_alike = asked is not None and never is not None and asked.message == never.message
    page.check("word for word the same", is_alike)
    read = await page.step("Lou reads it", home.child.read(home.documents["secret"].name))
    page.check("byte for byte", read.content == home.sent["secret"])


async def her_father(home: Household) -> None:
    """Chapter 4: invited by her mother; the invitation opens nothing before he accepts."""
    page = home.page
    page.chapter(4, "Her father is invited")
    home.mandates["marc"] = await page.step("Marie invites him: INS, names and birth date, all must fit", _invite(home))
    await page.refusal("before he accepts", _log_in(home, "marc"), "MANDATE_NOT_IN_FORCE")
    await page.step("he accepts, and attests to be who was invited", _accept(home))
    await _log_in(home, "marc")
    found = {entry.name for entry in await home.sessions["marc"].search(home.record)}
    page.check("he sees what her mother sees", home.documents["visible"].name in found and home.documents["secret"].name not in found)


async def a_place_of_care(home: Household) -> None:
    """Chapter 5: what was deposited for a place she hides is not there for those who act for her."""
    page = home.page
    page.chapter(5, "Lou hides a place of care")
    elsewhere = home.documents["elsewhere"].name
    page.check("her mother saw the cardiologist's", elsewhere in {entry.name for entry in await home.sessions["marie"].search(home.record)})
    await page.step("Lou hides his practice from those who act for her", _set_hidden(home, hidden=True))
    for user, who in (("marie", "her mother"), ("marc", "her father")):
        found = {entry.name for entry in await home.sessions[user].search(home.record)}
        page.check(
            f"{who} does not see it any more, and is not told why", elsewhere not in found and home.documents["visible"].name in found
        )
    page.check("Lou does", elsewhere in {entry.name for entry in await home.child.search(home.record)})


async def the_suspension(home: Household) -> None:
    """Chapter 6: acknowledged once nothing more is read under the mandate (C4)."""
    page = home.page
    page.chapter(6, "Lou has her mother's mandate suspended")
    began = time.perf_counter()
    await _call(home.child, home.child.connection.mandates.SuspendMandate, _suspending(home.mandates["marie"]))
    page.check("acknowledged: it holds everywhere", holds=True, aside=f"{time.perf_counter() - began:.1f} s")
    name = home.documents["visible"].name
    await page.refusal("her next read", home.sessions["marie"].read(name), "SESSION_WITHDRAWN")
    await page.refusal("a new session", _log_in(home, "marie"), "MANDATE_NOT_IN_FORCE")
    await page.step("her father reads on", home.sessions["marc"].read(name))


CHAPTERS: tuple[Callable[[Household], Awaitable[None]], ...] = (
    her_record,
    her_mother,
    the_secret,
    her_father,
    a_place_of_care,
    the_suspension,
)


async def _log_in(home: Household, user: str) -> None:
    home.sessions[user] = await home.cast.session(user, "portal", HERSELF, mandate=home.mandates[user])


async def _deposit(
    home: Household, by: UserSession, name: str, number: int, code: str, labels: list[Visibility.ValueType] | None = None
) -> None:
    title = {"visible": "Compte rendu de consultation", "secret": "Compte rendu de biologie", "elsewhere": "Avis de cardiologie"}[name]
    lou = home.lou
    about = (lou.ins, lou.family_name, lou.given_name, lou.birth_date, "F")
    content = paper_about(about, 500 + number, code, title, "Rien de tout cela n'est vrai.").content
    deposit = await by.deposit(home.record, content, DocumentEntry(mime_type="text/xml", visibilities=labels or []))
    home.documents[name], home.sent[name] = deposit.entry, content


async def _register_mandate(home: Household) -> str:
    request = pb.RegisterMandateRequest(
        request_id=request_id(),
        holder=home.lou.patient,
        mandatary=home.marie.match(),
        kind=pb.MANDATE_KIND_MINOR_REPRESENTATION,
        relation=pb.MANDATE_RELATION_MOTHER,
        evidence=EVIDENCE,
    )
    answer: pb.RegisterMandateResponse = await _call(home.alice, home.alice.connection.mandates.RegisterMandate, request)
    return answer.mandate.name


async def _invite(home: Household) -> str:
    request = pb.InviteMandateRequest(
        request_id=request_id(),
        holder=home.lou.patient,
        mandatary=home.marc.match(),
        kind=pb.MANDATE_KIND_MINOR_REPRESENTATION,
        relation=pb.MANDATE_RELATION_FATHER,
    )
    marie = home.sessions["marie"]
    answer: pb.InviteMandateResponse = await _call(marie, marie.connection.mandates.InviteMandate, request)
    return answer.mandate


async def _accept(home: Household) -> None:
    marc = await home.cast.session("marc", "portal", HERSELF)
    request = pb.AcceptMandateRequest(request_id=request_id(), mandate=home.mandates["marc"], attests_identity=True)
    await _call(marc, marc.connection.mandates.AcceptMandate, request)


async def _set_hidden(home: Household, *, hidden: bool) -> None:
    request = pb.SetPlaceOfCareHiddenRequest(
        request_id=request_id(), holder=home.lou.patient, structure=home.bruno_member.structure, hidden=hidden
    )
    await _call(home.child, home.child.connection.mandates.SetPlaceOfCareHidden, request)


def _suspending(mandate: str) -> pb.SuspendMandateRequest:
    return pb.SuspendMandateRequest(request_id=request_id(), mandate=mandate, reason=REASON)


async def _call(session: UserSession, method: Callable[..., Any], request: object) -> Any:  # noqa: ANN401  # as gRPC types them
    with telling_refusals():
        return await method(request, metadata=await session.metadata(), timeout=10)
