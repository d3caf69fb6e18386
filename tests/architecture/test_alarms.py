"""Operations knows every alarm: each line at level error or critical that a process can write stands in its page, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from support.tree import PACKAGES, ROOT, modules, relative

PAGE = ROOT / "docs/operations/alarms.md"
NOT_SERVING = {"carnet_verify", "carnet_client", "carnet_dev"}
"""Packages that no service runs."""
LEVELS = {"error", "critical", "exception"}
LOGGERS = re.compile(r"(?:^|\W)(?:_log|logger|get_logger\(.*\))$")
ALARMS = {"_alarm", "raise_alarm"}
"""What audit calls to raise an alarm by its kind."""
HEADING = re.compile(r"^\*\*`([\w.]+)`(?: `(\w+)`)?\*\* · .+\\\n(?:.*[^\n]\n)*?\*Released:\* .+\n(?:.+\n)*?\*Do:\* .+", re.MULTILINE)


def test_every_alarm_stands_in_operations_with_what_was_released_and_what_to_do() -> None:
    raised = {name for path in serving_modules() for name in names(path)}
    told = {kind or event for event, kind in HEADING.findall(PAGE.read_text())}
    assert {"release.late", "document.rolled_back", "log_damaged"} <= raised, "the calls are still recognised"
    assert told == raised - {"alarm"}


def test_every_heading_of_the_page_has_its_three_parts() -> None:
    text = PAGE.read_text()
    assert len(re.findall(r"^\*\*`", text, re.MULTILINE)) == len(HEADING.findall(text))


def serving_modules() -> list[Path]:
    """Whatever a service's process may run."""
    return [path for package in PACKAGES if package not in NOT_SERVING for path in modules(package)]


def names(path: Path) -> Iterator[str]:
    """The names of the alarms that a module raises."""
    tree = ast.parse(path.read_text())
    for function, call in calls(tree):
        if is_alarm(call):
            yield from spelt(call.args[0], function, tree, f"{relative(path)}:{call.lineno}")


def calls(tree: ast.AST, within: ast.FunctionDef | ast.AsyncFunctionDef | None = None) -> Iterator[tuple[ast.AST | None, ast.Call]]:
    """Every call, with the function it stands in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call):
            yield within, node
        yield from calls(node, node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else within)


def is_alarm(call: ast.Call) -> bool:
    if not call.args or not isinstance(call.func, ast.Attribute | ast.Name):
        return False
    if isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS:
        return LOGGERS.search(ast.unparse(call.func.value)) is not None
    return called(call) in ALARMS


def called(call: ast.Call) -> str:
    """The last word of what is called."""
    return ast.unparse(call.func).rpartition(".")[2]


def spelt(name: ast.expr, function: ast.AST | None, tree: ast.AST, place: str) -> Iterator[str]:
    """The name as written, or, when it is a parameter, as it is written where the function is called."""
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        yield name.value
        return
    assert isinstance(name, ast.Name), f"{place}: an alarm has a name that can be looked up"
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef), place
    position = [one.arg for one in function.args.args].index(name.id)
    given = [call.args[position] for _, call in calls(tree) if called(call) == function.name]
    assert given, f"{place}: nobody names this alarm"
    for one in given:
        assert isinstance(one, ast.Constant), f"{place}: an alarm has a name that can be looked up"
        yield str(one.value)
