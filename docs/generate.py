"""Writes the pages of docs/reference from what decides them: `make docs`; with --check it writes nothing and names what is stale.

Errors come from the contract, callers from the table, settings from the classes that read them, kinds of event from the code that
writes them and the words in which they are shown, spans and attributes from their registry. So these pages cannot say what the system
does not do.
"""
# ruff: noqa: INP001  # a script of the documents, not a package

import argparse
import ast
import importlib
import json
import re
import sys
import textwrap
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from carnet_consent.domain.matrix_words import class_table, exception_table, source_table
from carnet_consent.matrix import editions, known_names, texts
from carnet_platform.settings import PREFIX, PlatformSettings, meaning
from carnet_platform.telemetry import registry
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs/reference"
RECORDING = "libs/recording/carnet_recording"
WIDTH = 138
SERVICES = ("identity", "consent", "documents", "audit")
MADE = "<!-- Made by `make docs`; edit what it is made from instead. -->"

_REASON = re.compile(r"((?:^  //.*\n)+)^  ERROR_REASON_(\w+) = (\d+);", re.MULTILINE)
_KIND = re.compile(r"[a-z_]+\.[a-z_]+")
_IMPORTED = re.compile(r"^from carnet_recording\.(\w+) import ", re.MULTILINE)
_FILE_ENDINGS = ("toml", "json", "csv", "key", "pem", "md", "py")
_LOG_CALLS = {"debug", "info", "warning", "error", "exception", "critical"}
_BOUNDS: Mapping[type, tuple[str, str]] = {
    Gt: ("gt", "more than"),
    Ge: ("ge", "at least"),
    Lt: ("lt", "less than"),
    Le: ("le", "at most"),
}


def errors() -> str:
    """Every reason of a refusal."""
    proto = ROOT / "proto/carnet/common/v1/error_reason.proto"
    rows = []
    for comment, name, number in _REASON.findall(proto.read_text(encoding="utf-8")):
        if name == "UNSPECIFIED":
            continue
        happened, _, remedy = " ".join(line.strip(" /") for line in comment.splitlines()).partition(" Remedy: ")
        rows.append(f"**`{name}`** ({number})\\\n" + _wrapped(f"{happened} *Remedy:* {remedy}"))
    head = _wrapped(
        "A refusal is a `google.rpc.Status` with one `ErrorInfo` (domain `carnet`), whose `reason` is one of these names. "
        "Where a field is to blame, `BadRequest` names the field and the rule, never the value. "
        "Where waiting helps, `RetryInfo` says how long. "
        "The call's own name comes back in the trailing metadata `x-request-id`: tell it to the operator."
    )
    return _page("Errors", _source("proto/carnet/common/v1/error_reason.proto"), head, *rows)


def callers() -> str:
    """Who may call what."""
    table = tomllib.loads((ROOT / "proto/callers.toml").read_text(encoding="utf-8"))
    rows = [
        (f"`{service}`", f"`{caller.removeprefix('spiffe://carnet/')}`", right)
        for service, who in table.items()
        for caller, right in who.items()
    ]
    head = (
        "A caller is the one URI name of its certificate, here without `spiffe://carnet/`; a trailing `*` covers what follows the last\n"
        "slash. What is not in this table is refused with [CALLER_NOT_ALLOWED](errors.md).\n\n"
        "- `alone`: calls without a user.\n"
        "- `presents`: presents a user's token that is bound to its own certificate.\n"
        "- `forwards`: passes on the token of the call it is serving."
    )
    return _page("Who may call what", _source("proto/callers.toml"), head, _table("service caller with", rows))


def settings() -> str:
    """Every setting of every service."""
    head = _wrapped(
        f"A setting is an environment variable that begins with `{PREFIX}`. One that no setting has stops the start with exit code 78, and "
        "so does a value that cannot be used. A secret is never a value here: it is the path of a file. A duration is ISO 8601, such as "
        "`PT4H` or `PT0.4S`."
    )
    parts = ["## Every service", _settings_table(PlatformSettings, PlatformSettings.model_fields)]
    sources = ["libs/platform/carnet_platform/settings.py"]
    for service in SERVICES:
        kind: type[PlatformSettings] = getattr(importlib.import_module(f"carnet_{service}.settings"), f"{service.capitalize()}Settings")
        own = {name: field for name, field in kind.model_fields.items() if name not in PlatformSettings.model_fields}
        parts += [f"## {service}", _settings_table(kind, own)]
        sources.append(f"services/{service}/carnet_{service}/settings.py")
    return _page("Settings", _source(*sources), head, "\n\n".join(parts))


def _settings_table(kind: type[PlatformSettings], fields: Mapping[str, FieldInfo]) -> str:
    return "\n\n".join(
        f"**`{PREFIX}{name.upper()}`** · {_type(field)} · {_default(field)}\\\n" + _wrapped(meaning(kind, name))
        for name, field in fields.items()
    )


def _type(field: FieldInfo) -> str:
    bounds = [
        f"{words} {_shown(getattr(limit, attribute))}"
        for limit in field.metadata
        for attribute, words in [_BOUNDS.get(type(limit), ("", ""))]
        if attribute
    ]
    return ", ".join([_type_name(field.annotation), *bounds])


def _type_name(kind: Any) -> str:  # noqa: ANN401  # annotations are of every type
    names: Mapping[Any, str] = {Path: "path", timedelta: "duration", int: "number", float: "number", bool: "true or false", str: "text"}
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) is frozenset:
        return "JSON list of text"
    if get_origin(kind) is Mapping:
        return "JSON object of text"
    inner = [one for one in get_args(kind) if one is not type(None)]
    if get_origin(kind) is Union or len(inner) == 1:
        return _type_name(inner[0])
    return names[kind]


def _default(field: FieldInfo) -> str:
    return "required" if field.is_required() else f"default {_shown(field.default)}"


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if value == "":
        return "empty"
    if isinstance(value, timedelta):
        return f"`{_iso(value)}`"
    if isinstance(value, frozenset):
        return f"`{json.dumps(sorted(value))}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


def _iso(value: timedelta) -> str:
    if not value:
        return "PT0S"
    minutes, seconds = divmod(value.total_seconds(), 60)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    time = "".join(f"{number:g}{unit}" for number, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if number)
    return "P" + (f"{days}D" if days else "") + (f"T{time}" if time else "")


def events() -> str:
    """Every kind of event: who writes it, and how a person reads it."""
    words = {
        language: tomllib.loads((ROOT / f"libs/verify/carnet_verify/languages/{language}.toml").read_text(encoding="utf-8"))["kinds"]
        for language in ("en", "fr")
    }
    writers: defaultdict[str, set[str]] = defaultdict(set)
    for service in SERVICES:
        package = ROOT / f"services/{service}/carnet_{service}"
        for file in [*sorted((package / "usecases").glob("*.py")), *shared_modules(package)]:
            for kind in kinds_in(ast.parse(file.read_text(encoding="utf-8"))):
                writers[kind].add(service)
    parts = []
    for kind in sorted(writers):
        told = [words[language].get(kind, {}).get("what", "no words yet") for language in ("en", "fr")]
        parts.append(f"**`{kind}`** · {', '.join(sorted(writers[kind]))}\\\n" + _wrapped(f"{told[0]} · *{told[1]}*"))
    head = _wrapped(
        "An event is the payload of one leaf of the log ([contract](../../proto/carnet/audit/v1/event.proto)). What a service releases or "
        "refuses travels in its journal; what it changes travels with the change. Beside each kind stand the services that write it and "
        "what a person reads of it. A kind without words is shown under its own name."
    )
    idle = ", ".join(f"`{kind}`" for kind in sorted(set(words["en"]) - set(writers)))
    rest = _wrapped(f"There are words for kinds that nothing writes now: {idle}.") if idle else ""
    sources = (f"libs/verify/carnet_verify/languages/{language}.toml" for language in words)
    writing = (*(f"services/{service}/carnet_{service}/usecases" for service in SERVICES), RECORDING)
    return _page("Events", _source(*writing, *sources), head, *parts, rest)


def shared_modules(package: Path) -> list[Path]:
    """The modules of carnet_recording that a service imports: the kinds they write, it writes."""
    texts = (file.read_text(encoding="utf-8") for file in package.rglob("*.py"))
    names = {name for text in texts for name in _IMPORTED.findall(text)}
    return [ROOT / RECORDING / f"{name}.py" for name in sorted(names)]


def kinds_in(tree: ast.AST) -> set[str]:
    """The kinds of event a use case names: `noun.verb` texts that are no log line, no file and no field of a request."""
    passed_over: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOG_CALLS:
            passed_over |= {id(argument) for argument in node.args}
    found = set()
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or id(node) in passed_over:
            continue
        noun, _, verb = node.value.partition(".")
        if _KIND.fullmatch(node.value) and verb not in _FILE_ENDINGS and noun != "header":
            found.add(node.value)
    return found


def telemetry() -> str:
    """Every span, metric and attribute."""
    head = _wrapped(
        "What services tell of their calls over OTLP, or into a file. Nothing else is told: a test compares the code with this registry "
        "both ways, and the Collector drops an attribute that is not in it. No value comes from what a caller sent but the request id, "
        "which is a UUID or an id of ours. Why some calls are traced whatever was decided: "
        "[ADR 14](../adr/0014-the-decision-comes-before-the-span.md)."
    )
    spans = [
        f"**`{one.pattern}`** · {one.kind.name.lower()}\\\n" + _wrapped(f"{one.meaning} *May carry:* {_quoted(one.attributes)}.")
        for one in registry.SPANS
    ]
    metrics = [
        f"**`{one.name}`** · {_convention(one.source)}\\\n" + _wrapped(f"{one.meaning} *Carries:* {_quoted(one.attributes)}.")
        for one in registry.METRICS
    ]
    attributes = [(f"`{one.name}`", one.meaning, _convention(one.source)) for one in registry.ATTRIBUTES]
    return _page(
        "Spans, metrics and attributes",
        _source("libs/platform/carnet_platform/telemetry/registry.py"),
        head,
        "## Spans\n\nThe name is a pattern that the whole name matches.",
        *spans,
        "## Metrics",
        *metrics,
        "## Attributes\n\n" + _table("attribute meaning defined-by", attributes),
    )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _convention(source: str) -> str:
    return f"[{source}]({registry.SOURCES[source]})" if source in registry.SOURCES else source


def matrix() -> str:
    """Who may read which documents, as the newest edition of consent's tables says."""
    edition = editions()[-1]
    files, known = texts(edition), known_names()
    head = _wrapped(
        f"Edition {edition}. `yes` means that the profession may read the documents of the class, once the person's consent or an "
        "emergency opens her record to it. Beside it stands how sure that is: ● read in a source, ◐ in part, ○ assumed, for least "
        "privilege. A line about a single type beats the class; one that names the profession beats one for everybody; and of two such, a "
        "no beats a yes. A type in no table is read by the patient and by who deposited it, and by nobody else."
    )
    folder = f"services/consent/carnet_consent/data/{edition}"
    tables = [_grid(class_table(files, known)), _grid(exception_table(files, known)), _grid(source_table(files, known))]
    parts = [f"## {title}\n\n{table}" for title, table in zip(("Classes", "Single types", "Sources"), tables, strict=True)]
    sources = (f"{folder}/matrice-habilitation.csv", f"{folder}/matrice-exceptions.csv", "services/consent/carnet_consent/data/sources.csv")
    return _page("Who may read what", _source(*sources), head, *parts)


def _grid(rows: Sequence[tuple[str, ...]]) -> str:
    """A table of rows of which the first is the head."""
    head, *body = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *body))


def _source(*paths: str) -> str:
    return "Made from:\n\n" + "\n".join(f"- [{path}](../../{path})" for path in paths)


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False))


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", MADE, *(part for part in parts if part)]) + "\n"


def _table(columns: str, rows: Iterable[tuple[str, ...]]) -> str:
    names = [name.replace("-", " ") for name in columns.split()]
    lines = [names, ["---"] * len(names), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


PAGES: Mapping[str, Callable[[], str]] = {
    "errors.md": errors,
    "callers.md": callers,
    "settings.md": settings,
    "events.md": events,
    "telemetry.md": telemetry,
    "matrix.md": matrix,
}


def main() -> int:
    """Write the pages, or with --check say which are stale: exit code 1 when one is."""
    parser = argparse.ArgumentParser(description="Make docs/reference")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is stale")
    options = parser.parse_args()
    stale = []
    for name, make in PAGES.items():
        file, text = FOLDER / name, make()
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        stale.append(f"docs/reference/{name}")
        if not options.check:
            FOLDER.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
    for name in stale:
        sys.stdout.write(f"{name} {'is stale: make docs' if options.check else 'written'}\n")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
