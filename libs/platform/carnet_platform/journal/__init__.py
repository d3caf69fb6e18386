"""Releases and refusals, recorded before they happen: one durable, chained, signed stream of events a process.

`journal` is what services use; `batch` is the format, which the keeper of the log checks; `streams` and `store` serve the shipper.
"""

from carnet_platform.journal.batch import BatchError, JournalBatch, SealedEvent, head_after, signed_text
from carnet_platform.journal.journal import Journal
from carnet_platform.journal.streams import Stream

__all__ = ["BatchError", "Journal", "JournalBatch", "SealedEvent", "Stream", "head_after", "signed_text"]
