"""Decisions asked side by side, through the read batch on a real store: each is answered as if it were asked alone (trial C3)."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from component.consent.calling_policy import Directory, StandingClock
from component.consent.conftest import DOCTOR, HOLDER, NURSE, OTHER_PERSON, Running, Someone, settings, started

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
ASKERS = (
    DOCTOR,
    replace(DOCTOR, purpose="BREAK_GLASS"),
    replace(DOCTOR, purpose="EMERGENCY_DISPATCH"),
    replace(DOCTOR, purpose="EMERGENCY_DISPATCH", claims={"regulation": True}),
    replace(DOCTOR, role="36"),
    replace(DOCTOR, role="21"),
    replace(DOCTOR, structure="structures/clinic"),
    replace(DOCTOR, structure=""),
    NURSE,
    HOLDER,
    OTHER_PERSON,
)


@pytest.fixture
async def running(database: tuple[Any, Any]) -> AsyncIterator[Running]:
    """Consent with a clock that stands, so that two answers to one question can be equal to the last byte."""
    async with started(database, settings(read_batch_timeout=timedelta(seconds=30)), StandingClock(), Directory()) as one:
        yield one


async def records(running: Running) -> list[str]:
    """A record that is authorised, one that is blocked, one in which nothing is stated, and one that is not there."""
    authorised = await running.open()
    blocked = await running.open(patient="patients/other")
    await running.state(OTHER_PERSON, blocked, DOCTOR.subject, "BLOCK")
    third = Someone("patients/third", "PATIENT", purpose="PATIENT_REQUEST")
    return [authorised, blocked, await running.open(third, "patients/third"), "records/absent"]


@BOTH_DRIVERS
async def test_a_batch_of_questions_is_answered_as_each_of_them_alone(running: Running) -> None:
    """C3: and contexts that differ in purpose, role or structure alone share no answer."""
    questions = list(itertools.product(ASKERS, await records(running))) * 2

    alone = [(await running.decide(who, record)).SerializeToString(deterministic=True) for who, record in questions]
    before = running.consent.batch.batches
    together = await asyncio.gather(*(running.decide(who, record) for who, record in questions))

    assert [one.SerializeToString(deterministic=True) for one in together] == alone
    assert running.consent.batch.batches - before <= 3


@BOTH_DRIVERS
async def test_two_moments_share_no_answer(running: Running) -> None:
    """C3: contexts that differ in time alone. What was permitted a moment before its end is refused at its end."""
    record, *_ = await records(running)
    lasts = timedelta(days=365)
    assert await running.answer(DOCTOR, record) == "permit"

    running.clock.moved = lasts - timedelta(seconds=1)
    last = await running.decide(DOCTOR, record)
    running.clock.moved = lasts
    after = await asyncio.gather(*(running.answer(DOCTOR, record) for _ in range(8)))

    assert last.permit.ends_in.ToTimedelta() == timedelta(seconds=1)
    assert set(after) == {"NEEDS_CONSENT"}


@BOTH_DRIVERS
async def test_a_refusal_is_no_other_question_s_of_the_same_batch(running: Running) -> None:
    """C3."""
    record, *_ = await records(running)
    await running.state(HOLDER, record, NURSE.subject, "STANDING")
    await running.state(HOLDER, record, DOCTOR.subject, "BLOCK")

    answers = await asyncio.gather(*(running.answer(who, record) for who in (DOCTOR, NURSE) * 4))

    assert answers == ["BLOCKED", "permit"] * 4
