"""What is told of a release that failed is told though the call that failed has nothing left."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from carnet_documents.domain.decision import Action, Allowed
from carnet_documents.domain.filter import DocumentFilter
from carnet_documents.usecases.decisions import HeldPermit
from carnet_documents.usecases.releasing import Releases, Told
from carnet_platform.calls import Call, Caller, User, current
from carnet_platform.clock import SystemClock
from carnet_platform.permits import Permit, Release, release
from support.journals import open_journal, some_keys
from support.waiting import eventually

CLOCK = SystemClock()


def overslept() -> None:
    """Be in a call whose deadline has passed."""
    user = User("professionals/p", "10", "", "", "TREATMENT", "sessions/s", "x", "t", "token", "d", datetime.now(UTC))
    current.set(Call("/m", "request", Caller("x", "t"), user, CLOCK.boottime() - 1, "", ""))
    release.set(Release())


@pytest.mark.parametrize("end", ["late", "withdrawn"])
@pytest.mark.parametrize("database", ["motor"], indirect=True)
async def test_a_release_too_late_is_recorded_by_a_call_that_has_no_time_left(database: tuple[Any, Any], end: str) -> None:
    """Promise 2."""
    overslept()
    journal = await open_journal(database[1], some_keys())
    unused = cast("Any", None)
    releases = Releases(unused, unused, journal, unused, CLOCK)
    allowed = Allowed(DocumentFilter(), timedelta(milliseconds=400), None, "rule", "patients/p")

    async def still_holds(_: HeldPermit) -> bool:
        return False

    releases.release(Told("r"), HeldPermit(allowed, 0.0, 0.4), still_holds, Action.READ)
    permit = cast("Permit", release.get().permit)
    with pytest.raises(TimeoutError):
        # The call ends in the same instant.
        async with asyncio.timeout(0):
            await {"late": permit.late, "withdrawn": permit.withdrawn}[end]()
    await eventually(lambda: journal.next_seq == 1)
    await journal.close()
