"""Between the contract's messages and what the use cases take and give."""

from carnet.audit.v1 import audit_reader_service_pb2 as reader_pb
from carnet.audit.v1 import audit_service_pb2 as intake_pb
from carnet.audit.v1.event_pb2 import Event
from carnet_platform.changes import ShippedChange
from carnet_platform.errors import InvalidArgument
from carnet_platform.identifiers import parse_name
from carnet_platform.journal import JournalBatch, SealedEvent
from carnet_verify.history import LANGUAGES
from google.protobuf import json_format

from carnet_audit.usecases.read_history import Page

MAX_BATCHES, MAX_EVENTS, MAX_CHANGES = 100, 512, 512
DEFAULT_PAGE, MAX_PAGE = 50, 200
MAX_NUMBER = 10**15


def stream_from(name: str) -> str:
    """The identifier of `streams/{stream}`."""
    return parse_name(name, "streams/*", "stream")[0]


def batches_from(stream: str, request: intake_pb.AppendBatchesRequest) -> list[JournalBatch]:
    """The batches of a request. Raises InvalidArgument when there are too many, or a number cannot be one."""
    if len(request.batches) > MAX_BATCHES:
        raise InvalidArgument("INVALID_FIELD", f"at most {MAX_BATCHES}", field="batches")
    batches = []
    for place, batch in enumerate(request.batches):
        if len(batch.events) > MAX_EVENTS or not 0 <= batch.first_seq < MAX_NUMBER:
            raise InvalidArgument("INVALID_FIELD", f"at most {MAX_EVENTS} events, numbered from 0", field=f"batches[{place}]")
        events = tuple(_sealed(event) for event in batch.events)
        batches.append(JournalBatch(stream, batch.first_seq, events, batch.prev_head, batch.head, batch.signature, closing=batch.closing))
    return batches


def changes_from(request: intake_pb.AppendChangesRequest) -> list[ShippedChange]:
    """The changes of a request. Raises InvalidArgument."""
    if len(request.changes) > MAX_CHANGES:
        raise InvalidArgument("INVALID_FIELD", f"at most {MAX_CHANGES}", field="changes")
    changes = []
    for place, change in enumerate(request.changes):
        kind = change.subject.partition("/")[0]
        if not kind.isalpha() or not 1 <= change.revision < MAX_NUMBER:
            raise InvalidArgument("INVALID_FIELD", "must name a subject and a revision from 1", field=f"changes[{place}]")
        parse_name(change.subject, f"{kind}/*", f"changes[{place}].subject")
        changes.append(ShippedChange(change.subject, change.revision, _sealed(change.event)))
    return changes


def record_from(name: str) -> str:
    """The name `records/{record}`, checked."""
    parse_name(name, "records/*", "record")
    return name


def language_from(code: str) -> str:
    """The language asked for, French when none is. Raises InvalidArgument."""
    if code and code not in LANGUAGES:
        raise InvalidArgument("INVALID_FIELD", f"must be one of {', '.join(LANGUAGES)}", field="language_code")
    return code or LANGUAGES[0]


def page_size_from(size: int) -> int:
    """How many lines. Raises InvalidArgument for a negative number."""
    if size < 0:
        raise InvalidArgument("INVALID_FIELD", "must not be negative", field="page_size")
    return min(size or DEFAULT_PAGE, MAX_PAGE)


def page_to(page: Page) -> reader_pb.ListAccessHistoryResponse:
    """A page as the contract tells it."""
    lines = [
        reader_pb.HistoryLine(
            number=line.number,
            event=json_format.Parse(line.payload, Event(), ignore_unknown_fields=True),
            text=line.words.text,
            next_step=line.words.next_step,
            actor_name=line.words.actor_name,
            structure_name=line.words.structure_name,
        )
        for line in page.lines
    ]
    return reader_pb.ListAccessHistoryResponse(lines=lines, next_page_token=page.next_page_token, total_size=page.total)


def _sealed(event: intake_pb.SealedEvent) -> SealedEvent:
    return SealedEvent(event.salt, event.payload)
