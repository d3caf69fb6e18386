"""Questions to a store gathered: those that come while a round trip is under way share the next one.

Without a timer: a question that finds nothing under way is asked at once. Promises that each is asked in a round trip begun after it
came, so that what it is told is as new as if it had been asked alone; that nobody is told what another asked, unless both asked the
very same; that whoever goes away takes nothing from the others; and that those who came first are asked first.
Fails closed: a round trip that fails or takes too long fails all who share it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Generic, TypeVar

from carnet_platform.errors import Unavailable
from carnet_platform.telemetry.steps import Step, present, shared

PATIENCE: Final = timedelta(seconds=2)
"""How long one round trip may take."""
MOST: Final = 32
"""Questions in one round trip."""

QuestionT = TypeVar("QuestionT")
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[QuestionT, AnswerT]):
    """Somebody who asks; ``step`` is that of a sampled call."""

    key: str
    question: QuestionT
    answer: "asyncio.Future[AnswerT]"
    step: Step | None


class Gathering(Generic[QuestionT, AnswerT]):
    """Asks for many at once. ``ask_all`` gets questions by key and answers every key."""

    def __init__(
        self,
        ask_all: Callable[[Mapping[str, QuestionT]], Awaitable[Mapping[str, AnswerT]]],
        *,
        most: int = MOST,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._ask_all, self._most, self._patience = ask_all, most, patience
        self._waiting: list[_Waiting[QuestionT, AnswerT]] = []
        self._asking: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many wait for the next round trip."""
        return len(self._waiting)

    async def ask(self, key: str, question: QuestionT) -> AnswerT:
        """The answer. A round trip holds a key once: another question under the same key waits for the next.

        Raises what the round trip raised, or Unavailable when it took too long.
        """
        one: _Waiting[QuestionT, AnswerT] = _Waiting(key, question, asyncio.get_running_loop().create_future(), present())
        self._waiting.append(one)
        if self._asking is None:
            # In a context of its own: it serves others too, and inherits neither the call nor the trace of the first.
            self._asking = asyncio.create_task(self._ask_until_none_waits(), context=Context())
        return await one.answer

    async def _ask_until_none_waits(self) -> None:
        asked: list[_Waiting[QuestionT, AnswerT]] = []
        try:
            while asked := self._take():
                await self._ask_for(asked)
        except BaseException:
            _fail([*asked, *self._waiting], Unavailable("DEPENDENCY_UNAVAILABLE", "this process is stopping"))
            self._waiting.clear()
            raise
        finally:
            self._asking = None

    def _take(self) -> list[_Waiting[QuestionT, AnswerT]]:
        """Who shares the next round trip; whoever has gone away is left out."""
        questions: dict[str, QuestionT] = {}
        taken: list[_Waiting[QuestionT, AnswerT]] = []
        left: list[_Waiting[QuestionT, AnswerT]] = []
        for one in self._waiting:
            if one.answer.done():
                continue
            fits = questions[one.key] == one.question if one.key in questions else len(questions) < self._most
            if fits:
                questions[one.key] = one.question
            (taken if fits else left).append(one)
        self._waiting = left
        return taken

    async def _ask_for(self, asked: list[_Waiting[QuestionT, AnswerT]]) -> None:
        try:
            with shared("shared round trip", (one.step for one in asked)):
                async with asyncio.timeout(self._patience.total_seconds()):
                    answers = await self._ask_all({one.key: one.question for one in asked})
        except TimeoutError:
            _fail(asked, Unavailable("DEPENDENCY_UNAVAILABLE", "a store does not answer", retry_after=timedelta(seconds=1)))
        except Exception as error:  # noqa: BLE001  # whatever it is, those who asked hear it
            _fail(asked, error)
        else:
            for one in asked:
                if not one.answer.done():
                    one.answer.set_result(answers[one.key])


def _fail(asked: list[_Waiting[QuestionT, AnswerT]], error: Exception) -> None:
    for one in asked:
        if not one.answer.done():
            one.answer.set_exception(error)
