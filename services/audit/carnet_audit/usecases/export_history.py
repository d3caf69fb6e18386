"""Exporting a history: the file that `carnet-audit verify` checks, as a stream.

It goes up to the newest signed checkpoint: what came later, this export included, is in the next one. The count is signed for that
checkpoint, this holder and these names when the last line is out; a client that stops early has a file that does not verify.
"""

from collections.abc import AsyncIterator

from carnet_platform.errors import Unavailable
from carnet_verify.checkpoint import open_checkpoint
from carnet_verify.history import write_head, write_lines, write_tail
from carnet_verify.note import NoteError, Signer
from carnet_verify.statement import Statement, digest_names, name_checkpoint
from carnet_verify.verify import read_event

from carnet_audit.clients.directory import DisplayNames
from carnet_audit.storage.histories import HistoryStore
from carnet_audit.storage.log import LogStore
from carnet_audit.storage.seals import DamagedLogError
from carnet_audit.usecases.read_history import named_in
from carnet_audit.usecases.release import Allowed, HistoryRelease

CHUNK = 64 << 10
"""Bytes of a message."""


class ExportHistory:
    """Streams the file, and tells the newest checkpoint."""

    def __init__(self, release: HistoryRelease, histories: HistoryStore, log: LogStore, names: DisplayNames, signer: Signer) -> None:
        self._release, self._histories, self._log, self._names, self._signer = release, histories, log, names, signer

    async def checkpoint(self) -> tuple[str, str]:
        """The newest signed checkpoint and the key that verifies it. Raises Unavailable while there is none."""
        newest = await self._log.newest_checkpoint()
        if newest is None:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "the log has no checkpoint yet")
        return newest["note"], str(self._signer.verifier_key())

    async def export(self, record: str, language: str) -> AsyncIterator[bytes]:
        """The file in chunks. Raises the refusal; the export is durable before the first chunk."""
        allowed = await self._release.allow(record)
        note, key = await self.checkpoint()
        await self._release.announce(allowed, "history.exported")
        buffer = bytearray()
        async for text in self._texts(allowed, language, note, key):
            buffer += text.encode()
            while len(buffer) >= CHUNK:
                yield bytes(buffer[:CHUNK])
                del buffer[:CHUNK]
        yield bytes(buffer)

    async def _texts(self, allowed: Allowed, language: str, note: str, key: str) -> AsyncIterator[str]:
        record, view, holder = allowed.record, allowed.view, allowed.decision.patient
        try:
            checkpoint = open_checkpoint(note, self._signer.verifier_key())
        except NoteError:
            raise DamagedLogError("the newest checkpoint is not what was signed") from None
        count = await self._histories.count_at(record, view, checkpoint.size)
        yield write_head(language=language, record=record, view=view, holder=holder, verifier_key=key, checkpoint=note)
        named: set[str] = set()
        is_first = True
        async for lines in self._histories.prove(record, view, count, checkpoint.size):
            named = named.union(*(named_in(read_event(line.payload)) for line in lines))
            for text in write_lines(lines, is_first=is_first):
                yield text
            is_first = is_first and not lines
        names = await self._names.find(named)
        statement = Statement(record, view, holder, count, digest_names(names), name_checkpoint(checkpoint))
        yield write_tail(names, statement.sign(self._signer))
