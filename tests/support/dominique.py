"""The patient of the story, as the domain of identity knows her: synthetic, with a test INS."""

from dataclasses import replace
from typing import Final

from carnet_identity.domain.identity_status import IdentityStatus
from carnet_identity.domain.ins import NIR_TEST, Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.traits import Sex, Traits

INS: Final = Ins("279035121518989", NIR_TEST)
TRAITS: Final = Traits(
    birth_family_name="PAT-TROIS",
    first_given_name="DOMINIQUE",
    given_names="DOMINIQUE MARIE-LOUISE",
    birth_date="19790328",
    sex=Sex.FEMALE,
    birth_place="51215",
)
"""What a civil registry states of her."""
DOMINIQUE: Final = Patient(
    id="a" * 26,
    ins=INS,
    traits=replace(TRAITS, used_family_name="ESSAI"),
    status=IdentityStatus.QUALIFIED,
    residence_commune="75056",
)
"""Registered, with the name she uses and the town she lives in."""
