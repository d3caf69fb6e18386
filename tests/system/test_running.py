"""`make run`: the system comes up, stops cleanly on Ctrl-C, keeps its data, waits for a store, mends itself."""

import json
import os
import re
import signal
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from carnet.identity.v1.directory_service_pb2 import LookupProfessionalRequest
from carnet_dev.health import is_serving, wait_until_serving
from carnet_dev.local_run import STATE_FILE, LocalRun
from carnet_dev.mongod import Mongod
from support.system_fixtures import RunningCarnet, require_stores
from support.waiting import eventually, wait_until

pytestmark = pytest.mark.this_machine("processes that it starts and ends")

STOP_PATIENCE = timedelta(seconds=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    require_stores()
    return tmp_path / "var"


@pytest.fixture
def running(folder: Path) -> Iterator[RunningCarnet]:
    one = RunningCarnet(folder)
    yield one
    one.process.terminate(STOP_PATIENCE)


async def look_up_alice(run: LocalRun) -> str:
    async with run.client("software/gp") as connection:
        answer = await connection.directory.LookupProfessional(LookupProfessionalRequest(rpps="99700366240"), timeout=10)
    return answer.professional.name


def interrupt(running: RunningCarnet) -> int | None:
    """Ctrl-C, and how the supervisor ended."""
    running.process.send(signal.SIGINT)
    wait_until(lambda: not running.process.is_running, STOP_PATIENCE, running.said)
    return running.process.exit_code


async def test_it_ends_with_zero_on_ctrl_c_keeps_its_data_and_leaves_nothing_behind_when_killed(
    folder: Path, running: RunningCarnet
) -> None:
    run = running.wait_until_up()
    for address in run.health.values():
        assert await is_serving(address)
    before = await look_up_alice(run)
    card = running.said()
    assert "Carnet is up" in card
    assert all(target in card for target in vars(run.targets).values())
    assert interrupt(running) == 0, running.said()
    said = [line.split("s  ", 1)[-1] for line in running.said().splitlines()]
    stopped = [line for line in said if line.endswith("stopped")]
    assert stopped == [
        f"{name} stopped" for name in ("documents", "consent", "identity", "audit", "identity-provider", "mail-server", "all")
    ]
    assert not (folder / STATE_FILE).exists()

    again = RunningCarnet(folder)
    try:
        assert await look_up_alice(again.wait_until_up()) == before
        pids = all_pids(folder)
        again.process.kill()
        await eventually(lambda: not any(is_alive(pid) for pid in pids.values()), STOP_PATIENCE)
    finally:
        again.process.terminate(STOP_PATIENCE)


async def test_a_service_killed_is_serving_again(carnet: LocalRun) -> None:
    before = carnet.pid("consent")
    os.kill(before, signal.SIGKILL)
    await eventually(lambda: carnet.pid("consent") != before)
    assert await wait_until_serving(carnet.health["consent"], lambda: carnet.pid("consent") == before, STOP_PATIENCE, lambda: None)


@pytest.mark.long  # each service by itself: tests/component/platform/test_start.py
async def test_a_store_that_is_down_at_the_start_is_waited_for(tmp_path: Path, folder: Path) -> None:
    """A service that cannot reach MongoDB says so and waits; it neither ends nor serves."""
    mongod = Mongod(tmp_path / "store")
    mongod.start()
    url = mongod.admin_url
    mongod.terminate()
    running = RunningCarnet(folder, environment={**os.environ, "CARNET_MONGO_URL": url})
    try:
        identity_log = folder / "log" / "identity.log"
        await eventually(lambda: identity_log.exists() and "store" in identity_log.read_text(), timedelta(seconds=30))
        assert not (folder / STATE_FILE).exists()
        mongod.restart()
        await look_up_alice(running.wait_until_up())
    finally:
        running.process.terminate(STOP_PATIENCE)
        mongod.terminate()


def test_secrets_are_the_owners_alone_and_stand_in_no_log(carnet: LocalRun) -> None:
    """S10: no secret in environments, arguments or logs."""
    secret_files = [path for kind in ("secrets", "keys", "urls") for path in (carnet.folder / kind).rglob("*") if path.is_file()]
    secret_files += list((carnet.folder / "certificates").rglob("key.pem"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret_files} == {0o600}
    contents = [path.read_text() for path in secret_files if path.name.startswith(("mongo-", "redis")) or path.suffix == ".key"]
    secrets = {text for text in contents if re.fullmatch(r"[0-9a-f]+", text)}
    told = [path.read_text(errors="replace") for kind in ("log", "traces") for path in (carnet.folder / kind).iterdir()]
    told += [
        Path(f"/proc/{pid}/{file}").read_text(errors="replace")
        for pid in all_pids(carnet.folder).values()
        for file in ("cmdline", "environ")
    ]
    assert len(secrets) > len(vars(carnet.targets))
    assert [secret for secret in secrets if any(secret in text for text in told)] == []


def all_pids(folder: Path) -> dict[str, int]:
    pids: dict[str, int] = json.loads((folder / STATE_FILE).read_text())["pids"]
    return pids


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody reaps does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
