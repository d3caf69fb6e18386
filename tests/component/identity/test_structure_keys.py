"""The keys that stand for a structure: public, and at once no longer told when an operator stops the key or the structure."""

import json

import pytest
from carnet.identity.v1 import directory_service_pb2 as pb
from carnet.identity.v1 import directory_service_pb2_grpc as pb_grpc
from component.identity.operators import Operator
from component.identity.provider import Provider
from component.identity.running import HOSPITAL, Running, refused

PHARMACY = "990000044"
"""Nobody of the other tests works there."""


def kids(identity: Running, structure: str) -> list[str]:
    """The keys that consent is told of."""
    with identity.stub(pb_grpc.DirectoryServiceStub, "consent") as stub:
        answer = stub.ListStructureKeys(pb.ListStructureKeysRequest(structure=structure))
    return [key["kid"] for key in json.loads(answer.jwks)["keys"]]


def test_a_key_or_a_structure_that_is_stopped_signs_for_nobody(identity: Running, provider: Provider) -> None:
    anne, boris, pharmacy = Operator.of(identity, provider, "anne"), Operator.of(identity, provider, "boris"), identity.structure(PHARMACY)
    (kid,) = kids(identity, pharmacy)
    assert kids(identity, identity.structure(HOSPITAL)) == []

    for target in (f"certificates/{kid}", pharmacy):
        boris.approve(anne.propose(target).name)
        assert kids(identity, pharmacy) == []
        boris.approve(anne.propose(target, "resume").name)
        assert kids(identity, pharmacy) == [kid]


@pytest.mark.parametrize(("structure", "reason"), [("structures/nobody", "NOT_FOUND"), ("nonsense", "INVALID_FIELD")])
def test_who_is_no_structure_has_none(identity: Running, structure: str, reason: str) -> None:
    assert refused(lambda: kids(identity, structure)).reason == reason
