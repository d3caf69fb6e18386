"""The invented people of the story: `directory.json`, `accounts.json`, `patients.json` (README.md says who reads which)."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
DIRECTORY_FILE = _FOLDER / "directory.json"
ACCOUNTS_FILE = _FOLDER / "accounts.json"
_BIRTHDAY = (6, 12)


@dataclass(frozen=True)
class Account:
    """Somebody who can log in at the development identity provider."""

    user: str
    """The short name to log in with."""
    label: str
    """How the login page calls them."""
    claims: dict[str, Any]
    """What is asserted of them."""


@dataclass(frozen=True)
class PatientTraits:
    """A patient as a practice would register her."""

    user: str
    ins: str
    ins_authority: str
    birth_family_name: str
    first_given_name: str
    given_names: str
    birth_date: str
    """YYYYMMDD."""
    sex: str
    """M, F or U."""
    birth_place: str
    """INSEE code of the commune."""
    used_family_name: str = ""
    """Name in use, empty for none."""


def accounts(file: Path = ACCOUNTS_FILE) -> dict[str, Account]:
    """Everybody who can log in, by user name."""
    return {entry["user"]: Account(**entry) for entry in json.loads(file.read_text(encoding="utf-8"))["accounts"]}


def patients() -> dict[str, PatientTraits]:
    """The patients, by user name."""
    entries = json.loads((_FOLDER / "patients.json").read_text(encoding="utf-8"))["patients"]
    return {entry["user"]: PatientTraits(**_dated(entry)) for entry in entries}


def _dated(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with a birth date: who is to be of an age has hers reckoned from today, on a 12 June."""
    if "age" not in entry:
        return entry
    today = datetime.now(UTC).date()
    year = today.year - entry["age"] - ((today.month, today.day) < _BIRTHDAY)
    return {name: value for name, value in entry.items() if name != "age"} | {"birth_date": f"{year}{_BIRTHDAY[0]:02d}{_BIRTHDAY[1]:02d}"}
