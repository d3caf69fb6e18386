"""carnet.documents.v1.SubmissionService."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
from carnet.documents.v1 import submission_service_pb2 as pb
from carnet.documents.v1 import submission_service_pb2_grpc as pb_grpc
from carnet_platform.errors import InvalidArgument, Refusal
from carnet_platform.identifiers import parse_name

from carnet_documents.api.mapping import claim_of, entry_message, labels_of
from carnet_documents.usecases.submit_document import Deposit, SubmitDocument

_DISCARDED = 8 * 1024 * 1024
_DISCARD_TIME = timedelta(seconds=2)
_Context = grpc.aio.ServicerContext[pb.SubmitDocumentRequest, pb.SubmitDocumentResponse]


class SubmissionServicer(pb_grpc.SubmissionServiceServicer):
    """Takes documents in."""

    def __init__(self, submit: SubmitDocument) -> None:
        self._submit = submit

    async def SubmitDocument(  # noqa: N802  # the contract's name
        self, request_iterator: AsyncIterator[pb.SubmitDocumentRequest], context: _Context
    ) -> pb.SubmitDocumentResponse:
        """Deposit one document."""
        del context
        messages = aiter(request_iterator)
        deposit = _deposit(await anext(messages, None))
        try:
            receipt = await self._submit(deposit, _chunks(messages))
        except Refusal:
            await _discard(messages)
            raise
        return pb.SubmitDocumentResponse(
            entry=entry_message(receipt.shown),
            warnings=[pb.SubmitDocumentResponse.Warning(code=warning.code, message=warning.message) for warning in receipt.warnings],
            already_deposited=receipt.is_earlier,
        )


def _deposit(first: pb.SubmitDocumentRequest | None) -> Deposit:
    if first is None or first.WhichOneof("part") != "header":
        raise InvalidArgument("INVALID_FIELD", "must be the first message", field="header")
    header = first.header
    (record,) = parse_name(header.parent, "records/*", "header.parent")
    return Deposit(record, claim_of(header.entry), labels_of(header.entry.visibilities), header.size)


async def _chunks(messages: AsyncIterator[pb.SubmitDocumentRequest]) -> AsyncIterator[bytes]:
    async for message in messages:
        if message.WhichOneof("part") != "chunk":
            raise InvalidArgument("INVALID_FIELD", "must be bytes after the first message", field="chunk")
        yield message.chunk


async def _discard(messages: AsyncIterator[pb.SubmitDocumentRequest]) -> None:
    """Let a refused sender finish, within bounds: one that is still sending when the call ends may never see why it was refused."""
    left = _DISCARDED
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_TIME.total_seconds()):
            async for message in messages:
                left -= len(message.chunk)
                if left < 0:
                    return
