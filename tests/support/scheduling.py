"""Which tests run in one worker, one after the other: those of a file; and of a folder whose tests share a whole system.

A worker that gets one of them starts the system and keeps it, so one worker gets them all.
"""

import pytest
from xdist.scheduler import LoadFileScheduling, Scheduling

SHARED = ("tests/faults/", "tests/system/")


class SystemScheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """As `--dist loadfile`, with a folder of `SHARED` as one file."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((folder for folder in SHARED if file.startswith(folder)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling | None:
    """The scheduler of `--dist loadfile`; every other is xdist's own."""
    if config.getoption("dist") != "loadfile":
        return None
    return SystemScheduling(config, log)
