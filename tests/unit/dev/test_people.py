"""The invented people: three files that must tell one story, with numbers that pass their checks."""

import json

from carnet_dev.people import DIRECTORY_FILE, accounts, patients

DIRECTORY = json.loads(DIRECTORY_FILE.read_text())


def passes_luhn(digits: str) -> bool:
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def test_every_number_passes_its_check() -> None:
    rpps = [one["rpps"] for one in DIRECTORY["professionals"]]
    finess = [one["finess"] for one in DIRECTORY["structures"]]
    assert all(len(number) == 11 and passes_luhn(number) for number in rpps)
    assert all(len(number) == 9 and passes_luhn(number) for number in finess)
    assert all(97 - int(one.ins[:13]) % 97 == int(one.ins[13:]) for one in patients().values())


def test_every_activity_is_in_a_structure_that_is_known() -> None:
    known = {one["finess"] for one in DIRECTORY["structures"]}
    assert {finess for one in DIRECTORY["professionals"] for finess in one["structures"]} <= known


def test_who_can_log_in_is_in_the_directory_or_a_patient() -> None:
    idnps = {"8" + one["rpps"] for one in DIRECTORY["professionals"]}
    claims = [account.claims for account in accounts().values()]
    assert {one["preferred_username"] for one in claims if "preferred_username" in one} == idnps
    assert {one["ins"] for one in claims if "ins" in one} == {one.ins for one in patients().values()}


def test_patients_have_test_identities_only() -> None:
    assert {one.ins_authority for one in patients().values()} == {"1.2.250.1.213.1.4.10"}
