"""Whether the pods of the services stay ready and the same, looked at again and again for as long as something happens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from cluster.cluster import LOOK_EVERY_SECONDS, Cluster, KubectlError, Pod
from support.waiting import elapsed


class Readiness:
    """What was seen of the pods of every service."""

    def __init__(self, before: list[Pod]) -> None:
        self._restarts = {pod.uid: pod.restarts for pod in before}
        self.looks = 0
        self.faults: Counter[str] = Counter()
        """What was wrong, and at how many looks."""

    def look(self, pods: list[Pod]) -> None:
        """Note what is not as it was."""
        self.looks += 1
        self.faults.update(f"{pod.name} is not ready" for pod in pods if not pod.is_ready)
        self.faults.update(f"{pod.name} restarted" for pod in pods if pod.restarts != self._restarts.get(pod.uid, pod.restarts))
        if {pod.uid for pod in pods} != self._restarts.keys():
            self.faults["there are other pods"] += 1

    def check_stayed(self) -> None:
        """Every pod was looked at, and was ready and the same each time."""
        assert self.looks > 0, "nobody looked at the pods"
        assert not self.faults, f"of {self.looks} looks: {dict(self.faults)}"


@asynccontextmanager
async def watched_readiness(cluster: Cluster) -> AsyncIterator[Readiness]:
    """Within, readiness is looked at every second, and once more at the end."""
    seen = Readiness(await cluster.service_pods())

    async def watch() -> None:
        while True:
            with suppress(KubectlError):  # an API server that is busy says nothing of the pods
                seen.look(await cluster.service_pods())
            await elapsed(LOOK_EVERY_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        yield seen
        seen.look(await cluster.service_pods())
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
