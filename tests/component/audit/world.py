"""What the component tests of audit share: a log on a real store, and writers that behave like the services."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from carnet_audit.storage.collections import Collections, open_collections
from carnet_audit.storage.gaps import GapStore
from carnet_audit.storage.histories import HistoryStore
from carnet_audit.storage.intake import IntakeStore
from carnet_audit.storage.log import LogStore
from carnet_audit.storage.record_keys import RecordKeys
from carnet_audit.usecases.sequence import Sequencer
from carnet_audit.usecases.take_in import TakeIn
from carnet_platform.changes import ShippedChange
from carnet_platform.clock import SystemClock
from carnet_platform.journal import JournalBatch
from carnet_platform.journal.batch import SealedEvent, make_batch
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Client, Database
from carnet_verify.note import Signer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

RECORD = "records/aaaaaaaaaaaaaaaaaaaaaaaaaa"
OTHER_RECORD = "records/bbbbbbbbbbbbbbbbbbbbbbbbbb"
MASTERS = MasterKeys({"2026-01-01": bytes(range(32))}, bytes(32))
SIGNER = Signer("carnet/log/0", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


class TestClock(SystemClock):
    """The machine's clock, moved by what a test says."""

    __test__ = False
    moved = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.moved

    def boottime(self) -> float:
        return super().boottime() + self.moved.total_seconds()


@dataclass
class World:
    """One log, as one process sees it."""

    collections: Collections
    clock: TestClock
    alarms: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = RecordKeys(self.collections.record_keys, MASTERS)
        self.log = LogStore(self.collections, self.keys, "0")
        self.intake = TakeIn(IntakeStore(self.collections, self.keys), self.clock, lambda: None)
        self.histories = HistoryStore(self.collections, self.keys, self.log)
        self.gaps = GapStore(self.collections, self.log)

    def alarm(self, kind: str, **facts: object) -> None:
        self.alarms.append({"kind": kind, **facts})

    def sequencer(self, *, patience: float = 0.2, interval: float = 0.05) -> Sequencer:
        """A sequencer of its own process: it shares nothing with another but the store."""
        log = LogStore(self.collections, RecordKeys(self.collections.record_keys, MASTERS), "0")
        return Sequencer(log, SIGNER, self.clock, self.alarm, interval=timedelta(seconds=interval), patience=timedelta(seconds=patience))

    async def sequence(self) -> int:
        """Integrate everything and publish a checkpoint, as one turn would; the size."""
        sequencer = self.sequencer(patience=0)
        term = await sequencer.wait_for_turn()
        frontier, is_more = await sequencer.integrate(term, await sequencer.resume(term))
        while is_more:
            frontier, is_more = await sequencer.integrate(term, frontier)
        await sequencer.publish(term, frontier, term.checkpoint + 1)
        return frontier.size


async def open_world(database: tuple[Client, Database]) -> World:
    client, store = database
    return World(await open_collections(client, store, store), TestClock())


def payload(number: int = 1, *, record: object = RECORD, kind: object = "document.read", **more: object) -> bytes:
    """The canonical text of an event."""
    actor = {"role": "10", "subject": "professionals/b", "structure": "structures/f", "software": "spiffe://carnet/software/gp"}
    time = f"2026-11-21T11:{number // 60 % 60:02}:{number % 60:02}.000000Z"
    event = {"kind": kind, "time": time, "actor": actor, "record": record, "document_title": f"Synthèse {number}", **more}
    event = {name: value for name, value in event.items() if value != ""}
    return json.dumps(event, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


class Writer:
    """A process of a service with its stream."""

    def __init__(self, stream: str = "s1") -> None:
        self.stream, self.key = stream, Ed25519PrivateKey.generate()
        self.next_seq, self.head = 0, b""

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    def batch(self, *payloads: bytes) -> JournalBatch:
        """The next batch of the stream; none closes it."""
        batch = make_batch(self.stream, self.next_seq, [SealedEvent.of(text) for text in payloads], self.head, self.key)
        self.next_seq, self.head = batch.next_seq, batch.head
        return batch

    def batches(self, count: int, each: int = 3, **more: object) -> list[JournalBatch]:
        return [self.batch(*(payload(self.next_seq + step + 1, **more) for step in range(each))) for _ in range(count)]


def change(revision: int, subject: str = RECORD, **more: object) -> ShippedChange:
    fields = {"record": subject if subject.startswith("records/") else "", "kind": "authorisation.created"} | more
    return ShippedChange(subject, revision, SealedEvent.of(payload(revision, **fields)))


async def all_of(world: World, states: Sequence[str] = ("waiting", "pending", "logged")) -> int:
    return await world.collections.events.count_documents({"state": {"$in": list(states)}})
