"""carnet.documents.v1.DocumentQueryService."""

import hashlib
from collections.abc import AsyncIterator

import grpc
from carnet.documents.v1 import document_query_service_pb2 as pb
from carnet.documents.v1 import document_query_service_pb2_grpc as pb_grpc
from carnet_platform.calls import current_user
from carnet_platform.errors import InvalidArgument
from carnet_platform.identifiers import parse_name

from carnet_documents.api.mapping import STATUS_BY_NUMBER, check_purpose, entry_message, instant
from carnet_documents.domain.placement import Status
from carnet_documents.storage.documents import Criteria
from carnet_documents.usecases.read_document import ReadDocument
from carnet_documents.usecases.search_documents import Search, SearchDocuments

_PATTERN = "records/*/documents/*"
_PAGE_SIZE, _LARGEST_PAGE = 50, 200
_MOST_CLASSES, _MOST_TYPES, _LONGEST = 50, 200, 255


class DocumentQueryServicer(pb_grpc.DocumentQueryServiceServicer):
    """Finds and reads documents."""

    def __init__(self, search: SearchDocuments, read: ReadDocument) -> None:
        self._search = search
        self._read = read

    async def SearchDocuments(  # noqa: N802  # the contract's name
        self,
        request: pb.SearchDocumentsRequest,
        context: grpc.aio.ServicerContext[pb.SearchDocumentsRequest, pb.SearchDocumentsResponse],
    ) -> pb.SearchDocumentsResponse:
        """List documents."""
        del context
        page = await self._search(_search(request))
        return pb.SearchDocumentsResponse(entries=[entry_message(one) for one in page.documents], next_page_token=page.next_token)

    async def GetDocument(  # noqa: N802  # the contract's name
        self,
        request: pb.GetDocumentRequest,
        context: grpc.aio.ServicerContext[pb.GetDocumentRequest, pb.GetDocumentResponse],
    ) -> pb.GetDocumentResponse:
        """Give an entry."""
        del context
        record, document = parse_name(request.name, _PATTERN, "name")
        check_purpose(request.purpose)
        return pb.GetDocumentResponse(entry=entry_message(await self._read.entry(record, document)))

    async def ReadDocument(  # noqa: N802  # the contract's name
        self,
        request: pb.ReadDocumentRequest,
        context: grpc.aio.ServicerContext[pb.ReadDocumentRequest, pb.ReadDocumentResponse],
    ) -> AsyncIterator[pb.ReadDocumentResponse]:
        """Give a document."""
        del context
        record, document = parse_name(request.name, _PATTERN, "name")
        check_purpose(request.purpose)
        async for part in self._read.content(record, document):
            yield pb.ReadDocumentResponse(entry=entry_message(part.entry) if part.entry else None, chunk=part.content)


def _search(request: pb.SearchDocumentsRequest) -> Search:
    (record,) = parse_name(request.parent, "records/*", "parent")
    check_purpose(request.purpose)
    if request.page_size < 0:
        raise InvalidArgument("INVALID_FIELD", "must not be negative", field="page_size")
    for field, values, most in (("classes", request.classes, _MOST_CLASSES), ("types", request.types, _MOST_TYPES)):
        if len(values) > most or any(len(value) > _LONGEST for value in values):
            raise InvalidArgument("INVALID_FIELD", f"must be at most {most} codes", field=field)
    if len(request.unique_id) > _LONGEST:
        raise InvalidArgument("INVALID_FIELD", f"must be at most {_LONGEST} characters", field="unique_id")
    criteria = Criteria(
        classes=tuple(request.classes),
        types=tuple(request.types),
        statuses=_statuses(request),
        created_from=instant(request.creation_time_from, "creation_time_from") if request.HasField("creation_time_from") else None,
        created_to=instant(request.creation_time_to, "creation_time_to") if request.HasField("creation_time_to") else None,
        limit=min(request.page_size or _PAGE_SIZE, _LARGEST_PAGE),
    )
    return Search(record, criteria, request.unique_id, request.page_token, _fingerprint(request))


def _statuses(request: pb.SearchDocumentsRequest) -> tuple[str, ...]:
    wanted = set(request.availability_statuses)
    if not wanted <= set(STATUS_BY_NUMBER):
        raise InvalidArgument("INVALID_FIELD", "must be known statuses", field="availability_statuses")
    return tuple(sorted(STATUS_BY_NUMBER[number].value for number in wanted)) or (Status.APPROVED.value,)


def _fingerprint(request: pb.SearchDocumentsRequest) -> str:
    """What a page token is bound to: the user and the request, but for the token itself and the size of a page."""
    bound = pb.SearchDocumentsRequest()
    bound.CopyFrom(request)
    bound.ClearField("page_token")
    bound.ClearField("page_size")
    return hashlib.sha256(current_user().subject.encode() + b"\0" + bound.SerializeToString(deterministic=True)).hexdigest()
