"""`carnet.consent.v1.AuthorisationService`: who may read a record, and who may not."""

import grpc
from carnet.consent.v1 import authorisation_service_pb2 as pb
from carnet.consent.v1.authorisation_service_pb2_grpc import AuthorisationServiceServicer

from carnet_consent.api import mapping
from carnet_consent.api.refusing import refusing
from carnet_consent.domain.consent import NamedHide
from carnet_consent.usecases.acting import acting, writing
from carnet_consent.usecases.attend import Attend
from carnet_consent.usecases.hide import Hide
from carnet_consent.usecases.oppose import Oppose
from carnet_consent.usecases.read_record import ReadRecord
from carnet_consent.usecases.record_refusals import RecordRefusals
from carnet_consent.usecases.state import State


class AuthorisationServicer(AuthorisationServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, state: State, hide: Hide, oppose: Oppose, attend: Attend, read: ReadRecord, refusals: RecordRefusals) -> None:
        self._state, self._hide, self._oppose, self._attend = state, hide, oppose, attend
        self._read, self._refusals = read, refusals

    async def ListAuthorisations(  # noqa: N802 -- the contract's name
        self,
        request: pb.ListAuthorisationsRequest,
        context: grpc.aio.ServicerContext[pb.ListAuthorisationsRequest, pb.ListAuthorisationsResponse],
    ) -> pb.ListAuthorisationsResponse:
        """Tell the holder the statements in force."""
        del context
        record, who = mapping.record_name(request.parent, "parent"), acting()
        async with refusing(self._refusals, who, record):
            return mapping.statement_list(*await self._read.statements(who, record))

    async def CreateAuthorisation(  # noqa: N802
        self,
        request: pb.CreateAuthorisationRequest,
        context: grpc.aio.ServicerContext[pb.CreateAuthorisationRequest, pb.CreateAuthorisationResponse],
    ) -> pb.CreateAuthorisationResponse:
        """State an authorisation, a care relation or a block."""
        del context
        record, wish = (
            mapping.record_name(request.parent, "parent"),
            mapping.wish(request.authorisation, is_for_another=request.for_another),
        )
        write = writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._state.create(
                write,
                record,
                wish,
                lambda stated: pb.CreateAuthorisationResponse(authorisation=mapping.statement(stated.result, record)),
            )
        return pb.CreateAuthorisationResponse.FromString(answer)

    async def DeleteAuthorisation(  # noqa: N802
        self,
        request: pb.DeleteAuthorisationRequest,
        context: grpc.aio.ServicerContext[pb.DeleteAuthorisationRequest, pb.DeleteAuthorisationResponse],
    ) -> pb.DeleteAuthorisationResponse:
        """Take a statement back."""
        del context
        record, statement_id = mapping.child_name(request.name, "authorisations", "name")
        write = writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._state.delete(write, record, statement_id, lambda _: pb.DeleteAuthorisationResponse())
        return pb.DeleteAuthorisationResponse.FromString(answer)

    async def HideDocument(  # noqa: N802
        self,
        request: pb.HideDocumentRequest,
        context: grpc.aio.ServicerContext[pb.HideDocumentRequest, pb.HideDocumentResponse],
    ) -> pb.HideDocumentResponse:
        """Hide one document from somebody."""
        del context
        record, _ = mapping.child_name(request.document, "documents", "document")
        hidden = NamedHide(request.document, mapping.reader_name(request.grantee, "grantee"))
        write = writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._hide.hide(write, record, hidden, lambda _: pb.HideDocumentResponse())
        return pb.HideDocumentResponse.FromString(answer)

    async def UnhideDocument(  # noqa: N802
        self,
        request: pb.UnhideDocumentRequest,
        context: grpc.aio.ServicerContext[pb.UnhideDocumentRequest, pb.UnhideDocumentResponse],
    ) -> pb.UnhideDocumentResponse:
        """Take a hiding back."""
        del context
        record, _ = mapping.child_name(request.document, "documents", "document")
        hidden = NamedHide(request.document, mapping.reader_name(request.grantee, "grantee"))
        write = writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._hide.unhide(write, record, hidden, lambda _: pb.UnhideDocumentResponse())
        return pb.UnhideDocumentResponse.FromString(answer)

    async def OpposeDeposit(  # noqa: N802
        self,
        request: pb.OpposeDepositRequest,
        context: grpc.aio.ServicerContext[pb.OpposeDepositRequest, pb.OpposeDepositResponse],
    ) -> pb.OpposeDepositResponse:
        """Oppose deposits."""
        del context
        record, wish = mapping.record_name(request.parent, "parent"), mapping.opposition_wish(request.opposition)
        write = writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._oppose.oppose(
                write, record, wish, lambda made: pb.OpposeDepositResponse(opposition=mapping.opposition(made.result, record))
            )
        return pb.OpposeDepositResponse.FromString(answer)

    async def AllowDeposit(  # noqa: N802
        self,
        request: pb.AllowDepositRequest,
        context: grpc.aio.ServicerContext[pb.AllowDepositRequest, pb.AllowDepositResponse],
    ) -> pb.AllowDepositResponse:
        """Take an opposition back."""
        del context
        record, opposition_id = mapping.child_name(request.name, "depositOppositions", "name")
        write = writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._oppose.allow(write, record, opposition_id, lambda _: pb.AllowDepositResponse())
        return pb.AllowDepositResponse.FromString(answer)

    async def DeclareAttendingPhysician(  # noqa: N802
        self,
        request: pb.DeclareAttendingPhysicianRequest,
        context: grpc.aio.ServicerContext[pb.DeclareAttendingPhysicianRequest, pb.DeclareAttendingPhysicianResponse],
    ) -> pb.DeclareAttendingPhysicianResponse:
        """Declare an attending physician."""
        del context
        record, professional = mapping.record_name(request.record, "record"), mapping.professional_name(request.professional)
        write = writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._attend.declare(
                write,
                record,
                professional,
                lambda declared: pb.DeclareAttendingPhysicianResponse(status=mapping.physician_status(declared.result)),
            )
        return pb.DeclareAttendingPhysicianResponse.FromString(answer)

    async def ConfirmAttendingPhysician(  # noqa: N802
        self,
        request: pb.ConfirmAttendingPhysicianRequest,
        context: grpc.aio.ServicerContext[pb.ConfirmAttendingPhysicianRequest, pb.ConfirmAttendingPhysicianResponse],
    ) -> pb.ConfirmAttendingPhysicianResponse:
        """Confirm a pending attending physician."""
        del context
        record, professional = mapping.record_name(request.record, "record"), mapping.professional_name(request.professional)
        write = writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._attend.confirm(write, record, professional, lambda _: pb.ConfirmAttendingPhysicianResponse())
        return pb.ConfirmAttendingPhysicianResponse.FromString(answer)

    async def EndAttendingPhysician(  # noqa: N802
        self,
        request: pb.EndAttendingPhysicianRequest,
        context: grpc.aio.ServicerContext[pb.EndAttendingPhysicianRequest, pb.EndAttendingPhysicianResponse],
    ) -> pb.EndAttendingPhysicianResponse:
        """End an attending physician's standing."""
        del context
        record, professional = mapping.record_name(request.record, "record"), mapping.professional_name(request.professional)
        write = writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._attend.end(write, record, professional, lambda _: pb.EndAttendingPhysicianResponse())
        return pb.EndAttendingPhysicianResponse.FromString(answer)
