"""Which purposes of use are an emergency: access that the person did not agree to beforehand.

Every call for one of them is traced (docs/adr/0014), as every one of them is in the history.
"""

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse

_PREFIX = "PURPOSE_OF_USE_"
EMERGENCIES = frozenset(
    PurposeOfUse.Name(purpose).removeprefix(_PREFIX)
    for purpose in (PurposeOfUse.PURPOSE_OF_USE_BREAK_GLASS, PurposeOfUse.PURPOSE_OF_USE_EMERGENCY_DISPATCH)
)
"""As tokens name them."""
