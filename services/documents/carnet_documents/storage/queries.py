"""The filter of a permit as a MongoDB query: what is hidden does not match, and costs what absence costs.

Says the same as ``domain.filter.DocumentFilter.passes``; a test compares them on generated documents.
"""

from datetime import datetime
from typing import Any

from carnet_documents.domain.filter import DocumentFilter
from carnet_documents.domain.visibility import Visibility
from carnet_documents.storage.blinding import Blinding

_NOTHING: dict[str, Any] = {"_id": {"$in": []}}


def permitted(record: str, terms: DocumentFilter, now: datetime, blinding: Blinding) -> dict[str, Any]:
    """The query of the documents of ``record`` that pass ``terms`` at ``now``."""
    owners = [blinding.actor(record, owner) for owner in terms.owners()]
    general = _general(terms, now)
    query: dict[str, Any] = {"record": record}
    hidden = _hidden(record, terms)
    if hidden:
        query["_id"] = {"$nin": hidden}
    if terms.excluded_structures:
        query["structure"] = {"$nin": [blinding.actor(record, one) for one in sorted(terms.excluded_structures)]}
    if owners:
        query["$or"] = [{"depositor": {"$in": owners}}, general]
        return query
    return {"$and": [query, general]} if general else query


def _hidden(record: str, terms: DocumentFilter) -> list[str]:
    prefix = f"records/{record}/documents/"
    return sorted(name.removeprefix(prefix) for name in terms.hidden_documents if name.startswith(prefix))


def _general(terms: DocumentFilter, now: datetime) -> dict[str, Any]:
    excluded = terms.known_exclusions()
    if excluded is None:
        return _NOTHING
    query: dict[str, Any] = {}
    if Visibility.MASKED_FROM_PROFESSIONALS in excluded:
        query |= _unmasked(terms, now)
    if Visibility.HIDDEN_FROM_PATIENT in excluded:
        query["patient_from"] = {"$not": {"$gt": now}}
    if Visibility.HIDDEN_FROM_REPRESENTATIVES in excluded:
        query["hidden_from_representatives"] = False
    if terms.all_types:
        return query
    by_class: dict[str, Any] = {"class": {"$in": sorted(terms.classes)}}
    if terms.denied_types:
        by_class["type"] = {"$nin": sorted(terms.denied_types)}
    query["$or"] = [by_class, {"type": {"$in": sorted(terms.allowed_types)}}]
    return query


def _unmasked(terms: DocumentFilter, now: datetime) -> dict[str, Any]:
    unmasked: list[dict[str, Any]] = [{"masked": False}, {"masked_from": {"$gt": now}}]
    if terms.unmasked_types:
        unmasked.append({"type": {"$in": sorted(terms.unmasked_types)}})
    return {"$and": [{"$or": unmasked}]}
