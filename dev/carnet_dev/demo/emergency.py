"""Chapter 6: found without her card, the glass broken for her, with a reason, for a while; what she hid stays hidden."""

import asyncio
import time
from datetime import timedelta

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1.emergency_access_service_pb2 import BreakGlassRequest, EmergencyEpisode
from carnet_client import UserSession, request_id
from carnet_client.refusals import telling_refusals

from carnet_dev.demo.finding import find_her
from carnet_dev.demo.mail import ADDRESS, is_read_here
from carnet_dev.demo.reviewing import it_is_reviewed, she_is_told, told_by_letter
from carnet_dev.demo.scene import Scene
from carnet_dev.demo.sharing import SENSITIVE, SYNTHESES, chosen
from carnet_dev.letters import letters_to

SOFTWARE = "software/emergency"
REASON = "coma, anticoagulants?"
SHORT = timedelta(seconds=4)


async def emergency_room(scene: Scene) -> None:
    """No consent, she cannot speak: refused without a reason, open with one, ended by itself; told to her and reviewed."""
    page, chloe = scene.page, scene.chloe
    page.chapter(6, "The emergency room: no card, no consent, she cannot speak", chloe.label)
    session = await scene.cast.session(chloe.user, SOFTWARE, PurposeOfUse.PURPOSE_OF_USE_BREAK_GLASS, chloe.structure)
    await find_her(scene, session)
    await page.refusal("reading at once", session.search(scene.record), "EPISODE_ENDED")
    await page.refusal("without a reason", _break(session, scene.record, ""), "REASON_REQUIRED")
    scene.refused |= {(chloe.name, "EPISODE_ENDED"), (chloe.name, "REASON_REQUIRED")}
    told = f'"cannot express her will" + "immediate risk" + "{REASON}": open for {SHORT.seconds} s (normally 4 h)'
    began = time.monotonic()
    known = len(letters_to(scene.cast.mail, ADDRESS))
    episode = await page.step(told, _break(session, scene.record, REASON))
    letter = asyncio.create_task(told_by_letter(scene, known)) if is_read_here(scene) else None
    scene.episode = episode.name
    found = await page.step("search          ✓", session.search(scene.record))
    names = {entry.name for entry in found}
    hidden, useful = chosen(scene.kept, SENSITIVE), chosen(scene.kept, SYNTHESES)
    page.check(f"{len(found)} documents; the hidden one stays hidden: she never allowed it in an emergency", hidden.name not in names)
    await page.step(f"read            ✓ {useful.title}", session.read(useful.name))
    await asyncio.sleep(max(0.0, SHORT.total_seconds() + 0.1 - (time.monotonic() - began)))
    await page.refusal(f"{SHORT.seconds} s later", session.read(useful.name), "EPISODE_ENDED")
    if letter is not None:
        she_is_told(scene, *await letter, REASON)
    await it_is_reviewed(scene, episode)


async def _break(session: UserSession, record: str, reason: str) -> EmergencyEpisode:
    request = BreakGlassRequest(request_id=request_id(), record=record, cannot_express_will=True, immediate_risk=True, reason=reason)
    request.duration.FromTimedelta(SHORT)
    with telling_refusals():
        answer = await session.connection.emergency.BreakGlass(request, metadata=await session.metadata(), timeout=10)
    return answer.episode
