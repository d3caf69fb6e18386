"""Fixtures of the platform's components."""

from typing import Any

import pytest
from carnet_platform.changes import ChangeLog
from carnet_platform.idempotency import Requests
from carnet_platform.operations import Operation, Operations, OperationStore, Step, Times
from component.platform.replicas import Open, Replica, Switch
from support.hand_clock import HandClock
from support.journals import some_keys


@pytest.fixture
def replicas(database: tuple[Any, Any]) -> Open:
    """Opens another replica on the same store."""
    clock, keys = HandClock(), some_keys()

    async def open_one() -> Replica:
        client, store = database
        told, work = list[tuple[Step, Operation]](), Switch(store["work"])
        changes = await ChangeLog.open(store, keys)

        def tell(step: Step, operation: Operation) -> bytes:
            told.append((step, operation))
            return f"{step} {operation.name}".encode()

        operations = Operations(
            client,
            await OperationStore.open(store, keys, changes),
            changes,
            await Requests.open(store, keys),
            {"stop": work},
            tell,
            keys=keys,
            clock=clock,
            times=Times(),
        )
        return Replica(client, store, changes, operations, work, clock, told)

    return open_one
