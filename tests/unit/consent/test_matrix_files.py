"""The tables of the habilitation: what they open, and that each kind of broken file stops the start."""

from collections.abc import Callable

import pytest
from carnet_consent.domain.matrix_files import BrokenTableError, habilitation
from unit.consent.builders import files, tables


@pytest.mark.parametrize("role", ["PATIENT", "RL"])
def test_the_patient_and_her_representative_read_every_type(role: str) -> None:
    """The types of every table, and one that is in none."""
    rights = tables().may_read(role)

    assert all(rights.cover(document_class, document_type) for document_type, document_class in tables().classes.items())
    assert rights.cover("", "NOT-IN-ANY-TABLE")


@pytest.mark.parametrize(
    ("role", "document_type", "is_readable"),
    [
        ("10", "ATTEST-RESID", False),
        ("10", "68599-0", True),
        ("40", "80788-3", False),
        ("60", "PROT_ALD", True),
        ("60", "68817-6", False),
        ("50", "68817-6", True),
        ("21", "68817-6", False),
        ("93", "83901-9", True),
        ("93", "68599-0", False),
        ("SOC", "28653-4", True),
        ("SOC", "EXPPAT_3", True),
        ("SOC", "11502-2", False),
        ("93", "EXPPAT_3", True),
        ("36", "EXPPAT_3", False),
        ("AGENT", "EXPPAT_3", False),
        ("CPE", "11502-2", False),
        ("NOBODY", "11502-2", False),
        ("10", "NOT-IN-ANY-TABLE", False),
    ],
)
def test_the_exceptions_follow_their_order(role: str, document_type: str, *, is_readable: bool) -> None:
    """Exact beats wildcard, D beats A; a wildcard's allowance needs one readable class."""
    document_class = tables().classes.get(document_type, "")

    assert tables().may_read(role).cover(document_class, document_type) == is_readable


def test_a_denial_beats_an_allowance_of_the_same_level() -> None:
    both = habilitation(
        files() | {"matrice-exceptions.csv": files()["matrice-exceptions.csv"] + "10;REMB;A;A\n10;REMB;D;A\n"}, "2026-11-21"
    )

    assert not both.may_read("10").cover("60", "REMB")


def test_the_version_names_the_edition_and_changes_with_its_content() -> None:
    other = habilitation(files() | {"type-class.csv": files()["type-class.csv"] + "NEW;10\n"}, "2026-11-21")

    assert tables().version.startswith("2026-11-21-")
    assert other.version != tables().version


BROKEN: dict[str, tuple[str, Callable[[str], str]]] = {
    "a header with other columns": ("type-class.csv", lambda text: text.replace("type;class", "type;klass", 1)),
    "no line at all": ("type-class.csv", lambda _: "type;class\n"),
    "an empty file": ("matrice-depot.csv", lambda _: ""),
    "too few values": ("matrice-depot.csv", lambda text: text + "10;10;*\n"),
    "an empty value": ("matrice-depot.csv", lambda text: text + "10;;*;A\n"),
    "blanks around a value": ("type-class.csv", lambda text: text + "X; 10\n"),
    "an empty line": ("type-class.csv", lambda text: text + "\n"),
    "an unknown status": ("matrice-depot.csv", lambda text: text + "10;60;*;B\n"),
    "an unknown permission": ("matrice-habilitation.csv", lambda text: text.replace("10;10;R;V", "10;10;W;V", 1)),
    "an unknown rule": ("matrice-exceptions.csv", lambda text: text + "10;REMB;X;A\n"),
    "an unknown class": ("matrice-habilitation.csv", lambda text: text + "10;99;R;A\n"),
    "an unknown profession": ("matrice-habilitation.csv", lambda text: text + "DOCTOR;10;R;A\n"),
    "a pair stated twice": ("matrice-habilitation.csv", lambda text: text + "10;10;NONE;A\n"),
    "a type with two classes": ("type-class.csv", lambda text: text + "REMB;10\n"),
    "an exception about an unknown type": ("matrice-exceptions.csv", lambda text: text + "10;UNKNOWN;D;A\n"),
    "an exception about a profession without a line": ("matrice-exceptions.csv", lambda text: text + "99;REMB;D;A\n"),
    "an exception against the patient": ("matrice-exceptions.csv", lambda text: text + "PATIENT;REMB;D;A\n"),
    "a wildcard that leaves out a role": ("matrice-exceptions.csv", lambda text: text + "*-PATIENT;REMB;D;A\n"),
    "a wildcard that leaves out nobody known": ("matrice-exceptions.csv", lambda text: text + "*-99;REMB;D;A\n"),
    "a wildcard that leaves out nothing": ("matrice-exceptions.csv", lambda text: text + "*-;REMB;D;A\n"),
    "a patient who cannot read a class": ("matrice-habilitation.csv", lambda text: text.replace("PATIENT;52;R;V", "PATIENT;52;NONE;V")),
    "a representative without a line": ("matrice-habilitation.csv", lambda text: text.replace("RL;52;R;V\n", "")),
    "a deposit by an unknown actor": ("matrice-depot.csv", lambda text: text + "AGENT;10;*;A\n"),
    "a deposit of a type of another class": ("matrice-depot.csv", lambda text: text + "21;11;REMB;A\n"),
    "an emergency of another purpose": ("professions-urgence.csv", lambda text: text + "TREATMENT;10;A\n"),
    "an emergency profession without a line": ("professions-urgence.csv", lambda text: text + "BREAK_GLASS;99;A\n"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_refused(kind: str) -> None:
    name, breaks = BROKEN[kind]

    with pytest.raises(BrokenTableError, match=name):
        habilitation(files() | {name: breaks(files()[name])}, "2026-11-21")


def test_a_missing_or_unknown_file_is_refused() -> None:
    with pytest.raises(BrokenTableError):
        habilitation({name: text for name, text in files().items() if name != "type-class.csv"}, "2026-11-21")
    with pytest.raises(BrokenTableError):
        habilitation(files() | {"more.csv": ""}, "2026-11-21")
