"""The first process of a container: the service named in the file `service` beside this one.

It is process 1, for which the kernel drops every signal that has no handler: until the service has its own, a SIGTERM during the
imports would be lost and the container be killed when its grace is over. Python is run isolated (-I), without writing (-B) and without
buffering (-u): neither the working folder nor a PYTHON variable changes what runs.
"""

# ruff: noqa: INP001  # a program of the build, in no package

import signal
import sys
from importlib import import_module
from pathlib import Path


def module_of(service: str) -> str:
    """The module whose `main` is the program."""
    return "carnet_dev.cli" if service == "dev" else f"carnet_{service}.main"


def main() -> None:
    """Run the service; its exit code is ours."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    service = Path(__file__).with_name("service").read_text(encoding="utf-8").strip()
    sys.exit(import_module(module_of(service)).main())


if __name__ == "__main__":
    main()
