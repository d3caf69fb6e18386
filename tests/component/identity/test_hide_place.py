"""Places of care that a person hides from those who act for her, on a real process."""

import time

from carnet.identity.v1 import mandate_service_pb2 as pb
from component.identity.family import Family, checked, request_id
from component.identity.neighbours import Neighbours
from component.identity.running import HOSPITAL, PRACTICE, Running


def test_a_hidden_place_is_told_to_the_holder_and_to_consent_alone(family: Family, identity: Running, neighbours: Neighbours) -> None:
    """SetPlaceOfCareHidden: by the minor herself, or a professional of that place at her request; acknowledged after 505 ms."""
    mandate = family.doctor.register(family.child, family.mother)
    practice, hospital = identity.structure(PRACTICE), identity.structure(HOSPITAL)

    def hiding(structure: str, *, hidden: bool = True, holder: str = family.child.name) -> pb.SetPlaceOfCareHiddenRequest:
        return pb.SetPlaceOfCareHiddenRequest(request_id=request_id(), holder=holder, structure=structure, hidden=hidden)

    child, mother = family.session(family.child), family.session(family.mother, mandate.name)
    begun = time.monotonic()
    assert list(child("SetPlaceOfCareHidden", hiding(hospital)).hidden_structures) == [hospital]
    assert time.monotonic() - begun >= 0.505
    assert list(family.doctor("SetPlaceOfCareHidden", hiding(practice)).hidden_structures) == [practice], "he learns of his own place alone"
    assert family.doctor.refused("SetPlaceOfCareHidden", hiding(hospital)).reason == "ROLE_NOT_ALLOWED"
    assert family.doctor.refused("SetPlaceOfCareHidden", hiding(practice, holder=family.father.name)).reason == "NOT_FOUND"
    assert mother.refused("SetPlaceOfCareHidden", hiding(hospital, hidden=False)).reason == "NOT_FOUND"
    assert child.refused("SetPlaceOfCareHidden", hiding("structures/nowhere")).reason == "NOT_FOUND"
    assert set(checked(identity, mandate.name).hidden_structures) == {practice, hospital}
    assert not mother("GetMandate", pb.GetMandateRequest(mandate=mandate.name)).mandate.hidden_structures
    assert set(child("GetMandate", pb.GetMandateRequest(mandate=mandate.name)).mandate.hidden_structures) == {practice, hospital}
    assert mother.listed() == [mandate.name], "her session goes on as before"
    told = [event for (subject, _), event in list(neighbours.audit.changes.items()) if subject.startswith("hiddenPlaces/")]
    assert all(family.mother.name not in event.tell for event in told)
    child("SetPlaceOfCareHidden", hiding(hospital, hidden=False))
    assert list(checked(identity, mandate.name).hidden_structures) == [practice]
