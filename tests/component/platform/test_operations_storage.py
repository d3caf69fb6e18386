"""Operations at rest: believed against whoever edits the store, the reason in nobody's sight."""

from datetime import timedelta
from typing import Any

import pytest
from carnet_platform.envelope import EnvelopeError
from carnet_platform.operations import State
from component.platform.replicas import REASON, THIRD, Open
from structlog.testing import capture_logs

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)


@BOTH_DRIVERS
@pytest.mark.parametrize("edit", [{"state": "APPROVED"}, {"proposer": THIRD}, {"target": "things/b"}, {"is_provisional": True}])
async def test_an_edited_operation_is_not_believed_and_alarms_once(replicas: Open, edit: dict[str, Any]) -> None:
    """C8: a hand in the store approves nothing."""
    replica = await replicas()
    proposed, other = await replica.propose(), await replica.propose(target="things/c")
    await replica.database["operations"].update_one({"_id": proposed.id}, {"$set": edit})

    assert await replica.later(timedelta(seconds=30)) == ["operation.seal_broken"]
    assert await replica.later(timedelta(seconds=30)) == []

    with pytest.raises(EnvelopeError):
        await replica.approve(proposed)
    assert [one.id for one in (await replica.operations.page(0, ""))[0]] == [other.id]
    assert replica.work.runs == 0


@BOTH_DRIVERS
async def test_an_operation_set_back_with_its_seal_is_not_acted_on(replicas: Open) -> None:
    """C8: what was declined cannot be approved by whoever puts the earlier row back."""
    replica = await replicas()
    proposed = await replica.propose()
    before = await replica.database["operations"].find_one({"_id": proposed.id})
    await replica.decline(proposed)
    await replica.database["operations"].replace_one({"_id": proposed.id}, before)

    with capture_logs() as logged, pytest.raises(EnvelopeError):
        await replica.approve(proposed)
    assert [line["event"] for line in logged] == ["operation.rolled_back"]
    assert replica.work.runs == 0


async def test_the_reason_does_not_stand_in_clear(replicas: Open) -> None:
    """Canary: an operator may write a name into it although he should not."""
    replica = await replicas()
    await replica.propose()
    for name in ("operations", "requests", "changes"):
        async for row in replica.database[name].find({}):
            assert REASON.encode() not in repr(row).encode()


async def test_a_work_that_cannot_begin_leaves_nothing_of_the_approval(replicas: Open) -> None:
    replica = await replicas()
    proposed = await replica.propose()
    replica.work.cannot_begin = True
    with pytest.raises(LookupError):
        await replica.approve(proposed)
    assert await replica.state(proposed) is State.PROPOSED
    assert (await replica.work.counted(proposed, "begun"), await replica.revisions(proposed)) == (0, 1)
