"""A container engine, driven by its command line: containers that may do nothing they need not, on a network of their own."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

# What the manifests give a container: nothing to write but /tmp, no capability, no way to gain any, a bounded memory.
CONFINED = (
    *("--read-only", "--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=64m"),  # noqa: S108  # of the container
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "256", "--memory", "384m"),
)
USER = 10001
"""Of every image."""


class EngineError(Exception):
    """The engine refused or could not be reached; the message is its own."""


class Engine:
    """What `docker` on PATH reaches, by DOCKER_HOST or its context; ENGINE names another program with the same commands."""

    def __init__(self) -> None:
        self._program = os.environ.get("ENGINE") or "docker"

    def why_unreachable(self) -> str:
        """Why there is no engine here; empty when there is one."""
        if shutil.which(self._program) is None:
            return f"no {self._program} on PATH"
        try:
            self.run("info", "--format", "{{.ServerVersion}}")
        except EngineError as error:
            return f"no container engine answers (DOCKER_HOST={os.environ.get('DOCKER_HOST', '')!r}): {error}"
        return ""

    def run(self, *words: str) -> str:
        """What the engine prints for a command. Raises EngineError."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise EngineError((done.stderr or done.stdout).strip())
        return done.stdout.strip()

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        """What the engine knows of an `image`, a `container` or a `network`. Raises EngineError."""
        found: dict[str, Any] = json.loads(self.run(kind, "inspect", name))[0]
        return found

    def has_image(self, image: str) -> bool:
        """Whether the image is here."""
        return bool(self.run("image", "ls", "--quiet", image))

    def start(self, image: str, flags: Sequence[str], settings: Mapping[str, str], command: Sequence[str] = ()) -> "Container":
        """A confined container, started. `settings` are its CARNET_ variables by their short names."""
        variables = [word for name, value in settings.items() for word in ("--env", f"CARNET_{name.upper()}={value}")]
        return Container(self, self.run("run", "--detach", *CONFINED, *user_flags(), *flags, *variables, image, *command))

    def command(self, *words: str) -> list[str]:
        """The command line of a command of the engine."""
        return [self._program, *words]


@dataclass(frozen=True)
class Container:
    """A container that was started."""

    engine: Engine
    id: str

    @cached_property
    def address(self) -> str:
        """Its address on its network."""
        networks = self.engine.inspect("container", self.id)["NetworkSettings"]["Networks"]
        return str(next(iter(networks.values()))["IPAddress"])

    @property
    def is_running(self) -> bool:
        """Whether its first process still runs."""
        return bool(self.engine.inspect("container", self.id)["State"]["Running"])

    def logs(self) -> str:
        """Everything it wrote."""
        done = subprocess.run(self.engine.command("logs", self.id), capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    def wait(self, patience: timedelta = timedelta(seconds=60)) -> int:
        """Its exit code once it has ended. Raises TimeoutError, with what it said."""
        try:
            waited = self.engine.command("wait", self.id)
            done = subprocess.run(waited, capture_output=True, check=True, timeout=patience.total_seconds())
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the container did not end:\n{self.logs()}") from None
        return int(done.stdout)

    def stop(self, grace: timedelta) -> tuple[int, timedelta]:
        """SIGTERM, and SIGKILL when the grace is over: its exit code, and how long it took."""
        began = time.monotonic()
        self.engine.run("stop", "--time", str(int(grace.total_seconds())), self.id)
        return self.wait(), timedelta(seconds=time.monotonic() - began)

    def remove(self) -> None:
        """Kill it and forget it."""
        self.engine.run("rm", "--force", "--volumes", self.id)


def user_flags() -> list[str]:
    """Run as the image says where its files can be given to that user; else as the one who tests. Never as root."""
    return [] if os.geteuid() == 0 else ["--user", f"{os.geteuid()}:{os.getegid()}"]


def give_to_container(folder: Path) -> None:
    """Let the container's user, and nobody else, read what is private in `folder`."""
    if os.geteuid() == 0:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, USER, USER)


def mount(source: Path, target: str, *, is_writable: bool = False) -> list[str]:
    """The flags that mount a folder or file of this machine."""
    return ["--volume", f"{source}:{target}{'' if is_writable else ':ro'}"]
