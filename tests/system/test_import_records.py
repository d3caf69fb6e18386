"""A record of an earlier system through every service: imported by the command beside a consent that runs, read, told in the history."""

import asyncio
import sys
from pathlib import Path

import pytest
from carnet.consent.v1.record_service_pb2 import LookupRecordRequest, RecordAvailability
from carnet_dev.demo.cast import Cast
from carnet_dev.local_run import LocalRun
from support import earlier_system
from support.people import HERSELF, TREATMENT, invented, registered
from support.waiting import eventually_answers

ALICE, BRUNO = "899700366240", "899700218896"


async def run_import(carnet: LocalRun, file: Path) -> str:
    """What the command logs, run with the environment of the consent that runs."""
    told = Path(f"/proc/{carnet.pid('consent')}/environ").read_bytes().split(b"\0")
    environment = dict(entry.decode().partition("=")[::2] for entry in told if entry)
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "carnet_consent.record_import.main",
            "import",
            "--file",
            str(file),
            "--report",
            str(file.with_suffix(".report")),
        ),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.long  # each side by itself: tests/component/consent/test_import_command.py, tests/component/identity/test_import_references.py
@pytest.mark.this_machine("the environment of a process")
async def test_a_record_of_an_earlier_system_is_read_by_whom_it_authorises_and_told_to_its_holder(carnet: LocalRun, tmp_path: Path) -> None:
    async with Cast(carnet.folder) as cast:
        alice, bruno = [await cast.member(user) for user in ("alice", "bruno")]
        doctor = await cast.session("alice", "software/gp", TREATMENT, alice.structure)
        stranger = await cast.session("bruno", "software/gp", TREATMENT, bruno.structure)
        somebody = await registered(doctor, invented())
        stated = {"evidence_collected_by": ALICE, "authorisations": f"{ALICE} 2026-05-01", "blocks": f"{BRUNO} 2019-01-01"}
        (tmp_path / "records.csv").write_text(
            earlier_system.HEADINGS + "\n" + earlier_system.line(0, ins=somebody.ins, **stated) + "\n", encoding="utf-8"
        )

        logged = await run_import(carnet, tmp_path / "records.csv")

        assert '"imported": 1' in logged
        assert somebody.ins not in logged
        request = LookupRecordRequest(patient=somebody.patient)
        record = (await doctor.connection.records.LookupRecord(request, metadata=await doctor.metadata(), timeout=20)).record
        assert (await doctor.deposit(record, somebody.document(0))).entry.name
        found = await stranger.connection.records.LookupRecord(request, metadata=await stranger.metadata(), timeout=20)
        assert found.availability == RecordAvailability.RECORD_AVAILABILITY_BLOCKED
        herself = await cast.session(f"ins:{somebody.ins}", "portal", HERSELF)

        async def is_told() -> bool:
            lines = [line.text for line in await herself.history(record)]
            words = ("took over your record from an earlier system", "since 01/03/2012", "took over a block from the earlier system")
            return all(any(one in line for line in lines) for one in words)

        await eventually_answers(is_told)
