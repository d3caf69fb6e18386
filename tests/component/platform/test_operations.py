"""What takes two people: approved by another, begun once, carried out whoever dies."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from carnet_platform.errors import AlreadyExists, Denied, FailedPrecondition, InvalidArgument, NotFound, Refusal, Unavailable
from carnet_platform.operations import Operation, Proposal, State, Step
from component.platform.replicas import FIRST, REASON, SECOND, THIRD, Open
from support.drivers import AT_LENGTH_ON_BOTH
from support.waiting import eventually

BOTH_DRIVERS = pytest.mark.parametrize("database", AT_LENGTH_ON_BOTH, indirect=True)


@BOTH_DRIVERS
async def test_another_approves_and_only_then_it_is_carried_out_once(replicas: Open) -> None:
    """docs/architecture.md, section 3: what stops something takes two persons, and is an event before it runs."""
    replica = await replicas()
    proposed = await replica.propose()
    assert (proposed.state, await replica.work.counted(proposed, "begun"), replica.work.runs) == (State.PROPOSED, 0, 0)

    with pytest.raises(Denied, match="SECOND_PERSON_REQUIRED"):
        await replica.approve(proposed, FIRST)
    done = await replica.approve(proposed)

    assert (done.state, done.proposer, done.approver) == (State.DONE, FIRST, SECOND)
    assert (await replica.work.counted(proposed, "begun"), replica.work.runs) == (1, 1)
    assert [step for step, _ in replica.told] == [Step.PROPOSED, Step.APPROVED, Step.DONE]
    assert await replica.revisions(proposed) == 3
    with pytest.raises(FailedPrecondition, match="STATE_FORBIDS"):
        await replica.approve(proposed, THIRD)


@BOTH_DRIVERS
async def test_the_event_of_the_approval_is_durable_before_it_runs(replicas: Open) -> None:
    replica = await replicas()
    proposed = await replica.propose()
    replica.work.may_run.clear()

    approving = asyncio.create_task(replica.approve(proposed))
    await eventually(lambda: replica.work.runs == 1)
    assert await replica.revisions(proposed) == 2
    assert await replica.state(proposed) is State.APPROVED
    assert not approving.done()

    replica.work.may_run.set()
    assert (await approving).state is State.DONE


@BOTH_DRIVERS
async def test_two_replicas_that_approve_at_once_begin_it_once(replicas: Open) -> None:
    first, second = await replicas(), await replicas()
    for _ in range(5):
        proposed = await first.propose()
        before = await first.work.counted(proposed, "begun")
        answers = await asyncio.gather(first.approve(proposed, SECOND), second.approve(proposed, THIRD), return_exceptions=True)

        [refused] = [answer for answer in answers if isinstance(answer, FailedPrecondition)]
        [done] = [answer for answer in answers if isinstance(answer, Operation)]
        assert (refused.reason, done.state) == ("STATE_FORBIDS", State.DONE)
        assert await first.work.counted(proposed, "begun") - before == 1
        assert await first.revisions(proposed) == 3


@BOTH_DRIVERS
async def test_what_a_dead_process_left_between_approval_and_completion_another_completes(replicas: Open) -> None:
    """R: a kill between approval and completion; it is done once, and begun once."""
    dying, living = await replicas(), await replicas()
    proposed = await dying.propose()
    dying.work.may_run.clear()
    approving = asyncio.create_task(dying.approve(proposed))
    await eventually(lambda: dying.work.runs == 1)
    approving.cancel()

    assert await living.later(timedelta(seconds=1)) == []
    assert living.work.runs == 0, "the approver may still be at it"
    await living.later(timedelta(seconds=10))
    await living.later(timedelta(seconds=10))

    assert await living.state(proposed) is State.DONE
    assert (living.work.runs, await living.work.counted(proposed, "begun"), await living.revisions(proposed)) == (1, 1, 3)


@BOTH_DRIVERS
async def test_what_does_not_answer_is_not_acknowledged_and_done_later(replicas: Open) -> None:
    replica = await replicas()
    proposed = await replica.propose()
    replica.work.failure = Unavailable("DEPENDENCY_UNAVAILABLE", "does not answer")
    with pytest.raises(Unavailable):
        await replica.approve(proposed, request_id="r1")
    assert await replica.state(proposed) is State.APPROVED

    replica.work.failure = None
    assert (await replica.approve(proposed, request_id="r1")).state is State.DONE
    assert await replica.work.counted(proposed, "begun") == 1


async def test_what_fails_over_and_over_is_an_alarm_and_keeps_no_other_waiting(replicas: Open) -> None:
    replica = await replicas()
    failing, other = await replica.propose(), await replica.propose(target="things/b")
    replica.work.failure = ValueError("a bug")
    for operation in (failing, other):
        with pytest.raises(ValueError, match="a bug"):
            await replica.approve(operation)

    assert await replica.later(timedelta(seconds=20)) == ["operation.failing"] * 2
    replica.work.failure = None
    assert await replica.later(timedelta(seconds=20)) == []
    assert {await replica.state(failing), await replica.state(other)} == {State.DONE}


@BOTH_DRIVERS
async def test_what_nobody_approves_in_time_lapses(replicas: Open) -> None:
    replica = await replicas()
    proposed = await replica.propose()
    replica.clock.seconds += timedelta(days=1).total_seconds()
    with pytest.raises(FailedPrecondition, match="STATE_FORBIDS"):
        await replica.approve(proposed)

    assert await replica.later(timedelta()) == []

    assert await replica.state(proposed) is State.EXPIRED
    assert replica.told[-1][0] is Step.EXPIRED
    assert await replica.work.counted(proposed, "undone") == 0
    with pytest.raises(FailedPrecondition, match="STATE_FORBIDS"):
        await replica.approve(proposed)


@BOTH_DRIVERS
async def test_a_provisional_one_runs_at_once_and_stays_when_another_confirms_it(replicas: Open) -> None:
    replica = await replicas()
    proposed = await replica.propose(is_provisional=True)
    assert (proposed.state, replica.work.runs, await replica.work.counted(proposed, "begun")) == (State.PROPOSED, 1, 1)
    assert proposed.done_time is not None

    for forbidden in (replica.approve, replica.decline):
        with pytest.raises(Denied, match="SECOND_PERSON_REQUIRED"):
            await forbidden(proposed, FIRST)
    assert (await replica.approve(proposed)).state is State.DONE

    assert (replica.work.runs, await replica.work.counted(proposed, "begun")) == (1, 1)
    assert await replica.later(timedelta(days=2)) == []
    assert await replica.work.counted(proposed, "undone") == 0


@BOTH_DRIVERS
async def test_a_provisional_one_that_nobody_confirms_is_undone_with_an_alarm(replicas: Open) -> None:
    replica, other = await replicas(), await replicas()
    proposed = await replica.propose(is_provisional=True)

    assert await other.later(timedelta(hours=23, minutes=59)) == []
    assert await other.later(timedelta(minutes=1)) == ["operation.unconfirmed"]
    assert await replica.later(timedelta(minutes=1)) == []

    assert await replica.state(proposed) is State.EXPIRED
    assert await replica.work.counted(proposed, "undone") == 1


@BOTH_DRIVERS
async def test_a_provisional_one_is_undone_when_another_declines_it(replicas: Open) -> None:
    replica = await replicas()
    proposed = await replica.propose(is_provisional=True)
    declined = await replica.decline(proposed)
    assert (declined.state, declined.approver, await replica.work.counted(proposed, "undone")) == (State.DECLINED, SECOND, 1)


async def test_a_provisional_one_begun_by_a_dead_process_is_carried_out_by_another(replicas: Open) -> None:
    dying, living = await replicas(), await replicas()
    dying.work.may_run.clear()
    proposing = asyncio.create_task(dying.propose(is_provisional=True))
    await eventually(lambda: dying.work.runs == 1)
    proposing.cancel()

    await living.later(timedelta(seconds=10))

    [operation] = (await living.operations.page(0, ""))[0]
    assert (operation.state, operation.done_time is not None, living.work.runs) == (State.PROPOSED, True, 1)


@BOTH_DRIVERS
async def test_a_retry_gets_the_first_answer_and_another_content_is_refused(replicas: Open) -> None:
    replica = await replicas()
    proposed = await replica.propose(request_id="r1")
    done = await replica.approve(proposed, request_id="r2")

    assert await replica.propose(request_id="r1") == proposed
    assert await replica.approve(proposed, request_id="r2") == done
    with pytest.raises(AlreadyExists, match="REQUEST_ID_REUSED"):
        await replica.operations.approve(replica.asked("Approve", SECOND, b"another", "r2"), proposed.id)
    assert len((await replica.operations.page(0, ""))[0]) == 1


async def test_a_proposer_takes_back_what_does_not_run_yet(replicas: Open) -> None:
    replica = await replicas()
    assert (await replica.decline(await replica.propose(), FIRST)).state is State.DECLINED


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"kind": "burn"}, InvalidArgument),
        ({"reason": " "}, InvalidArgument),
        ({"reason": "x" * 501}, InvalidArgument),
        ({"target": "things/unknown"}, NotFound),
    ],
)
async def test_what_cannot_be_done_is_refused_before_anybody_is_asked(
    replicas: Open, changes: dict[str, str], refusal: type[Refusal]
) -> None:
    replica = await replicas()
    good = Proposal(kind="stop", target="things/a", reason=REASON, proposer=FIRST)
    with pytest.raises(refusal):
        await replica.operations.propose(replica.asked("Propose", FIRST), replace(good, **changes))  # type: ignore[arg-type]  # texts
    assert await replica.operations.page(0, "") == ([], "")
    with pytest.raises(NotFound):
        await replica.operations.approve(replica.asked("Approve", SECOND), "unknown")


@BOTH_DRIVERS
async def test_pages_go_from_the_newest_to_the_oldest_and_their_tokens_are_ours(replicas: Open) -> None:
    replica, other = await replicas(), await replicas()
    made = []
    for number in range(5):
        replica.clock.seconds += number % 2
        made.append(await replica.propose())
    seen, token = list[Operation](), ""
    while True:
        page, token = await (other if token else replica).operations.page(2, token)
        seen += page
        if not token:
            break

    assert {one.id for one in seen} == {one.id for one in made}
    assert [one.propose_time for one in seen] == sorted((one.propose_time for one in made), reverse=True)
    for wrong in ("x", "é", "A" * 100):
        with pytest.raises(InvalidArgument, match="PAGE_TOKEN_INVALID"):
            await replica.operations.page(2, wrong)
    with pytest.raises(InvalidArgument, match="INVALID_FIELD"):
        await replica.operations.page(-1, "")
