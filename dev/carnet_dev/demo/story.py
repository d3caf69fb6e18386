"""The chapters in order."""

import asyncio
import time
from pathlib import Path

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet_client import Refused
from rich.console import Console

from carnet_dev.demo.cast import Cast
from carnet_dev.demo.emergency import SOFTWARE, emergency_room
from carnet_dev.demo.feeding import feeding
from carnet_dev.demo.leaks import no_leak
from carnet_dev.demo.looking_back import she_verifies, who_looked
from carnet_dev.demo.page import Page, StoryError
from carnet_dev.demo.record import her_record
from carnet_dev.demo.scene import Scene
from carnet_dev.demo.sharing import never_met, she_blocks, she_hides_one
from carnet_dev.local_run import NotRunningError

CHAPTERS = (her_record, feeding, never_met, she_hides_one, she_blocks, emergency_room, who_looked, she_verifies)

TRY_NEXT = """
Try next   make traces             where those milliseconds went
           docs/integrate.md       a document of your own, in and out, from your software
           make demo STORY=minor   a girl of 15, her mother, and a prescription that stays hers"""


def tell(folder: Path, samples: Path | None, console: Console) -> int:
    """Tell the story on the system that runs in ``folder``; 0 only if every step ended as it should."""
    try:
        return asyncio.run(_tell(folder, samples, console))
    except NotRunningError as error:
        console.print(str(error), style="red", markup=False)
        return 1


async def _tell(folder: Path, samples: Path | None, console: Console) -> int:
    page = Page(console)
    async with Cast(folder) as cast:
        up = time.time() - (folder / "run.json").stat().st_mtime
        console.print("Carnet · the story of one record", style="bold", end="")
        console.print(f"        system up {up:.0f} s · mutual TLS · all people invented", style="dim")
        try:
            scene = await _scene(page, cast, samples)
            for chapter in CHAPTERS:
                await chapter(scene)
            console.print()
            no_leak(scene)
        except (StoryError, Refused) as error:
            page.bad += isinstance(error, Refused)
            console.print(f"\nthe story ends here: {error}", style="red", markup=False)
    console.print(TRY_NEXT)
    return page.close()


async def _scene(page: Page, cast: Cast, samples: Path | None) -> Scene:
    treatment = PurposeOfUse.PURPOSE_OF_USE_TREATMENT
    alice, bruno, denis = [await cast.member(user) for user in ("alice", "bruno", "denis")]
    chloe = await cast.member("chloe", SOFTWARE)
    return Scene(
        page,
        cast,
        samples,
        alice,
        bruno,
        chloe,
        denis,
        alice_session=await cast.session("alice", "software/gp", treatment, alice.structure),
        bruno_session=await cast.session("bruno", "software/gp", treatment, bruno.structure),
    )
