"""Invented extracts of the national directory and of FINESS, of any size, in their published form: for tests, bench and a first try.

The same size and seed give the same files. Every number passes its key and stands for nobody: RPPS that begin with 998, FINESS of a
department that there is not (99). Lines are made one at a time, so a file may be as large as the country's.
"""

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEADINGS = (
    "Type d'identifiant PP|Identifiant PP|Identification nationale PP|Code civilité d'exercice|Libellé civilité d'exercice|Code civilité"
    "|Libellé civilité|Nom d'exercice|Prénom d'exercice|Code profession|Libellé profession|Code catégorie professionnelle"
    "|Libellé catégorie professionnelle|Code type savoir-faire|Libellé type savoir-faire|Code savoir-faire|Libellé savoir-faire"
    "|Code mode exercice|Libellé mode exercice|Numéro SIRET site|Numéro SIREN site|Numéro FINESS site"
    "|Numéro FINESS établissement juridique|Identifiant technique de la structure|Raison sociale site|Enseigne commerciale site"
    "|Complément destinataire (coord. structure)|Complément point géographique (coord. structure)|Numéro Voie (coord. structure)"
    "|Indice répétition voie (coord. structure)|Code type de voie (coord. structure)|Libellé type de voie (coord. structure)"
    "|Libellé Voie (coord. structure)|Mention distribution (coord. structure)|Bureau cedex (coord. structure)"
    "|Code postal (coord. structure)|Code commune (coord. structure)|Libellé commune (coord. structure)"
    "|Code pays (coord. structure)|Libellé pays (coord. structure)|Téléphone (coord. structure)|Téléphone 2 (coord. structure)"
    "|Télécopie (coord. structure)|Adresse e-mail (coord. structure)|Code Département (structure)|Libellé Département (structure)"
    "|Ancien identifiant de la structure|Autorité d'enregistrement|Code secteur d'activité|Libellé secteur d'activité"
    "|Code section tableau pharmaciens|Libellé section tableau pharmaciens|Code rôle|Libellé rôle|Code genre activité"
    "|Libellé genre activité|"
)
"""The first line of the published extract of activities, with the separator it ends with."""
_PLACES = {name: place for place, name in enumerate(HEADINGS.split("|"))}
FINESS_FIRST_LINE = "finess;etalab;111;2026-11-02"
_FAMILIES = "UNTEL EXEMPLE MODELE FICTIVE SPECIMEN TEMOIN INVENTE ESSAI PARDEFAUT QUELCONQUE ANONYME FACTICE".split()  # noqa: SIM905
_GIVEN = "Alice Bruno Chloé Denis Émile Fanny Gaëlle Hélène Ismaël Joëlle Karim Léo Maël Noémie Zoé".split()  # noqa: SIM905
_PROFESSIONS = (("10", "DR", "S", "SM26"), ("10", "DR", "S", "SM04"), ("10", "DR", "S", "SM54"), ("60", "M", "", ""), ("60", "MME", "", ""))
_OTHERS = (("21", "M", "", ""), ("40", "DR", "", ""), ("50", "MME", "", ""), ("70", "M", "", ""))
_ONE_OR_MORE = (1, 1, 1, 1, 2, 2, 2, 2, 3, 3)
_ACTIVITIES_IN_A_SITE = 200
_NUMBERS_OF_A_STRUCTURE = 1_000_000


@dataclass(frozen=True)
class Extracts:
    """Two files that were written, and what they say."""

    professionals: Path
    structures: Path
    people: int
    activities: int


def with_key(digits: str) -> str:
    """The digits and their Luhn key."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 - place % 2)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the largest digit
    return digits + str(-total % 10)


def rpps(number: int) -> str:
    """The RPPS of the `number`-th invented professional."""
    return with_key(f"998{number:07d}")


def finess(number: int) -> str:
    """The FINESS of the `number`-th invented site."""
    return with_key(f"995{number:05d}")


def entity_finess(number: int) -> str:
    """The FINESS of the legal entity of that site."""
    return with_key(f"996{number // 2:05d}")


def siret(number: int) -> str:
    """The SIRET of the `number`-th invented practice."""
    return with_key(with_key(f"99{number:06d}") + "0001")


def write(folder: Path, activities: int, *, seed: int = 1, left: frozenset[int] = frozenset()) -> Extracts:
    """Writes both files into a folder; the professionals numbered in `left` are not in them."""
    folder.mkdir(parents=True, exist_ok=True)
    professionals, structures = folder / "professionals.txt", folder / "structures.csv"
    people = written = 0
    with professionals.open("w", encoding="utf-8", newline="\n") as file:
        file.write(HEADINGS + "\n")
        for number, lines in enumerate(people_lines(activities, seed)):
            if number not in left:
                file.writelines(line + "\n" for line in lines)
                people, written = people + 1, written + len(lines)
    with structures.open("w", encoding="utf-8", newline="\n") as file:
        file.write(FINESS_FIRST_LINE + "\n")
        file.writelines(line + "\n" for line in site_lines(_sites(activities)))
    return Extracts(professionals, structures, people, written)


def people_lines(activities: int, seed: int = 1) -> Iterator[list[str]]:
    """The lines of each professional, until there are so many activities."""
    chance = random.Random(seed)  # noqa: S311 - invented people, the same each time
    sites, written, number = _sites(activities), 0, 0
    while written < activities:
        count = min(chance.choice(_ONE_OR_MORE), activities - written)
        yield [_line(chance, number, place, sites) for place in range(count)]
        written, number = written + count, number + 1


def site_lines(count: int) -> Iterator[str]:
    """The FINESS lines of so many sites, two of each legal entity."""
    for number in range(count):
        values = [""] * 32
        values[:5] = "structureet", finess(number), entity_finess(number), f"CH {number}", f"Hôpital inventé {number}"
        values[18], values[19], values[22] = "355", "Centre Hospitalier (C.H.)", siret(500_000 + number)
        yield ";".join(values)


def line(values: dict[str, str]) -> str:
    """A line of the extract of activities with these values by heading, empty elsewhere."""
    cells = [""] * len(_PLACES)
    for name, value in values.items():
        cells[_PLACES[name]] = value
    return "|".join(cells)


def _sites(activities: int) -> int:
    return max(3, activities // _ACTIVITIES_IN_A_SITE)


def _line(chance: random.Random, number: int, place: int, sites: int) -> str:
    person = random.Random(number)  # noqa: S311 - a name and a profession that all lines of somebody have
    profession, civility, know_how_kind, know_how = person.choice(_PROFESSIONS if person.random() < 0.8 else _OTHERS)  # noqa: PLR2004
    values = {
        "Type d'identifiant PP": "8",
        "Identifiant PP": rpps(number),
        "Identification nationale PP": f"8{rpps(number)}",
        "Code civilité d'exercice": civility,
        "Nom d'exercice": person.choice(_FAMILIES),
        "Prénom d'exercice": person.choice(_GIVEN),
        "Code profession": profession,
        "Code catégorie professionnelle": "C",
        "Code type savoir-faire": know_how_kind,
        "Code savoir-faire": know_how,
        "Code genre activité": "GENR02" if chance.random() < 0.05 else "GENR01",  # noqa: PLR2004
    }
    if place or chance.random() < 0.4:  # noqa: PLR2004
        return line(values | _in_a_site((number * 7 + place) % sites))
    return line(values | _in_a_practice(number % _NUMBERS_OF_A_STRUCTURE, has_siret=chance.random() < 0.8))  # noqa: PLR2004


def _in_a_site(number: int) -> dict[str, str]:
    return {
        "Code mode exercice": "S",
        "Numéro FINESS site": finess(number),
        "Numéro FINESS établissement juridique": entity_finess(number),
        "Identifiant technique de la structure": f"F{finess(number)}",
        "Raison sociale site": f"CH {number}",
        "Code secteur d'activité": "SA01",
        "Libellé commune (coord. structure)": "Exempleville",
    }


def _in_a_practice(number: int, *, has_siret: bool) -> dict[str, str]:
    numbers = {"Numéro SIRET site": siret(number), "Numéro SIREN site": siret(number)[:9]} if has_siret else {}
    return numbers | {
        "Code mode exercice": "L",
        "Identifiant technique de la structure": f"R{number:014d}",
        "Raison sociale site": f"Cabinet inventé {number}",
        "Code secteur d'activité": "SA07",
        "Libellé commune (coord. structure)": "Exempleville",
    }


def main() -> None:
    """Runs the command `python -m carnet_dev.extracts`."""
    parser = argparse.ArgumentParser(prog="carnet_dev.extracts", description="Invented extracts of the national directory")
    parser.add_argument("--folder", type=Path, default=Path("var/extracts"))
    parser.add_argument("--activities", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    made = write(options.folder, options.activities, seed=options.seed)
    print(f"{made.activities} activities of {made.people} people: {made.professionals} {made.structures}")  # noqa: T201


if __name__ == "__main__":
    main()
