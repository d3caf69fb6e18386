"""``make demo``: the story ends as told, with our own documents and with the published samples, once and again."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from carnet_dev.local_run import LocalRun
from support.tree import ROOT

SAMPLES = Path(os.environ.get("SAMPLES", "../shared/samples")) / "cda"


async def ran(*command: str | Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def told(carnet: LocalRun, samples: Path) -> tuple[int, str]:
    return await ran("-m", "carnet_dev.demo", "--folder", carnet.folder, "--samples", samples)


async def test_the_story_ends_as_told_with_our_own_documents_and_can_be_told_again(carnet: LocalRun, tmp_path: Path) -> None:
    """A1, A5, C4, C7: every check of the story, twice over one record."""
    for _ in range(2):
        code, said = await told(carnet, tmp_path / "none")
        assert code == 0, said
        assert "NOT AS THE STORY SAYS" not in said


async def test_the_story_ends_as_told_with_the_published_samples(carnet: LocalRun) -> None:
    if not SAMPLES.is_dir():
        pytest.skip(f"no sample documents in {SAMPLES}: set SAMPLES")
    code, said = await told(carnet, SAMPLES)
    assert code == 0, said
    assert "31 deposited · 8 refused" in said


async def test_the_glass_is_broken_as_the_walkthrough_tells(carnet: LocalRun, tmp_path: Path) -> None:
    """C7: told to the patient within a minute, and reviewed. After the story, which opens her record."""
    example = (ROOT / "docs/examples/break_the_glass.py", "--folder", carnet.folder)
    code, said = await ran(*example)
    if code:
        assert (await told(carnet, tmp_path / "none"))[0] == 0
        code, said = await ran(*example)

    assert code == 0, said
    walkthrough = (ROOT / "docs/walkthroughs/break-the-glass.md").read_text(encoding="utf-8")
    refused = [line for line in said.splitlines() if ": refused, " in line]
    assert refused
    assert [line for line in refused if line not in walkthrough] == []
    assert "breaks it again: the same episode and end" in said
    assert "concludes that it was justified" in said
