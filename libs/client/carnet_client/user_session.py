"""One user's session: a token kept fresh, and the few calls that need more than one message.

For everything else use the stubs of the connection with ``metadata=await session.metadata()``.
"""

import hashlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from carnet.audit.v1.audit_reader_service_pb2 import ExportAccessHistoryRequest, HistoryLine, ListAccessHistoryRequest
from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1.care_contact_service_pb2 import PresentCareContactRequest
from carnet.documents.v1.document_entry_pb2 import DocumentEntry
from carnet.documents.v1.document_query_service_pb2 import ReadDocumentRequest, SearchDocumentsRequest
from carnet.documents.v1.submission_service_pb2 import SubmitDocumentRequest, SubmitDocumentResponse
from carnet.identity.v1.session_service_pb2 import AssertedUser, ExchangeAssertionRequest, ExchangeCertificateRequest

from carnet_client.connection import Connection
from carnet_client.refusals import telling_refusals

CHUNK = 128 << 10
RENEW_BEFORE = timedelta(seconds=45)
Metadata = list[tuple[str, str]]
Renewal = Callable[["UserSession"], Awaitable[None]]


@dataclass(frozen=True)
class LoggedIn:
    """What a login at an identity provider ends in: the id_token, and the nonce that the provider was sent, empty for none."""

    id_token: str
    nonce: str = ""


Assertion = Callable[[], Awaitable[str | LoggedIn]]
"""Gives a fresh id_token each time, with the nonce if one was sent: an assertion can be exchanged once."""


@dataclass(frozen=True)
class Deposit:
    """The receipt of a deposit: the entry as kept, warning codes, and whether it was there already."""

    entry: DocumentEntry
    warnings: list[str]
    already_deposited: bool


@dataclass(frozen=True)
class ReadDocument:
    """A document read: its entry and its bytes, checked against the entry's size and SHA-256."""

    entry: DocumentEntry
    content: bytes


class UserSession:
    """Speaks for one user, for one purpose."""

    def __init__(self, connection: Connection, purpose: PurposeOfUse.ValueType, renew: Renewal) -> None:
        self.connection = connection
        self.purpose = purpose
        self.subject = ""
        self.session = ""
        self.traceparent = ""
        """W3C trace context to send with each call, so that the services' spans stand below the caller's; empty for none."""
        self._token = ""
        self._ends = datetime.min.replace(tzinfo=UTC)
        self._renew = renew

    @classmethod
    async def of_assertion(
        cls, connection: Connection, assertion: Assertion, purpose: PurposeOfUse.ValueType, structure: str = "", mandate: str = ""
    ) -> "UserSession":
        """Log a person in with an identity provider's assertion, under a mandate if one is named. Raises ``Refused``."""

        async def renew(session: "UserSession") -> None:
            given = await assertion()
            logged_in = LoggedIn(given) if isinstance(given, str) else given
            request = ExchangeAssertionRequest(
                assertion=logged_in.id_token, nonce=logged_in.nonce, purpose=purpose, structure=structure, mandate=mandate
            )
            answer = await connection.sessions.ExchangeAssertion(request, timeout=10)
            session.take(answer.access_token, answer.expire_time.ToDatetime(UTC), answer.session, answer.subject)

        return await cls._opened(connection, purpose, renew)

    @classmethod
    async def of_certificate(
        cls, connection: Connection, purpose: PurposeOfUse.ValueType, user: Callable[[], AssertedUser] | None = None
    ) -> "UserSession":
        """Log a structure or system in with the connection's own certificate, or a user whom that structure authenticated itself.

        ``user`` tells each time who that is, and when she was authenticated last. Raises ``Refused``.
        """

        async def renew(session: "UserSession") -> None:
            request = ExchangeCertificateRequest(purpose=purpose, asserted_user=None if user is None else user())
            answer = await connection.sessions.ExchangeCertificate(request, timeout=10)
            session.take(answer.access_token, answer.expire_time.ToDatetime(UTC), answer.session, answer.subject)

        return await cls._opened(connection, purpose, renew)

    @classmethod
    async def _opened(cls, connection: Connection, purpose: PurposeOfUse.ValueType, renew: Renewal) -> "UserSession":
        session = cls(connection, purpose, renew)
        await session.metadata()
        return session

    def take(self, token: str, ends: datetime, session: str, subject: str) -> None:
        """Hold a new token; for the functions that renew it."""
        self._token, self._ends, self.session, self.subject = token, ends, session, subject

    async def metadata(self) -> Metadata:
        """What to send with a call: the token, renewed shortly before it ends, and the trace. Raises ``Refused``."""
        if self._ends - datetime.now(UTC) < RENEW_BEFORE:
            with telling_refusals():
                await self._renew(self)
        return [("authorization", "Bearer " + self._token), *([("traceparent", self.traceparent)] if self.traceparent else [])]

    async def present_care_contact(self, patient: str, token: str) -> datetime:
        """Show the structure's signed word that this patient is in its care, before her record is asked for the first time.

        Until when that opening counts against no budget. Raises ``Refused``: then the budget counts, and the record can be asked for as
        before.
        """
        request = PresentCareContactRequest(request_id=request_id(), patient=patient, token=token)
        with telling_refusals():
            answer = await self.connection.care_contacts.PresentCareContact(request, metadata=await self.metadata(), timeout=10)
        return answer.expire_time.ToDatetime(UTC)

    async def deposit(self, record: str, content: bytes, entry: DocumentEntry | None = None) -> Deposit:
        """Deposit one document; for CDA the entry may be left out, as the header says all. Raises ``Refused``."""
        entry = entry or DocumentEntry(mime_type="text/xml")

        async def parts() -> AsyncIterator[SubmitDocumentRequest]:
            header = SubmitDocumentRequest.Header(parent=record, entry=entry, size=len(content))
            yield SubmitDocumentRequest(header=header)
            for start in range(0, len(content), CHUNK):
                yield SubmitDocumentRequest(chunk=content[start : start + CHUNK])

        with telling_refusals():
            stub = self.connection.submission
            answer: SubmitDocumentResponse = await stub.SubmitDocument(parts(), metadata=await self.metadata(), timeout=30)
        return Deposit(answer.entry, [warning.code for warning in answer.warnings], answer.already_deposited)

    async def search(self, record: str, **filters: object) -> list[DocumentEntry]:
        """Every document of a record that this user may see, newest first, page by page. Raises ``Refused``."""
        found: list[DocumentEntry] = []
        token = ""
        while True:
            request = SearchDocumentsRequest(parent=record, purpose=self.purpose, page_size=200, page_token=token, **filters)  # type: ignore[arg-type]
            with telling_refusals():
                page = await self.connection.documents.SearchDocuments(request, metadata=await self.metadata(), timeout=10)
            found.extend(page.entries)
            token = page.next_page_token
            if not token:
                return found

    async def read(self, name: str) -> ReadDocument:
        """One document. Raises ``Refused``; ``ValueError`` when what came is not what the entry says."""
        request = ReadDocumentRequest(name=name, purpose=self.purpose)
        entry, content = DocumentEntry(), bytearray()
        with telling_refusals():
            async for part in self.connection.documents.ReadDocument(request, metadata=await self.metadata(), timeout=30):
                if part.HasField("entry"):
                    entry = part.entry
                content += part.chunk
        if len(content) != entry.size or hashlib.sha256(content).hexdigest() != entry.sha256:
            raise ValueError(f"{name}: the bytes are not those the entry speaks of")
        return ReadDocument(entry, bytes(content))

    async def history(self, record: str, language: str = "en") -> list[HistoryLine]:
        """Every line of a record's history, newest first, page by page, in words of a language (BCP 47). Raises ``Refused``."""
        lines: list[HistoryLine] = []
        token = ""
        while True:
            request = ListAccessHistoryRequest(record=record, page_size=200, page_token=token, language_code=language)
            with telling_refusals():
                page = await self.connection.history.ListAccessHistory(request, metadata=await self.metadata(), timeout=20)
            lines.extend(page.lines)
            token = page.next_page_token
            if not token:
                return lines

    async def export_history(self, record: str, language: str = "en") -> bytes:
        """The file with every line and its proofs, for ``carnet-audit verify``. Raises ``Refused``."""
        content = bytearray()
        request = ExportAccessHistoryRequest(record=record, language_code=language)
        with telling_refusals():
            async for part in self.connection.history.ExportAccessHistory(request, metadata=await self.metadata(), timeout=60):
                content += part.chunk
        return bytes(content)


def request_id() -> str:
    """A new request id (AIP-155): keep it for the retries of one write."""
    return str(uuid.uuid4())
