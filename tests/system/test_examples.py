"""The examples of the documents do what the documents say."""

import asyncio
import sys

from carnet_dev.local_run import LocalRun
from support.tree import ROOT


async def test_the_first_document_goes_in_and_out_again(carnet: LocalRun) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, ROOT / "docs/examples/first_document.py", "--folder", carnet.folder),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    said = output.decode()
    assert process.returncode == 0, said
    assert "the same again: the first answer" in said
    assert "read back byte for byte" in said
    assert "refused as it should be: FAILED_PRECONDITION DOCUMENT_OF_ANOTHER_PATIENT" in said
