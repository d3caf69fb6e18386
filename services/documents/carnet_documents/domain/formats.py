"""Which content is accepted for which class (data/accepted-formats.csv; domain rules 5.6).

Professionals deposit CDA R2; plain files come from the patient only, that is in class 90, because a plain file names no patient
that could be checked. The same table says what a CDA may carry in its nonXMLBody.
"""

import csv
from collections.abc import Mapping

from carnet_documents.domain.classes import CLASS_NAMES
from carnet_documents.domain.rules import RuleBroken

CDA_MIME_TYPE = "text/xml"


class AcceptedFormats:
    """MIME types and the classes they are accepted for."""

    def __init__(self, classes: Mapping[str, frozenset[str]]) -> None:
        self._classes = dict(classes)

    @classmethod
    def load(cls, text: str) -> "AcceptedFormats":
        """Read ``mime_type;classes`` lines. Raises ``ValueError`` naming the line that breaks the rules."""
        rows = list(csv.reader(text.splitlines(), delimiter=";"))
        if not rows or rows[0] != ["mime_type", "classes"]:
            raise ValueError("line 1: must be mime_type;classes")
        formats: dict[str, frozenset[str]] = {}
        for number, row in enumerate(rows[1:], start=2):
            if len(row) != 2 or row[0].count("/") != 1 or row[0] in formats:  # noqa: PLR2004  # two columns
                raise ValueError(f"line {number}: must be a MIME type, once, and its classes")
            classes = frozenset(CLASS_NAMES) if row[1] == "*" else frozenset(row[1].split())
            if not classes or not classes <= frozenset(CLASS_NAMES):
                raise ValueError(f"line {number}: unknown class")
            formats[row[0]] = classes
        if CDA_MIME_TYPE not in formats:
            raise ValueError(f"{CDA_MIME_TYPE} is missing")
        return cls(formats)

    def check_known(self, mime_type: str) -> None:
        """Raise ``RuleBroken`` DOCUMENT_FORMAT_NOT_ACCEPTED for a MIME type that is accepted for no class."""
        if mime_type not in self._classes:
            raise RuleBroken("DOCUMENT_FORMAT_NOT_ACCEPTED", "the MIME type is not accepted", "header.entry.mime_type")

    def check_class(self, mime_type: str, class_code: str) -> None:
        """Raise ``RuleBroken`` DOCUMENT_FORMAT_NOT_ACCEPTED when documents of this class may not be of this MIME type."""
        self.check_known(mime_type)
        if class_code not in self._classes[mime_type]:
            raise RuleBroken("DOCUMENT_FORMAT_NOT_ACCEPTED", "documents of this class must be CDA R2", "header.entry.mime_type")

    def check_encapsulated(self, mime_type: str) -> None:
        """Raise ``RuleBroken`` for a nonXMLBody of a type that is not accepted."""
        if mime_type == CDA_MIME_TYPE or mime_type not in self._classes:
            raise RuleBroken(
                "DOCUMENT_FORMAT_NOT_ACCEPTED", "the content of nonXMLBody is not of an accepted type", "header.entry.mime_type"
            )
