"""The contracts: their lint, the reasons of refusals and their remedies, and the table of who may call what."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from carnet_dev.plan import CLIENT_NAMES
from support.tree import ROOT, SERVICES, python_files, relative

PROTOS = sorted((ROOT / "proto/carnet").rglob("*.proto"))
REASONS_FILE = ROOT / "proto/carnet/common/v1/error_reason.proto"
CALLERS = tomllib.loads((ROOT / "proto/callers.toml").read_text())
REASON = re.compile(r"((?:^  //.*\n)*)^  ERROR_REASON_(\w+) = (\d+);", re.MULTILINE)
# How code names a reason: the first argument of a refusal, or reason="...".
NAMED = re.compile(
    r"\b(?:InvalidArgument|Unauthenticated|Denied|NotFound|AlreadyExists|FailedPrecondition|Aborted|ResourceExhausted|Unavailable|DeadlineTooShort|Refusal)"
    r"\(\s*\"([A-Z_]+)\"|\breason=\"([A-Z_]+)\""
)


def test_the_contracts_pass_their_lint() -> None:
    buf = Path(sys.executable).with_name("buf")
    result = subprocess.run([buf, "lint", "proto"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_reason_of_a_refusal_is_documented_with_a_remedy() -> None:
    found = REASON.findall(REASONS_FILE.read_text())
    bare = [name for comment, name, _ in found if name != "UNSPECIFIED" and not re.search(r"\. Remedy: \S.*\.\s*$", comment)]
    assert len(found) > 1
    assert bare == []


def test_every_reason_that_code_names_is_in_the_contract() -> None:
    known = {name for _, name, _ in REASON.findall(REASONS_FILE.read_text())}
    sources = [path for path in python_files() if relative(path).startswith(("libs/", "services/"))]
    named = {(relative(path), first or second) for path in sources for first, second in NAMED.findall(path.read_text())}
    assert {pair for pair in named if pair[1] not in known} == set()


def test_every_grpc_service_is_in_the_table_of_callers_and_no_other() -> None:
    assert set(CALLERS) == declared_services()


def test_every_caller_in_the_table_has_a_certificate() -> None:
    names = {f"spiffe://carnet/{name}" for name in (*SERVICES, *CLIENT_NAMES)}
    callers = {caller for rights in CALLERS.values() for caller in rights}
    without = {caller for caller in callers if not any(matches(caller, name) for name in names)}
    assert without == set()


def test_every_service_serves_what_its_package_declares() -> None:
    packages = {path.relative_to(ROOT / "proto/carnet").parts[0] for path in PROTOS} - {"common"}
    assert packages == set(SERVICES)


def matches(pattern: str, name: str) -> bool:
    return pattern == name or (pattern.endswith("/*") and name.rsplit("/", 1)[0] == pattern[:-2])


def declared_services() -> set[str]:
    found = set()
    for path in PROTOS:
        text = path.read_text()
        package = re.search(r"^package ([\w.]+);", text, re.MULTILINE)
        assert package, path
        found |= {f"{package[1]}.{name}" for name in re.findall(r"^service (\w+) \{", text, re.MULTILINE)}
    return found
