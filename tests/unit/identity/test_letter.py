"""Letters: the delivered templates are neutral and complete, and a template that is neither stops the start."""

import re
import tomllib
from typing import Any

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.letter import CONTACT_CODE, CONTACT_REMOVED, Letter, read_templates
from support.tree import ROOT

VERSIONS = sorted((ROOT / "services/identity/carnet_identity/data/mail").glob("*-*-*"))
TELLING = re.compile(
    r"m[ée]dic|sant[ée]|health|soin|care\b|doctor|docteur|patient|hôpital|hospital|carnet|dossier|record|document|maladie|illness|ordonnance"
    r"|analys|result|urgence|emergency|\bINS\b|traitement|treatment|pharma|consent",
    re.IGNORECASE,
)


def delivered(version: str) -> dict[str, dict[str, Any]]:
    folder = next(one for one in VERSIONS if one.name == version)
    return {file.stem: tomllib.loads(file.read_text()) for file in folder.iterdir()}


@pytest.mark.parametrize("version", [one.name for one in VERSIONS])
def test_what_is_delivered_is_complete_and_says_nothing_of_care_or_of_anybody(version: str) -> None:
    templates = delivered(version)
    read_templates(templates)
    for name, template in templates.items():
        assert TELLING.findall(template["subject"] + template["text"]) == [], name
        assert "$code" not in template["subject"], "a subject is read on a locked screen"
        assert template["text"].index("Bonjour") < template["text"].index("Hello"), "French with English below"
        assert max(map(len, template["text"].splitlines())) <= 140


def test_a_letter_has_what_it_is_told_and_the_address_it_goes_to() -> None:
    templates = read_templates(delivered(VERSIONS[-1].name))
    letter = templates.write(CONTACT_CODE, letter_id="l1", to="dominique@example.org", code="012345", minutes="15")
    assert (letter.id, letter.to) == ("l1", "dominique@example.org")
    assert letter.text.count("012345") == 2
    assert "15 minutes" in letter.text
    assert "$" not in letter.text


def test_nothing_printed_of_a_letter_has_the_address_or_the_text() -> None:
    assert "dominique" not in repr(Letter(id="l1", to="dominique@example.org", subject="x", text="012345"))
    assert "012345" not in repr(Letter(id="l1", to="dominique@example.org", subject="x", text="012345"))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (CONTACT_CODE, {"text": "no code"}),
        (CONTACT_CODE, {"text": "$code $minutes $name"}),
        (CONTACT_CODE, {"text": "$code $minutes $"}),
        (CONTACT_CODE, {"subject": "two\nlines"}),
        (CONTACT_CODE, {"subject": "x" * 71}),
        (CONTACT_CODE, {"subject": ""}),
        (CONTACT_REMOVED, {"text": "$code"}),
        (CONTACT_REMOVED, {"text": 3}),
        (CONTACT_REMOVED, {"html": "<b>x</b>"}),
    ],
)
def test_a_template_that_breaks_a_rule_is_refused_by_name(name: str, change: dict[str, Any]) -> None:
    files = delivered(VERSIONS[-1].name)
    files[name] = {**files[name], **change}
    with pytest.raises(BrokenRule, match=name):
        read_templates(files)


@pytest.mark.parametrize("names", [{CONTACT_CODE}, {CONTACT_CODE, CONTACT_REMOVED, "another"}, set()])
def test_a_version_has_every_template_and_no_other(names: set[str]) -> None:
    files = delivered(VERSIONS[-1].name)
    with pytest.raises(BrokenRule, match=CONTACT_CODE):
        read_templates({name: files.get(name, files[CONTACT_CODE]) for name in names})
