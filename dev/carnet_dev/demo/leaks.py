"""The last check: not one INS, name or medical word of the story in any log line or span of the run."""

from collections.abc import Iterable
from pathlib import Path

from carnet_dev.demo.emergency import REASON
from carnet_dev.demo.page import Page
from carnet_dev.demo.scene import Scene
from carnet_dev.people import patients


def no_leak(scene: Scene) -> None:
    """Look through every log and trace file for what must not be there."""
    her = patients()["dominique"]
    titles = {entry.title for entry in scene.kept if entry.title}
    canaries = [her.ins, her.birth_family_name, her.used_family_name, REASON, scene.alice.rpps, scene.bruno.rpps, scene.chloe.rpps, *titles]
    look_for(scene.page, scene.cast.folder, canaries)


def look_for(page: Page, run: Path, canaries: Iterable[str]) -> None:
    """Look through every log and trace file of the run for these words."""
    wanted = list(canaries)
    lines, leaks = 0, []
    for folder in ("log", "traces"):
        for file in sorted(Path(run / folder).rglob("*")):
            if file.is_file() and not file.name.startswith("mongod"):
                text = file.read_text(encoding="utf-8", errors="replace")
                lines += text.count("\n")
                leaks += [file.name for canary in wanted if canary in text]
    told = f"not one INS, name or diagnosis in {lines} lines of logs and traces"
    page.check(told if not leaks else f"leaks in {', '.join(sorted(set(leaks)))}", not leaks)
