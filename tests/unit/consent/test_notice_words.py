"""Notices in words: complete in both languages, to each reader, without a name that nobody answered; broken words stop the start."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from carnet_consent.domain.notice import TOLD, Letter, Notice, NoticeKind
from carnet_consent.domain.notice_words import BrokenWordsError, Voice, in_words, read_words
from carnet_consent.telling import LANGUAGES, newest_words
from support.tree import ROOT

VERSIONS = sorted((ROOT / "services/consent/carnet_consent/data/notices").glob("*-*-*"))
HOLDER, DOCTOR, HOSPITAL = "patients/holder", "professionals/doctor", "structures/hospital"
NAMES = {DOCTOR: "Dr Chloé MODELE", HOSPITAL: "Hôpital de la Fontaine"}
BROKEN = Notice(
    HOLDER, NoticeKind.EMERGENCY_ACCESS, "emergency.opened", "records/r", 3, datetime(2026, 7, 1, 22, 30, tzinfo=UTC), DOCTOR, HOSPITAL, "",
    "records/r/emergencyEpisodes/e", HOSPITAL, "", "coma {who}", Letter.EXCEPTIONAL_ACCESS, tells_representatives=True,
)  # fmt: skip


def file(version: int = -1, language: str = "fr") -> dict[str, Any]:
    return tomllib.loads((VERSIONS[version] / f"{language}.toml").read_text())


def test_an_emergency_is_told_with_the_names_the_hour_of_paris_the_reason_and_what_can_be_done() -> None:
    """rules.md 22."""
    text, next_step = in_words(BROKEN, Voice.HOLDER, HOLDER, NAMES, newest_words()["fr"])
    assert text == (
        "02/07/2026 à 00:30 : Dr Chloé MODELE, pour Hôpital de la Fontaine, a ouvert votre carnet en urgence, sans accord préalable."
        " Motif indiqué : « coma {who} »."
    )
    assert next_step.startswith("Vous pouvez demander pourquoi")
    text, _ = in_words(BROKEN, Voice.REPRESENTATIVE, "patients/mother", {}, newest_words()["en"])
    assert "a person whose name is not available, for a structure whose name is not available, opened the record of the person" in text


def test_to_a_professional_it_speaks_of_a_patient_and_of_himself_as_you() -> None:
    declared = replace(
        BROKEN, event="attending_physician.confirmed", kind=NoticeKind.ATTENDING_PHYSICIAN, actor=HOLDER, structure="", words=""
    )
    text, next_step = in_words(replace(declared, concerned=DOCTOR), Voice.PROFESSIONAL, DOCTOR, NAMES, newest_words()["en"])
    assert "the holder confirmed as attending physician you; it concerns the record of a patient" in text
    assert "with this patient" in next_step


def test_what_somebody_does_for_the_holder_is_told_as_the_act_of_who_represents_her() -> None:
    """rules.md 15: not as her own."""
    closing = replace(BROKEN, event="record.closed", kind=NoticeKind.RECORD_STATE, actor="patients/mother", structure="", words="")
    words = newest_words()["en"]
    assert "a person who represents the holder closed your record" in in_words(closing, Voice.HOLDER, HOLDER, NAMES, words)[0]
    assert "the holder closed" in in_words(replace(closing, actor=HOLDER), Voice.REPRESENTATIVE, "patients/mother", NAMES, words)[0]
    assert "you closed" in in_words(closing, Voice.REPRESENTATIVE, "patients/mother", NAMES, words)[0]


def test_an_announcement_tells_until_when_and_the_service_itself_acts_without_a_name() -> None:
    announced = replace(BROKEN, event="record.closing_announced", kind=NoticeKind.RECORD_STATE, end="2026-07-15T08:00:00Z", words="")
    assert "due on 15/07/2026 at 10:00" in in_words(announced, Voice.HOLDER, HOLDER, NAMES, newest_words()["en"])[0]
    overdue = replace(BROKEN, event="record.closed", kind=NoticeKind.RECORD_STATE, actor="", structure="")
    assert "le service lui-même a fermé votre carnet" in in_words(overdue, Voice.HOLDER, HOLDER, NAMES, newest_words()["fr"])[0]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("version", range(len(VERSIONS)), ids=[one.name for one in VERSIONS])
def test_every_kind_of_event_has_words_for_every_reader(version: int, language: str) -> None:
    words = read_words(file(version, language))
    for event, telling in TOLD.items():
        for voice in Voice:
            text, next_step = in_words(replace(BROKEN, event=event, kind=telling.kind), voice, HOLDER, NAMES, words)
            assert text.endswith((".", "».", "”."))
            assert next_step.endswith(".")
            assert "{" not in text.replace("{who}", "")


@pytest.mark.parametrize(
    ("table", "name", "text"),
    [
        ("", "because", "why"),
        ("", "nobody", ""),
        ("events", "emergency.opened", "{when} {password}"),
        ("events", "emergency.opened", ""),
        ("events", "document.deposited", "{when}"),
        ("records", "holder", ""),
        ("until", "some", "soon"),
    ],
)
def test_words_that_lack_something_or_ask_for_what_is_not_told_are_refused(table: str, name: str, text: str) -> None:
    content = file()
    (content[table] if table else content)[name] = text
    with pytest.raises(BrokenWordsError):
        read_words(content)


def test_words_without_a_table_or_a_kind_are_refused() -> None:
    content = file()
    del content["next"]["person"]["RECORD_STATE"]
    for broken in (content, {}):
        with pytest.raises(BrokenWordsError):
            read_words(broken)
