"""Which identity status beats which."""

import pytest
from carnet_identity.domain.identity_status import IdentityStatus, stronger

P, R, V, Q = IdentityStatus.PROVISIONAL, IdentityStatus.RETRIEVED, IdentityStatus.VALIDATED, IdentityStatus.QUALIFIED


@pytest.mark.parametrize(
    ("held", "vouched", "kept"),
    [
        *[(P, P, P), (P, R, R), (P, V, V), (P, Q, Q), (R, P, R), (R, R, R), (R, V, R), (R, Q, Q)],
        *[(V, P, V), (V, R, V), (V, V, V), (V, Q, Q), (Q, P, Q), (Q, R, Q), (Q, V, Q), (Q, Q, Q)],
    ],
)
def test_a_status_is_raised_and_never_lowered(held: IdentityStatus, vouched: IdentityStatus, kept: IdentityStatus) -> None:
    assert stronger(held, vouched) is kept


def test_only_a_qualified_identity_may_carry_health_data() -> None:
    assert [status for status in IdentityStatus if status.may_carry_health_data] == [Q]
