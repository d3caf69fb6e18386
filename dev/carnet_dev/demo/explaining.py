"""What she is told before she decides, and why somebody was refused: preview and explanation."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1.access_explanation_service_pb2 import (
    DocumentFacts,
    ExplainDecisionRequest,
    ExplainDecisionResponse,
    PreviewChangeRequest,
    PreviewChangeResponse,
    Reader,
    Verdict,
)
from carnet.consent.v1.authorisation_pb2 import Authorisation, AuthorisationKind
from carnet.documents.v1.document_entry_pb2 import DocumentEntry, Visibility
from carnet_client.refusals import telling_refusals

from carnet_dev.demo.scene import Scene

HER_TIME = ZoneInfo("Europe/Paris")
_LABELS = {Visibility.VISIBILITY_MASKED_FROM_PROFESSIONALS: "MASQUE_PS"}


async def she_looks_before(scene: Scene) -> None:
    """Who would lose what by blocking Dr EXEMPLE, before it is saved."""
    entries = await scene.dominique.search(scene.record)
    told = await scene.page.step("what would change, before it is saved", _preview(scene, entries))
    shown = [entry for entry in entries if Visibility.VISIBILITY_MASKED_FROM_PROFESSIONALS not in entry.visibilities]
    lost = {name for change in told.changes if change.name == scene.bruno.name for name in change.lost_documents}
    alone = {change.name for change in told.changes} == {scene.bruno.name} and not any(change.gained_documents for change in told.changes)
    scene.page.check(f"{scene.bruno.label} would lose {len(lost)} documents; nobody else anything", alone and len(lost) == len(shown))


async def _preview(scene: Scene, entries: list[DocumentEntry]) -> PreviewChangeResponse:
    block = Authorisation(grantee=scene.bruno.name, kind=AuthorisationKind.AUTHORISATION_KIND_BLOCK)
    request = PreviewChangeRequest(record=scene.record, authorisation=block, documents=[_facts(entry) for entry in entries])
    portal = scene.dominique
    with telling_refusals():
        return await portal.connection.explanations.PreviewChange(request, metadata=await portal.metadata(), timeout=10)


def _facts(entry: DocumentEntry) -> DocumentFacts:
    return DocumentFacts(
        name=entry.name,
        document_class=getattr(entry, "class").code,
        document_type=entry.type.code,
        visibilities=[_LABELS[label] for label in entry.visibilities if label in _LABELS],
        depositor=entry.depositor if entry.depositor.startswith("professionals/") else "",
    )


async def she_asks_why(scene: Scene, when: datetime) -> None:
    """Why Dr EXEMPLE was refused at that instant: the list of rules, which stops at the one that refused."""
    told = await scene.page.step(f"why was {scene.bruno.label} refused at {when.astimezone(HER_TIME):%H:%M:%S}?", _explained(scene, when))
    for step in told.steps[-2:]:
        scene.page.line(f"  {step.number:>2}  {'NO ' if step is told.steps[-1] else 'yes'}  {step.text_en}")
    last = told.steps[-1]
    said = f"refused by rule {last.number} of the list: {last.source}"
    scene.page.check(said, told.verdict == Verdict.VERDICT_REFUSED and "block" in last.text_en)


async def _explained(scene: Scene, when: datetime) -> ExplainDecisionResponse:
    who = Reader(name=scene.bruno.name, structure=scene.bruno.structure, purpose=PurposeOfUse.PURPOSE_OF_USE_TREATMENT)
    request = ExplainDecisionRequest(record=scene.record, reader=who)
    request.time.FromDatetime(when.astimezone(UTC))
    portal = scene.dominique
    with telling_refusals():
        return await portal.connection.explanations.ExplainDecision(request, metadata=await portal.metadata(), timeout=10)
