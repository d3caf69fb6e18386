"""Who may import whom: the contracts of import-linter, and what they cannot say."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.tree import PACKAGES, ROOT, SERVICES, modules, project, relative

# Words that the platform of a billing product would not know either; a document of MongoDB is one, a medical one is not.
DOMAIN_WORDS = re.compile(
    r"patient|consent|medic|clinic|professional|doctor|hospital|\bins\b|rpps|finess|carnet\.(?:identity|documents|audit)\b", re.IGNORECASE
)


def test_the_import_contracts_hold() -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_import_contracts_have_no_exception() -> None:
    contracts = project()["tool"]["importlinter"]["contracts"]
    assert contracts
    assert [contract["name"] for contract in contracts if "ignore_imports" in contract] == []
    assert set(project()["tool"]["importlinter"]["root_packages"]) == set(PACKAGES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_domain_imports_the_standard_library_and_itself_only(service: str) -> None:
    package = f"carnet_{service}"
    foreign = {
        f"{relative(file)}: {name}"
        for file in modules(package)
        if (PACKAGES[package] / package / "domain") in file.parents
        for name in imported(file)
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith(f"{package}.domain")
    }
    assert foreign == set()


def test_the_platform_knows_no_word_of_the_domain() -> None:
    found = {
        f"{relative(file)}:{number}: {line.strip()}"
        for file in modules("carnet_platform")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if DOMAIN_WORDS.search(line)
    }
    assert found == set()


@pytest.mark.parametrize("service", SERVICES)
def test_settings_are_imported_by_main_alone(service: str) -> None:
    package = f"carnet_{service}"
    importers = {file.name for file in modules(package) if f"{package}.settings" in set(imported(file))}
    assert importers <= {"main.py"}


def imported(file: Path) -> list[str]:
    """Every module that a file imports, by its full name."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append("." * node.level + (node.module or ""))
    return names
