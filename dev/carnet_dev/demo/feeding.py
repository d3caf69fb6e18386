"""Chapter 2: Dr UNTEL feeds the record; what is not hers to deposit is refused, with the reason."""

import time
from collections import Counter
from dataclasses import dataclass, field

from carnet_client import Deposit, Refused

from carnet_dev.demo.page import StoryError
from carnet_dev.demo.papers import Paper, papers
from carnet_dev.demo.scene import Scene

CLASSES = {
    "10": "reports",
    "11": "syntheses",
    "31": "imaging",
    "42": "prescriptions",
    "43": "dispensations",
    "44": "care plans",
    "45": "treatments given",
    "52": "certificates",
    "60": "reimbursement",
    "90": "of the patient",
    "95": "administrative",
}
EXPECTED = {
    "DOCUMENT_OF_ANOTHER_PATIENT": "another patient's document",
    "NOT_A_CLINICAL_DOCUMENT": "not a clinical document",
    "CLASS_NOT_DEPOSITABLE": "not hers to deposit",
}
"""The refusals the chapter must show, and no other."""
WARNINGS = {
    "AUTHOR_IDENTIFIER_INVALID": "an author's number fails its check digit",
    "REPLACED_DOCUMENT_ABSENT": "replaces a document that is not in this record",
}


@dataclass
class Outcome:
    """What became of each paper."""

    kept: list[tuple[Paper, Deposit]] = field(default_factory=list)
    refused: dict[str, list[tuple[Paper, Refused]]] = field(default_factory=dict)


async def feeding(scene: Scene) -> None:
    """Deposit every paper, the insurer's with the insurer's certificate, then all of them again."""
    source, found = papers(scene.samples)
    scene.page.chapter(2, f"{scene.alice.label}, general practice, feeds it", f"{len(found)} files from {source}")
    began = time.perf_counter()
    outcome = await _deposit_all(scene, found)
    seconds = time.perf_counter() - began
    sent = sum(len(paper.content) for paper, _ in outcome.kept) / 1e6
    refused = sum(len(papers) for papers in outcome.refused.values())
    told = f"{len(outcome.kept)} deposited · {refused} refused · {sent:.1f} MB"
    scene.page.check(told, bool(outcome.kept) and set(outcome.refused) == set(EXPECTED), f"{seconds:.1f} s")
    if not outcome.kept:
        raise StoryError(told)
    counts = Counter(deposit.entry.type.code and getattr(deposit.entry, "class").code for _, deposit in outcome.kept)
    scene.page.line("  " + "   ".join(f"{count} {CLASSES.get(code, code)}" for code, count in counts.most_common()))
    for reason, several in sorted(outcome.refused.items(), key=lambda item: -len(item[1])):
        paper, first = several[0]
        scene.page.line(f"  refused {len(several):>2}  {EXPECTED.get(reason, reason):<30} e.g. {paper.name}: {first.message}")
    _tell_warnings(scene, outcome)
    for paper, deposit in outcome.kept:
        scene.kept.append(deposit.entry)
        scene.sent[deposit.entry.name] = paper.content
    await _insurer(scene, outcome)
    await _again(scene, outcome)


async def _deposit_all(scene: Scene, found: list[Paper]) -> Outcome:
    outcome = Outcome()
    for paper in found:
        try:
            outcome.kept.append((paper, await scene.alice_session.deposit(scene.record, paper.content)))
        except Refused as refused:
            outcome.refused.setdefault(refused.reason, []).append((paper, refused))
            scene.refused.add((scene.alice.name, refused.reason))
    return outcome


def _tell_warnings(scene: Scene, outcome: Outcome) -> None:
    counts = Counter(code for _, deposit in outcome.kept for code in deposit.warnings)
    for code, count in counts.most_common():
        scene.page.line(f"  kept with a warning {count:>2}  {WARNINGS.get(code, code)}")


async def _insurer(scene: Scene, outcome: Outcome) -> None:
    hers_not = outcome.refused.get("CLASS_NOT_DEPOSITABLE", [])
    if not hers_not:
        return
    insurer = await scene.cast.system("system/insurer")
    paper = hers_not[0][0]
    text = "the insurer's system deposits its reimbursement statement"
    deposit = await scene.page.step(text, insurer.deposit(scene.record, paper.content))
    scene.kept.append(deposit.entry)
    scene.sent[deposit.entry.name] = paper.content


async def _again(scene: Scene, outcome: Outcome) -> None:
    began = time.perf_counter()
    again = [await scene.alice_session.deposit(scene.record, paper.content) for paper, _ in outcome.kept]
    same = all(
        second.already_deposited and second.entry.name == first.entry.name for second, (_, first) in zip(again, outcome.kept, strict=True)
    )
    count = len(again)
    told = f"the same {count} sent again: {count} times the first answer, nothing stored twice"
    scene.page.check(told, same, f"{time.perf_counter() - began:.1f} s")
