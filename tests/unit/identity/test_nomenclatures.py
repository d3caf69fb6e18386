"""The national nomenclatures: the edition delivered, and editions that must stop the start."""

import pytest
from carnet_identity.directory_import.main import nomenclatures
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import PROFESSIONS
from carnet_identity.domain.nomenclatures import CATEGORIES, COLUMNS, KINDS, MODES, SECTORS, read_nomenclatures

SOURCE = "# 1.2.3 version 1 | somewhere"


def edition(**lines: str) -> dict[str, str]:
    files = {}
    for name, columns in COLUMNS.items():
        ours = ";yes" * (len(columns) - 3)
        files[name] = f"{SOURCE}\n{';'.join(columns)}\nA1;label;{ours}\n"
    return files | lines


def test_the_edition_delivered_is_whole() -> None:
    """domain.md 1.2: professions of TRE_G15 without an end, sectors, specialities of the samples."""
    codes = nomenclatures()
    assert codes.professions == PROFESSIONS
    assert {"SM01", "SM02", "SM26", "SM27", "SM32", "SM36", "SM40", "SM44", "SM54", "SM55"} <= codes.specialties
    assert {"SA01", "SA07"} <= codes.sectors
    assert "SA11" not in codes.sectors
    assert codes.modes == {"S", "L", "B"}
    assert codes.categories == {"C": True, "M": True, "E": False}
    assert {kind for kind, (is_care, _) in codes.kinds.items() if is_care} == {"GENR01", "GENR02", "GENR03"}
    assert {kind for kind, (_, is_locum) in codes.kinds.items() if is_locum} == {"GENR02", "GENR03"}


def test_a_code_that_ended_is_not_in_force() -> None:
    text = f"{SOURCE}\ncode;label;end\nS;Salarié;\nB;Bénévole;20261122\nL;Libéral;20261123\n"
    assert read_nomenclatures(edition(**{MODES: text}), "2026-11-22").modes == {"S", "L"}


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        (MODES, "code;label;end\nS;Salarié;\n", MODES),
        (MODES, "", MODES),
        (MODES, f"{SOURCE}\ncode;label;end\n", MODES),
        (MODES, f"{SOURCE}\ncode;label\nS;Salarié\n", f"{MODES}, line 2"),
        (SECTORS, f"{SOURCE}\ncode;label;end\nSA01;Hôpital;\nSA01;Hôpital;\n", f"{SECTORS}, line 4"),
        (SECTORS, f"{SOURCE}\ncode;label;end\nSA01;Hôpital\n", f"{SECTORS}, line 3"),
        (SECTORS, f"{SOURCE}\ncode;label;end\nsa01;Hôpital;\n", f"{SECTORS}, line 3"),
        (SECTORS, f"{SOURCE}\ncode;label;end\nSA01;Hôpital;demain\n", f"{SECTORS}, line 3"),
        (CATEGORIES, f"{SOURCE}\ncode;label;end;acts\nC;Civil;;perhaps\n", f"{CATEGORIES}, line 3"),
        (KINDS, f"{SOURCE}\ncode;label;end;care\nGENR01;Soin;;yes\n", f"{KINDS}, line 2"),
    ],
)
def test_a_broken_file_is_refused_by_file_and_line(name: str, text: str, place: str) -> None:
    with pytest.raises(BrokenRule) as broken:
        read_nomenclatures(edition(**{name: text}), "2026-11-22")
    assert broken.value.field == place


def test_an_edition_lacks_no_file_and_has_no_other() -> None:
    files = edition()
    files.pop(MODES)
    for wrong in (files, edition(other="x")):
        with pytest.raises(BrokenRule, match="exactly"):
            read_nomenclatures(wrong, "2026-11-22")
