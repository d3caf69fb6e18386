"""The departement of a commune, by its INSEE code: records are opened in one after the other (domain.md 2)."""

from __future__ import annotations

_OVERSEAS = ("97", "98")


def departement(commune: str) -> str:
    """The code of the departement of a commune, such as 75, 2A or 971; 99 for abroad, empty for no commune."""
    return commune[:3] if commune.startswith(_OVERSEAS) else commune[:2]
