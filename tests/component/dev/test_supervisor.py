"""The supervisor over real stores and stub services: order of start and stop, restarts, what it says when it cannot start."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from carnet_dev.plan import Plan, free_ports
from carnet_dev.stores import Stores
from carnet_dev.supervisor import StartError, Supervisor, is_all_serving
from support import stub_service
from support.stores_fixtures import TestStores
from support.waiting import eventually

STUB = [sys.executable, str(Path(stub_service.__file__))]


class Run:
    """A supervisor under test, and what it said."""

    def __init__(self, folder: Path, stores: TestStores, **overrides: dict[str, str]) -> None:
        self.plan = Plan(folder, free_ports(), overrides)
        self.said: list[str] = []
        self.stop = asyncio.Event()
        self.up = asyncio.Event()
        running = {"CARNET_MONGO_URL": stores.mongo_admin_url, "CARNET_REDIS_URL": stores.redis_url}
        self.supervisor = Supervisor(
            self.plan, self.said.append, stores=Stores(folder, environment=running), command=lambda name: [*STUB, name]
        )

    async def run(self) -> None:
        await self.supervisor.run(self.stop, self.up.set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Run"]:
        task = asyncio.create_task(self.run())
        waiting = asyncio.create_task(self.up.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        try:
            yield self
        finally:
            self.stop.set()
            waiting.cancel()
            await task

    def pids(self) -> dict[str, int]:
        pids: dict[str, int] = json.loads((self.plan.folder / "run.json").read_text())["pids"]
        return pids


@pytest.fixture
def run(tmp_path: Path, stores: TestStores, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("STUB_JOURNAL", str(tmp_path / "journal"))
    return Run(tmp_path / "var", stores)


async def test_services_are_awaited_and_stopped_in_order(run: Run, tmp_path: Path) -> None:
    async with run.running():
        assert await is_all_serving(run.plan)
    journal = (tmp_path / "journal").read_text().splitlines()
    assert set(journal[:4]) == {"start identity", "start audit", "start consent", "start documents"}
    assert journal[4:] == ["stop documents", "stop consent", "stop identity", "stop audit"]
    served = [line.split()[0] for line in run.said if " serves at " in line]
    assert served == ["identity", "audit", "consent", "documents"]
    assert run.said[-1] == "all stopped"


async def test_a_service_that_dies_is_said_and_started_again(run: Run) -> None:
    async with run.running():
        before = run.pids()["consent"]
        os.kill(before, signal.SIGKILL)
        await eventually(lambda: run.pids()["consent"] != before)
        assert any(line.startswith("consent ended with -9; again in 0.5 s") for line in run.said)


async def test_settings_that_cannot_be_used_end_the_start_with_the_services_own_words(
    tmp_path: Path, stores: TestStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_JOURNAL", str(tmp_path / "journal"))
    run = Run(tmp_path / "var", stores, consent={"stub_fault": "settings"})
    with pytest.raises(StartError, match="consent does not start:\ncannot_start: CARNET_LISTEN is missing"):
        await run.run()
    journal = set((tmp_path / "journal").read_text().splitlines())
    assert {f"stop {name}" for name in ("identity", "audit")} <= journal


async def test_two_runs_do_not_share_a_folder(run: Run, stores: TestStores) -> None:
    async with run.running():
        with pytest.raises(StartError, match="already runs"):
            await Run(run.plan.folder, stores).run()


async def test_a_taken_port_is_named(run: Run) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", run.plan.ports["consent"])
    async with server:
        with pytest.raises(StartError, match=rf"{run.plan.ports['consent']} \(consent\)"):
            await run.run()


async def test_a_stop_during_the_start_stops_what_was_started(run: Run, tmp_path: Path) -> None:
    task = asyncio.create_task(run.run())
    await eventually((tmp_path / "journal").exists)
    run.stop.set()
    await task
    assert "stop identity" in (tmp_path / "journal").read_text()
    assert not (run.plan.folder / "run.json").exists()
