"""Chapters 7 and 8: who looked, and the proof that nobody was left out."""

import asyncio
import json
import sys
import time
from datetime import datetime
from pathlib import Path

from carnet.audit.v1.audit_reader_service_pb2 import HistoryLine

from carnet_dev.demo.emergency import REASON
from carnet_dev.demo.explaining import she_asks_why
from carnet_dev.demo.scene import Scene

SETTLE_SECONDS = 20.0


async def who_looked(scene: Scene) -> None:
    """Chapter 7: her own history, in words."""
    scene.page.chapter(7, "She asks who looked")
    lines = await _settled(scene)
    kinds = [line.event.kind for line in lines]
    scene.page.check(f"{len(lines)} lines, numbered 1 to {len(lines)} without a gap", _is_contiguous(lines))
    for line in _worth_showing(lines):
        scene.page.line(f"  {line.text}")
    missing = scene.refused - _refused(lines)
    scene.page.check(f"{len(scene.refused)} kinds of refusal, each on the record", not missing)
    opened = [line for line in lines if line.event.kind == "emergency.opened"]
    scene.page.check("the emergency is there with its reason in words", any(line.event.motive == REASON for line in opened))
    names = {line.actor_name for line in lines}
    expected = {scene.alice.label, scene.bruno.label, scene.chloe.label}
    scene.page.check(
        "every doctor of the story by name, and what the person can do now", expected <= names and all(line.next_step for line in lines)
    )
    scene.page.check("a read is there as a read", "document.read" in kinds)
    scene.page.check("the emergency was reviewed, and she reads the outcome", _is_reviewed(scene, lines))
    refused = next(line for line in lines if (line.event.actor.subject, line.event.reason) == (scene.bruno.name, "BLOCKED"))
    await she_asks_why(scene, datetime.fromisoformat(refused.event.time))


async def _settled(scene: Scene) -> list[HistoryLine]:
    """The whole history, once what was done has arrived in the log: every refusal of the story, and the review, which came last."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        lines = await scene.dominique.history(scene.record)
        if (scene.refused <= _refused(lines) and _is_reviewed(scene, lines)) or time.monotonic() > deadline:
            return lines
        await asyncio.sleep(1)


def _is_reviewed(scene: Scene, lines: list[HistoryLine]) -> bool:
    return any(line.event.kind == "emergency.reviewed" and line.event.emergency_episode == scene.episode for line in lines)


def _refused(lines: list[HistoryLine]) -> set[tuple[str, str]]:
    return {(line.event.actor.subject, line.event.reason) for line in lines if line.event.decision == "deny"}


def _worth_showing(lines: list[HistoryLine]) -> list[HistoryLine]:
    """The newest line of each kind and person, in the order they happened; not her own readings."""
    newest: dict[tuple[str, str, str], HistoryLine] = {}
    for line in lines:
        if not line.event.actor.subject.startswith("patients/"):
            newest.setdefault((line.event.actor.subject, line.event.kind, line.event.reason), line)
    return sorted(newest.values(), key=lambda line: line.event.time)


def _is_contiguous(lines: list[HistoryLine]) -> bool:
    return sorted(line.number for line in lines) == list(range(1, len(lines) + 1))


async def she_verifies(scene: Scene) -> None:
    """Chapter 8: the offline verifier on the file as it came, with one byte changed, with one line removed."""
    file = scene.cast.folder / "demo" / "my-history.json"
    scene.page.chapter(8, "She does not take our word for it", f"carnet-audit verify {file.name}    (no network, no service)")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(
        await scene.page.step(f"her whole history with its proofs saved as {file}", scene.dominique.export_history(scene.record))
    )
    code, said = await _verify(file)
    scene.page.check(said, code == 0)
    changed, removed = file.with_name("one-byte-changed.json"), file.with_name("one-line-removed.json")
    number = _spoil(file, changed, removed)
    code, said = await _verify(changed)
    scene.page.check(f"one byte changed     ✗ {said}", code == 1 and str(number) in said)
    code, said = await _verify(removed)
    scene.page.check(f"one line removed     ✗ {said}", code == 1 and str(number) in said)


def _spoil(file: Path, changed: Path, removed: Path) -> int:
    """Write the file with one byte of the last read changed, and without that line. The number of the line."""
    history = json.loads(file.read_text(encoding="utf-8"))
    index, line = next((i, one) for i, one in reversed(list(enumerate(history["lines"]))) if '"document.read"' in one["payload"])
    honest = line["payload"]
    line["payload"] = honest.replace('"document.read"', '"document.reaD"')
    changed.write_text(json.dumps(history, ensure_ascii=False), encoding="utf-8")
    line["payload"] = honest
    del history["lines"][index]
    removed.write_text(json.dumps(history, ensure_ascii=False), encoding="utf-8")
    return int(line["number"])


async def _verify(file: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "carnet_verify.cli", "verify", str(file), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode().strip().splitlines()[0]
