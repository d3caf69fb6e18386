"""Events in words."""

import tomllib
from importlib.resources import files
from typing import Any

import pytest
from carnet_verify.history import LANGUAGES
from carnet_verify.words import known_kinds, name_act, plain, put_into_words, show_time

NAMES = {"professionals/b": "Dr Bruno EXEMPLE", "structures/f": "Hôpital de la Fontaine", "professionals/a": "Dr Alice UNTEL"}
HOLDER = "patients/p"
ACTOR = {"subject": "professionals/b", "role": "10", "structure": "structures/f", "software": "spiffe://carnet/software/hospital"}
READ = {
    "kind": "document.read",
    "time": "2026-11-21T11:04:33.000000Z",
    "actor": ACTOR,
    "document_title": "Synthèse Médicale",
    "purpose": "TREATMENT",
    "decision": "permit",
}


def table(language: str) -> dict[str, Any]:
    return tomllib.loads(files("carnet_verify").joinpath("languages", f"{language}.toml").read_text())


def shape(value: object) -> object:
    return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else type(value)


def test_a_line_says_who_where_how_when_what_why_and_what_to_do() -> None:
    words = put_into_words(READ, NAMES, "en", holder=HOLDER)
    assert words.text == (
        "21/11/2026 at 12:04:33: Dr Bruno EXEMPLE (doctor), for Hôpital de la Fontaine, using the hospital software, "
        "read “Synthèse Médicale”, for your care. Permitted."
    )
    assert words.next_step == "If you do not want this again, you can block this person in your settings."
    assert (words.actor_name, words.structure_name) == ("Dr Bruno EXEMPLE", "Hôpital de la Fontaine")


def test_a_refusal_says_its_reason_in_words() -> None:
    event = {**READ, "kind": "access.refused", "decision": "deny", "reason": "BLOCKED", "count": 7, "document_title": ""}
    words = put_into_words(event, NAMES, "fr", holder=HOLDER)
    assert words.text.endswith(
        "a demandé l'accès à votre carnet, pour vos soins, 7 fois. Refusé : vous avez bloqué cette personne ou cette structure."
    )
    assert words.next_step.startswith("Rien n'a été montré.")


def test_an_emergency_says_the_words_of_the_professional() -> None:
    event = {**READ, "kind": "emergency.opened", "motive": "coma, anticoagulants ?", "purpose": "BREAK_GLASS", "document_title": ""}
    words = put_into_words(event, NAMES, "fr", holder=HOLDER)
    assert "en urgence, sans votre consentement, en indiquant « coma, anticoagulants ? »" in words.text
    assert words.next_step.startswith("Vous pouvez demander pourquoi")


@pytest.mark.parametrize(
    ("authentication", "said"),
    [
        ("STRUCTURE", "using the hospital software, who logged in there and not at the national identity provider, read"),
        ("STRUCTURE_PROVIDER_UNREACHABLE", "who logged in there, as the national identity provider could not be reached, read"),
        ("", "using the hospital software, read"),
        ("SOMETHING_NEWER", "using the hospital software, read"),
    ],
)
def test_a_user_whom_a_structure_vouches_for_is_told_as_such(authentication: str, said: str) -> None:
    """rules.md 11: the event says so."""
    event = {**READ, "actor": {**ACTOR, "authentication": authentication}}
    assert said in put_into_words(event, NAMES, "en", holder=HOLDER).text


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", ": a data-protection officer of this service, using"), ("fr", " : un délégué à la protection des données de ce service, avec")],
)
def test_an_officer_of_the_service_is_told_by_her_office(language: str, said: str) -> None:
    event = {**READ, "actor": {"subject": "operators/d", "role": "DATA_PROTECTION_OFFICER", "software": "spiffe://carnet/operations"}}
    assert said in put_into_words(event, {}, language, holder=HOLDER).text


def test_a_change_says_about_whom_and_until_when() -> None:
    event = {
        **READ,
        "kind": "authorisation.created",
        "grantee": "professionals/a",
        "change": "STANDING",
        "end_time": "2027-11-21T11:00:00Z",
        "actor": {"role": "PATIENT", "subject": "patients/p"},
        "purpose": "PATIENT_REQUEST",
    }
    text = put_into_words(event, NAMES, "en", holder=HOLDER).text
    assert "you, stated an authorisation, standing, about Dr Alice UNTEL, until 21/11/2027 at 12:00:00" in text


@pytest.mark.parametrize(("language", "holder", "other"), [("en", "you", "another patient"), ("fr", "le titulaire", "un autre patient")])
def test_what_another_patient_did_is_never_told_as_the_holders_act(language: str, holder: str, other: str) -> None:
    event = {**READ, "kind": "access.refused", "decision": "deny", "reason": "ROLE_NOT_ALLOWED", "purpose": "PATIENT_REQUEST"}
    texts = {}
    for subject in (HOLDER, "patients/evil", ""):
        words = put_into_words({**event, "actor": {"role": "PATIENT", "subject": subject}}, {}, language, holder=HOLDER)
        texts[subject] = words.text
        assert words.actor_name.startswith(holder if subject == HOLDER else other)
        assert any(request in words.text for request in ("at your request", "à votre demande")) == (subject == HOLDER)
    assert texts["patients/evil"] == texts[""]
    nobody = {**event, "actor": {"role": "PATIENT"}}
    assert put_into_words(nobody, {}, language, holder="").actor_name == other, "who the holder is is not known"


def test_only_the_holder_is_asked_whether_it_was_her() -> None:
    """A representative reads the history by a mandate: the holder's sessions have nothing to do with it."""
    event = {**READ, "kind": "history.read", "actor": {"role": "PATIENT", "subject": HOLDER}}
    assert put_into_words(event, {}, "en", holder=HOLDER).next_step.startswith("If this was not you")
    assert "you, " not in put_into_words(event, {}, "en", holder="patients/child").text
    assert put_into_words(event, {}, "en", holder="patients/child").next_step.startswith("If you do not understand")


@pytest.mark.parametrize(
    ("language", "role", "who", "why", "remedy"),
    [
        ("en", "REPRESENTATIVE", "a legal representative", "on your behalf", "you can have this mandate suspended"),
        ("fr", "REPRESENTATIVE", "un représentant légal", "en votre nom", "vous pouvez faire suspendre ce mandat"),
        ("en", "CAREGIVER", "a caregiver", "to help you", "you can have this mandate suspended"),
        ("fr", "CAREGIVER", "un aidant", "pour vous aider", "vous pouvez faire suspendre ce mandat"),
    ],
)
def test_what_somebody_did_under_a_mandate_is_told_as_hers(language: str, role: str, who: str, why: str, remedy: str) -> None:
    """A representative's acts are recorded under her own name."""
    actor = {"role": role, "subject": "patients/mother", "mandate": "mandates/m"}
    words = put_into_words({**READ, "actor": actor, "purpose": "PATIENT_REQUEST"}, {}, language, holder=HOLDER)
    assert words.actor_name == who
    assert why in words.text
    assert remedy in words.next_step


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_words_and_a_next_step_in_every_language(language: str) -> None:
    for kind in known_kinds(language):
        words = put_into_words({**READ, "kind": kind}, NAMES, language, holder=HOLDER)
        assert words.text
        assert words.next_step
        assert "{" not in words.text + words.next_step
        assert kind not in words.text


def test_languages_say_the_same_things() -> None:
    assert shape(table("fr")) == shape(table("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_has_no_words_or_no_name_is_shown_all_the_same(language: str) -> None:
    for event in ({}, {"kind": "new.kind", "time": "not a time", "actor": "nobody", "count": "x"}, {"kind": "document.read", "actor": {}}):
        words = put_into_words(event, {}, language, holder=HOLDER)
        assert words.text
        assert words.next_step
    assert "new.kind" in put_into_words({"kind": "new.kind"}, {}, language, holder=HOLDER).text


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\u2028b", "a\u202eb", "a\u200bb", "a\x1b[2Kb", "a\u00a0b", "a\u2066b", "a\ufeffb"])
def test_free_text_cannot_break_reorder_or_hide_a_line(text: str) -> None:
    assert plain(text).replace(" ", "").isprintable()
    shown = put_into_words({**READ, "document_title": text}, NAMES, "en", holder=HOLDER).text
    assert len(shown.splitlines()) == 1
    assert "“a" in shown


def test_free_text_cannot_close_its_quotes_or_drown_the_line() -> None:
    shown = put_into_words({**READ, "document_title": "x”, for your care. Permitted. “"}, NAMES, "en", holder=HOLDER).text
    assert shown.count("“") == shown.count("”") == 1
    assert len(plain("a" * 1000)) == 300


def test_braces_in_free_text_are_only_text() -> None:
    assert "{who}" in put_into_words({**READ, "document_title": "{who} {0}"}, NAMES, "en", holder=HOLDER).text


def test_an_act_in_a_few_words() -> None:
    assert name_act(READ, NAMES, HOLDER) == "Dr Bruno EXEMPLE, read"


def test_times_are_shown_on_the_clock_of_paris() -> None:
    assert show_time("2026-07-01T22:30:00Z", "%d/%m %H:%M") == "02/07 00:30"
    assert show_time("2026-07-01T22:30:00", "%H:%M") == "2026-07-01T22:30:00"
    assert show_time("", "%H") == ""
