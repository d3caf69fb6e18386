"""What Pro Santé Connect says of a professional, against the directory: the directory decides (domain.md 1.2)."""

from typing import Any

import grpc
import pytest
from component.identity.conftest import Start
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import HOSPITAL, Running, refused
from support.waiting import wait_until

BRUNO = "899700218896"
"""IDNPS of a cardiologist (SM04) of a practice and the hospital."""


def practice(profession: str = "10", specialty: str = "SM04", **activity: str) -> dict[str, Any]:
    """An `exercice` with one activity."""
    codes = {"codeProfession": profession, "codeCategorieProfessionnelle": "C", "codeTypeSavoirFaire": "S", "codeSavoirFaire": specialty}
    return {**codes, "activities": [{"codeModeExercice": "S", "codeSecteurDactivite": "", **activity}]}


def claims(*practices: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - claims are JSON
    """Claims about Bruno."""
    return {"preferred_username": BRUNO, "SubjectRefPro": {"exercices": list(practices)}, **more}


def _noted(neighbours: Neighbours, session: str) -> str:
    """What the event of a session's beginning says of how it is known who its user is."""

    def events() -> list[str]:
        return [
            event.change for event in list(neighbours.audit.events.values()) if event.subject == session and event.kind == "session.opened"
        ]

    wait_until(lambda: bool(events()))
    (change,) = events()
    return change


@pytest.mark.parametrize(
    ("practices", "noted"),
    [
        ((practice(),), "acr=eidas2"),
        ((practice(numeroFinessSite=HOSPITAL),), "acr=eidas2"),
        ((practice("40", "SCD01"), practice()), "acr=eidas2"),
        ((practice(specialty=""),), "acr=eidas2"),
        ((practice(specialty="SM26"),), "acr=eidas2 differs=specialty"),
        ((practice(numeroFinessSite="990000010"),), "acr=eidas2 differs=activity"),
        ((practice(specialty="SM26", numeroFinessSite="990000010"),), "acr=eidas2 differs=specialty,activity"),
    ],
)
def test_the_directory_decides_and_what_differs_is_noted(
    identity: Running, provider: Provider, neighbours: Neighbours, practices: tuple[dict[str, Any], ...], noted: str
) -> None:
    answer = identity.exchange(provider.assertion(**claims(*practices)), structure=identity.structure(HOSPITAL))
    assert _noted(neighbours, answer.session) == noted


@pytest.mark.parametrize("practices", [(), (practice("60", ""),), (practice("40", "SCD01"), practice("21", ""))])
def test_another_profession_contradicts_and_is_refused(
    identity: Running, provider: Provider, practices: tuple[dict[str, Any], ...]
) -> None:
    """One of the two speaks of somebody else. The login is not used up."""
    hospital = identity.structure(HOSPITAL)
    told = refused(lambda: identity.exchange(provider.assertion(**claims(*practices)), structure=hospital))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "USER_CONTRADICTED")


def test_how_the_user_was_authenticated_is_noted_in_codes(identity: Running, provider: Provider, neighbours: Neighbours) -> None:
    """`acr`, `amr`, `authMode`."""
    assertion = provider.assertion(**claims(practice(), acr="eidas3", amr=["pwd", "otp"], authMode="MOBILE"))
    answer = identity.exchange(assertion, structure=identity.structure(HOSPITAL))
    assert _noted(neighbours, answer.session) == "acr=eidas3 amr=pwd,otp mode=MOBILE"


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("assurance_floor", "eidas9", "CARNET_ASSURANCE_FLOOR"),
        ("assurance_floors", '{"https://nobody.example": "eidas2"}', "CARNET_ASSURANCE_FLOORS"),
        ("assertion_audiences", '{"https://nobody.example": "carnet"}', "CARNET_ASSERTION_AUDIENCES"),
        ("assurance_file", "/nowhere.toml", "CARNET_ASSURANCE_FILE"),
        ("provider_keys_kept", "P2D", "CARNET_PROVIDER_KEYS_KEPT"),
    ],
)
@pytest.mark.long
def test_a_setting_that_cannot_be_obeyed_stops_the_start(start: Start, setting: str, value: str, named: str) -> None:
    with pytest.raises(AssertionError, match=named), start("identity_unsettled", **{setting: value}):
        pass
