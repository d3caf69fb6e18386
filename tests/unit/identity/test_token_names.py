"""The names whose withdrawal refuses a call: identity looks for the same as consent."""

import pytest
from carnet_consent.domain import token_names as of_consent
from carnet_identity.domain import token_names as of_identity
from hypothesis import given
from hypothesis import strategies as st

PARTS = st.text("abc234567", min_size=1, max_size=5)
SUBJECTS = st.builds("{}/{}".format, st.sampled_from(["professionals", "patients", "structures", "operators"]), PARTS)


@given(
    session=PARTS.map("sessions/{}".format),
    subject=SUBJECTS,
    organisation=st.one_of(st.just(""), PARTS.map("structures/{}".format)),
    mandate=st.one_of(st.just(""), PARTS.map("mandates/{}".format)),
    certificates=st.tuples(PARTS, st.one_of(st.just(""), PARTS)),
    callers=st.tuples(PARTS.map("spiffe://carnet/software/{}".format), st.one_of(st.just(""), PARTS.map("spiffe://carnet/{}".format))),
)
def test_identity_and_consent_name_the_same(**fields: object) -> None:
    """docs/architecture.md, section 5, "One fence": a name that one of them missed would be a withdrawal that it does not notice."""
    assert of_identity.names_of(**fields) == of_consent.names_of(**fields)  # type: ignore[arg-type]  # drawn as declared


@pytest.mark.parametrize("kind", ["sessions", "professionals", "structures", "activities", "mandates", "certificates", "callers"])
def test_each_kind_of_name_is_among_them(kind: str) -> None:
    names = of_identity.names_of(
        session="sessions/s",
        subject="professionals/d",
        organisation="structures/h",
        mandate="mandates/m",
        certificates=("t",),
        callers=("spiffe://carnet/software/gp",),
    )
    assert kind in {name.partition("/")[0] for name in names}
    assert len(names) == 7
