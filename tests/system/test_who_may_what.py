"""Who may call what, walked over the contracts: a new RPC or a new line of the table is covered by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import pytest
from carnet.consent.v1.notice_service_pb2 import NoticeKind
from carnet_client import UserSession, request_id
from carnet_dev.local_run import LocalRun
from carnet_dev.plan import CLIENT_NAMES, SERVICES
from google.protobuf.message import Message
from support.answers import refusal, refusal_or_none
from support.contracts import Rpc, call, open_channel, right, rights, rpcs
from support.people import BLOCK, TREATMENT, state
from support.scenes import Scene, played

STRANGERS = ("nobody", "software", "software/", "portal/gp", "system/unheard-of", "admin")
"""Names that our authority issues here and that nobody gave a right, but for what a `*` of the table covers."""
CERTIFICATES = (*CLIENT_NAMES, *(service.name for service in SERVICES), "gateway", *STRANGERS)
OWN = {
    # What somebody who is not authorised may still do, and why.
    "OpenRecord": "for a person who has none yet; she has one, so it is refused by itself",
    "LookupRecord": "TD0.2: the state of a record is a value, not an access (rules.md 7)",
    "CreateAuthorisation": "a professional states that the person consented to him (AuthorisationService)",
    "BreakGlass": "needs no authorisation: that is its purpose (rules.md 9)",
    "SubmitDocument": "feeding a record needs no authorisation (rules.md 19)",
}


@asynccontextmanager
async def channels(carnet: LocalRun, certificate: str) -> AsyncIterator[dict[str, grpc.aio.Channel]]:
    """A channel to each process under one certificate."""
    async with AsyncExitStack() as stack:
        folder = carnet.certificate_folder(certificate)
        yield {name: await stack.enter_async_context(open_channel(target, folder)) for name, target in vars(carnet.targets).items()}


def test_the_contracts_and_the_table_name_the_same_services() -> None:
    assert {rpc.service for rpc in rpcs()} == set(rights())
    assert len(rpcs()) > len(rights())


@pytest.mark.parametrize("certificate", CERTIFICATES)
async def test_each_rpc_is_denied_to_a_certificate_outside_the_table_and_to_a_user_without_token(
    carnet: LocalRun, certificate: str
) -> None:
    """S3: the table of callers, as it is enforced: every RPC, every kind of certificate."""
    async with channels(carnet, certificate) as opened:
        refused = await asyncio.gather(*(_outcome(opened[rpc.server], rpc) for rpc in rpcs()))
    wrong = []
    for rpc, outcome in zip(rpcs(), refused, strict=True):
        may = right(certificate, rpc.service)
        if not may and outcome != ("PERMISSION_DENIED", "CALLER_NOT_ALLOWED"):
            wrong.append((rpc.path, outcome))
        if may in {"presents", "forwards"} and outcome != ("UNAUTHENTICATED", "TOKEN_MISSING"):
            wrong.append((rpc.path, outcome))
        if outcome[0] in {"INTERNAL", "UNKNOWN", "UNIMPLEMENTED"}:
            wrong.append((rpc.path, outcome))
    assert wrong == []


async def _outcome(channel: grpc.aio.Channel, rpc: Rpc) -> tuple[str, str]:
    """How an empty request without a token ends."""
    answer = await refusal_or_none(call(channel, rpc, rpc.request()))
    return ("OK", "") if answer is None else answer.brief


async def test_no_rpc_about_a_record_is_answered_to_a_stranger_to_it(carnet: LocalRun) -> None:
    """S3: a professional without consent, one who is blocked, and another patient, on every RPC that takes a user's token.

    S1: patient A's token on B's path.
    """
    async with played(carnet) as scene, played(carnet) as other:
        await _check_refused_to(scene, carnet, "software/gp", scene.stranger)
        await state(scene.herself, scene.somebody.record, scene.stranger.subject, BLOCK)
        await _check_refused_to(scene, carnet, "software/gp", scene.stranger)
        await _check_refused_to(scene, carnet, "portal", other.herself)


async def _check_refused_to(scene: Scene, carnet: LocalRun, certificate: str, stranger: UserSession) -> None:
    answered = []
    async with channels(carnet, certificate) as opened:
        for rpc in rpcs():
            if right(certificate, rpc.service) != "presents" or rpc.name in OWN or not _names_a_record(rpc):
                continue
            brief = (await refusal(call(opened[rpc.server], rpc, _about(scene, rpc, stranger), await stranger.metadata()))).brief
            if brief[0] not in {"PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"}:
                answered.append((rpc.path, brief))
    assert answered == []


_NAMES = {"record", "parent", "name", "document"}


def _names_a_record(rpc: Rpc) -> bool:
    return bool(_NAMES & set(rpc.request.DESCRIPTOR.fields_by_name))


def _about(scene: Scene, rpc: Rpc, stranger: UserSession) -> Message:
    """A well-formed request about her."""
    record, fields = scene.somebody.record, rpc.request.DESCRIPTOR.fields_by_name
    values: dict[str, Any] = {
        "request_id": request_id(),
        "record": record,
        "parent": record,
        "document": scene.document,
        "name": _thing(scene, rpc),
    }
    facts = {"name": scene.document, "document_class": "10", "document_type": "11502-2"}
    values |= {"professional": scene.stranger.subject, "grantee": scene.stranger.subject}
    if "document" in fields and fields["document"].message_type is not None:
        values["document"] = facts
    values["documents"], values["attending_physician"] = [facts], scene.stranger.subject
    values["reader"] = {"name": scene.doctor.subject, "purpose": TREATMENT}
    request = rpc.request(**{field: value for field, value in values.items() if field in fields})
    if "purpose" in fields:
        request.purpose = stranger.purpose  # type: ignore[attr-defined]  # a field of the message
    if "preferences" in fields:
        request.preferences.add(kind=NoticeKind.NOTICE_KIND_FIRST_ACCESS)  # type: ignore[attr-defined]
    return request


def _thing(scene: Scene, rpc: Rpc) -> str:
    """What `name` means to an RPC."""
    record = scene.somebody.record
    if "Document" in rpc.name:
        return scene.document
    if "Authorisation" in rpc.name:
        return f"{record}/authorisations/{'a' * 26}"
    if rpc.name == "AllowDeposit":
        return f"{record}/depositOppositions/{'a' * 26}"
    return f"{record}/emergencyEpisodes/{'a' * 26}" if "Emergency" in rpc.name else record
