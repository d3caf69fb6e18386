"""The FINESS extract of structures as published: values between `;`, one line for each site.

Two forms. As it has long been: a first line that begins with `finess;`, then lines that begin with `structureet;` and hold their values
in a fixed order, and others (`geolocalisation;`) that are no structures. And with headings: a first line that names `nofinesset` among
others, in any order. A line is taken whole or refused with its heading and rule.
"""

from __future__ import annotations

import csv

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import StructureEntry, structure_key
from carnet_identity.domain.directory_document import LONGEST_TEXT
from carnet_identity.domain.extract_values import Columns, printable
from carnet_identity.domain.finess import parse_finess
from carnet_identity.domain.siret import SIREN_LENGTH, parse_siret

SEPARATOR = ";"
SITE, ENTITY, SHORT_NAME, LONG_NAME, SIRET = "nofinesset", "nofinessej", "rs", "rslongue", "siret"
REQUIRED = (SITE, ENTITY, SHORT_NAME, LONG_NAME, SIRET)
STRUCTURE_LINE, BANNER = "structureet", "finess"
POSITIONS = (  # noqa: SIM905 - a row of columns reads better
    "section nofinesset nofinessej rs rslongue complrs compldistrib numvoie typvoie voie compvoie lieuditbp commune departement"
    " libdepartement ligneacheminement telephone telecopie categetab libcategetab categagretab libcategagretab siret"
).split()
"""The fixed order of a `structureet` line, up to the last value that is read."""


class FinessExtract:
    """Reads the lines below one first line."""

    def __init__(self, first_line: str) -> None:
        """Finds the columns; BrokenRule when the first line is of neither form."""
        headings = [heading.strip().strip('"') for heading in first_line.split(SEPARATOR)]
        self._is_sectioned = headings[0] in {BANNER, STRUCTURE_LINE}
        self.is_first_line_data = headings[0] == STRUCTURE_LINE
        if self._is_sectioned and SITE not in headings:
            headings = list(POSITIONS)
            self._columns = Columns(POSITIONS, REQUIRED)
        else:
            self._columns = Columns(headings, REQUIRED)
        self._width = len(headings)

    def read(self, line: str) -> StructureEntry | None:
        """A line without its end; None for one that describes no structure, BrokenRule otherwise."""
        if self._is_sectioned and not line.startswith(STRUCTURE_LINE + SEPARATOR):
            return None
        found = _unquoted(line) if '"' in line else line.split(SEPARATOR)
        finess, entity, short_name, long_name, siret = self._columns.values(found[: self._width] if self._is_sectioned else found)
        finess = parse_finess(finess, field=SITE)
        siret = parse_siret(siret, field=SIRET) if siret else ""
        return StructureEntry(
            structure_key(finess, "", ""),
            finess,
            parse_finess(entity, field=ENTITY) if entity else "",
            siret[:SIREN_LENGTH],
            siret,
            printable(long_name or short_name, SHORT_NAME, LONGEST_TEXT),
        )


def _unquoted(line: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=SEPARATOR))
    except csv.Error:
        raise BrokenRule("", "a line with quotes is closed and has no line end in it") from None
