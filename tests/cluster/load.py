"""Load as several practices make it at once: each with connections and sessions of its own, every request and how it ended kept.

A request is sent with `carnet_client`, whose channels send a call again by themselves when the service is UNAVAILABLE (`RETRIES`). What is
still UNAVAILABLE after that is sent again as a whole, as the refusal asks, until the request's own deadline: then, or at any other
refusal, it has failed. The number of requests and their rate are bounded.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import grpc
import httpx
from carnet.audit.v1.audit_reader_service_pb2 import ListAccessHistoryRequest
from carnet.consent.v1.record_service_pb2 import GetRecordRequest
from carnet.identity.v1.directory_service_pb2 import LookupProfessionalRequest
from carnet_client import Refused, UserSession
from carnet_dev.demo.cast import Cast
from carnet_dev.local_run import LocalRun
from support.answers import Answer, refusal_or_none
from support.people import HERSELF, TREATMENT, Somebody, invented, with_record
from support.waiting import elapsed, eventually, eventually_given

PRACTICES = 4
MOST_REQUESTS = 10_000
"""Of one load: nothing runs for ever."""
PAUSE = timedelta(milliseconds=100)
"""Of a practice, between two requests."""
DEADLINE = timedelta(seconds=60)
"""Of one request, all its tries together."""
FIRST_WAIT, LONGEST_WAIT = timedelta(milliseconds=200), timedelta(seconds=2)
"""Before a request is sent again, when the refusal does not say."""
# Every service at each turn; one request in eight is kept for ever, so that reading all of it back stays short.
TURN = ("deposit", "read", "record", "professional", "read", "history", "read", "record")


@dataclass(frozen=True)
class Outcome:
    """How one request ended. `began` is in monotonic seconds."""

    what: str
    began: float
    seconds: float
    tries: int
    failure: str = ""
    """Code and reason; empty when it was answered."""


@dataclass
class Practice:
    """A doctor and a patient of hers, at a practice with its own connections, and what the practice was told is kept."""

    doctor: UserSession
    herself: UserSession
    somebody: Somebody
    rpps: str
    acknowledged: dict[str, bytes] = field(default_factory=dict)
    """What was deposited, by the name in the receipt."""

    async def do(self, what: str, number: int) -> None:
        """One request of a turn. Raises what the client raises; `number` names a deposit, the same at each try."""
        record = self.somebody.record
        if what == "deposit":
            content = self.somebody.document(number)
            receipt = await self.doctor.deposit(record, content)
            assert self.acknowledged.setdefault(receipt.entry.name, content) == content, "two documents were given one name"
        elif what == "read":
            await self.check_kept(next(reversed(self.acknowledged)))
        elif what == "record":
            request = GetRecordRequest(name=record)
            await self.herself.connection.records.GetRecord(request, metadata=await self.herself.metadata(), timeout=10)
        elif what == "professional":
            await self.doctor.connection.directory.LookupProfessional(LookupProfessionalRequest(rpps=self.rpps), timeout=10)
        else:
            page = ListAccessHistoryRequest(record=record, page_size=5)
            await self.herself.connection.history.ListAccessHistory(page, metadata=await self.herself.metadata(), timeout=10)

    async def check_kept(self, name: str) -> None:
        """Read what was acknowledged back, byte by byte."""
        assert (await self.doctor.read(name)).content == self.acknowledged[name], "a document came back other than it was sent"

    async def check_everything_kept(self) -> None:
        """The record shows exactly what was acknowledged, each once, and all of it reads back."""
        shown = [entry.name for entry in await self.doctor.search(self.somebody.record)]
        assert sorted(shown) == sorted(self.acknowledged)
        for name in self.acknowledged:
            await self.check_kept(name)


class Load:
    """Requests of several practices, one after another in each. Made by `under_load`."""

    def __init__(self, practices: list[Practice], pause: timedelta = PAUSE, deadline: timedelta = DEADLINE) -> None:
        self.practices = practices
        self.outcomes: list[Outcome] = []
        self.begun = 0
        self._pause, self._deadline = pause, deadline
        self._is_over = False
        self._working: list[asyncio.Task[None]] = []

    @property
    def failed(self) -> list[Outcome]:
        """Requests without an answer."""
        return [one for one in self.outcomes if one.failure]

    @property
    def sent_again(self) -> list[Outcome]:
        """Requests that the channels' own retries did not see through."""
        return [one for one in self.outcomes if one.tries > 1]

    def start(self) -> None:
        """Begin."""
        self._working = [asyncio.create_task(self._work(practice)) for practice in self.practices]

    async def end(self) -> None:
        """Begin no more requests; return once each that was begun has ended. Raises what went wrong with a worker itself."""
        self._is_over = True
        await asyncio.gather(*self._working)

    async def goes_on(self, patience: timedelta = DEADLINE * 2) -> None:
        """Return once every practice has had a whole turn of requests answered that began after now."""
        since, needed = time.monotonic(), len(self.practices) * len(TURN)

        def has_gone_on() -> bool:
            self._check_working()
            return sum(one.began >= since and not one.failure for one in self.outcomes) >= needed

        await eventually(has_gone_on, patience)

    def check_all_answered(self) -> None:
        """Nothing that was asked is without its answer."""
        assert len(self.outcomes) == self.begun, f"{self.begun - len(self.outcomes)} requests never ended"
        assert self.failed == [], self.told()

    async def check_nothing_lost(self) -> None:
        """Everything acknowledged is there, once and unchanged."""
        await asyncio.gather(*(practice.check_everything_kept() for practice in self.practices))

    def told(self) -> str:
        """The figures, in one line."""
        slowest = max((one.seconds for one in self.outcomes), default=0.0)
        failures = Counter(f"{one.what}: {one.failure}" for one in self.failed)
        again = Counter(one.what for one in self.sent_again)
        return f"{len(self.outcomes)} requests, sent again {dict(again)}, slowest {slowest:.1f} s, failed {dict(failures)}"

    async def _work(self, practice: Practice) -> None:
        number = 0
        while not self._is_over and self.begun < MOST_REQUESTS:
            what = TURN[number % len(TURN)]
            self.begun += 1
            if what == "read" and not practice.acknowledged:  # its first deposit failed, which is told
                what = "record"
            self.outcomes.append(await self._asked(what, lambda what=what, number=number: practice.do(what, number)))  # type: ignore[misc]
            number += 1
            await elapsed(self._pause.total_seconds())

    async def _asked(self, what: str, call: Callable[[], Awaitable[None]]) -> Outcome:
        began, tries, failure = time.monotonic(), 0, ""
        refused: Answer | None = None
        try:
            async with asyncio.timeout(self._deadline.total_seconds()):
                while (tries := tries + 1) and (refused := await _refusal(call)) is not None:
                    if refused.code != "UNAVAILABLE":
                        failure = f"{refused.code} {refused.reason}"
                        break
                    await elapsed(_wait(refused, tries).total_seconds())
        except TimeoutError:
            failure = f"no answer within {self._deadline.total_seconds():g} s" + (f", last {' '.join(refused.brief)}" if refused else "")
        return Outcome(what, began, time.monotonic() - began, tries, failure)

    def _check_working(self) -> None:
        """A worker that ended too early says why here, not only at the end."""
        for one in self._working:
            if one.done() and not self._is_over:
                one.result()
                raise AssertionError(f"the load ended by itself: {self.told()}")


async def _refusal(call: Callable[[], Awaitable[None]]) -> Answer | None:
    """How a request was refused, if it was. A login needs the identity provider besides, which is none of ours and may be away."""
    try:
        return await refusal_or_none(call())
    except httpx.TransportError:
        return Answer("UNAVAILABLE", "", "the identity provider does not answer")


def _wait(refused: Answer, tries: int) -> timedelta:
    """As the refusal asks, else a little longer each time."""
    return refused.retry_after or min(FIRST_WAIT * 2.0 ** (tries - 1), LONGEST_WAIT)


@asynccontextmanager
async def under_load(run: LocalRun, practices: int = PRACTICES, pause: timedelta = PAUSE) -> AsyncIterator[Load]:
    """A load that has begun; ended afterwards, whatever happened."""
    async with AsyncExitStack() as stack:
        casts = [await stack.enter_async_context(Cast(run.folder)) for _ in range(practices)]
        load = Load([await _practice(cast) for cast in casts], pause)
        load.start()
        try:
            await load.goes_on()
            yield load
        finally:
            await load.end()


async def _practice(cast: Cast) -> Practice:
    alice = await cast.member("alice")
    doctor = await _logged_in(lambda: cast.session("alice", "software/gp", TREATMENT, alice.structure))
    somebody = await with_record(doctor, invented())
    herself = await _logged_in(lambda: cast.session(f"ins:{somebody.ins}", "portal", HERSELF))
    return Practice(doctor, herself, somebody, alice.rpps)


async def _logged_in(log_in: Callable[[], Awaitable[UserSession]]) -> UserSession:
    """Log in, again and again: what leads to a cluster's identity provider ends with its pod, and hears of that with the next request."""

    def is_passing(error: Exception) -> bool:
        is_refused_for_now = isinstance(error, Refused) and error.code is grpc.StatusCode.UNAVAILABLE
        return is_refused_for_now or isinstance(error, httpx.TransportError)

    return await eventually_given(log_in, is_passing)
