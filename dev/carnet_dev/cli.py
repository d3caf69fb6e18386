"""The command `python -m carnet_dev`: `run` starts Carnet on this machine until Ctrl-C; `traces` shows where the time of calls went."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from carnet_dev.card import card
from carnet_dev.plan import SERVICES, Plan, free_ports, usual_ports
from carnet_dev.programs import ProgramNotFoundError
from carnet_dev.supervisor import StartError, Supervisor
from carnet_dev.traces import show


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 after a stop that was asked for, 1 when the start failed."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    if options.command == "traces":
        show(options.folder, options.last, console)
        return 0
    plan = Plan(options.folder.resolve(), free_ports() if options.free_ports else usual_ports(), _overrides(options.set))
    try:
        asyncio.run(_run(plan, console))
    except (StartError, ProgramNotFoundError, ChildProcessError, TimeoutError) as error:
        console.print(f"Carnet did not start: {error}", style="red", markup=False)
        return 1
    return 0


async def _run(plan: Plan, console: Console) -> None:
    began = time.monotonic()
    stop = asyncio.Event()

    def say(text: str) -> None:
        console.print(f"{time.monotonic() - began:6.1f} s  {text}", markup=False)

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Supervisor(plan, say).run(stop, lambda: console.print(card(plan, time.monotonic() - began), markup=False))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="carnet-dev", description="Carnet on one machine, without Docker")
    commands = parser.add_subparsers(dest="command", required=True)
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("--folder", type=Path, default=Path("var"), help="where data, keys, certificates and logs lie (default: var)")
    traces = commands.add_parser("traces", parents=[folder], help="show the last traces as trees")
    traces.add_argument("--last", type=int, default=5, metavar="N", help="how many (default: 5)")
    run = commands.add_parser("run", parents=[folder], help="start everything; Ctrl-C stops it")
    run.add_argument("--free-ports", action="store_true", help="listen on any free ports instead of the usual ones")
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SERVICE.SETTING=VALUE",
        help="a setting of one service, or of `all`, e.g. consent.emergency_duration=PT20S",
    )
    return parser


def _overrides(words: Sequence[str]) -> dict[str, dict[str, str]]:
    """`consent.emergency_duration=PT20S` as {"consent": {"emergency_duration": "PT20S"}}. Ends the program when one is malformed."""
    overrides: dict[str, dict[str, str]] = {}
    for word in words:
        name, has_value, value = word.partition("=")
        service, _, setting = name.partition(".")
        if not has_value or not setting or service not in {"all", *(one.name for one in SERVICES)}:
            sys.exit(f"--set takes SERVICE.SETTING=VALUE, not {word!r}")
        overrides.setdefault(service, {})[setting] = value
    return overrides
