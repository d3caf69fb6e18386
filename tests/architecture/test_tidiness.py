"""Rules of the house that a reader relies on: sizes, names, the Makefile's help, nothing of one machine."""

import ast
import re
from pathlib import Path

from support.tree import ROOT, files, python_files, relative

LONGEST_FILE = 400
TEXT = {".py", ".proto", ".toml", ".md", ".yaml", ".yml", ".json", ".sh", ".lock", ".cfg", ".txt", ".csv"}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "manager", "misc"}
# Spelt apart, so that this file does not find itself.
MACHINE = re.compile(
    "|".join(
        [
            "/work" + "/",
            "/ho" + "me/",
            "/ro" + "ot/",
            "/Us" + "ers/",
            "files.python" + "hosted",
            r"registry\.npm" + "js",
            r"pypi\.o" + "rg/simple",
        ]
    )
)
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b|NotImplemented" + "Error")


def test_no_file_is_longer_than_a_reader_holds() -> None:
    long = {relative(path): lines for path in python_files() if (lines := len(path.read_text().splitlines())) > LONGEST_FILE}
    assert long == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = {relative(path) for path in python_files() if VAGUE_NAMES & {path.stem, *path.relative_to(ROOT).parts}}
    assert named - {"proto/carnet/common/v1"} == set()


def test_no_class_is_called_a_manager_or_a_helper() -> None:
    classes = {
        f"{relative(path)}: {node.name}"
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and re.search(r"Manager|Helper|Utils?$|Impl$", node.name)
    }
    assert classes == set()


def test_nothing_names_one_machine_or_one_registry() -> None:
    found = {f"{relative(path)}: {match[0]}" for path in text_files() for match in MACHINE.finditer(path.read_text(errors="replace"))}
    assert found == set()


def test_nothing_is_left_unfinished() -> None:
    found = {f"{relative(path)}: {match[0]}" for path in text_files() for match in UNFINISHED.finditer(path.read_text(errors="replace"))}
    assert found == set()


def test_every_makefile_target_has_its_line_of_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (\S+)$", makefile, re.MULTILINE))
    helped = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))
    named = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    assert phony == helped == named
    assert re.search(r"^\.DEFAULT_GOAL := help$", makefile, re.MULTILINE)


def test_tests_wait_for_conditions_and_replace_nothing() -> None:
    """What has to wait waits by `support.waiting`, with a deadline."""
    replaced = re.compile("mock" + r"\.patch|Magic" + "Mock|Async" + "Mock|mongo" + "mock|fake" + r"redis")
    waited = re.compile(r"(?:time|asyncio)\.sl" + r"eep\(")
    tests = [path for path in python_files() if path.is_relative_to(ROOT / "tests")]
    found = {f"{relative(path)}: {match[0]}" for path in tests for match in replaced.finditer(path.read_text())}
    found |= {f"{relative(path)}: {match[0]}" for path in tests for match in waited.finditer(path.read_text())}
    assert found == set()


def test_a_test_is_called_the_same_whenever_it_is_collected() -> None:
    """Each worker collects for itself: a parameter made of the time, of chance or of a fresh id has another name in each."""
    fresh = re.compile(r"\btime\.\w+\(|\bnow\(|\brandom\.|\bsecrets\.|\burandom\(|\buuid[14]\(|\bnew_id\(|\bfree_port\(")
    named = {
        f"{relative(path)}: {function.name}"
        for path in python_files()
        if path.is_relative_to(ROOT / "tests")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in function.decorator_list
        if fresh.search(ast.unparse(decorator))
    }
    assert named == set()


def test_every_module_begins_with_its_docstring() -> None:
    bare = [relative(path) for path in python_files() if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))]
    assert bare == []


def text_files() -> list[Path]:
    """What people read and machines run; documents and pictures of samples are neither."""
    return [path for path in files() if path.suffix in TEXT or path.name in {"Makefile", "Dockerfile", "run"}]
