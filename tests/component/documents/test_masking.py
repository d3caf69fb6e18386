"""The answer to a masking is a release like any other: under a permit that has not ended, and on record."""

import asyncio
from typing import Any

import pytest
from carnet.common.v1 import error_reason_pb2 as reasons
from component.documents.conftest import Documents
from component.documents.neighbours import allow, deny
from component.documents.test_reading import both_drivers, deposit, refused
from support.waiting import eventually, eventually_answers


@both_drivers
async def test_every_answer_to_a_masking_is_on_record_before_it_is_given(documents: Documents) -> None:
    """Promise 1: the first answer, a retry, one that changed nothing, and an unmasking."""
    (name,) = await deposit(documents.client(), 1)
    clara, request_id = documents.clara(), "0b6f3a52-7e37-4d0e-9f60-2f6b8f0d8a11"

    await clara.mask(name, request_id=request_id)
    await clara.mask(name, request_id=request_id)
    await clara.mask(name)
    await clara.unmask(name)

    await eventually(lambda: documents.audit.kinds() == ["document.entry_read"] * 4)
    assert {(event.document, event.actor.subject) for event in documents.audit.events} == {(name, "patients/clara")}


@pytest.mark.parametrize("change", ["deny", "hide"])
async def test_a_permission_that_ended_while_the_masking_waited_releases_nothing(documents: Documents, change: str) -> None:
    """Promise 2: the permit of the change ended 100 ms before its answer."""
    (name,) = await deposit(documents.client(), 1)
    store = await documents.store()
    masking = asyncio.create_task(refused(documents.clara().mask(name)))
    await eventually_answers(lambda: _is_masked(store))

    answers: dict[str, Any] = {
        "deny": deny(reasons.ERROR_REASON_BLOCKED),
        "hide": allow(all_types=True, hidden_documents=[name]),
    }
    documents.consent.answers[3] = answers[change]

    assert (await masking)[1] == {"deny": "BLOCKED", "hide": "NOT_FOUND"}[change]
    await eventually(lambda: documents.audit.kinds() == ["access.refused"])


async def _is_masked(store: Any) -> bool:  # noqa: ANN401  # a database of either driver
    return bool(await store.documents.count_documents({"masked": True}))
