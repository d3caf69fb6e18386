"""What consent believes of identity's answers about mandates: an answer that is late, odd or about somebody else opens nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from carnet.identity.v1 import mandate_reference_service_pb2 as pb
from carnet.identity.v1 import mandate_reference_service_pb2_grpc as pb_grpc
from carnet.identity.v1 import mandate_service_pb2 as mandates
from carnet_consent.clients.identity import IdentityClient
from carnet_consent.domain.asker import Asker
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_consent.usecases.mandates import StandingMandates
from google.protobuf.timestamp_pb2 import Timestamp

END = datetime(2030, 1, 1, tzinfo=UTC)
SAID = Mandate("mandates/m", "patients/child", MandateKind.MINOR_REPRESENTATION, END)
MOTHER = Asker("patients/mother", "REPRESENTATIVE", "", "PATIENT_REQUEST", mandate=SAID)
Answer = Callable[[], Awaitable[pb.CheckMandateResponse]]


class Identity(pb_grpc.MandateReferenceServiceServicer):
    """Answers as it is told to."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def CheckMandate(self, request: pb.CheckMandateRequest, context: Any) -> pb.CheckMandateResponse:  # noqa: ANN401, N802
        """The answer."""
        del request, context
        return await self._answer()


def good(**changes: object) -> pb.CheckMandateResponse:
    """The mandate in force."""
    end = Timestamp()
    end.FromDatetime(END)
    fields: dict[str, Any] = {
        "in_force": True,
        "holder": "patients/child",
        "mandatary": "patients/mother",
        "kind": mandates.MANDATE_KIND_MINOR_REPRESENTATION,
        "end_time": end,
        "hidden_structures": ["structures/s"],
    }
    return pb.CheckMandateResponse(**(fields | changes))


@asynccontextmanager
async def asking(answer: Answer) -> AsyncIterator[StandingMandates]:
    """Consent asking an identity that answers so."""
    server = grpc.aio.server()
    pb_grpc.add_MandateReferenceServiceServicer_to_server(Identity(answer), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = pb_grpc.MandateReferenceServiceStub(channel)
        peer: Any = lambda: stub  # noqa: E731  # a peer gives its stub
        yield StandingMandates(IdentityClient(peer, peer, peer))
    await server.stop(0)


async def stands(**changes: object) -> Mandate | None:
    """The mandate as consent takes it from an answer."""

    async def answer() -> pb.CheckMandateResponse:
        return good(**changes)

    async with asking(answer) as standing:
        return (await standing.now(MOTHER)).mandate


async def test_a_mandate_in_force_comes_with_what_is_hidden() -> None:
    assert await stands() == Mandate(
        "mandates/m", "patients/child", MandateKind.MINOR_REPRESENTATION, END, hidden_structures=("structures/s",)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"in_force": False},
        {"mandatary": "patients/somebody"},
        {"mandatary": ""},
        {"holder": "patients/somebody"},
        {"holder": ""},
        {"kind": mandates.MANDATE_KIND_ADULT_REPRESENTATION},
        {"kind": mandates.MANDATE_KIND_UNSPECIFIED},
        {"kind": 9},
    ],
    ids=repr,
)
async def test_an_answer_about_somebody_else_or_of_an_unknown_kind_opens_nothing(changes: dict[str, object]) -> None:
    """Promise 3: a lying or newer identity."""
    assert await stands(**changes) is None


async def test_the_earlier_of_both_ends_counts() -> None:
    later, earlier = Timestamp(), Timestamp()
    later.FromDatetime(END.replace(year=2031))
    earlier.FromDatetime(END.replace(year=2029))
    for end, expected in ((later, END), (earlier, END.replace(year=2029)), (None, END)):
        found = await stands(end_time=end)
        assert found is not None
        assert found.end == expected


async def test_an_identity_that_hangs_decides_nothing() -> None:
    """Promise 3: the caller's deadline ends the waiting, and with an error rather than an answer."""
    reached = asyncio.Event()

    async def never() -> pb.CheckMandateResponse:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with asking(never) as standing:
        asked = asyncio.create_task(standing.now(MOTHER))
        await reached.wait()
        done, _ = await asyncio.wait([asked], timeout=0.2)
        assert not done
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked


async def test_nobody_else_is_asked_about() -> None:
    async def unasked() -> pb.CheckMandateResponse:
        raise AssertionError

    async with asking(unasked) as standing:
        for asker in (Asker("patients/p", "PATIENT", "", "PATIENT_REQUEST"), Asker("patients/p", "CAREGIVER", "", "PATIENT_REQUEST")):
            assert await standing.now(asker) is asker
