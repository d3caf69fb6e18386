"""The examples of the documents do what the documents say."""

import asyncio
import sys

from carnet_dev.local_run import LocalRun
from support.tree import ROOT


async def run(carnet: LocalRun, example: str) -> str:
    """What an example prints, once it went well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, ROOT / "docs/examples" / example, "--folder", carnet.folder),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    said = output.decode()
    assert process.returncode == 0, said
    return said


async def test_the_first_document_goes_in_and_out_again_and_a_structure_says_that_its_patient_is_in_care(carnet: LocalRun) -> None:
    said = await run(carnet, "first_document.py")
    assert "the same again: the first answer" in said
    assert "read back byte for byte" in said
    assert "refused as it should be: FAILED_PRECONDITION DOCUMENT_OF_ANOTHER_PATIENT" in said
    said = await run(carnet, "care_contact.py")
    assert "noted: until" in said
    assert "her record: NEEDS_CONSENT" in said
    assert "the same token again: refused, CARE_CONTACT_REPLAYED" in said
