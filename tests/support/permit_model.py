"""A small explicit-state model of permits and acknowledgements (docs/architecture.md, "The read path", step 3), explored without gaps.

One withdrawal is committed and acknowledged by a writer; one holder asks for permits, keeps them, and answers reads under them. Between any
two steps any time may pass, which stands for every delay, pause and slowness; holder and writer may crash. Holders share nothing but the
store, so what many could do wrong one could. Time is counted in units of 101 ms: a permit is usable for 4 (400 ms on a clock that is slow
by 1 %), a hand-over goes unnoticed for one more (100 ms), an acknowledgement waits for 5 (505 ms).
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

Trace = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Protocol:
    """The protocol, and the mistakes that could be made in it."""

    usable: int = 4
    """Units for which a permit may be used."""
    unnoticed: int = 1
    """Units after that in which a hand-over is not noticed to be late."""
    wait: int = 5
    """Units between the commit of a withdrawal and its acknowledgement."""
    has_barrier: bool = True
    """Whether a decision reads after a barrier write begun after the request came. Without it the read may be stale."""
    counts_from_sending: bool = True
    """Whether a permit's time begins when its request was sent; otherwise when the answer came."""
    checks_before_each: bool = True
    """Whether the permit is checked before each hand-over; otherwise only when the read begins."""
    repeated_waits: bool = True
    """Whether a repeated request for a withdrawal already committed waits as the first did."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything at an instant. An age is in units; None stands for nothing."""

    committed: int | None = None
    """Since the writer that is at work saw the withdrawal committed."""
    is_withdrawn: bool = False
    is_acknowledged: bool = False
    is_writer_down: bool = False
    asked: int | None = None
    """Since a request for a permit was sent."""
    read_at: str = ""
    """How far that request is: "" on its way, "behind the barrier", "permit" or "denial" on its way back."""
    saw: bool = False
    """Behind the barrier: whether the withdrawal was committed before it."""
    permit: int | None = None
    """Since the permit in hand counts."""
    read: str = ""
    """The read in hand: "" for none, "earlier" or "later" than the acknowledgement."""
    message: int | None = None
    """A message that was checked and not yet handed over: the age of its permit."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an exploration met."""

    states: int
    violation: Trace | None
    """The shortest way to a violation; None when there is none."""
    met: frozenset[str]
    """What happened on some way."""


def explore(protocol: Protocol) -> Found:
    """Visit every state that can be reached, nearest first, and stop at a violation."""
    begin = State()
    came_from: dict[State, tuple[State, str] | None] = {begin: None}
    waiting, met = deque([begin]), set[str]()
    while waiting:
        state = waiting.popleft()
        for name, after in _steps(protocol, state):
            met.add(name)
            if name.startswith("VIOLATION"):
                return Found(len(came_from), (*_way(came_from, state), name), frozenset(met))
            if after not in came_from:
                came_from[after] = (state, name)
                waiting.append(after)
    return Found(len(came_from), None, frozenset(met))


def _way(came_from: dict[State, tuple[State, str] | None], state: State) -> Trace:
    names: list[str] = []
    while (before := came_from[state]) is not None:
        state, name = before
        names.append(name)
    return tuple(reversed(names))


def _steps(protocol: Protocol, state: State) -> Iterator[tuple[str, State]]:
    yield "time passes", _older(protocol, state)
    yield from _writer(protocol, state)
    yield from _asking(protocol, state)
    yield from _reading(protocol, state)
    if state.asked is not None or state.permit is not None or state.read:
        yield "the holder crashes", replace(state, asked=None, read_at="", saw=False, permit=None, read="", message=None)


def _older(protocol: Protocol, state: State) -> State:
    """One unit later. What is too old to matter stays as it is, so that there is an end."""
    oldest = max(protocol.usable + protocol.unnoticed, protocol.wait)
    permit = _aged(state.permit, protocol.usable)
    return replace(
        state,
        committed=_aged(state.committed, protocol.wait),
        asked=_aged(state.asked, oldest),
        permit=None if permit == protocol.usable else permit,  # usable no longer: as good as none
        message=_aged(state.message, oldest),
    )


def _aged(age: int | None, oldest: int) -> int | None:
    return None if age is None else min(age + 1, oldest)


def _writer(protocol: Protocol, state: State) -> Iterator[tuple[str, State]]:
    if not state.is_withdrawn:
        yield "the withdrawal is committed", replace(state, is_withdrawn=True, committed=0)
    elif state.is_writer_down:
        waited = 0 if protocol.repeated_waits else protocol.wait
        yield "the withdrawal is asked for again", replace(state, is_writer_down=False, committed=waited)
    elif not state.is_acknowledged and state.committed is not None:
        yield "the writer crashes", replace(state, is_writer_down=True, committed=None)
        if state.committed >= protocol.wait:
            yield "the withdrawal is acknowledged", replace(state, is_acknowledged=True, committed=None)


def _asking(protocol: Protocol, state: State) -> Iterator[tuple[str, State]]:
    if state.asked is None:
        yield "a permit is asked for", replace(state, asked=0, read_at="", saw=False)
    elif state.read_at == "":
        yield "the barrier is written", replace(state, read_at="behind the barrier", saw=state.is_withdrawn and protocol.has_barrier)
    elif state.read_at == "behind the barrier":
        # The find sees all that was committed before the barrier, and perhaps what was committed since.
        for sees in {state.saw, state.is_withdrawn}:
            yield "consent decides", replace(state, read_at="denial" if sees else "permit", saw=False)
    else:
        permit = None
        if state.read_at == "permit":
            age = state.asked if protocol.counts_from_sending else 0
            permit = age if age < protocol.usable else None
        yield "the decision arrives", replace(state, asked=None, read_at="", permit=permit)


def _reading(protocol: Protocol, state: State) -> Iterator[tuple[str, State]]:
    if not state.read:
        is_checked = protocol.checks_before_each or state.permit is not None
        if is_checked:
            yield "a read begins", replace(state, read="later" if state.is_acknowledged else "earlier")
    elif state.message is None:
        yield "the read ends", replace(state, read="")
        if state.permit is not None:
            yield "a message is checked", replace(state, message=state.permit)
        elif not protocol.checks_before_each:
            yield "a message is not checked", replace(state, message=protocol.usable)
    else:
        yield from _handing_over(protocol, state, state.message)


def _handing_over(protocol: Protocol, state: State, age: int) -> Iterator[tuple[str, State]]:
    is_noticed = age >= protocol.usable + protocol.unnoticed
    if not state.is_acknowledged:
        yield "a message is handed over", replace(state, message=None)
    elif state.read == "later":
        yield "VIOLATION: a read that began after the acknowledgement is answered", state
    elif is_noticed:
        yield "a message is handed over late, and it is noticed", replace(state, message=None)
    else:
        yield "VIOLATION: a message is handed over after the acknowledgement, and nobody notices", state
