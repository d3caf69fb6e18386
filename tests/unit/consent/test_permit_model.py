"""The protocol of permits and acknowledgements (architecture.md, promise 2; trial C4), in every state of a small model."""

from datetime import timedelta

import pytest
from carnet_consent.settings import ConsentSettings
from carnet_platform.permits import Permit
from support.hand_clock import HandClock
from support.permit_model import Protocol, explore

UNIT = timedelta(milliseconds=101)
SLOWEST = 1.01
"""How much longer than it says a permit lasts on the slowest clock."""


def test_no_read_that_begins_after_an_acknowledgement_is_answered() -> None:
    """C4: nor is a message handed over after it unnoticed."""
    found = explore(Protocol())

    assert found.violation is None, "\n".join(found.violation)
    assert found.states > 1_000


def test_the_model_meets_what_it_is_about() -> None:
    """C4: pauses, crashes and late hand-overs are among the ways."""
    assert explore(Protocol()).met >= {
        "a message is handed over",
        "a message is handed over late, and it is noticed",
        "the holder crashes",
        "the writer crashes",
        "the withdrawal is asked for again",
        "the withdrawal is acknowledged",
    }


@pytest.mark.parametrize(
    ("mistaken", "ends"),
    [
        (Protocol(wait=4), "nobody notices"),
        (Protocol(wait=3), "is answered"),
        (Protocol(has_barrier=False), "is answered"),
        (Protocol(counts_from_sending=False), "is answered"),
        (Protocol(checks_before_each=False), ""),
        (Protocol(unnoticed=2), "nobody notices"),
        (Protocol(repeated_waits=False), ""),
    ],
    ids=str,
)
def test_each_mistake_is_found(mistaken: Protocol, ends: str) -> None:
    """C4: the model can fail, and says how."""
    way = explore(mistaken).violation

    assert way is not None
    assert "the withdrawal is acknowledged" in way
    assert way[-1].startswith("VIOLATION")
    assert way[-1].endswith(ends)


def test_the_model_counts_what_the_settings_say() -> None:
    """A unit is 101 ms: 400 ms on the slowest clock are four, the grace is at most one, the wait is five."""
    model, fields = Protocol(), ConsentSettings.model_fields
    usable_for: timedelta = fields["permit_usable_for"].default
    acknowledge_after: timedelta = fields["acknowledge_after"].default

    assert usable_for * SLOWEST == model.usable * UNIT
    assert acknowledge_after == model.wait * UNIT


def test_a_permit_is_usable_and_late_when_the_model_says_so() -> None:
    """The platform's permit has the bounds of the model: usable before the fourth unit is over, late from the fifth."""
    clock = HandClock()
    permit = Permit(clock, clock.boottime(), timedelta(milliseconds=400), renew=_nothing, withdrawn=_nothing, late=_nothing)
    sent, model = clock.seconds, Protocol()
    for units in range(8):
        clock.seconds = sent + units * UNIT.total_seconds() / SLOWEST
        assert permit.is_usable() == (units < model.usable)
        assert permit.is_late() == (units >= model.usable + model.unnoticed)


async def _nothing() -> None:
    """Nothing to do."""
