"""Processor time of the programs of a run: of the services and the stores, not of the client that asks them."""

import json
import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


class Processor:
    """Reads it from `/proc`, by the process identifiers in `run.json`."""

    def __init__(self, folder: Path) -> None:
        self._run = folder / "run.json"

    def pids(self) -> dict[str, int]:
        """The programs as they run now."""
        return dict(json.loads(self._run.read_text(encoding="utf-8"))["pids"])

    def seconds(self) -> float:
        """What all of them have used since they were started."""
        return sum(_seconds(pid) for pid in self.pids().values())

    def resident_mb(self, name: str) -> float:
        """The memory that one of them holds now."""
        status = Path(f"/proc/{self.pids()[name]}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def _seconds(pid: int) -> float:
    after_the_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    user, system = int(after_the_name[11]), int(after_the_name[12])
    return (user + system) / _TICK
