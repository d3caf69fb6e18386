"""The step in hand of what is traced: what a call to another service or to a store hangs its span below.

A step is a span that is being recorded. Whoever may add one asks `present()` first, which reads one context variable: None for a call
that is not sampled, and then nothing is built. The context variable follows the work into tasks, and with motor into threads. Work that is
done once for several calls (`shared`) or later than they (`following`) links to their spans.
Refuses to hang anything below a step that has ended: a task that a call left behind is no part of it.
"""

import random
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode, Tracer, set_span_in_context

from carnet_platform.telemetry.registry import FOLLOWING_WORK, SHARED_WORK, SpanType

MOST_LINKS: Final = 32
Attributes = Mapping[str, str | int]


class Origin(NamedTuple):
    """A span that later work may link to."""

    tracer: Tracer
    context: SpanContext


class Step:
    """One span that is being recorded."""

    __slots__ = ("_tracer", "commands", "is_over", "span")

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self.span = span
        self.commands: dict[Hashable, Step] = {}
        """Commands of a store that are under way; those of which no end is told were cancelled, and end with this step."""
        self.is_over = False

    @property
    def origin(self) -> Origin:
        """This step, for later work to link to."""
        return Origin(self._tracer, self.span.get_span_context())

    @property
    def traceparent(self) -> str:
        """W3C trace context to send with what this step asks of others."""
        context = self.span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"

    def begin(self, kind: SpanType, name: str, attributes: Attributes | None = None, links: Iterable[Origin] = ()) -> "Step":
        """A step below this one; whoever begins it ends it."""
        linked = [Link(origin.context) for origin in links]
        span = self._tracer.start_span(name, set_span_in_context(self.span, Context()), kind.kind, attributes, linked)
        return Step(self._tracer, span)

    def end(self, error: str = "") -> None:
        """End it; `error` is a class or a status by name, never a message."""
        if error:
            self.span.set_attribute("error.type", error)
            self.span.set_status(Status(StatusCode.ERROR))
        self.is_over = True
        for command in list(self.commands.values()):
            command.end("cancelled")
        self.span.end()


_present: ContextVar[Step | None] = ContextVar("carnet_step", default=None)


def present() -> Step | None:
    """The step in hand; None when nothing is traced."""
    step = _present.get()
    return None if step is None or step.is_over else step


def enter(step: Step) -> None:
    """Make `step` the one in hand for the rest of this task."""
    _present.set(step)


@contextmanager
def within(step: Step) -> Iterator[Step]:
    """Do the block as `step`, and end it."""
    token = _present.set(step)
    try:
        yield step
    except BaseException as error:
        step.end(type(error).__name__)
        raise
    else:
        step.end()
    finally:
        _present.reset(token)


@contextmanager
def shared(name: str, waiting: Iterable[Step | None]) -> Iterator[None]:
    """Do the block for several who wait: a step of the first of them that is traced, with links to the others."""
    steps = [step for step in waiting if step is not None]
    if not steps:
        yield
        return
    with within(steps[0].begin(SHARED_WORK, name, links=[step.origin for step in steps[1 : MOST_LINKS + 1]])):
        yield


@contextmanager
def following(name: str, origins: Iterable[Origin]) -> Iterator[None]:
    """Do the block as a trace of its own with links to what caused it; untraced when nothing of that was traced."""
    causes = list({origin.context.span_id: origin for origin in origins}.values())[:MOST_LINKS]
    if not causes:
        yield
        return
    tracer = causes[0].tracer
    span = tracer.start_span(name, Context(), FOLLOWING_WORK.kind, links=[Link(origin.context) for origin in causes])
    with within(Step(tracer, span)):
        yield


class ChosenIds(IdGenerator):
    """Trace and span ids: random, or those that were chosen for the next span before anybody knew that it would be built.

    Never digits alone: such an id could be somebody's number, and no service of ours would follow it.
    """

    def __init__(self) -> None:
        self._chosen: ContextVar[tuple[int, int] | None] = ContextVar("carnet_chosen_ids", default=None)

    @contextmanager
    def choose(self, trace_id: int, span_id: int) -> Iterator[None]:
        """Give these to the span that the block starts."""
        token = self._chosen.set((trace_id, span_id))
        try:
            yield
        finally:
            self._chosen.reset(token)

    def generate_trace_id(self) -> int:
        """The one chosen, or a new one."""
        chosen = self._chosen.get()
        return new_trace_id() if chosen is None else chosen[0]

    def generate_span_id(self) -> int:
        """The one chosen, or a new one."""
        chosen = self._chosen.get()
        return new_span_id() if chosen is None else chosen[1]


def new_trace_id() -> int:
    """128 random bits that are no number in hexadecimal: a name, not a secret."""
    while f"{(made := random.getrandbits(128)):032x}".isdecimal():
        continue
    return made


def new_span_id() -> int:
    """64 random bits that are no number in hexadecimal; one in 1800 would be."""
    while f"{(made := random.getrandbits(64)):016x}".isdecimal():
        continue
    return made
