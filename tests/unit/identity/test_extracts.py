"""The two extracts as one source: in order, and without holding them in memory."""

import tracemalloc
from pathlib import Path

import pytest
from carnet_dev.extracts import rpps, write
from carnet_identity.directory_import.main import nomenclatures
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import RefusedLine
from carnet_identity.storage.extracts import DirectoryExtracts
from carnet_platform.imports.lines import LONGEST_LINE

CODES = nomenclatures()


def peak(folder: Path, activities: int) -> int:
    """The most bytes that reading and giving back so many activities takes."""
    made = write(folder, activities)
    refused: list[RefusedLine] = []
    extracts = DirectoryExtracts(CODES, refused.append, at_once=1000)
    tracemalloc.start()
    try:
        extracts.read_structures(made.structures)
        extracts.read_professionals(made.professionals)
        given = [sum(1 for _ in extracts.structures()), sum(len(one.activities) for one in extracts.professionals())]
        assert (given[1], refused) == (activities, [])
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        extracts.close()


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    assert peak(tmp_path, 16_000) < 1.5 * peak(tmp_path, 4_000)


def test_lines_of_one_professional_may_stand_anywhere(tmp_path: Path) -> None:
    made = write(tmp_path, 300)
    first, *rest = made.professionals.read_text(encoding="utf-8").splitlines(keepends=True)
    entries = []
    for lines in (rest, rest[::-1], rest[::2] + rest[1::2]):
        made.professionals.write_text("".join([first, *lines]), encoding="utf-8")
        extracts = DirectoryExtracts(CODES, lambda line: pytest.fail(str(line)), at_once=50)
        extracts.read_professionals(made.professionals)
        entries.append(list(extracts.professionals()))
        extracts.close()
    assert entries[0] == entries[1] == entries[2]
    assert [entry.rpps for entry in entries[0]] == sorted(rpps(number) for number in range(made.people))


@pytest.mark.parametrize("content", [b"", b"no end", b"\xff\xfe\n", b"a|b\n", b"x" * (LONGEST_LINE + 5)])
def test_a_file_without_a_first_line_to_read_is_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    extracts = DirectoryExtracts(CODES, lambda _: None)
    for read in (extracts.read_professionals, extracts.read_structures):
        with pytest.raises(BrokenRule, match="nothing was changed"):
            read(file)


def test_a_line_that_never_ends_is_not_read_into_memory(tmp_path: Path) -> None:
    made = write(tmp_path, 3)
    with made.professionals.open("ab") as file:
        file.write(b"8" * (3 * LONGEST_LINE))
    refused: list[RefusedLine] = []
    extracts = DirectoryExtracts(CODES, refused.append)
    extracts.read_professionals(made.professionals)
    assert not extracts.is_complete
    assert [(line.place, line.field) for line in refused] == [("professionals:5", "")]


def test_another_encoding_may_be_said(tmp_path: Path) -> None:
    made = write(tmp_path, 30)
    made.professionals.write_bytes(made.professionals.read_text(encoding="utf-8").encode("windows-1252"))
    extracts = DirectoryExtracts(CODES, lambda line: pytest.fail(str(line)))
    extracts.read_professionals(made.professionals, "windows-1252")
    assert extracts.is_complete
    made.professionals.write_bytes(
        "\N{ZERO WIDTH NO-BREAK SPACE}".encode() + made.professionals.read_bytes().decode("windows-1252").encode()
    )
    extracts.read_professionals(made.professionals)
    assert extracts.is_complete
