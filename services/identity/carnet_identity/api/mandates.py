"""`carnet.identity.v1.MandateService`: who may act for another person; and `MandateReferenceService`, how a mandate stands now."""

from __future__ import annotations

from dataclasses import dataclass

import grpc
from carnet.identity.v1 import mandate_reference_service_pb2 as reference
from carnet.identity.v1 import mandate_service_pb2 as pb
from carnet.identity.v1.mandate_reference_service_pb2_grpc import MandateReferenceServiceServicer
from carnet.identity.v1.mandate_service_pb2_grpc import MandateServiceServicer
from carnet_platform.calls import current_user
from carnet_platform.errors import InvalidArgument
from carnet_platform.idempotency import asked
from carnet_platform.identifiers import parse_name

from carnet_identity.api import mandate_mapping as told
from carnet_identity.api import mapping
from carnet_identity.storage.mandate_pages import MandatePageTokens
from carnet_identity.usecases.answer_mandate import AnswerMandate, MandateAnswer
from carnet_identity.usecases.check_mandate import CheckMandate
from carnet_identity.usecases.consult_mandates import ConsultMandates
from carnet_identity.usecases.end_mandate import EndMandate, MandateEnding
from carnet_identity.usecases.hide_place import HidePlace, PlaceHiding
from carnet_identity.usecases.invite_mandate import Invitation, InviteMandate
from carnet_identity.usecases.register_mandate import MandateRegistration, RegisterMandate

PAGE, LARGEST_PAGE = 50, 100


@dataclass(frozen=True, slots=True)
class MandateVerbs:
    """The use cases behind MandateService."""

    register: RegisterMandate
    invite: InviteMandate
    answer: AnswerMandate
    end: EndMandate
    hide: HidePlace
    consult: ConsultMandates
    pages: MandatePageTokens


class MandateServicer(MandateServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, verbs: MandateVerbs, *, is_production: bool) -> None:
        self._verbs = verbs
        self._is_production = is_production

    async def RegisterMandate(  # noqa: N802 - the contract's name
        self, request: pb.RegisterMandateRequest, context: grpc.aio.ServicerContext[pb.RegisterMandateRequest, pb.RegisterMandateResponse]
    ) -> pb.RegisterMandateResponse:
        """Registers a representation on evidence."""
        del context
        (holder,) = parse_name(request.holder, "patients/*", "holder")
        with mapping.refusing():
            said = MandateRegistration(
                holder=holder,
                match=told.match_from(request.mandatary, is_production=self._is_production),
                kind=told.kind_from(request.kind),
                relation=told.relation_from(request.relation),
                evidence=request.evidence,
                begin=told.time_from(request, "begin_time"),
                end=told.time_from(request, "end_time"),
            )
            answer = await self._verbs.register(asked(request), said, told.registered)
        return pb.RegisterMandateResponse.FromString(answer)

    async def InviteMandate(  # noqa: N802
        self, request: pb.InviteMandateRequest, context: grpc.aio.ServicerContext[pb.InviteMandateRequest, pb.InviteMandateResponse]
    ) -> pb.InviteMandateResponse:
        """Invites somebody."""
        del context
        (holder,) = parse_name(request.holder, "patients/*", "holder")
        with mapping.refusing():
            invitation = Invitation(
                holder=holder,
                match=told.match_from(request.mandatary, is_production=self._is_production),
                kind=told.kind_from(request.kind),
                relation=told.relation_from(request.relation),
                classes=tuple(request.classes),
                begin=told.time_from(request, "begin_time"),
                end=told.time_from(request, "end_time"),
            )
            answer = await self._verbs.invite(asked(request), invitation, told.invited)
        return pb.InviteMandateResponse.FromString(answer)

    async def AcceptMandate(  # noqa: N802
        self, request: pb.AcceptMandateRequest, context: grpc.aio.ServicerContext[pb.AcceptMandateRequest, pb.AcceptMandateResponse]
    ) -> pb.AcceptMandateResponse:
        """Accepts an invitation."""
        del context
        said = MandateAnswer(mandate_id=_mandate(request.mandate), accepts=True, attests_identity=request.attests_identity)
        with mapping.refusing():
            answer = await self._verbs.answer(asked(request), said, told.accepted)
        return pb.AcceptMandateResponse.FromString(answer)

    async def RefuseMandate(  # noqa: N802
        self, request: pb.RefuseMandateRequest, context: grpc.aio.ServicerContext[pb.RefuseMandateRequest, pb.RefuseMandateResponse]
    ) -> pb.RefuseMandateResponse:
        """Refuses an invitation."""
        del context
        said = MandateAnswer(mandate_id=_mandate(request.mandate), accepts=False)
        with mapping.refusing():
            answer = await self._verbs.answer(asked(request), said, told.refused)
        return pb.RefuseMandateResponse.FromString(answer)

    async def SuspendMandate(  # noqa: N802
        self, request: pb.SuspendMandateRequest, context: grpc.aio.ServicerContext[pb.SuspendMandateRequest, pb.SuspendMandateResponse]
    ) -> pb.SuspendMandateResponse:
        """Suspends a mandate at once."""
        del context
        ending = MandateEnding(mandate_id=_mandate(request.mandate), reason=request.reason)
        with mapping.refusing():
            answer = await self._verbs.end(asked(request), ending, told.suspended)
        return pb.SuspendMandateResponse.FromString(answer)

    async def EndMandate(  # noqa: N802
        self, request: pb.EndMandateRequest, context: grpc.aio.ServicerContext[pb.EndMandateRequest, pb.EndMandateResponse]
    ) -> pb.EndMandateResponse:
        """Ends a mandate at once and for good."""
        del context
        ending = MandateEnding(mandate_id=_mandate(request.mandate))
        with mapping.refusing():
            answer = await self._verbs.end(asked(request), ending, told.ended)
        return pb.EndMandateResponse.FromString(answer)

    async def SetPlaceOfCareHidden(  # noqa: N802
        self,
        request: pb.SetPlaceOfCareHiddenRequest,
        context: grpc.aio.ServicerContext[pb.SetPlaceOfCareHiddenRequest, pb.SetPlaceOfCareHiddenResponse],
    ) -> pb.SetPlaceOfCareHiddenResponse:
        """Hides a place of care from the mandataries, or shows it again."""
        del context
        (holder,), (structure,) = (
            parse_name(request.holder, "patients/*", "holder"),
            parse_name(request.structure, "structures/*", "structure"),
        )
        hiding = PlaceHiding(holder=holder, structure=structure, is_hidden=request.hidden)
        with mapping.refusing():
            answer = await self._verbs.hide(asked(request), hiding, told.hidden)
        return pb.SetPlaceOfCareHiddenResponse.FromString(answer)

    async def GetMandate(  # noqa: N802
        self, request: pb.GetMandateRequest, context: grpc.aio.ServicerContext[pb.GetMandateRequest, pb.GetMandateResponse]
    ) -> pb.GetMandateResponse:
        """One mandate."""
        del context
        with mapping.refusing():
            return pb.GetMandateResponse(mandate=told.mandate_to(await self._verbs.consult.one(_mandate(request.mandate))))

    async def ListMandates(  # noqa: N802
        self, request: pb.ListMandatesRequest, context: grpc.aio.ServicerContext[pb.ListMandatesRequest, pb.ListMandatesResponse]
    ) -> pb.ListMandatesResponse:
        """The user's mandates, a page at a time."""
        del context
        if not 0 <= request.page_size <= LARGEST_PAGE:
            raise InvalidArgument("INVALID_FIELD", f"is at most {LARGEST_PAGE}", field="page_size")
        pages, user = self._verbs.pages, current_user().subject
        after = pages.open(user, request.page_token) if request.page_token else None
        with mapping.refusing():
            page = await self._verbs.consult.page(request.page_size or PAGE, after)
        token = "" if page.follows is None else pages.seal(user, *page.follows)
        return pb.ListMandatesResponse(mandates=[told.mandate_to(one) for one in page.mandates], next_page_token=token)


class MandateReferenceServicer(MandateReferenceServiceServicer):
    """Says how a mandate stands."""

    def __init__(self, check: CheckMandate) -> None:
        self._check = check

    async def CheckMandate(  # noqa: N802
        self,
        request: reference.CheckMandateRequest,
        context: grpc.aio.ServicerContext[reference.CheckMandateRequest, reference.CheckMandateResponse],
    ) -> reference.CheckMandateResponse:
        """Looks at a mandate."""
        del context
        return told.standing_to(await self._check(_mandate(request.mandate)))


def _mandate(name: str) -> str:
    return parse_name(name, "mandates/*", "mandate")[0]
