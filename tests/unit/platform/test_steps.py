"""Steps of a trace: nothing is built that is not sampled, shared and later work links to what caused it, and ids are no numbers."""

import asyncio
import contextvars
import random

import pytest
from carnet_platform.telemetry import steps
from carnet_platform.telemetry.origins import KEPT, Origins
from carnet_platform.telemetry.registry import PEER_CALL
from carnet_platform.telemetry.steps import MOST_LINKS, ChosenIds, Step, enter, following, present, shared, within
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Tracing:
    """A tracer whose spans are kept."""

    def __init__(self) -> None:
        self.ids = ChosenIds()
        self._kept = InMemorySpanExporter()
        provider = TracerProvider(id_generator=self.ids)
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.tracer = provider.get_tracer("test")

    def step(self) -> Step:
        return Step(self.tracer, self.tracer.start_span("a"))

    @property
    def ended(self) -> list[ReadableSpan]:
        return list(self._kept.get_finished_spans())


@pytest.fixture
def tracing() -> Tracing:
    return Tracing()


def test_outside_of_a_sampled_call_nothing_is_built(tracing: Tracing) -> None:
    with shared("shared read", [None, None]), following("sequence", []):
        assert present() is None
    assert tracing.ended == []


async def test_what_a_call_left_behind_hangs_nothing_below_it(tracing: Tracing) -> None:
    step = tracing.step()

    async def left_behind() -> Step | None:
        return present()

    def start() -> asyncio.Task[Step | None]:
        enter(step)
        return asyncio.ensure_future(left_behind())

    task = contextvars.copy_context().run(start)
    step.end()
    assert await task is None


def test_work_for_several_is_a_step_of_the_first_that_is_traced_and_links_to_the_others(tracing: Tracing) -> None:
    calls = [tracing.step() for _ in range(MOST_LINKS + 10)]
    with shared("shared read", [None, *calls]):
        assert present() is not None
    (span,) = tracing.ended
    assert span.parent == calls[0].origin.context
    assert [link.context for link in span.links] == [call.origin.context for call in calls[1 : MOST_LINKS + 1]]


def test_later_work_is_a_trace_of_its_own_with_bounded_links(tracing: Tracing) -> None:
    calls = [tracing.step() for _ in range(MOST_LINKS + 10)]
    with within(tracing.step()), following("sequence", [one.origin for one in (*calls, *calls)]):
        pass
    span = tracing.ended[0]
    assert span.parent is None
    assert [link.context for link in span.links] == [call.origin.context for call in calls[:MOST_LINKS]]


def test_an_error_is_told_by_its_class_and_never_by_its_message(tracing: Tracing) -> None:
    with pytest.raises(ValueError, match="MARTIN"), within(tracing.step()):
        raise ValueError("MARTIN")
    (span,) = tracing.ended
    assert dict(span.attributes or {}) == {"error.type": "ValueError"}
    assert "MARTIN" not in span.to_json()


def test_a_command_whose_end_is_never_told_ends_as_cancelled_with_its_call(tracing: Tracing) -> None:
    call = tracing.step()
    call.commands["x"] = call.begin(PEER_CALL, "b")
    call.end()
    assert [(span.name, dict(span.attributes or {})) for span in tracing.ended] == [("b", {"error.type": "cancelled"}), ("a", {})]


def test_ids_can_be_chosen_before_a_span_is_built_and_only_for_that_span(tracing: Tracing) -> None:
    with tracing.ids.choose(2**127 + 10, 2**63 + 10):
        tracing.step().end()
    tracing.step().end()
    first, second = (span.get_span_context() for span in tracing.ended)
    assert first is not None
    assert second is not None
    assert (first.trace_id, first.span_id) == (2**127 + 10, 2**63 + 10)
    assert second.trace_id != first.trace_id


def test_an_id_is_never_digits_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could be somebody's number, and no service would follow it."""
    drawn = iter([0x1234567890123456, 0xA234567890123456, int("12" * 16, 16), int("ab" * 16, 16)])
    monkeypatch.setattr(random, "getrandbits", lambda _: next(drawn))
    assert steps.new_span_id() == 0xA234567890123456
    assert steps.new_trace_id() == int("ab" * 16, 16)


def test_origins_are_kept_up_to_a_bound_and_forgotten_when_shipped(tracing: Tracing) -> None:
    origins = Origins[int]()
    for number in range(KEPT + 5):
        origins.note(number, tracing.step())
    origins.note(-1, None)
    assert len(origins.of(range(-1, KEPT + 5))) == KEPT
    assert origins.of(range(5)) == []
    origins.forget(range(KEPT + 5))
    assert origins.of(range(KEPT + 5)) == []
