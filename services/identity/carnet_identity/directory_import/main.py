"""The command `carnet-directory import`: the national directory extract and FINESS into identity's store, once, beside running identities.

Takes identity's own settings from the environment, opens no port, calls nobody: who leaves is withdrawn by the identities that run
(`tell_withdrawals.py`). Exit codes: 0 all of both files is in; 65 (EX_DATAERR) a file is none, incomplete, or would withdraw too many, and
what could be taken is in; 75 (EX_TEMPFAIL) stopped, the store was lost, or another import was begun: the same command goes on; 78
settings, as a service.
A refused line is no failure: it is in the report.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from carnet_platform.imports.command import EX_DATAERR, ListensNowhere, StoppedError, code_of, collect_seldom
from carnet_platform.imports.lines import UTF_8
from carnet_platform.imports.progress import ImportProgress, files_key
from carnet_platform.imports.refused import RefusedLines
from carnet_platform.platform import Platform
from carnet_platform.process import run
from carnet_platform.settings import SettingsError

from carnet_identity.domain.activity import day_in_paris
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import RefusedLine
from carnet_identity.domain.nomenclatures import Nomenclatures, read_nomenclatures
from carnet_identity.settings import IdentitySettings
from carnet_identity.storage.directory import DirectoryStore
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.extracts import DirectoryExtracts
from carnet_identity.storage.indexes import Collections, open_collections
from carnet_identity.usecases.import_directory import STRUCTURES, ImportDirectory, ImportReport

_TOLD_EVERY = timedelta(seconds=5)
_ENCODINGS = (UTF_8, "windows-1252")


class CommandSettings(ListensNowhere, IdentitySettings):
    """Identity's settings; the command may run beside an identity on one machine."""


class Progress:
    """Keeps how far the import came, and tells it every few seconds."""

    def __init__(self, kept: ImportProgress, tell: Callable[..., None]) -> None:
        self._kept = kept
        self._tell = tell
        self._told = time.monotonic()

    async def begin(self) -> tuple[str, str]:
        """Where to go on."""
        phase, position = await self._kept.begin()
        self._tell("directory.storing", phase=phase, resumed=position != "")
        return phase, position

    async def reached(self, phase: str, key: str) -> None:
        """All up to this key is stored."""
        await self._kept.reached(phase, key)
        if time.monotonic() - self._told > _TOLD_EVERY.total_seconds():
            self._told = time.monotonic()
            self._tell("directory.progress", phase=phase)


async def import_extracts(platform: Platform, options: argparse.Namespace) -> int:
    """Reads both files, imports them, and gives the exit code."""
    settings: Any = platform.settings
    codes = nomenclatures()
    collect_seldom()
    with options.report.open("w", encoding="utf-8", newline="") as opened:
        report = RefusedLines(opened)

        def refused(line: RefusedLine) -> None:
            name, _, number = line.place.partition(":")
            report(name, int(number), line.field, line.rule)

        extracts = DirectoryExtracts(codes, refused)
        try:
            await _read(platform, options, extracts)
            collections = await open_collections((await platform.mongo()).get_default_database())
            imported = await _store(platform, settings, options, extracts, collections)
        except BrokenRule as broken:
            platform.logger.error("directory.refused", file=broken.field, rule=broken.rule)  # noqa: TRY400 - no fault of the program
            return EX_DATAERR
        finally:
            extracts.close()
    for (name, field, rule), count in report.counts.most_common():
        platform.logger.warning("directory.lines_refused", file=name, field=field, rule=rule, count=count)
    platform.logger.info("directory.imported", **asdict(imported), refused=extracts.refused)
    if extracts.is_complete:
        return 0
    platform.logger.error("directory.incomplete", rule="what could be read is in, nobody was withdrawn; import a whole file")
    return EX_DATAERR


async def _read(platform: Platform, options: argparse.Namespace, extracts: DirectoryExtracts) -> None:
    stop = threading.Event()

    def told(kind: str, lines: int) -> None:
        if stop.is_set():
            raise StoppedError
        platform.logger.info("directory.reading", file=kind, lines=lines)

    def both() -> None:
        extracts.read_structures(options.structures, options.structures_encoding, told)
        extracts.read_professionals(options.professionals, options.professionals_encoding, told)

    try:
        await asyncio.to_thread(both)
    finally:
        stop.set()


async def _store(
    platform: Platform, settings: IdentitySettings, options: argparse.Namespace, extracts: DirectoryExtracts, collections: Collections
) -> ImportReport:
    keys, clock = platform.keys(), platform.clock
    day = day_in_paris(clock.now())
    kept = ImportProgress(
        collections.directory_imports, keys, clock, files_key((options.structures, options.professionals), day), STRUCTURES
    )
    importing = ImportDirectory(
        DirectoryStore(collections.professionals, collections.structures, keys, clock),
        DueWithdrawals(collections.due_withdrawals),
        most_withdrawn=settings.directory_withdrawn_share,
    )

    def tokens_end() -> datetime:
        # A minute for the batch itself: tokens are given for the old activities until it is stored.
        return clock.now() + settings.token_lifetime + settings.clock_tolerance + timedelta(minutes=1)

    imported = await importing(extracts, day=day, tokens_end=tokens_end, progress=Progress(kept, platform.logger.info))
    await kept.finish()
    return imported


def nomenclatures() -> Nomenclatures:
    """The newest edition delivered; SettingsError when a file of it is broken."""
    editions = files("carnet_identity") / "data" / "nomenclatures"
    newest = max((one for one in editions.iterdir() if one.is_dir()), key=lambda folder: folder.name)
    try:
        return read_nomenclatures({file.name: file.read_text(encoding="utf-8") for file in newest.iterdir()}, newest.name)
    except BrokenRule as broken:
        raise SettingsError(f"nomenclatures {newest.name}: {broken}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="carnet-directory", description="The public directory of professionals and structures")
    command = parser.add_subparsers(dest="command", required=True).add_parser("import", help="bring the store in line with two extracts")
    command.add_argument("--professionals", type=Path, required=True, metavar="FILE", help="one line for each activity, values between |")
    command.add_argument("--structures", type=Path, required=True, metavar="FILE", help="FINESS, values between ;")
    command.add_argument("--report", type=Path, default=Path("directory-refused.csv"), metavar="FILE", help="for refused lines")
    for name in ("professionals", "structures"):
        command.add_argument(f"--{name}-encoding", choices=_ENCODINGS, default=UTF_8, help="default: utf-8")
    return parser


async def _serve(platform: Platform, options: argparse.Namespace) -> None:
    try:
        code = await code_of(platform, "directory", lambda: import_extracts(platform, options))
    except OSError as error:
        platform.logger.error("directory.unreadable", file=str(error.filename), fault=error.strerror)  # noqa: TRY400 - no fault of ours
        code = EX_DATAERR
    if code:
        raise SystemExit(code)


def main() -> None:
    """Runs the command."""
    options = _parser().parse_args(sys.argv[1:])
    run(lambda platform: _serve(platform, options), CommandSettings, "identity")


if __name__ == "__main__":
    main()
