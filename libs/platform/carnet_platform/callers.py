"""Who may call what: the table, and its refusal by default.

The table is a TOML file: per gRPC service the URI names that may call it, each with what it may do with a user's token. A service
missing from the table cannot be called; a process that serves a service the table does not name does not start.
"""

import tomllib
from collections.abc import Iterable, Mapping
from enum import Enum
from importlib.resources.abc import Traversable


class Right(Enum):
    """What a caller may do with a user's token."""

    ALONE = "alone"
    PRESENTS = "presents"
    FORWARDS = "forwards"


class CallerTable:
    """The rights of each caller at each gRPC service."""

    def __init__(self, rights: Mapping[str, Mapping[str, Right]]) -> None:
        self._rights = rights

    @classmethod
    def load(cls, file: Traversable) -> "CallerTable":
        """Read the table. Raises ``ValueError`` naming the line's service and caller when a right is unknown."""
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        rights: dict[str, dict[str, Right]] = {}
        for service, callers in table.items():
            rights[service] = {}
            for caller, right in callers.items():
                if "*" in caller[:-1] or (caller.endswith("*") and not caller.endswith("/*")):
                    raise ValueError(f"{service}: {caller}: a * may only stand for what follows the last slash")
                try:
                    rights[service][caller] = Right(right)
                except ValueError:
                    raise ValueError(f"{service}: {caller}: {right!r} is not one of alone, presents, forwards") from None
        return cls(rights)

    def right(self, caller: str, service: str) -> Right | None:
        """What ``caller`` may do at ``service``; ``None`` when it may not call it."""
        callers = self._rights.get(service, {})
        found = callers.get(caller)
        if found is None:
            found = callers.get(caller.rsplit("/", 1)[0] + "/*")
        return found

    def has(self, caller: str) -> bool:
        """Whether ``caller`` may call anything at all."""
        return any(self.right(caller, service) is not None for service in self._rights)

    def check_served(self, services: Iterable[str]) -> None:
        """Raise ``ValueError`` when a served gRPC service is not in the table."""
        missing = sorted(set(services) - set(self._rights))
        if missing:
            raise ValueError(f"nobody could call {', '.join(missing)}: not in the table of callers")

    def edges(self) -> list[tuple[str, str, Right]]:
        """Every (caller, service, right), for what is rendered from the table."""
        return [(caller, service, right) for service, callers in self._rights.items() for caller, right in callers.items()]
