"""Consent, asked over gRPC with the user's own token forwarded."""

from carnet.common.v1 import error_reason_pb2, purpose_of_use_pb2
from carnet.consent.v1 import access_decision_service_pb2 as pb
from carnet.consent.v1 import access_decision_service_pb2_grpc as pb_grpc
from carnet_platform.errors import Unavailable
from carnet_platform.peers import Peer

from carnet_documents.domain.decision import Action, Allowed, Denial
from carnet_documents.domain.filter import DocumentFilter

_ACTIONS = {Action.READ: pb.ACTION_READ, Action.DEPOSIT: pb.ACTION_DEPOSIT, Action.MANAGE: pb.ACTION_MANAGE}
_REASON_PREFIX = "ERROR_REASON_"
_OBLIGATIONS = frozenset({pb.OBLIGATION_SHOW_EMERGENCY, pb.OBLIGATION_NOTIFY_EMERGENCY, pb.OBLIGATION_MASK_DEPOSIT})
"""Those that this version knows: the first is the software's to keep, the second consent's own, the third is kept here."""


class ConsentClient:
    """The access decision."""

    def __init__(self, peer: "Peer[pb_grpc.AccessDecisionServiceAsyncStub]") -> None:
        self._peer = peer

    async def decide(self, record: str, purpose: str, action: Action) -> Allowed | Denial:
        """Decide for the user of the call in hand. Raises ``Refusal`` when nothing is decided."""
        request = pb.DecideRequest(
            record=f"records/{record}",
            purpose=purpose_of_use_pb2.PurposeOfUse.Value(f"PURPOSE_OF_USE_{purpose}"),
            action=_ACTIONS[action],
        )
        answer = await self._peer().Decide(request)
        rule = f"{answer.rule} ({answer.source})" if answer.source else answer.rule
        if answer.HasField("permit"):
            return _allowed(answer.permit, rule, answer.patient)
        if answer.HasField("denial"):
            reason = error_reason_pb2.ErrorReason.Name(answer.denial.reason).removeprefix(_REASON_PREFIX)
            is_known = answer.consent_revision > 0 or reason == "CONSENT_UNREADABLE"
            return Denial(reason, answer.denial.message, rule, is_about_a_record=is_known)
        raise Unavailable("DEPENDENCY_UNAVAILABLE", "the access decision said neither yes nor no")


def _allowed(permit: pb.Permit, rule: str, patient: str) -> Allowed:
    if not _OBLIGATIONS.issuperset(permit.obligations):
        raise Unavailable("DEPENDENCY_UNAVAILABLE", "the access decision obliges to what this version does not know")
    return Allowed(
        terms=DocumentFilter(
            all_types=permit.filter.all_types,
            classes=frozenset(permit.filter.classes),
            allowed_types=frozenset(permit.filter.allowed_types),
            denied_types=frozenset(permit.filter.denied_types),
            excluded_visibilities=frozenset(permit.filter.excluded_visibilities),
            hidden_documents=frozenset(permit.filter.hidden_documents),
            own_professional=permit.filter.own_professional,
            own_structure=permit.filter.own_structure,
            excluded_structures=frozenset(permit.filter.excluded_structures),
            unmasked_types=frozenset(permit.filter.unmasked_types),
        ),
        usable_for=permit.usable_for.ToTimedelta(),
        ends_in=permit.ends_in.ToTimedelta() if permit.HasField("ends_in") else None,
        rule=rule,
        patient=patient,
        emergency_episode=permit.emergency_episode,
        masks_deposit=pb.OBLIGATION_MASK_DEPOSIT in permit.obligations,
    )
