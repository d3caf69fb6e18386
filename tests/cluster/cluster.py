"""The cluster under test, driven by `kubectl`: what runs there, and the harm that a test does to it.

Every command ends within a time. Nothing is changed that a controller of the cluster, or the end of a `with`, does not put right again:
pods are replaced, a number of replicas is given back.
"""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from support.waiting import eventually_answers

CONTEXT, NAMESPACE = "kind-carnet", "carnet"
ANSWER = timedelta(seconds=30)
"""For one command."""
SETTLED = timedelta(seconds=240)
"""For pods to be replaced: a start, and the grace of the pod that goes."""
LOOK_EVERY_SECONDS = 1.0
MEMBERS = ("mongodb-0", "mongodb-1", "mongodb-2")
_OUR_SERVICES = ("--selector", "carnet/role=service")
_PRIMARY = re.compile(r"^(mongodb-\d)\.mongodb(?:\.\S+)?:27017$")
# `hello` is answered before anybody logs in. mongosh writes into its home, and the root of the container is read-only.
_HELLO = ("env", "HOME=/tmp", "mongosh", "--quiet", "--norc", "--eval", "print(db.hello().primary)")


class KubectlError(Exception):
    """kubectl failed or did not end; the message is its own."""


@dataclass(frozen=True)
class Pod:
    """A pod as the API describes it."""

    name: str
    uid: str
    is_ready: bool
    is_going: bool
    """Whether it was told to end."""
    restarts: int
    """Of all its containers."""


class Cluster:
    """The namespace of Carnet in the cluster of `make kind-up`. `program` stands for kubectl."""

    def __init__(self, program: tuple[str, ...] | None = None) -> None:
        self._program = program or (kubectl(),)

    async def run(self, *words: str, within: timedelta = ANSWER) -> str:
        """What a command prints. Raises KubectlError."""
        command = (*self._program, "--context", CONTEXT, "--namespace", NAMESPACE, *words)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(within.total_seconds()):
                said, complained = await process.communicate()
        except TimeoutError:
            raise KubectlError(f"kubectl {' '.join(words)} did not end within {within.total_seconds():g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise KubectlError(complained.decode(errors="replace").strip() or f"kubectl {words[0]} ended with {process.returncode}")
        return said.decode(errors="replace")

    async def why_unreachable(self) -> str:
        """Why there is no cluster to test; empty when there is one."""
        try:
            contexts = (await self.run("config", "get-contexts", "--output", "name")).split()
            if CONTEXT not in contexts:
                return f"kubectl has no context {CONTEXT}: make kind-up"
            await self.run("get", "deployments", "--request-timeout=10s", *_OUR_SERVICES)
        except (KubectlError, OSError) as error:
            return f"the cluster of context {CONTEXT} does not answer: {error}"
        return ""

    async def pods(self, name: str) -> list[Pod]:
        """The pods of a Deployment or StatefulSet, by its name."""
        return pods_in(await self.run("get", "pods", "--selector", f"app.kubernetes.io/name={name}", "--output", "json"))

    async def service_pods(self) -> list[Pod]:
        """The pods of every service."""
        return pods_in(await self.run("get", "pods", *_OUR_SERVICES, "--output", "json"))

    async def replicas(self, name: str) -> int:
        """How many pods a Deployment or StatefulSet wants."""
        kind = "statefulset" if name == "mongodb" else "deployment"
        return replicas_in(await self.run("get", f"{kind}/{name}", "--output", "json"))

    async def is_whole(self, name: str) -> bool:
        """Whether as many pods as wanted are ready, and no other is left."""
        try:
            pods, wanted = await self.pods(name), await self.replicas(name)
        except KubectlError:  # an API server that is busy: the next look tells
            return False
        return len(pods) == wanted and all(pod.is_ready and not pod.is_going for pod in pods)

    async def settled(self, name: str) -> None:
        """Return once it is whole. Raises TimeoutError."""
        await eventually_answers(lambda: self.is_whole(name), SETTLED, LOOK_EVERY_SECONDS)

    async def restart(self, service: str) -> None:
        """A rolling restart; returns once every pod is another than before."""
        before = {pod.uid for pod in await self.pods(service)}
        await self.run("rollout", "restart", f"deployment/{service}")
        await self.run("rollout", "status", f"deployment/{service}", f"--timeout={SETTLED.total_seconds():g}s", within=SETTLED + ANSWER)
        await self._replaced(service, before)

    async def lose_pod(self, name: str, pod: str = "") -> None:
        """End a pod without its grace, the first if none is named; returns once another has taken its place."""
        found = await self.pods(name)
        lost = next(one for one in found if pod in {"", one.name})
        await self.run("delete", f"pod/{lost.name}", "--grace-period=0", "--force", "--wait=false")
        await self._replaced(name, {lost.uid})

    async def _replaced(self, name: str, gone: set[str]) -> None:
        async def is_replaced() -> bool:
            return await self.is_whole(name) and not gone & {pod.uid for pod in await self.pods(name)}

        await eventually_answers(is_replaced, SETTLED, LOOK_EVERY_SECONDS)

    @asynccontextmanager
    async def scaled(self, service: str, replicas: int) -> AsyncIterator[None]:
        """Within, once it is whole, a service has so many pods; afterwards as many as before."""
        before = await self.replicas(service)
        try:
            await self.run("scale", f"deployment/{service}", f"--replicas={replicas}")
            await self.settled(service)
            yield
        finally:
            await self.run("scale", f"deployment/{service}", f"--replicas={before}")
            await self.settled(service)

    async def primary(self) -> str:
        """The pod of MongoDB's primary, as any member that answers knows it. Raises KubectlError when none knows one."""
        faults = []
        for member in MEMBERS:
            try:
                said = await self.run("exec", member, "--container", "mongod", "--", *_HELLO)
                if found := primary_in(said):
                    return found
                faults.append(f"{member} knows no primary")
            except KubectlError as error:
                faults.append(f"{member}: {error}")
        raise KubectlError("; ".join(faults))

    async def served(self, pod: str, since: datetime) -> int:
        """How many calls a pod of a service answered since then, by its access log; kind's node has the clock of this machine."""
        words = ("logs", pod, "--container", "service", f"--since-time={since.isoformat(timespec='seconds')}")
        return served_in(await self.run(*words, within=ANSWER * 2))


def kubectl() -> str:
    """The one of `make setup`, else that of PATH."""
    ours = Path(sys.executable).with_name("kubectl")
    return str(ours) if ours.exists() else shutil.which("kubectl") or "kubectl"


def pods_in(said: str) -> list[Pod]:
    """The pods of a `v1/List` that `get pods --output json` prints."""
    return [_pod(item) for item in json.loads(said)["items"]]


def _pod(item: dict[str, Any]) -> Pod:
    metadata, status = item["metadata"], item.get("status", {})
    return Pod(
        metadata["name"],
        metadata["uid"],
        is_ready=any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", [])),
        is_going="deletionTimestamp" in metadata,
        restarts=sum(one["restartCount"] for one in status.get("containerStatuses", [])),
    )


def replicas_in(said: str) -> int:
    """The replicas that a Deployment or StatefulSet wants, as `get --output json` prints it."""
    wanted: int = json.loads(said)["spec"]["replicas"]
    return wanted


def primary_in(said: str) -> str:
    """The pod that `hello` names as the primary; empty when it names none. What mongosh says before is passed over."""
    found = [match[1] for line in said.splitlines() if (match := _PRIMARY.match(line.strip()))]
    return found[-1] if found else ""


def served_in(log: str) -> int:
    """Access lines of answered calls in what a service wrote; a line cut short by the log's rotation is none."""
    return sum(_is_answered(line) for line in log.splitlines())


def _is_answered(line: str) -> bool:
    try:
        said = json.loads(line)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("event") == "served" and said.get("status") == "OK"
