"""The class of a document, derived from its type by a versioned data file (rules.md 21; data/type-class.csv).

A file that is broken is refused as a whole: a class decides who may read a document.
"""

import csv
import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType

from carnet_documents.domain.entry import Code
from carnet_documents.domain.rules import RuleBroken

CLASS_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "10": "Compte rendu",
        "11": "Synthèse",
        "31": "Imagerie médicale",
        "42": "Prescription",
        "43": "Dispensation",
        "44": "Plan de soins, protocole de soins",
        "45": "Traitement administré",
        "52": "Certificat, déclaration",
        "60": "Données de remboursement",
        "90": "Autres documents déposés par le patient",
        "95": "Document de gestion",
    },
)
"""JDV_J57-ClassCode-DMP."""
CLASS_SYSTEM = "1.2.250.1.213.1.1.4.1"
_TYPE = re.compile(r"[A-Z0-9][A-Za-z0-9_-]{0,63}")


class TypeClasses:
    """The class of each document type. ``version`` is the start of the file's SHA-256."""

    def __init__(self, classes: Mapping[str, str], version: str) -> None:
        self._classes = dict(classes)
        self.version = version

    @classmethod
    def load(cls, text: str) -> "TypeClasses":
        """Read ``type;class`` lines. Raises ``ValueError`` naming the line for anything but one known class a type."""
        rows = list(csv.reader(text.splitlines(), delimiter=";"))
        if not rows or rows[0] != ["type", "class"]:
            raise ValueError("line 1: must be type;class")
        classes: dict[str, str] = {}
        for number, row in enumerate(rows[1:], start=2):
            if len(row) != 2 or not _TYPE.fullmatch(row[0]):  # noqa: PLR2004  # two columns
                raise ValueError(f"line {number}: must be a type and its class")
            if row[1] not in CLASS_NAMES:
                raise ValueError(f"line {number}: unknown class")
            if row[0] in classes:
                raise ValueError(f"line {number}: a type stands twice")
            classes[row[0]] = row[1]
        if not classes:
            raise ValueError("no type at all")
        return cls(classes, hashlib.sha256(text.encode()).hexdigest()[:12])

    def class_of(self, type_code: str) -> Code:
        """The class. Raises ``RuleBroken`` DOCUMENT_TYPE_UNKNOWN for a type in no table."""
        found = self._classes.get(type_code)
        if found is None:
            raise RuleBroken("DOCUMENT_TYPE_UNKNOWN", "the type is in no table of document types", "header.entry.type")
        return Code(found, CLASS_SYSTEM, CLASS_NAMES[found])
