"""A user named by a structure (domain.md 1.2, indirect authentication; rules.md 11)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet_identity.domain.asserted_user import AssertedUser, read_asserted_user
from carnet_identity.domain.broken_rule import BrokenRule

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def read(**changes: Any) -> AssertedUser:  # noqa: ANN401 - arguments of the function
    good: dict[str, Any] = {
        "rpps": "99700366240",
        "method": "CARD",
        "time": NOW - timedelta(minutes=2),
        "provider_unreachable": False,
        "now": NOW,
        "longest_age": timedelta(minutes=10),
        "tolerance": timedelta(seconds=60),
    }
    return read_asserted_user(**{**good, **changes})


def test_a_user_is_named_with_how_the_structure_knows() -> None:
    assert read().rpps == "99700366240"
    assert read().authentication.codes == "by=STRUCTURE amr=mfa,sc"
    assert read(method="TWO_FACTORS", provider_unreachable=True).authentication.codes == "by=STRUCTURE_PROVIDER_UNREACHABLE amr=mfa"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rpps": ""}, "rpps"),
        ({"rpps": "99700366241"}, "rpps"),
        ({"method": "UNSPECIFIED"}, "authentication"),
        ({"method": ""}, "authentication"),
        ({"time": None}, "authentication_time"),
        ({"time": NOW + timedelta(seconds=61)}, "authentication_time"),
        ({"time": NOW - timedelta(minutes=11)}, "authentication_time"),
        ({"time": datetime.min.replace(tzinfo=UTC)}, "authentication_time"),
    ],
)
def test_an_incomplete_or_untimely_one_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(BrokenRule) as refused:
        read(**changes)
    assert refused.value.field == f"asserted_user.{field}"


def test_clocks_may_differ_by_a_minute() -> None:
    assert read(time=NOW + timedelta(seconds=60)) == read(time=NOW - timedelta(minutes=10, seconds=59)) == read()
