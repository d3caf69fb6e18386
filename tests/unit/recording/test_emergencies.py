"""Emergencies: the purposes that are always traced are those that tokens name so."""

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet_recording.emergencies import EMERGENCIES


def test_an_emergency_is_breaking_the_glass_or_a_dispatch_in_the_words_of_a_token() -> None:
    assert {"BREAK_GLASS", "EMERGENCY_DISPATCH"} == EMERGENCIES
    assert {f"PURPOSE_OF_USE_{purpose}" for purpose in EMERGENCIES} <= set(PurposeOfUse.keys())
