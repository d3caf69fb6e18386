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
import csv
import gc
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

from carnet_platform.platform import Platform
from carnet_platform.process import run
from carnet_platform.settings import SettingsError
from pydantic import model_validator
from pymongo.errors import PyMongoError

from carnet_identity.domain.activity import day_in_paris
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import RefusedLine
from carnet_identity.domain.nomenclatures import Nomenclatures, read_nomenclatures
from carnet_identity.settings import IdentitySettings
from carnet_identity.storage.directory import DirectoryStore
from carnet_identity.storage.directory_imports import DirectoryImports, SupersededError, files_key
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.extracts import UTF_8, DirectoryExtracts
from carnet_identity.storage.indexes import Collections, open_collections
from carnet_identity.usecases.import_directory import STRUCTURES, ImportDirectory, ImportReport

EX_DATAERR, EX_TEMPFAIL = 65, 75
_TOLD_EVERY = timedelta(seconds=5)
_ENCODINGS = (UTF_8, "windows-1252")
_OBJECTS_BETWEEN_LOOKS = 100_000


class CommandSettings(IdentitySettings):
    """Identity's settings, of which this process uses neither ports nor workers: it may run beside an identity on one machine."""

    @model_validator(mode="before")
    @classmethod
    def _listens_nowhere(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, "listen": "127.0.0.1:0", "health_listen": "127.0.0.1:0", "workers": 1}


class StoppedError(Exception):
    """The operator asked this process to stop."""


class Report:
    """Refused lines: each in a file as `file;line;heading;rule`, their number by rule in the log."""

    def __init__(self, file: IO[str]) -> None:
        self._lines = csv.writer(file, delimiter=";", lineterminator="\n")
        self._lines.writerow(("file", "line", "heading", "rule"))
        self.counts: Counter[tuple[str, str, str]] = Counter()

    def __call__(self, line: RefusedLine) -> None:
        """One more."""
        name, _, number = line.place.partition(":")
        self._lines.writerow((name, number, line.field, line.rule))
        self.counts[name, line.field, line.rule] += 1


class Progress:
    """Keeps how far the import came, and tells it every few seconds."""

    def __init__(self, kept: DirectoryImports, tell: Callable[..., None]) -> None:
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
        report = Report(opened)
        extracts = DirectoryExtracts(codes, report)
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
    kept = DirectoryImports(
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


def collect_seldom() -> None:
    """Millions of rows come and go without a cycle among them: looking for garbage after every few of them took a tenth of the time."""
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)


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
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if task is not None:
            loop.add_signal_handler(number, task.cancel)
    try:
        code = await import_extracts(platform, options)
    except (asyncio.CancelledError, StoppedError):
        platform.logger.warning("directory.stopped", rule="the same command goes on where this one stopped")
        code = EX_TEMPFAIL
    except SupersededError:
        platform.logger.warning("directory.superseded", rule="another import was begun after this one")
        code = EX_TEMPFAIL
    except PyMongoError as error:
        platform.logger.warning("directory.stopped", kind=type(error).__name__, rule="the same command goes on where this one stopped")
        code = EX_TEMPFAIL
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
