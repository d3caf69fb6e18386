"""The table of callers as manifests need it: which group of callers reaches which service.

A group is a service, or the first word of the names of software, portals and systems outside. Manifests see services, not the gRPC
services inside them: what a caller may do within its connection is decided at every call, not by the network.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

_TRUST_DOMAIN = "spiffe://carnet/"
_SHARED = "common"
"""The package of contracts that several services serve, each its own part."""


@dataclass(frozen=True, order=True)
class Edge:
    """`caller` may open connections to the gRPC port of `callee`."""

    caller: str
    callee: str


@dataclass(frozen=True)
class Callers:
    """Every edge of the table."""

    edges: frozenset[Edge]

    @classmethod
    def read(cls, table: Path) -> "Callers":
        """The edges of a file like proto/callers.toml. Raises ValueError for a caller outside the trust domain."""
        edges: set[Edge] = set()
        for service, callers in tomllib.loads(table.read_text(encoding="utf-8")).items():
            if service.split(".")[1] == _SHARED:
                continue  # no process has this name: its edges come with the services that serve it
            for caller in callers:
                if not caller.startswith(_TRUST_DOMAIN):
                    raise ValueError(f"{service}: {caller}: not a name of {_TRUST_DOMAIN}")
                edges.add(Edge(caller.removeprefix(_TRUST_DOMAIN).split("/")[0], service.split(".")[1]))
        return cls(frozenset(edges))

    @property
    def services(self) -> list[str]:
        """Those that are called, by name."""
        return sorted({edge.callee for edge in self.edges})

    @property
    def outsiders(self) -> list[str]:
        """The groups of callers that are no service of ours."""
        return sorted({edge.caller for edge in self.edges} - set(self.services))

    def allows(self, caller: str, callee: str) -> bool:
        """Whether the table has that edge."""
        return Edge(caller, callee) in self.edges
