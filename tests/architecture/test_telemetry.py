"""The registry of spans and attributes is what the code writes, both ways."""

import ast
import re
from collections.abc import Iterator

import pytest
from carnet_platform.telemetry import registry
from support.tree import ROOT, python_files

STARTERS = {"libs/platform/carnet_platform/telemetry/steps.py", "libs/platform/carnet_platform/interceptors/tracing.py"}
WRITTEN_BY_THE_LIBRARY = {"service.instance.id", "telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version"}
NAMED = re.compile(r"(carnet|db|rpc|error|server|service|telemetry)(\.[a-z_]+)+")
PLATFORM = "libs/platform/carnet_platform/"


def trees() -> Iterator[tuple[str, ast.AST]]:
    """Every module of ours that runs in a service and may tell something, by its path."""
    for file in python_files():
        name = str(file.relative_to(ROOT))
        text = file.read_text()
        if name.startswith(("libs/", "services/")) and "telemetry" in text and name != f"{PLATFORM}telemetry/registry.py":
            yield name, ast.parse(text)


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
            if called in names:
                yield node


def constants(nodes: Iterator[ast.AST | None]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def attributes(tree: ast.AST) -> set[str]:
    """What is written as an attribute: keys of dictionaries, subscripts, what set_attribute is given, and what is measured by."""
    keys = constants(key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys)
    keys |= constants(node.slice for node in ast.walk(tree) if isinstance(node, ast.Subscript))
    keys |= constants(call.args[0] for call in calls(tree, "set_attribute"))
    found = {key for key in keys if NAMED.fullmatch(key)}
    measured = (call.args[1] for call in calls(tree, "add", "record") if len(call.args) > 1)
    return found | constants(key for one in measured if isinstance(one, ast.Dict) for key in one.keys)


def test_every_attribute_written_is_registered_and_every_registered_one_is_written() -> None:
    written = set().union(*(attributes(tree) for _, tree in trees()))
    assert written | WRITTEN_BY_THE_LIBRARY == {one.name for one in registry.ATTRIBUTES}


def test_every_span_begins_as_one_of_the_registry_and_every_one_of_it_begins_somewhere() -> None:
    registered = {name for name, value in vars(registry).items() if isinstance(value, registry.SpanType)}
    begun: set[str] = set()
    for path, tree in trees():
        if path not in STARTERS:
            assert not list(calls(tree, "start_span", "start_as_current_span")), f"{path}: begin spans below a step"
        begun |= {ast.unparse(call.args[0]) for call in calls(tree, "begin") if call.args and ast.unparse(call.args[0]).isupper()}
        begun |= {
            node.value.id for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        } & registered
    assert begun == registered
    assert {value for value in vars(registry).values() if isinstance(value, registry.SpanType)} == set(registry.SPANS)


@pytest.mark.parametrize(("opener", "names"), [("shared", registry.SHARED_NAMES), ("following", registry.FOLLOWING_NAMES)])
def test_every_name_of_shared_and_later_work_is_registered_and_used(opener: str, names: tuple[str, ...]) -> None:
    used = set().union(*(constants(call.args[0] for call in calls(tree, opener)) for _, tree in trees()))
    assert used == set(names)


def test_every_instrument_is_registered() -> None:
    made = {
        ast.unparse(call.args[0])
        for path in python_files()
        if not path.is_relative_to(ROOT / "tests")
        for call in calls(ast.parse(path.read_text()), "create_histogram", "create_counter", "create_gauge", "create_up_down_counter")
    }
    assert made == {"CALL_DURATION.name", repr(registry.ALARMS.name), repr(registry.REFUSED_EXCHANGES.name)}


def test_spans_and_metrics_name_registered_attributes_and_each_of_these_is_used() -> None:
    named = {name for one in (*registry.SPANS, *registry.METRICS) for name in one.attributes} | set(registry.RESOURCE_ATTRIBUTES)
    assert named == {one.name for one in registry.ATTRIBUTES}
    assert {one.source for one in registry.ATTRIBUTES} - {"ours"} == set(registry.SOURCES)


def test_what_is_not_of_the_semantic_conventions_is_named_as_ours() -> None:
    assert all(one.name.startswith("carnet.") == (one.source == "ours") for one in registry.ATTRIBUTES)
