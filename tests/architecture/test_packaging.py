"""What is installed: distributions, the lock, generated code."""

import re
from pathlib import Path

import pytest
from support.tree import PACKAGES, ROOT, files, project, relative

PROJECTS = sorted(relative(path.parent) for path in files() if path.name == "pyproject.toml" and path.parent != ROOT)
NAME = re.compile(r"^[A-Za-z0-9._-]+")


def normal(requirement: str) -> str:
    match = NAME.match(requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def test_every_distribution_is_known_to_mypy_and_to_the_makefile() -> None:
    folders = {relative(folder) for folder in PACKAGES.values()}
    assert set(project()["tool"]["mypy"]["mypy_path"].split(":")) == folders | {"proto/gen", "tests"}
    assert set(project()["tool"]["mypy"]["files"]) == {f"{relative(folder)}/{package}" for package, folder in PACKAGES.items()} | {"tests"}
    makefile = (ROOT / "Makefile").read_text()
    listed = re.search(r"^DISTRIBUTIONS := (.*)$", makefile, re.MULTILINE)
    assert listed
    assert sorted(listed[1].split()) == PROJECTS == sorted(folders | {"proto"})


def test_the_build_group_is_what_the_contracts_are_built_with() -> None:
    group = set(project()["dependency-groups"]["build"])
    assert group == set(project("proto")["build-system"]["requires"]) | {"editables"}


@pytest.mark.parametrize("folder", PROJECTS)
def test_everything_a_distribution_needs_is_locked(folder: str) -> None:
    locked = {line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line and line[0].isalnum()}
    needed = {normal(one) for one in project(folder)["project"].get("dependencies", [])} | {"hatchling"}
    ours = {f"carnet-{Path(one).name}" for one in PROJECTS}
    assert needed - ours - locked == set()


def test_the_lock_has_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in lock
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links", lock) == []


def test_generated_code_is_not_tracked() -> None:
    generated = [relative(path) for path in files() if "proto/gen/" in relative(path) or re.search(r"_pb2(_grpc)?\.pyi?$", path.name)]
    assert generated == []


def test_every_package_says_that_it_is_typed() -> None:
    assert [package for package, folder in PACKAGES.items() if not (folder / package / "py.typed").exists()] == []


def test_no_other_lock_is_kept() -> None:
    assert [relative(path) for path in files() if path.name in {"uv.lock", "poetry.lock", "package-lock.json"}] == []
