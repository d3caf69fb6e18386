"""The habilitation in words: its tables by name, and who gains or loses what from one edition to the next."""

from collections.abc import Callable
from pathlib import Path

import pytest
from carnet_consent.domain.matrix_files import DEPOSITING, EMERGENCY, EXCEPTIONS, READING, TYPES, habilitation
from carnet_consent.domain.matrix_words import MARKS, class_table, differences, exception_table, source_table
from carnet_consent.matrix import editions, known_names, main, texts
from unit.consent.builders import files, tables

NAMES = known_names()


def told(file: str, before: str, after: str) -> list[str]:
    """What is told of a change of one line of the newest edition."""
    text = files()[file]
    assert before in text
    changed = habilitation({**files(), file: text.replace(before, after)}, "2030-01-01")
    return differences(tables(), changed, NAMES)


def test_an_edition_does_not_differ_from_itself() -> None:
    assert differences(tables(), habilitation(files(), "2030-01-01"), NAMES) == []


def test_a_class_that_is_opened_or_closed_is_told_as_a_class() -> None:
    closed = told(READING, "70;31;R;A\n", "70;31;NONE;A\n")
    opened = told(READING, "70;60;NONE;A\n", "70;60;R;A\n")

    assert closed == ["Masseur-kinésithérapeute (70) may no longer read every type of the class Imagerie médicale (31)."]
    assert opened == ["Masseur-kinésithérapeute (70) may now read every type of the class Données de remboursement (60)."]


def test_types_that_a_class_keeps_to_itself_are_named() -> None:
    (sentence,) = told(READING, "60;52;NONE;V-partial\n", "60;52;R;V-partial\n")

    assert sentence.startswith("Infirmier (60) may now read every type of the class Certificat, déclaration (52) but ")
    assert "attestation de résidence (ATTEST-RESID)" in sentence


@pytest.mark.parametrize(
    ("file", "before", "after", "sentences"),
    [
        (EXCEPTIONS, "10;ATTEST-RESID;D;V", "10;ATTEST-RESID;A;V", ["Médecin (10) may now read attestation de résidence (ATTEST-RESID)."]),
        (EXCEPTIONS, "93;83901-9;A;A\n", "", ["Psychologue (93) may no longer read bilan psychologique (83901-9)."]),
        (
            DEPOSITING,
            "INSURER;60;*;V\n",
            "INSURER;60;*;V\nINSURER;11;SYNTH;A\n",
            ["Assurance maladie (INSURER) may now deposit synthèse (SYNTH)."],
        ),
        (EMERGENCY, "BREAK_GLASS;60;A\n", "", ["Infirmier (60) may no longer break the glass."]),
        (
            EMERGENCY,
            "EMERGENCY_DISPATCH;10;V",
            "EMERGENCY_DISPATCH;10;V\nEMERGENCY_DISPATCH;60;A",
            ["Infirmier (60) may now read as a dispatch doctor."],
        ),
    ],
)
def test_each_kind_of_line_is_told_by_what_it_does(file: str, before: str, after: str, sentences: list[str]) -> None:
    assert told(file, before, after) == sentences


def test_a_line_that_changes_nothing_for_anybody_is_not_told() -> None:
    assert told(READING, "10;10;R;V\n", "10;10;R;A\n") == []
    assert told(EXCEPTIONS, "60;83981-1;A;V\n", "") == []


def test_a_type_that_comes_goes_or_moves_is_told() -> None:
    came = told(TYPES, "SYNTH;11\n", "SYNTH;11\nNEW-TYPE;11\n")
    moved = told(TYPES, "SYNTH;11\n", "SYNTH;52\n")

    assert came[0] == "NEW-TYPE is a new type, of the class Synthèse (11)."
    assert "Médecin (10) may now read NEW-TYPE." in came
    assert moved[0] == "synthèse (SYNTH) moves from the class Synthèse (11) to Certificat, déclaration (52)."
    assert "Infirmier (60) may no longer read synthèse (SYNTH)." in moved


def test_every_code_of_the_tables_has_a_name_and_every_cell_a_source() -> None:
    edition = tables()
    codes = [("role", role) for role in edition.reading.keys() | edition.depositing.keys()]
    codes += [("class", one) for one in edition.classes.values()] + [("type", one) for one in edition.classes]

    assert [code for code in codes if NAMES.of(*code) == code[1]] == []
    assert "not stated" not in {row[2] for row in source_table(files(), NAMES)} | {row[3] for row in exception_table(files(), NAMES)}


def test_the_tables_have_a_cell_for_each_role_and_class_with_its_status() -> None:
    head, *rows = class_table(files(), NAMES)

    assert len(head) == len(set(tables().classes.values())) + 1
    assert len(rows) == len(tables().reading)
    assert {cell.split()[0] for row in rows for cell in row[1:]} == {"yes", "no"}
    assert {cell.split()[1] for row in rows for cell in row[1:]} == set(MARKS.values())
    doctor = next(row for row in rows if row[0] == "Médecin (10)")
    assert set(doctor[1:]) == {"yes ●"}


def test_the_command_tells_two_editions_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    newest = editions()[-1]
    _write(tmp_path, lambda name, text: text.replace("BREAK_GLASS;50;A\n", "") if name == EMERGENCY else text)

    assert main([newest, str(tmp_path)]) == 0
    assert capsys.readouterr().out == "Sage-femme (50) may no longer break the glass.\n"
    assert main([newest, newest]) == 0
    assert capsys.readouterr().out == "Nobody gains or loses anything.\n"


def test_the_command_refuses_a_folder_that_breaks_a_rule_by_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path, lambda name, text: text.replace("10;10;R;V", "10;10;MAYBE;V") if name == READING else text)

    assert main([editions()[-1], str(tmp_path)]) == 2
    assert f"{READING}, line 2" in capsys.readouterr().err
    assert main([editions()[-1], str(tmp_path / "nothing")]) == 2


def _write(folder: Path, changed: Callable[[str, str], str]) -> None:
    for name, text in texts(editions()[-1]).items():
        (folder / name).write_text(changed(name, text), encoding="utf-8")
