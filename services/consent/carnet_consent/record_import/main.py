"""The command `carnet-records import`: the records of an earlier system into consent's store, once, beside running consents.

Takes consent's own settings from the environment and opens no port; asks identity whom the numbers of the file stand for. What it stores
is told to the log by the consents that run. Exit codes: 0 all of the file is in; 65 (EX_DATAERR) the file is none or incomplete, and what
could be taken is in; 75 (EX_TEMPFAIL) stopped, the store or identity was lost, or another import was begun: the same command goes on; 78
settings, as a service.
A refused line is no failure: it is in the report.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import IO

from carnet.identity.v1.import_reference_service_pb2_grpc import ImportReferenceServiceStub
from carnet_platform.imports.command import EX_DATAERR, ListensNowhere, code_of, collect_seldom
from carnet_platform.imports.lines import UTF_8, NoSuchFileError
from carnet_platform.imports.progress import VALIDATOR, ImportProgress, files_key
from carnet_platform.imports.refused import RefusedLines
from carnet_platform.mongo import ensure_collection
from carnet_platform.platform import Platform
from carnet_platform.process import run
from carnet_platform.settings import SettingsError

from carnet_consent.changing import changing, durations
from carnet_consent.clients.import_references import ImportReferences
from carnet_consent.domain.closing import Terms
from carnet_consent.domain.importing import ImportRules
from carnet_consent.life_cycle import newest_motives
from carnet_consent.settings import ConsentSettings
from carnet_consent.storage.import_file import KIND, ImportFile, Place
from carnet_consent.storage.indexes import RECORD_IMPORTS
from carnet_consent.tables import delivered
from carnet_consent.usecases.import_records import ImportCounts, ImportRecords

_TOLD_EVERY = timedelta(seconds=5)
_ENCODINGS = (UTF_8, "windows-1252")
_BATCH_PATIENCE = 6
"""A transaction of some records may take so many times as long as that of one change."""


class CommandSettings(ListensNowhere, ConsentSettings):
    """Consent's settings; the command may run beside a consent on one machine."""


class Progress:
    """Keeps how far the import came, with the report up to there, and tells it every few seconds."""

    def __init__(self, kept: ImportProgress, report: Path, platform: Platform) -> None:
        self._kept, self._platform = kept, platform
        self._path = report
        self._file: IO[str] | None = None
        self._told = time.monotonic()
        self.refused: RefusedLines | None = None

    async def begin(self) -> tuple[Place, ImportCounts]:
        """Where to go on: behind what is stored, in a report that says so; from the start where there is no such report any more."""
        _, position = await self._kept.begin()
        place, counts, size = Place(), ImportCounts(), 0
        if position:
            told = json.loads(position)
            if self._path.exists() and self._path.stat().st_size >= told["report"]:
                place, counts, size = Place(*told["place"]), ImportCounts(**told["counts"]), int(told["report"])
        self._file = self._path.open("r+" if size else "w", encoding="utf-8", newline="")
        if size:
            self._file.truncate(size)
            self._file.seek(size)
        self.refused = RefusedLines(self._file, has_headings=size > 0)
        self._platform.logger.info("records.storing", lines=place.number, resumed=place.number > 0)
        return place, counts

    def refuse(self, kind: str, number: int, field: str, rule: str) -> None:
        """Put a line into the report."""
        if self.refused is None:
            raise RuntimeError("begun before anything is refused")
        self.refused(kind, number, field, rule)

    async def reached(self, place: Place, counts: ImportCounts) -> None:
        """All up to this place is stored or reported."""
        if self._file is None:
            raise RuntimeError("begun before anything is reached")
        self._file.flush()
        os.fsync(self._file.fileno())
        told = {"place": [place.end, place.number], "counts": asdict(counts), "report": self._file.tell()}
        await self._kept.reached(KIND, json.dumps(told))
        if time.monotonic() - self._told > _TOLD_EVERY.total_seconds():
            self._told = time.monotonic()
            self._platform.logger.info("records.progress", lines=place.number, **asdict(counts))

    async def finish(self) -> None:
        """Keep that all is done."""
        await self._kept.finish()

    def close(self) -> None:
        """Give the report back."""
        if self._file is not None:
            self._file.close()


async def import_file(platform: Platform, options: argparse.Namespace) -> int:
    """Import the file; give the exit code."""
    settings = platform.settings
    if not isinstance(settings, ConsentSettings):
        raise SettingsError("this command needs the settings of consent")
    collect_seldom()
    keys, client = platform.keys(), await platform.mongo()
    imports = await ensure_collection(client.get_default_database(), RECORD_IMPORTS, validator=VALIDATOR)
    source = ImportFile(options.file, options.encoding)
    kept = ImportProgress(imports, keys, platform.clock, files_key((options.file,), options.encoding), KIND)
    progress = Progress(kept, options.report, platform)
    opened = await changing(client, keys, platform.clock, settings)
    changes = replace(opened.changes, timeout=settings.change_timeout * _BATCH_PATIENCE)
    references = ImportReferences(platform.peer(settings.identity_target, ImportReferenceServiceStub, "identity"))
    importing = ImportRecords(changes, references, rules(settings), keys.derive("record-import"), progress.refuse)
    try:
        counts = await importing(source, progress)
        if source.is_complete:
            await progress.finish()
    except NoSuchFileError as none:
        platform.logger.error("records.refused", file=none.kind, rule=none.rule)  # noqa: TRY400 - no fault of the program
        return EX_DATAERR
    finally:
        progress.close()
    return _told(platform, progress, counts, is_complete=source.is_complete)


def _told(platform: Platform, progress: Progress, counts: ImportCounts, *, is_complete: bool) -> int:
    """Tell what was done; give the exit code."""
    for (name, field, rule), count in (progress.refused.counts if progress.refused is not None else {}).items():
        platform.logger.warning("records.lines_refused", file=name, field=field, rule=rule, count=count)
    platform.logger.info("records.imported", **asdict(counts))
    if not counts.imported:
        platform.logger.info("records.nothing_new", rule="no line of the file was new: nothing was changed")
    if is_complete:
        return 0
    platform.logger.error("records.incomplete", rule="what could be read is in; import a whole file")
    return EX_DATAERR


def rules(settings: ConsentSettings) -> ImportRules:
    """What a record is measured by."""
    tables, motives = delivered().newest, newest_motives()
    return ImportRules(
        durations=durations(settings),
        closing=Terms(settings.closing_grace, settings.closed_kept_years),
        professions=frozenset(role for role in (*tables.reading, *tables.depositing) if role.isdigit()),
        closing_codes=frozenset().union(*motives.codes.values()),
        open_departements=settings.open_departements,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="carnet-records", description="The records of an earlier system")
    command = parser.add_subparsers(dest="command", required=True).add_parser("import", help="take over the records of a file")
    command.add_argument("--file", type=Path, required=True, metavar="FILE", help="one line for each record, values between ;")
    command.add_argument("--report", type=Path, default=Path("records-refused.csv"), metavar="FILE", help="for refused lines")
    command.add_argument("--encoding", choices=_ENCODINGS, default=UTF_8, help="default: utf-8")
    return parser


async def _serve(platform: Platform, options: argparse.Namespace) -> None:
    try:
        code = await code_of(platform, "records", lambda: import_file(platform, options))
    except OSError as error:
        platform.logger.error("records.unreadable", file=str(error.filename), fault=error.strerror)  # noqa: TRY400 - no fault of ours
        code = EX_DATAERR
    if code:
        raise SystemExit(code)


def main() -> None:
    """Run the command."""
    options = _parser().parse_args(sys.argv[1:])
    run(lambda platform: _serve(platform, options), CommandSettings, "consent")


if __name__ == "__main__":
    main()
