"""The national directory extract and FINESS, brought into the store: streaming, resumable, idempotent, and who leaves loses access."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from carnet_dev.extracts import Extracts, finess, line, rpps, write
from carnet_identity.directory_import.main import nomenclatures
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import Professional, RefusedLine
from carnet_identity.storage.directory import DirectoryStore
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.extracts import DirectoryExtracts
from carnet_identity.storage.indexes import Collections, open_collections
from carnet_identity.usecases.import_directory import PROFESSIONALS, STRUCTURES, ImportDirectory, ImportReport
from carnet_platform.clock import SystemClock
from carnet_platform.imports.progress import ImportProgress, SupersededError, files_key
from carnet_platform.keys import MasterKeys
from support.drivers import AT_LENGTH_ON_BOTH

BOTH_DRIVERS = pytest.mark.parametrize("database", AT_LENGTH_ON_BOTH, indirect=True)
KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
END = datetime(2026, 1, 1, tzinfo=UTC)
TODAY = "20261122"
ACTIVITIES = 1500


class NoonInParis(SystemClock):
    """The day on which these files are in force."""

    def now(self) -> datetime:
        """Noon of that day."""
        return datetime(2026, 11, 22, 11, tzinfo=UTC)


CLOCK = NoonInParis()


class Importing:
    """An import of two files into one database."""

    def __init__(self, collections: Collections, share: float = 0.2) -> None:
        self.collections = collections
        self.store = DirectoryStore(collections.professionals, collections.structures, KEYS, CLOCK)
        self.due = DueWithdrawals(collections.due_withdrawals)
        self.refused: list[RefusedLine] = []
        self._share = share

    def progress(self, made: Extracts) -> ImportProgress:
        """The progress kept of these files."""
        key = files_key((made.structures, made.professionals), TODAY)
        return ImportProgress(self.collections.directory_imports, KEYS, CLOCK, key, STRUCTURES)

    async def __call__(self, made: Extracts, progress: ImportProgress | None = None) -> ImportReport:
        """Imports them."""
        self.refused.clear()
        extracts = DirectoryExtracts(nomenclatures(), self.refused.append)
        try:
            extracts.read_structures(made.structures)
            extracts.read_professionals(made.professionals)
            kept = progress or self.progress(made)
            importing = ImportDirectory(self.store, self.due, most_withdrawn=self._share, at_once=300)
            report = await importing(extracts, day=TODAY, tokens_end=lambda: END, progress=kept)
            await kept.finish()
            return report
        finally:
            extracts.close()

    async def everybody(self) -> dict[str, Professional]:
        """Every professional, by RPPS."""
        return {one.rpps: one async for one in self.store.professionals_between("", None)}

    async def rows(self) -> list[dict[str, Any]]:
        """Every row as it is stored."""
        found = [row async for row in self.collections.professionals.find({}).sort("_id", 1)]
        return found + [row async for row in self.collections.structures.find({}).sort("_id", 1)]

    async def withdrawn(self) -> set[str]:
        """What consent is to be told of."""
        return {one.subject for one in await self.due.some(10_000)}


class StopsAfter(ImportProgress):
    """Progress of an import that dies after so many batches."""

    left = 0

    async def reached(self, phase: str, key: str) -> None:
        """Keeps it, and dies when it was the last."""
        await super().reached(phase, key)
        self.left -= 1
        if self.left == 0:
            raise ConnectionResetError


def stopping(importing: Importing, made: Extracts, batches: int) -> StopsAfter:
    """Progress that ends after so many batches."""
    key = files_key((made.structures, made.professionals), TODAY)
    progress = StopsAfter(importing.collections.directory_imports, KEYS, CLOCK, key, STRUCTURES)
    progress.left = batches
    return progress


@pytest.fixture
async def importing(database: tuple[Any, Any]) -> Importing:
    """An import into an empty directory."""
    return Importing(await open_collections(database[1]))


def edited(made: Extracts, edit: Callable[[list[str]], list[str]]) -> Extracts:
    """The same files with the lines of professionals edited."""
    lines = made.professionals.read_text(encoding="utf-8").splitlines(keepends=True)
    made.professionals.write_text("".join([lines[0], *edit(lines[1:])]), encoding="utf-8")
    return made


@BOTH_DRIVERS
async def test_every_activity_of_the_extract_is_in_the_directory(importing: Importing, tmp_path: Path) -> None:
    """domain.md 1.2: RPPS, IDNPS, profession, speciality, sector, FINESS site and entity, SIREN, SIRET."""
    made = write(tmp_path, ACTIVITIES)
    report = await importing(made)
    everybody = await importing.everybody()
    assert (report.professionals, report.activities, importing.refused) == (made.people, ACTIVITIES, [])
    assert (len(everybody), sum(len(one.activities) for one in everybody.values())) == (made.people, ACTIVITIES)
    first = everybody[rpps(0)]
    assert (first.national_id, first.profession) == (f"8{rpps(0)}", first.activities[0].profession)
    site = await importing.store.structure_by_finess(finess(3))
    assert site is not None
    assert (site.display_name, site.entity_finess[:3], len(site.siret), site.siren) == ("Hôpital inventé 3", "996", 14, site.siret[:9])
    assert await importing.withdrawn() == set()


@BOTH_DRIVERS
async def test_the_same_files_again_write_nothing_in_whatever_order_their_lines_are(importing: Importing, tmp_path: Path) -> None:
    made = write(tmp_path, ACTIVITIES)
    await importing(made)
    before = await importing.rows()
    again = await importing(edited(made, lambda lines: lines[::-1]))
    assert (again.changed_professionals, again.withdrawn_professionals, again.withdrawn_activities) == (0, 0, 0)
    assert await importing.rows() == before


@BOTH_DRIVERS
async def test_who_leaves_loses_access_as_a_withdrawal_and_keeps_the_name_on_coming_back(importing: Importing, tmp_path: Path) -> None:
    """C2: a professional who is not in the directory any more, and one who loses one activity of several."""
    await importing(write(tmp_path, ACTIVITIES))
    before = await importing.everybody()
    left = frozenset({3, 70, 700})
    gone = {before[rpps(number)] for number in left}
    report = await importing(write(tmp_path, ACTIVITIES, left=left))
    assert report.withdrawn_professionals == 3
    assert await importing.withdrawn() == {one.name for one in gone}
    assert [(await importing.everybody())[one.rpps].structures for one in gone] == [(), (), ()]
    several = next(one for one in before.values() if len(one.structures) > 1 and one not in gone)
    made = edited(write(tmp_path, ACTIVITIES), lambda lines: _without_one_line_of(lines, several.rpps))
    back = await importing(made)
    assert (back.changed_professionals, back.withdrawn_professionals, back.withdrawn_activities) == (4, 0, 1)
    after = await importing.everybody()
    assert {rpps: one.name for rpps, one in after.items()} == {rpps: one.name for rpps, one in before.items()}
    lost = set(several.structures) - set(after[several.rpps].structures)
    assert {f"activities/{several.id}/{one.removeprefix('structures/')}" for one in lost} <= await importing.withdrawn()


def _without_one_line_of(lines: list[str], number: str) -> list[str]:
    place = next(place for place, text in enumerate(lines) if number in text)
    return lines[:place] + lines[place + 1 :]


@BOTH_DRIVERS
async def test_an_import_that_died_in_the_middle_is_gone_on_with(importing: Importing, tmp_path: Path) -> None:
    """Names given before it died stay, and nobody is withdrawn."""
    made = write(tmp_path, ACTIVITIES)
    with pytest.raises(ConnectionResetError):
        await importing(made, stopping(importing, made, 4))
    half = await importing.everybody()
    assert 0 < len(half) < made.people
    phase, position = await importing.progress(made).begin()
    assert (phase, position) == (PROFESSIONALS, max(half))
    report = await importing(made)
    everybody = await importing.everybody()
    assert (len(everybody), report.changed_professionals) == (made.people, made.people - len(half))
    assert {number: one.name for number, one in everybody.items() if number in half} == {rpps: one.name for rpps, one in half.items()}
    assert (await importing(made)).changed_professionals == 0
    assert await importing.withdrawn() == set()


@BOTH_DRIVERS
async def test_an_import_of_other_files_takes_over_and_the_older_one_stops(importing: Importing, tmp_path: Path) -> None:
    older, newer = write(tmp_path / "1", ACTIVITIES), write(tmp_path / "2", ACTIVITIES, seed=2)
    progress = importing.progress(older)
    await progress.begin()
    await importing(newer)
    with pytest.raises(SupersededError):
        await progress.reached(STRUCTURES, "1")


@BOTH_DRIVERS
async def test_progress_that_somebody_edited_is_none(importing: Importing, tmp_path: Path) -> None:
    """C8: who could set it would keep access for those whose leaving is skipped."""
    made = write(tmp_path, ACTIVITIES)
    progress = importing.progress(made)
    await progress.begin()
    await progress.reached(STRUCTURES, "1")
    await importing.collections.directory_imports.update_one({}, {"$set": {"phase": PROFESSIONALS, "position": "9"}})
    assert await importing.progress(made).begin() == (STRUCTURES, "")


@BOTH_DRIVERS
@pytest.mark.parametrize("harm", ["truncated", "latin-1"])
async def test_a_broken_file_adds_what_it_says_withdraws_nobody_and_a_whole_one_completes_it(
    importing: Importing, tmp_path: Path, harm: str
) -> None:
    await importing(write(tmp_path, ACTIVITIES))
    before = await importing.everybody()
    made = write(tmp_path, ACTIVITIES + 500, left=frozenset({3}))
    content = made.professionals.read_bytes()
    if harm == "truncated":
        made.professionals.write_bytes(content[:-40])
    else:
        first, rest = content.split(b"\n", 1)
        made.professionals.write_bytes(first + b"\n" + rest.decode().encode("latin-1"))
    report = await importing(made)
    assert (report.withdrawn_professionals, report.withdrawn_activities) == (0, 0)
    assert {one.rule for one in importing.refused} <= {"the last line has no end; the file may have broken off", "the line is not utf-8"}
    assert importing.refused
    after = await importing.everybody()
    assert len(after) > len(before)
    assert after[rpps(3)] == before[rpps(3)]
    made.professionals.write_bytes(content)
    assert (await importing(made)).withdrawn_professionals == 1
    assert len(await importing.everybody()) == made.people + 1


@BOTH_DRIVERS
async def test_a_missing_column_is_named_and_nothing_is_changed(importing: Importing, tmp_path: Path) -> None:
    await importing(write(tmp_path, ACTIVITIES))
    before = await importing.rows()
    made = write(tmp_path, ACTIVITIES, left=frozenset({3}))
    made.professionals.write_text(
        made.professionals.read_text(encoding="utf-8").replace("Code profession|", "Profession|", 1), encoding="utf-8"
    )
    with pytest.raises(BrokenRule, match="professionals: the first line lacks the headings Code profession; nothing was changed"):
        await importing(made)
    assert await importing.rows() == before


@BOTH_DRIVERS
async def test_an_extract_that_would_withdraw_too_many_is_refused_whole(importing: Importing, tmp_path: Path) -> None:
    await importing(write(tmp_path, ACTIVITIES))
    before = await importing.rows()
    made = edited(write(tmp_path, ACTIVITIES), lambda lines: lines[: len(lines) // 2])
    with pytest.raises(BrokenRule, match="professionals would lose every activity"):
        await importing(made)
    assert (await importing.rows(), await importing.withdrawn()) == (before, set())


@BOTH_DRIVERS
async def test_each_refused_line_is_reported_by_number_heading_and_rule_and_never_by_value(importing: Importing, tmp_path: Path) -> None:
    made = edited(write(tmp_path, 20), lambda lines: [lines[0].replace("|998", "|997"), "CANARI|\n", *lines[2:]])
    with made.structures.open("a", encoding="utf-8") as file:
        file.write("structureet;990000037;;CANARI;;;;;;;;;;;;;;;;;;;\ngeolocalisation;990000036;1;2\n")
    await importing(made)
    assert [(one.place, one.field) for one in importing.refused] == [
        ("structures:5", "nofinesset"),
        ("professionals:2", "Identifiant PP"),
        ("professionals:3", ""),
    ]
    assert "CANARI" not in str(importing.refused)
    assert "9970000000" not in str(importing.refused)


@BOTH_DRIVERS
async def test_what_is_no_care_of_ones_own_today_is_told_and_opens_nothing(importing: Importing, tmp_path: Path) -> None:
    """TRE_R22, TRE_R09: an activity that is over, not begun, no care, or a student's."""
    base = {
        "Type d'identifiant PP": "8",
        "Identifiant PP": rpps(1),
        "Identification nationale PP": f"8{rpps(1)}",
        "Nom d'exercice": "EXEMPLE",
        "Prénom d'exercice": "Eve",
        "Code profession": "10",
        "Code catégorie professionnelle": "C",
        "Raison sociale site": "CH",
        "Code genre activité": "GENR01",
    }
    closed = ({"Code genre activité": "GENR04"}, {"Code catégorie professionnelle": "E"}, {"Code genre activité": ""})
    made = write(tmp_path, 3)
    lines = [line(base | {"Numéro FINESS site": finess(number)} | change) for number, change in enumerate(closed)]
    lines.append(line(base | {"Numéro FINESS site": finess(5), "Code genre activité": "GENR03"}))
    dated = zip(lines + [line(base | {"Numéro FINESS site": finess(6)})] * 3, ["", "", "", "", "20261121", "", ""], strict=True)
    begins = ["", "", "", "", "", "23/11/2026", "2026-11-22"]
    edited(made, lambda _: [f"{text}|{begin}|{end}\n" for (text, end), begin in zip(dated, begins, strict=True)])
    content = made.professionals.read_text(encoding="utf-8")
    made.professionals.write_text(
        content.replace("activité|\n", "activité||Date de début activité|Date de fin activité\n", 1), encoding="utf-8"
    )
    await importing(made)
    assert importing.refused == []
    eve = (await importing.everybody())[rpps(1)]
    assert len(eve.activities) == 7
    opening = [await importing.store.structure_by_finess(finess(number)) for number in (5, 6)]
    assert set(eve.structures) == {one.name for one in opening if one}
    locum = eve.activity_in(eve.structures[0])
    assert locum is not None
    assert {one.is_locum for one in eve.activities if one.structure == opening[0].name} == {True}  # type: ignore[union-attr]
    assert (eve.activity_in("structures/x"), eve.activity_in(eve.structures[0], "60")) == (None, None)
