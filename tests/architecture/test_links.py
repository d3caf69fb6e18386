"""The documents: every relative link leads somewhere, every `make` target, trial and path that they name exists."""

import re
from pathlib import Path

from support.tree import ROOT, files, python_files, relative

DOCUMENTS = [path for path in files() if path.suffix == ".md"]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TARGET = re.compile(r"(?:`|^|\$ )make ([a-z][a-z-]*)", re.MULTILINE)
TRIAL = re.compile(r"make trials T=([A-Z]\d+)")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`((?:tests|libs|services|proto|dev|docs)/[\w./-]+)`")


def test_every_relative_link_leads_to_a_file_and_a_heading() -> None:
    broken = {f"{relative(path)}: {link}" for path in DOCUMENTS for link in links(path) if not leads_somewhere(path, link)}
    assert broken == set()


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {(relative(path), target) for path in DOCUMENTS for target in TARGET.findall(path.read_text())}
    assert {one for one in named if one[1] not in targets} == set()


def test_every_trial_that_a_document_names_has_a_test() -> None:
    tests = [path.read_text() for path in python_files() if path.is_relative_to(ROOT / "tests") and path.name.startswith("test_")]
    tried = {trial for text in tests for trial in re.findall(r"\b[RCAS]\d{1,2}\b", text)}
    named = {(relative(path), trial) for path in DOCUMENTS for trial in TRIAL.findall(path.read_text())}
    assert {one for one in named if one[1] not in tried} == set()


def test_every_path_that_a_document_names_exists() -> None:
    named = {(relative(path), name) for path in DOCUMENTS for name in PATH.findall(path.read_text())}
    assert {one for one in named if not (ROOT / one[1]).exists()} == set()


def links(path: Path) -> list[str]:
    """The links of a document that stay in the repository."""
    found = LINK.findall(CODE.sub("", path.read_text()))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def leads_somewhere(path: Path, link: str) -> bool:
    name, _, heading = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not heading or heading in headings(target)


def headings(path: Path) -> set[str]:
    """The anchors of a document's headings, as forges make them."""
    found = re.findall(r"^#+ (.+)$", CODE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}
