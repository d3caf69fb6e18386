"""Identity, asked whether a header speaks of a record's holder; no trait comes back. And the keys user tokens are signed with."""

from carnet.identity.v1 import patient_pb2
from carnet.identity.v1 import patient_reference_service_pb2 as pb
from carnet.identity.v1 import patient_reference_service_pb2_grpc as pb_grpc
from carnet.identity.v1 import session_service_pb2 as session_pb
from carnet.identity.v1 import session_service_pb2_grpc as session_grpc
from carnet_platform.peers import Peer

from carnet_documents.domain.header import HeaderPatient
from carnet_documents.domain.matched import Matched

_SEXES = {"M": patient_pb2.SEX_MALE, "F": patient_pb2.SEX_FEMALE, "U": patient_pb2.SEX_UNKNOWN, "": patient_pb2.SEX_UNSPECIFIED}


class IdentityClient:
    """Compares patients."""

    def __init__(self, peer: "Peer[pb_grpc.PatientReferenceServiceAsyncStub]") -> None:
        self._peer = peer

    async def match(self, holder: str, named: HeaderPatient) -> Matched:
        """Whether the header speaks of ``holder``, and may be deposited."""
        traits = patient_pb2.Traits(
            birth_family_name=named.birth_family_name,
            first_given_name=named.first_given_name,
            given_names=named.given_names,
            birth_date=named.birth_date,
            sex=_SEXES[named.sex],
            birth_place=named.birth_place,
            used_family_name=named.used_family_name,
            used_given_name=named.used_given_name,
        )
        ins = patient_pb2.Ins(value=named.ins, authority=named.ins_authority) if named.ins else None
        answer = await self._peer().MatchPatient(pb.MatchPatientRequest(patient=holder, ins=ins, traits=traits))
        told = answer.identity_status
        # An identity of an earlier version does not tell: it is asked.
        is_qualified = told == patient_pb2.IDENTITY_STATUS_QUALIFIED if told else await self.is_qualified(holder)
        return Matched(
            is_same=answer.same_person,
            is_qualified=is_qualified,
            is_under_former_ins=[one.trait for one in answer.differences if one.decisive] == ["former_ins"],
            differing=tuple(one.trait for one in answer.differences if not one.decisive),
        )

    async def is_qualified(self, holder: str) -> bool:
        """Whether ``holder``'s identity is qualified."""
        answer = await self._peer().GetIdentityStatus(pb.GetIdentityStatusRequest(patient=holder))
        return bool(answer.identity_status == patient_pb2.IDENTITY_STATUS_QUALIFIED)


class SigningKeys:
    """The published keys of user tokens."""

    def __init__(self, peer: "Peer[session_grpc.SigningKeyServiceAsyncStub]") -> None:
        self._peer = peer

    async def fetch(self) -> str:
        """A JSON Web Key Set."""
        answer = await self._peer().ListSigningKeys(session_pb.ListSigningKeysRequest())
        return str(answer.jwks)
