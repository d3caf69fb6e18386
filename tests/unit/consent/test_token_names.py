"""The names whose withdrawal refuses a call."""

from carnet_consent.domain.token_names import names_of


def test_a_professionals_token_names_his_activity_and_both_certificates() -> None:
    """docs/architecture.md, section 5, "One fence"."""
    names = names_of(
        session="sessions/s",
        subject="professionals/d",
        organisation="structures/h",
        mandate="",
        certificates=("holder", "bringer"),
        callers=("spiffe://carnet/software/gp", "spiffe://carnet/documents"),
    )
    assert set(names) == {
        "sessions/s",
        "professionals/d",
        "structures/h",
        "activities/d/h",
        "certificates/holder",
        "certificates/bringer",
        "callers/software/gp",
        "callers/documents",
    }


def test_a_persons_token_names_her_and_the_mandate_she_acts_under() -> None:
    names = names_of(
        session="sessions/s", subject="patients/p", organisation="", mandate="mandates/m", certificates=("t", "t", ""), callers=()
    )
    assert names == ("sessions/s", "patients/p", "mandates/m", "certificates/t")


def test_a_structures_own_token_names_the_structure_once_and_no_activity() -> None:
    names = names_of(session="sessions/s", subject="structures/h", organisation="structures/h", mandate="", certificates=("t",), callers=())
    assert names == ("sessions/s", "structures/h", "certificates/t")
