"""A closed loop: so many operations in flight for so long, each begun when another ended."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Operation = Callable[[], Awaitable[int]]
"""One operation; gives the bytes it moved."""


@dataclass
class Measured:
    """What a number of slices gave."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    moved: int = 0
    processor_seconds: float = 0.0
    """Of services and stores."""

    @property
    def processor_ms(self) -> float:
        """Processor time of services and stores for one operation."""
        return self.processor_seconds / len(self.latencies) * 1000 if self.latencies else 0.0

    @property
    def per_second(self) -> float:
        """Operations a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Latency in milliseconds below which ``share`` of the operations lie."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else 0.0


async def slice_of(operation: Operation, in_flight: int, seconds: float, into: Measured, processor: Callable[[], float]) -> None:
    """Run ``operation`` for ``seconds`` with ``in_flight`` at once and add what was measured; ``processor`` tells the time used so far."""
    used, began = processor(), time.perf_counter()
    ends = began + seconds

    async def worker() -> None:
        while (start := time.perf_counter()) < ends:
            into.moved += await operation()
            into.latencies.append(time.perf_counter() - start)

    await asyncio.gather(*(worker() for _ in range(in_flight)))
    into.seconds += time.perf_counter() - began
    into.processor_seconds += processor() - used
