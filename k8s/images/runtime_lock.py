"""What of requirements.lock one image needs, line for line and hash for hash: one lock for everything, and small images.

The lock also holds test tools, stores and type stubs. Which of it a distribution needs at run time is told by its own and its local
dependencies' `[project]` tables, and below them by the lock itself: each entry names who asked for it (`# via`). So an image can hold
no version and no file that the tests did not run with, and no second lock can differ from the first. Standard library only: it runs
in a bare image. Refuses a dependency that the lock does not hold.

    runtime_lock.py lock carnet-documents           # the entries for a distribution of this tree
    runtime_lock.py lock group:build cyclonedx-bom  # ... for a dependency group, or for a locked package, and what they need
    runtime_lock.py projects carnet-documents       # the folders of this tree that it is made of, what is needed first
"""

# ruff: noqa: INP001  # a program of the build, in no package

import re
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

GROUP = "group:"
_ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==")
_NAME = re.compile(r"^[A-Za-z0-9._-]+")
_VIA = re.compile(r"^ {4}#(?: via(?: |$)| {3})(?P<parent>.*)$")
_GROUP_PARENT = re.compile(r"^\(pyproject\.toml:(?P<group>\w+)\)$")


class LockError(Exception):
    """The lock does not hold what is asked for; the message says how to mend it."""


@dataclass(frozen=True)
class Entry:
    """One locked version of a package. A package may have several, each with its marker."""

    name: str
    text: str
    """Its lines in the lock: version, marker, hashes, who asked for it."""
    parents: frozenset[str]
    """Names of those who asked for it: packages, distributions of this tree, `group:<name>`."""


def entries(lock: str) -> list[Entry]:
    """The entries of a lock as `uv pip compile` or `pip-compile` writes it, in its order."""
    blocks: list[list[str]] = []
    for line in lock.splitlines():
        if _ENTRY.match(line):
            blocks.append([line])
        elif blocks and line.startswith(" "):
            blocks[-1].append(line)
    return [_entry(block) for block in blocks]


def _entry(lines: Sequence[str]) -> Entry:
    parents = (found["parent"] for line in lines if (found := _VIA.match(line)))
    return Entry(_normal(lines[0]), "\n".join(lines) + "\n", frozenset(_parent(one) for one in parents if one))


def _parent(text: str) -> str:
    group = _GROUP_PARENT.match(text)
    return GROUP + group["group"] if group else _normal(text)


def _normal(requirement: str) -> str:
    """The name in a requirement, as PEP 503 spells it; empty when there is none."""
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


@dataclass(frozen=True)
class Distribution:
    """A distribution of this tree."""

    name: str
    folder: str
    """Relative to the root of the tree."""
    dependencies: frozenset[str]


def distributions(root: Path) -> dict[str, Distribution]:
    """The distributions of the tree by name."""
    found = {}
    for file in sorted([*root.glob("*/pyproject.toml"), *root.glob("*/*/pyproject.toml")]):
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        needs = frozenset(_normal(one) for one in project.get("dependencies", ()))
        found[project["name"]] = Distribution(project["name"], file.parent.relative_to(root).as_posix(), needs)
    return found


def local_closure(name: str, known: dict[str, Distribution]) -> list[Distribution]:
    """The distribution and those of this tree that it needs, each after what it needs itself."""
    ordered: dict[str, Distribution] = {}

    def visit(one: Distribution) -> None:
        for need in sorted(one.dependencies & known.keys()):
            visit(known[need])
        ordered.setdefault(one.name, one)

    visit(known[name])
    return list(ordered.values())


def selected(lock: Sequence[Entry], wanted: Iterable[str], known: dict[str, Distribution]) -> list[Entry]:
    """The entries that `wanted` needs: distributions of this tree, `group:<name>`s, locked packages. Raises LockError."""
    locked = {entry.name for entry in lock}
    reached: set[str] = set()
    for name in wanted:
        if name in known:
            local = local_closure(name, known)
            reached |= {need for one in local for need in one.dependencies} - known.keys()
        elif name.startswith(GROUP):
            reached |= {entry.name for entry in lock if name in entry.parents}
        else:
            reached.add(name)
    if missing := reached - locked:
        raise LockError(f"requirements.lock does not hold {', '.join(sorted(missing))}: make lock")
    while more := {entry.name for entry in lock if entry.parents & reached} - reached:
        reached |= more
    return [entry for entry in lock if entry.name in reached]


def main(arguments: Sequence[str]) -> int:
    """Print what is asked for; 2 for a wrong question, 1 for a lock that does not hold the answer."""
    match arguments:
        case ["lock", *wanted] if wanted:
            known = distributions(Path())
            try:
                chosen = selected(entries(Path("requirements.lock").read_text(encoding="utf-8")), wanted, known)
            except LockError as error:
                sys.stderr.write(f"{error}\n")
                return 1
            sys.stdout.write("".join(entry.text for entry in chosen))
        case ["projects", name] if name in (known := distributions(Path())):
            sys.stdout.write("".join(f"./{one.folder}\n" for one in local_closure(name, known)))
        case _:
            sys.stderr.write(f"no such distribution, or a wrong question: {' '.join(arguments)}\n{__doc__}")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
