"""Departements are opened one by one (domain.md 2): which codes the setting takes, and for whom a record is opened on request."""

from typing import Any

import pytest
from carnet_consent.domain.person import PersonStatus
from carnet_platform.errors import Refusal
from component.consent.conftest import DOCTOR, HOLDER, KnownPersons, TestClock, settings, started
from pydantic import ValidationError


@pytest.mark.parametrize("codes", [[], ["67"], ["2A", "2B", "971", "988", "01", "99"]])
def test_departements_are_named_by_their_codes(codes: list[str]) -> None:
    assert settings(open_departements=frozenset(codes)).open_departements == frozenset(codes)


@pytest.mark.parametrize("code", ["2a", "20", "97", "67000", "", "Bas-Rhin", "990", " 67", "00"])
def test_what_is_no_departement_stops_the_start(code: str) -> None:
    with pytest.raises(ValidationError, match="must be codes of INSEE"):
        settings(open_departements=frozenset({"67", code}))


async def test_a_record_is_opened_on_request_for_who_lives_in_an_open_departement(database: tuple[Any, Any]) -> None:
    """Who lives nobody knows where waits too: else not being known would open a record everywhere. The remedy is to register where."""
    identity = KnownPersons()
    async with started(database, settings(open_departements=frozenset({"2A", "971"})), TestClock(), identity) as running:
        for who in (DOCTOR, HOLDER):
            for departement in ("67", "2B", "97", "972", ""):
                identity.persons[HOLDER.subject] = PersonStatus(is_qualified=True, revision=1, departement=departement)
                with pytest.raises(Refusal) as raised:
                    await running.open(who)
                assert raised.value.reason == "DEPARTEMENT_NOT_OPEN"
        identity.persons[HOLDER.subject] = PersonStatus(is_qualified=True, revision=1, departement="971")
        assert await running.open(HOLDER)
